"""The jails of train: their settings, and how each way of ending becomes a finding. The launcher's side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from lockgate.train import endings, gpu, inputs, rules
from lockgate.train.capture import capture, lay_out
from lockgate.train.gpu import Devices
from lockgate.train.machine import surroundings
from lockgate.train.spec import Denied, TrainSpec
from lockgate.train.surroundings import Surroundings
from lockgate.trust.pin import config_home

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

_MOST_FINDING = 1 << 20


@dataclass(frozen=True)
class Trained:
    """What a train jail left: files of the caller's directory, its talk, its proof, and what it was denied.

    `skipped`: what of /out was left behind and why. `conversion`: the proof of the second jail that a script needs.
    """

    files: Mapping[str, Path]
    talk: bytes
    report: JailReport
    denied: tuple[Denied, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    conversion: JailReport | None = None


def train_settings(
    python: PythonEnv,
    limits: Limits,
    job: Path,
    data: Path | None,
    around: Surroundings,
    *more: Bind,
    devices: Devices | None = None,
    absent: Iterable[tuple[str, Path]] = (),
) -> JailSettings:
    """The `train` jail: captured code at /job, training rows at /in/train.parquet, the project's inputs beside them.

    `absent`: what the jail is asked to look for before it starts, and must not find.
    """
    rows = [] if data is None else [Bind(data, "/in/train.parquet")]
    return named(
        "train",
        python=python,
        limits=limits,
        binds=[Bind(job, "/job"), *rows, *more],
        environment=around.variables(),
        devices=[] if devices is None else [Path(node) for node in devices.nodes],
        absent=absent,
    )


def withheld(workplace: Workplace, rows: Mapping[str, Digest] | None = None) -> list[tuple[str, Path]]:
    """What training must not find: the keys, the project's log and registry, the rows that only the judge sees.

    `rows`: digests of these, by what they are called.
    """
    hidden = [(name, workplace.data.path(digest)) for name, digest in (rows or {}).items()]
    return [("keys", config_home()), ("project", workplace.home), *hidden]


@contextmanager
def train_jail(workplace: Workplace, spec: TrainSpec) -> Iterator[JailSettings]:
    """The very jail that training gets, for `lockgate jail`: code captured anew, the rows last trained on when any.

    Raises what capturing, looking up the inputs and looking for a GPU raise.
    """
    with workplace.scratch() as scratch:
        closure = capture(workplace.root, ("*.py", *spec.code), spec.always, workplace.data)
        job = lay_out(closure, workplace.data, scratch / "job")
        rows = last_rows(workplace)
        data = None if rows is None or not workplace.data.has(rows) else workplace.data.path(rows)
        more = inputs.binds(inputs.look_up(workplace, spec), workplace.data)
        devices = gpu.look() if spec.gpu else None
        if devices is not None:
            gpu.check_level(workplace.least_jail_level)
        around = surroundings(spec.seed, spec.limits)
        absent = withheld(workplace)
        python = workplace.python()
        yield train_settings(python, spec.limits, job, data, around, *more, devices=devices, absent=absent)


def last_rows(workplace: Workplace) -> Digest | None:
    """The training rows that the newest train statement names."""
    head = workplace.head("train")
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
    jail: Jail | None = None,
) -> Trained:
    """Run a jail in which the user's code is. `jail`: one of `settings`, for whoever wants to be able to stop it.

    Raises the finding that the jail names (of `rules.FIT_FINDINGS`), or the one for the way in which it ended. When
    it failed after a denied attempt, that attempt is the finding (LG325): it is what a person must know.
    """
    into.mkdir(mode=0o700)
    talk = Talk(say)
    jail = jail or Jail(settings, least=least)
    result = jail.run(Target(module), stdin=encode(dict(task)), talk=talk.take, out_dir=into)
    talk.end()
    attempts = rules.denied(result.talk)
    error = _error(result, settings.limits)
    if error is not None:
        reason = rules.taint(attempts)
        raise error if reason is None else rules.refusal(reason, because=f"then {error.finding}: {error.message}")
    return Trained(dict(result.files), endings.words(result.talk), result.report, attempts, dict(result.skipped))


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
            named = parse_finding(read_regular(result.files[FINDING], _MOST_FINDING), rules.FIT_FINDINGS | {"LG399"})
        except ValueError:
            return endings.ended(result.ended, result.exit_code, limits, result.talk)
        return endings.sharper(named, limits, result.talk)
    if not result.ok:
        return endings.ended(result.ended, result.exit_code, limits, result.talk)
    return None
