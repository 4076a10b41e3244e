"""A training tried on few rows, in the very jails of a training: nothing is signed or kept. The shell.

The workplace's data store is to be one of its own (`Aside`): what the jails give is stored there, and goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode_exact
from lockgate.errors import LockgateError, Refused
from lockgate.runtime.sizes import DATA
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.blobs import BlobStore
from lockgate.store.files import read_regular
from lockgate.train import attachments, parity, rules, steps
from lockgate.train.capture import lay_out
from lockgate.train.jails import run_training, train_settings, withheld
from lockgate.train.machine import surroundings
from lockgate.train.spec import Closure, Denied, Split, TrainSpec
from lockgate.train.steps import Recipe

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

SIZES = (200, 2_000, 20_000)
_MOST = 1 << 20
_MOST_SECONDS = 1e7
_LEAST_OUTPUT = 256 << 20


class Aside(BlobStore):
    """Reads what `project` has, and puts what is new into a folder of its own."""

    def __init__(self, project: BlobStore, folder: Path) -> None:
        super().__init__(folder / "data", folder / "staging")
        self._project = project

    def path(self, digest: Digest) -> Path:
        """Where the blob is, or would be."""
        theirs = self._project.path(digest)
        return theirs if self._project.has(digest) else super().path(digest)


@dataclass(frozen=True)
class Sample:
    """The training rows there would be, and parts of them by digest, with how many rows each has."""

    rows: int
    parts: tuple[tuple[Digest, int], ...]


@dataclass(frozen=True)
class Tried:
    """One training on few rows: its facts as fit.json has them, the seconds of the user's code, bytes of the model."""

    rows: int
    fit: Mapping[str, Any]
    seconds: float | None
    model: int
    beside: int
    saved: str
    denied: tuple[Denied, ...]
    report: JailReport


def sample(workplace: Workplace, spec: TrainSpec, accepted: Digest, scratch: Path) -> Sample:
    """Few of the accepted rows, and ever more, by a jail without user code. Raises Refused LG303, LG306."""
    size = workplace.data.check(accepted)
    settings = named(
        "parse",
        python=PythonEnv.own(),
        limits=Limits(memory=spec.limits.memory, output_bytes=max(_LEAST_OUTPUT, size)),
        binds=[Bind(workplace.data.path(accepted), "/in/accepted.parquet")],
    )
    names = tuple(f"sample-{number}.parquet" for number in range(len(SIZES)))
    task = Task(
        module="lockgate.train.jail.sample",
        given={"label": spec.label, "sizes": list(SIZES), "seed": spec.seed},
        gives=(*names, "sample.json"),
        findings=rules.SPLIT_FINDINGS,
        died="LG306",
        work="taking a few of the rows",
        next="edit lockgate.toml: [train] memory",
    )
    given, _ = run_task(settings, task, scratch / "sample")
    try:
        rows, sizes = _sizes(read_regular(given["sample.json"], _MOST))
    except ValueError as error:
        raise steps.malformed("split", error) from None
    parts = []
    for name, count in zip(names, sizes, strict=True):
        with given[name].open("rb") as file:
            parts.append((workplace.data.put(file), count))
    return Sample(max(1, round(rows * (1 - spec.holdout))), tuple(dict.fromkeys(parts)))


def imports(workplace: Workplace, spec: TrainSpec, closure: Closure, python: PythonEnv, scratch: Path) -> None:
    """Import the training code in the train jail, without any row. What it says there is heard only if it fails.

    Raises Refused LG301, LG310 for code that can never be imported, and as `run_training`.
    """
    job = lay_out(closure, workplace.data, scratch / "imported")
    settings = train_settings(
        python, spec.limits, job, None, surroundings(spec.seed, spec.limits), absent=withheld(workplace)
    )
    task = {"function": spec.function, "script": spec.script, "features": spec.features}
    heard: list[str] = []
    try:
        run_training(
            settings,
            "lockgate.train.jail.importing",
            task,
            scratch / "imports",
            least=workplace.least_jail_level,
            say=heard.append,
        )
    except LockgateError:
        for line in heard:
            workplace.say(line)
        raise


def attempt(workplace: Workplace, recipe: Recipe, python: PythonEnv, part: tuple[Digest, int], scratch: Path) -> Tried:
    """Train on these rows and convert, as a training would. Raises as `steps.fit`; Refused LG324, LG427."""
    digest, rows = part
    there = Split("sample", "", None, digest, rows, digest, rows)
    place = scratch / f"trial-{rows}"
    place.mkdir(mode=0o700)
    trained = steps.fit(workplace, replace(recipe, split=there), python, place)
    fit, _ = steps.keep(workplace, trained)
    sizes = {name: trained.files[name].stat().st_size for name in (rules.MODEL, DATA) if name in trained.files}
    saved = "" if parity.ESTIMATOR in trained.files else str(fit["saved"]) or "the train jail left no estimator"
    return Tried(
        rows,
        fit,
        _seconds(trained.files),
        sizes[rules.MODEL],
        sizes.get(DATA, 0),
        "" if fit["parity"] is None else saved,
        trained.denied,
        trained.report,
    )


def _sizes(data: bytes) -> tuple[int, list[int]]:
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"rows", "sizes"} or not isinstance(value["sizes"], list):
        raise ValueError("sample.json has exactly rows and sizes")
    counts = [value["rows"], *value["sizes"]]
    if len(counts) != 1 + len(SIZES) or any(type(count) is not int or count < 1 for count in counts):
        raise ValueError("sample.json has counts that are none")
    return value["rows"], value["sizes"]


def _seconds(files: Mapping[str, Path]) -> float | None:
    """What the train jail says its user's code took: a claim that an estimate rests on, and nothing else."""
    try:
        value = decode_exact(read_regular(files[attachments.TOOK], _MOST))
        seconds = float(value["seconds"])
    except (KeyError, TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < _MOST_SECONDS else None


def no_rows(why: str) -> Refused:
    """Where there is nothing to try with."""
    return Refused("LG387", f"there are no rows to try the training with: {why}", next="lockgate ingest")
