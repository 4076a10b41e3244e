"""The jails of train: their settings, and how each way of ending becomes a finding. The launcher's side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.contract.findings import FINDING, clean, parse_finding
from lockgate.core.digest import Digest
from lockgate.core.encoding import encode
from lockgate.core.statement import digest_of_resource
from lockgate.errors import LockgateError
from lockgate.sandbox.launch import Jail, JailReport, JailResult, Target
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.train import rules
from lockgate.train.capture import capture, lay_out
from lockgate.train.spec import Denied, TrainSpec

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

_ENVIRONMENT = (
    ("OMP_WAIT_POLICY", "passive"),  # threads that spin while they wait stop each other on a busy machine
)
_MOST_FINDING = 1 << 20


@dataclass(frozen=True)
class Trained:
    """What a train jail left: files of the caller's directory, its talk, its proof, and what it was denied."""

    files: Mapping[str, Path]
    talk: bytes
    report: JailReport
    denied: tuple[Denied, ...]


def train_settings(python: PythonEnv, limits: Limits, job: Path, data: Path | None, *more: Bind) -> JailSettings:
    """The `train` jail: captured code at /job, training rows at /in/train.parquet, and nothing else."""
    rows = [] if data is None else [Bind(data, "/in/train.parquet")]
    return named(
        "train", python=python, limits=limits, binds=[Bind(job, "/job"), *rows, *more], environment=_ENVIRONMENT
    )


@contextmanager
def train_jail(workplace: Workplace, spec: TrainSpec) -> Iterator[JailSettings]:
    """The very jail that training gets, for `lockgate jail`: code captured anew, the rows last trained on when any."""
    with workplace.scratch() as scratch:
        closure = capture(workplace.root, ("*.py", *spec.code), spec.always, workplace.data)
        job = lay_out(closure, workplace.data, scratch / "job")
        rows = last_rows(workplace)
        data = None if rows is None or not workplace.data.has(rows) else workplace.data.path(rows)
        yield train_settings(workplace.python(), spec.limits, job, data)


def last_rows(workplace: Workplace) -> Digest | None:
    """The training rows that the newest train statement names."""
    head = workplace.ledger.head("train")
    if head is None:
        return None
    listed = head.predicate["buildDefinition"]["resolvedDependencies"]
    return next((digest_of_resource(entry) for entry in listed if entry.get("name") == "train.parquet"), None)


def run_training(
    settings: JailSettings,
    module: str,
    task: Mapping[str, object],
    into: Path,
    *,
    least: int,
    say: Callable[[str], None],
) -> Trained:
    """Run a jail in which the user's code is.

    Raises the finding that the jail names (of `rules.FIT_FINDINGS`), or the one for the way in which it ended. When
    it failed after a denied attempt, that attempt is the finding (LG325): it is what a person must know.
    """
    into.mkdir(mode=0o700)
    talk = Talk(say)
    result = Jail(settings, least=least).run(Target(module), stdin=encode(dict(task)), talk=talk.take, out_dir=into)
    talk.end()
    attempts = rules.denied(result.talk)
    error = _error(result, settings.limits)
    if error is not None:
        reason = rules.taint(attempts)
        raise error if reason is None else rules.refusal(reason, because=f"then {error.finding}: {error.message}")
    return Trained(dict(result.files), rules.words(result.talk), result.report, attempts)


class Talk:
    """The jail's words, line by line as they come, fit for a terminal; marked lines are not for people."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._held = b""

    def take(self, data: bytes) -> None:
        """The next bytes."""
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._held) > 1 << 16:
            self.end()

    def end(self) -> None:
        """What is left, as a line."""
        self._line(self._held)
        self._held = b""

    def _line(self, line: bytes) -> None:
        shown, _, _ = line.partition(b"\x1e")
        if shown.strip():
            self._say(clean(shown.decode(errors="replace"), 400))


def _error(result: JailResult, limits: Limits) -> LockgateError | None:
    if FINDING in result.files and result.ended == "exit":
        try:
            return parse_finding(read_regular(result.files[FINDING], _MOST_FINDING), rules.FIT_FINDINGS | {"LG399"})
        except ValueError:
            return rules.ended(result.ended, result.exit_code, limits, result.talk)
    if not result.ok:
        return rules.ended(result.ended, result.exit_code, limits, result.talk)
    return None
