"""Make drafts: ingest and validate as a run does, then each draft in its jails. The shell.

The project's lock is taken only while ingest or validate must be done anew: drafts are made beside a serving gateway, a
run, or other drafts. What is signed is what ingest and validate sign; of a draft itself nothing is.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from lockgate.contract.inputs import is_input
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import alike
from lockgate.core.moments import rfc3339
from lockgate.core.statement import digest_of_resource
from lockgate.errors import Refused
from lockgate.pipeline.specs import train_spec
from lockgate.pipeline.unchanged import dependencies, lock_digest
from lockgate.project.drafts import store, wanted
from lockgate.project.drafts.record import Draft
from lockgate.project.drafts.rows import ready_rows
from lockgate.project.drafts.table import Drafts
from lockgate.runtime import environment as environments
from lockgate.sandbox.levels import at_least
from lockgate.sandbox.settings import PythonEnv
from lockgate.store.blobs import BlobStore
from lockgate.store.files import write_new
from lockgate.train import attachments, draft, draft_spec, featuring, gpu, inputs, rules
from lockgate.train.capture import MOST_BYTES, capture
from lockgate.train.draft import DraftRecipe
from lockgate.train.draft_spec import Drafted
from lockgate.train.run import accepted_rows, check_closure

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.config import Config
    from lockgate.pipeline import Observer
    from lockgate.project import Project
    from lockgate.project.drafts.estimators import Notebook

TALK = "talk.txt"
AS_IT_IS = "lockgate try   # with what lockgate.toml says; or --set NAME=VALUE that the training code takes"
DRAW_AGAIN = "mend the estimator: it is fitted on the fields of the accepted rows; then draft it again"
_TRAIN = ", then: lockgate train"
_BY_VALUE = re.compile(r"raised (TypeError|ValueError|InvalidParameterError)\b")
"""What code raises that does not take a parameter: that one is looked at first, where another was asked for."""


@dataclass(frozen=True)
class Ready:
    """What all drafts of one call have in common. `recipe.store` holds rows and code."""

    place: Workplace
    config: Config
    recipe: DraftRecipe
    accepted: Digest
    key: Digest
    sources: Mapping[str, str]
    lock: str
    params: Mapping[str, Any]


def make(
    project: Project,
    asked: Sequence[Mapping[str, Any]],
    *,
    environment: str,
    observer: Observer,
    each: Callable[[Draft], None] = lambda _: None,
    notebook: Notebook | None = None,
) -> Drafts:
    """Make a draft of each of `asked`, parameters over those of lockgate.toml; tell `each` as it ends.

    A training that ends with a finding is a draft with this finding, and the next one is made. What is interrupted
    leaves its number, and those before it stay.

    Raises what opening, ingest and validate raise, Usage LG3101, Refused LG301 to LG306 (rows or code), LG3105;
    VerificationFailed LG346 (the environment is not as it was built): then nothing of the draft is kept.
    """
    from lockgate.project.carry.mirror import refuse_work

    refuse_work(project.home)
    config = project.config.only()
    # A notebook's estimator has its own parameters, and does not know those of train.py.
    known = config.train.params if notebook is None else {}
    given = [wanted.checked({**known, **params}) for params in asked]
    place = ready_rows(project, config, environment, observer)
    made = []
    # Not below `.lockgate`: what another command finds there when it starts, it takes for a killed one's.
    with (
        at_least(place.least_jail_level),
        store.parts_held(place.home),
        tempfile.TemporaryDirectory(prefix="lockgate-try-") as name,
        ThreadPoolExecutor(1, "environment") as pool,
    ):
        scratch = Path(name)
        python, verified = _python(place, config, pool)
        ready = prepare(place, config, scratch, notebook)
        for number, params in enumerate(given):
            made.append(_one(ready, params, python, verified, scratch / str(number), notebook))
            each(made[-1])
    return Drafts(made)


def prepare(place: Workplace, config: Config, scratch: Path, notebook: Notebook | None = None) -> Ready:
    """Capture the code, look up inputs, cut the rows where they were not cut before. Under `store.parts_held`."""
    accepted = accepted_rows(place)
    kept = store.parts_store(place.home)
    spec = train_spec(config)
    further = inputs.look_up(place, spec)
    inputs.refuse_rows(further, {accepted: "the accepted rows"})
    closure = capture(place.root, spec.code, _named(spec, notebook), kept)
    spec = featuring.resolved(spec, closure, kept)
    check_closure(place, closure)
    key = draft_spec.parts_key(accepted, spec)
    parts = store.known_parts(place.home, key, kept)
    if parts is None:
        parts = draft.cut(place, spec, accepted, kept, scratch)
        store.keep_parts(place.home, key, parts)
    devices = gpu.look() if spec.gpu else None
    pickled = None if notebook is None else notebook.pickled
    recipe = DraftRecipe(spec, closure, parts, kept, further, devices, pickled)
    lock = lock_digest(place.root, spec.lock) or ""
    return Ready(place, config, recipe, accepted, key, sources_of(place), lock, config.train.params)


def sources_of(place: Workplace) -> dict[str, str]:
    """The files that ingest signed, name -> digest."""
    head = place.head("ingest")
    listed = [] if head is None else [each for each in dependencies(head) if not is_input(each)]
    return {str(each["name"]): digest_of_resource(each) for each in listed}


def settings_of(ready: Ready) -> dict[str, Any]:
    """All that a run depends on beside code, rows, packages and parameters, by the key of lockgate.toml."""
    spec = ready.recipe.spec
    chosen = {name: value for name, value in spec.external().items() if name != "params"}
    return {**chosen, "limits": dict(vars(spec.limits))}


def _named(spec: Any, notebook: Notebook | None) -> tuple[str, ...]:
    """Without the project's own training code where it is not what is fitted: there may be none yet."""
    return spec.named if notebook is None else tuple(name for name in spec.named if name != spec.entry)


def _python(place: Workplace, config: Config, pool: ThreadPoolExecutor) -> tuple[PythonEnv, Future[PythonEnv]]:
    """The locked environment, and the promise that every file of it is as it was built.

    Hashing it takes a second or more, for which a draft, which proves nothing, does not wait: it runs meanwhile, in a
    jail with nothing to take, and nothing of it is kept or told before the promise is.
    """
    lock = digest_of(environments.read_lock(place.root, place.root / config.train.lock))
    if not environments.is_built(place.home, lock):
        made: Future[PythonEnv] = Future()
        made.set_result(place.python())
        return made.result(), made
    folder = place.home / "env" / hex_of(lock)
    return PythonEnv.of(folder), pool.submit(place.python)


def _one(
    ready: Ready,
    params: Mapping[str, Any],
    python: PythonEnv,
    verified: Future[PythonEnv],
    scratch: Path,
    notebook: Notebook | None,
) -> Draft:
    place, began = ready.place, monotonic()
    recipe = replace(ready.recipe, spec=replace(ready.recipe.spec, params=params))
    with store.begin(place.home) as (number, here):
        heard: list[str] = []

        def say(line: str) -> None:
            heard.append(line)
            place.say(line)

        found: Drafted | Refused
        try:
            found = draft.attempt(place, recipe, python, scratch, say)
        except Refused as no:
            found = no
        verified.result()
        made = _record(ready, params, found, number, here, notebook)
        made = replace(made, seconds=round(monotonic() - began, 3))
        if heard:
            write_new(here / TALK, "".join(f"{line}\n" for line in heard).encode(), 0o600)
        store.save(here, made)
    return made


def _record(
    ready: Ready,
    params: Mapping[str, Any],
    found: Drafted | Refused,
    number: int,
    here: Path,
    notebook: Notebook | None,
) -> Draft:
    parts, files = ready.recipe.parts, store.files_of(here)
    for file in ready.recipe.closure.files:
        files.put(ready.recipe.store.read(file.digest, MOST_BYTES))
    differs = {name: value for name, value in params.items() if not alike(ready.params.get(name), value)}
    made = Draft(
        number=number,
        model=ready.config.name,
        made=rfc3339(ready.place.now()),
        params=dict(params),
        changed=differs,
        task="",
        estimator="" if notebook is None else notebook.name,
        metrics={},
        missing={},
        rows=parts.validate_rows,
        trained=parts.train_rows,
        heldout=parts.heldout,
        cut=dict(parts.cut),
        parts=ready.key,
        accepted=ready.accepted,
        seconds=0.0,
        took=None,
        files={file.name: file.digest for file in ready.recipe.closure.files},
        sources=ready.sources,
        settings=settings_of(ready),
        lock=ready.lock,
        notebook="" if notebook is None else notebook.code,
    )
    return _failed(made, found) if isinstance(found, Refused) else _ended(made, found, files)


def _failed(made: Draft, error: Refused) -> Draft:
    told = {"finding": error.finding, "message": error.message, "next": _next(error, made)}
    return replace(made, finding=told, denied=rules.attempts_of(error))


def _next(error: Refused, made: Draft) -> str:
    """The next command in the words of a draft, which has nothing to do with `train`."""
    if not error.next.endswith(_TRAIN):
        return error.next
    if error.next.startswith("mend the training code"):
        if made.notebook:
            return DRAW_AGAIN
        if made.changed and _BY_VALUE.search(error.message):
            return AS_IT_IS
    return f"{error.next.removesuffix(_TRAIN)}, then: lockgate try"


def _ended(made: Draft, found: Drafted, files: BlobStore) -> Draft:
    kept = attachments.keep(found.beside, found.left, files)
    return replace(
        made,
        task=found.task,
        estimator=found.estimator,
        metrics=found.metrics,
        missing=found.missing,
        took=found.took,
        denied=found.denied,
        beside=kept.kept,
        left=kept.left,
    )
