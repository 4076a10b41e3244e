"""features.py of a project: which function it is, and what it makes of rows that training never saw. The shell.

The judge's jail has no user code, and the user's code no label. So features of held-out rows are made in jails that
see neither labels nor training rows, from the very files that a served model's worker gets; the judge reads what came
of it. Twice: all rows at once, and some of them a few at a time, in a jail that does not have the others. Which ones it
is, is drawn when the code is captured already. Where both differ, a row's features depend on others: the judge refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.runtime import code_bundle, serving
from lockgate.runtime.serving import ServingSpec
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import write_new
from lockgate.train import rules
from lockgate.train.capture import MOST_BYTES
from lockgate.train.jails import run_training, withheld
from lockgate.train.spec import UNFEATURED, Closure, Denied, Featured, TrainSpec

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.store.blobs import BlobStore
    from lockgate.train.steps import Recipe

FILE, DEFAULT = "features.py", "features.py:features"
FEATURES, ALONE, SAMPLE = "features.parquet", "alone.parquet", "sample.parquet"
_DEFINED = re.compile(rb"^(async[ \t]+)?def[ \t]+features\b|^features[ \t]*=", re.MULTILINE)
_LEAST_OUTPUT = 256 << 20


def resolved(spec: TrainSpec, closure: Closure, store: BlobStore) -> TrainSpec:
    """`spec` with the function named that the captured code has: by the settings, or because features.py defines it.

    Raises Refused LG390 when the file that the settings name is not among the code.
    """
    files = {file.name: file.digest for file in closure.files}
    if spec.features in ("", "none"):
        return replace(spec, features="")
    if spec.features == "auto":
        found = FILE in files and _DEFINED.search(store.read(files[FILE], MOST_BYTES))
        return replace(spec, features=DEFAULT if found else "")
    file = spec.features.partition(":")[0]
    if file not in files:
        raise Refused(
            "LG390",
            f"{file} is not among the captured code",
            seen={"captured": sorted(files)[:20]},
            next="edit lockgate.toml: [train] features, code",
        )
    return spec


def heldout(
    workplace: Workplace, recipe: Recipe, python: PythonEnv, candidate: Mapping[str, Digest], scratch: Path
) -> Featured:
    """Features of the held-out rows for the candidate's judge.

    Raises Refused LG306, LG320 (io.json is not the rows'), LG324 (it names another function than was chosen), LG391
    (the code fails), and as `run_training`.
    """
    spec = _spec(workplace, candidate)
    _check_chosen(spec, recipe.spec)
    if spec.features is None:
        return Featured()
    place = scratch / "features"
    place.mkdir(mode=0o700)
    io = candidate[rules.IO]
    parted, report = _parted(workplace, recipe.spec, python, io, recipe.split.heldout, place)
    made, denied, proof = _made(workplace, recipe, python, io, parted["fields.parquet"], place, alone=False)
    alone, more, _ = _made(workplace, recipe, python, io, parted[SAMPLE], place, alone=True)
    with parted[SAMPLE].open("rb") as sample:
        files = {FEATURES: made, ALONE: alone, SAMPLE: workplace.data.put(sample)}
    jails = {"fields": report, "features": proof}
    return Featured(files, spec.features.function, jails, tuple(dict.fromkeys(denied + more)))


def compared(
    workplace: Workplace, recipe: Recipe, python: PythonEnv, candidate: Mapping[str, Digest], scratch: Path
) -> dict[str, Digest]:
    """Features of the held-out and of the doubtful rows, for the jail of `train.control`. Raises as `heldout`.

    Both models have them of the same code, so what is made of a row is the same for both.
    """
    doubts = recipe.split.doubts
    if doubts is None or _spec(workplace, candidate).features is None:
        return {}
    found = {}
    for name, rows in ((FEATURES, recipe.split.heldout), (f"doubtful_{FEATURES}", doubts.doubtful)):
        place = scratch / name
        place.mkdir(mode=0o700)
        parted, _ = _parted(workplace, recipe.spec, python, candidate[rules.IO], rows, place)
        found[name] = _made(
            workplace, recipe, python, candidate[rules.IO], parted["fields.parquet"], place, alone=False
        )[0]
    return found


def _check_chosen(served: ServingSpec, chosen: TrainSpec) -> None:
    """The train jail wrote io.json; what it says runs in the worker, and must be what the provenance says."""
    wanted = "" if chosen.features in UNFEATURED else chosen.features
    found = "" if served.features is None else served.features.function
    if found != wanted:
        raise Refused(
            "LG324",
            f"io.json says that {found or 'nothing'} makes the features, and {wanted or 'nothing'} was to",
            seen={"io.json": found, "chosen": wanted},
            next="lockgate explain LG324",
        )


def _spec(workplace: Workplace, candidate: Mapping[str, Digest]) -> ServingSpec:
    try:
        return serving.parse(workplace.data.read(candidate[rules.IO]))
    except ValueError as error:
        message = f"the candidate cannot be judged: {error}"
        raise Refused("LG320", message, next="lockgate explain LG320") from None


def _parted(
    workplace: Workplace, spec: TrainSpec, python: PythonEnv, io: Digest, rows: Digest, place: Path
) -> tuple[Mapping[str, Path], Mapping[str, object]]:
    """The rows without label, and a sample of them: by a jail without user code."""
    size = workplace.data.check(rows)
    limits = Limits(memory=spec.limits.memory, output_bytes=max(_LEAST_OUTPUT, 3 * size))
    binds = [Bind(workplace.data.path(rows), "/in/rows.parquet"), Bind(workplace.data.path(io), "/in/io.json")]
    task = Task(
        module="lockgate.train.jail.fields",
        given={"label": spec.label},
        gives=("fields.parquet", SAMPLE),
        findings=rules.JUDGE_FINDINGS,
        died="LG306",
        work="taking the label off the rows",
        next="edit lockgate.toml: [train] memory",
    )
    given, report = run_task(named("parse", python=python, limits=limits, binds=binds), task, place / "fields")
    for path in given.values():
        path.chmod(0o444)
    return given, report.as_json()


def _made(
    workplace: Workplace, recipe: Recipe, python: PythonEnv, io: Digest, rows: Path, place: Path, *, alone: bool
) -> tuple[Digest, tuple[Denied, ...], Mapping[str, object]]:
    """What features.py makes of `rows`, in a jail that has its code, and no label."""
    store = workplace.data
    code = place / code_bundle.NAME
    if not code.exists():
        files = {file.name: store.read(file.digest, MOST_BYTES) for file in recipe.closure.files}
        write_new(code, code_bundle.pack(files), 0o444)
    binds = [
        Bind(rows, "/in/rows.parquet"),
        Bind(store.path(io), "/in/io.json"),
        Bind(code, f"/in/{code_bundle.NAME}"),
    ]
    hidden = {"held-out rows": recipe.split.heldout, "training rows": recipe.split.train, **recipe.hidden}
    settings = named(
        "train",
        python=python,
        limits=recipe.spec.limits,
        binds=binds,
        environment=recipe.around.variables(),
        absent=withheld(workplace, hidden),
    )
    into = place / ("alone" if alone else "all")
    module = "lockgate.train.jail.making"
    # Nobody hears its talk: it may print rows that only the judge may see.
    done = run_training(settings, module, {"alone": alone}, into, least=workplace.least_jail_level, say=_unheard)
    if FEATURES not in done.files:
        raise Refused("LG391", "the jail that makes features gave none", next="lockgate explain LG391")
    with done.files[FEATURES].open("rb") as file:
        return store.put(file), done.denied, done.report.as_json()


def _unheard(_line: str) -> None:
    """Say nothing."""
