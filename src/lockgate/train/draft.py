"""A draft: the training code tried on part of the training rows, in the jails of a training. The shell.

    parse jail   cuts the rows: what a run holds out is left away, the rest is cut once more by the same rule
    train jail   fits on the inner training rows, and answers for the validation rows, whose labels it does not have
    judge jail   no user code; computes the metrics of these answers

Nothing is converted, signed or kept here, and no draft sees a held-out row: that stays the judgement of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.contract.findings import clean
from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode_exact
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.train import attachments, draft_spec, gpu, inputs, rules
from lockgate.train.capture import lay_out
from lockgate.train.draft_spec import PARTS, Drafted, Parts
from lockgate.train.gpu import Devices
from lockgate.train.jails import Trained, run_training, train_settings, withheld
from lockgate.train.machine import surroundings
from lockgate.train.spec import Closure, TrainSpec
from lockgate.train.steps import malformed

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.store.blobs import BlobStore

ANSWERS, SAID, JUDGED = "answers.parquet", "draft.json", "judge.json"
_LEAST_OUTPUT = 256 << 20
_MOST_FACTS = 16 << 20
_MOST_SECONDS = 1e7


@dataclass(frozen=True)
class DraftRecipe:
    """What one draft is made of.

    Attributes:
        store: holds code and parts. `inputs`: the project's further inputs, in its own data store.
        estimator: a pickle of a notebook, fitted instead of the project's code; opened in the train jail only.
    """

    spec: TrainSpec
    closure: Closure
    parts: Parts
    store: BlobStore
    inputs: Mapping[str, Digest]
    devices: Devices | None = None
    estimator: bytes | None = None


def cut(workplace: Workplace, spec: TrainSpec, accepted: Digest, store: BlobStore, scratch: Path) -> Parts:
    """Cut the accepted rows for drafts; the parts are put into `store`. Raises Refused LG303, LG304, LG306, LG324."""
    size = workplace.data.check(accepted)
    limits = Limits(memory=spec.limits.memory, output_bytes=max(_LEAST_OUTPUT, 3 * size))
    binds = [Bind(workplace.data.path(accepted), "/in/accepted.parquet")]
    rule = {"time": spec.time, "group": spec.group, "holdout": spec.holdout, "seed": spec.seed}
    task = Task(
        module="lockgate.train.jail.draft_split",
        given={"label": spec.label, **rule},
        gives=(*PARTS, "split.json"),
        findings=rules.SPLIT_FINDINGS,
        died="LG306",
        work="splitting the rows",
        next="edit lockgate.toml: [train] memory",
    )
    settings = named("parse", python=PythonEnv.own(), limits=limits, binds=binds)
    given, _ = run_task(settings, task, scratch / "split")
    digests = []
    for name in PARTS:
        with given[name].open("rb") as file:
            digests.append(store.put(file))
    try:
        counts, how = draft_spec.read_split(read_regular(given["split.json"], _MOST_FACTS))
    except ValueError as error:
        raise malformed("split", error) from None
    return Parts(digests[0], digests[1], digests[2], *counts, how)


def attempt(
    workplace: Workplace, recipe: DraftRecipe, python: PythonEnv, scratch: Path, say: Callable[[str], None]
) -> Drafted:
    """Train, answer and judge. `scratch`: a new folder, for what comes out of the jails.

    Raises Refused LG301 to LG325 (rows, code or model), LG324, LG327, LG390 to LG393, LG3111 (the notebook's estimator
    cannot be opened), LG3112 (no answers), LG3113 (they cannot be judged); Unfit LG378, LG379, LG906.
    """
    scratch.mkdir(mode=0o700)
    trained = _fit(workplace, recipe, python, scratch, say)
    missing = next((name for name in (ANSWERS, SAID) if name not in trained.files), None)
    if missing:
        raise malformed("train", ValueError(f"there is no {missing}"))
    try:
        said = draft_spec.read_said(read_regular(trained.files[SAID], _MOST_FACTS))
    except ValueError as error:
        raise malformed("train", error) from None
    metrics, without = _judge(recipe, trained, scratch)
    ours = (ANSWERS, SAID)
    return Drafted(
        task=said["task"],
        estimator=clean(said["estimator"], 200),
        metrics=metrics,
        missing=without,
        rows=recipe.parts.validate_rows,
        took=_seconds(trained.files),
        denied=trained.denied,
        talk=trained.talk,
        beside={name: path for name, path in attachments.beside(trained.files).items() if name not in ours},
        left=trained.skipped,
        versions=said["versions"],
    )


def _fit(
    workplace: Workplace, recipe: DraftRecipe, python: PythonEnv, scratch: Path, say: Callable[[str], None]
) -> Trained:
    spec, store, parts = recipe.spec, recipe.store, recipe.parts
    for digest in (parts.train, parts.fields):
        store.check(digest)
    least = workplace.least_jail_level
    if recipe.devices is not None:
        gpu.check_level(least)
    job = lay_out(recipe.closure, store, scratch / "job")
    more = [*inputs.binds(recipe.inputs, workplace.data), Bind(store.path(parts.fields), "/asked/rows.parquet")]
    if recipe.estimator is not None:
        pickled = scratch / "estimator.pickle"
        pickled.write_bytes(recipe.estimator)
        pickled.chmod(0o444)
        more.append(Bind(pickled, "/asked/estimator.pickle"))
    # Below the project's folder lie the rows that a run holds out and the labels of the validation rows: none is here.
    absent = [*withheld(workplace), ("validation labels", store.path(parts.label))]
    settings = train_settings(
        python,
        spec.limits,
        job,
        store.path(parts.train),
        surroundings(spec.seed, spec.limits),
        *more,
        devices=recipe.devices,
        absent=absent,
    )
    task: dict[str, object] = {
        "function": spec.function,
        "script": "" if recipe.estimator is not None else spec.script,
        "features": spec.features,
        "label": spec.label,
        "task": spec.task,
        "params": dict(spec.params),
        "seed": spec.seed,
        "estimator": recipe.estimator is not None,
    }
    return run_training(settings, "lockgate.train.jail.draft_fit", task, scratch / "fit", least=least, say=say)


def _judge(recipe: DraftRecipe, trained: Trained, scratch: Path) -> tuple[dict[str, object], dict[str, str]]:
    store, spec = recipe.store, recipe.spec
    store.check(recipe.parts.label)
    for name in (ANSWERS, SAID):
        trained.files[name].chmod(0o444)
    binds = [Bind(trained.files[name], f"/in/{name}") for name in (ANSWERS, SAID)]
    binds.append(Bind(store.path(recipe.parts.label), "/in/label.parquet"))
    task = Task(
        module="lockgate.train.jail.draft_judge",
        given={},
        gives=(JUDGED,),
        findings={"LG3113", "LG399"},
        died="LG327",
        work="judging the draft",
        next="edit lockgate.toml: [train] memory",
    )
    # Lockgate's own packages: nothing of the project's is in this jail.
    settings = named("judge", python=PythonEnv.own(), limits=Limits(memory=spec.limits.memory), binds=binds)
    given, _ = run_task(settings, task, scratch / "judge")
    try:
        return draft_spec.read_judged(read_regular(given[JUDGED], _MOST_FACTS), recipe.parts.validate_rows)
    except ValueError as error:
        raise malformed("judge", error) from None


def _seconds(files: Mapping[str, Path]) -> float | None:
    """What the train jail says its user's code took."""
    try:
        seconds = float(decode_exact(read_regular(files[attachments.TOOK], _MOST_FACTS))["seconds"])
    except (KeyError, TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < _MOST_SECONDS else None
