"""`lockgate check`: everything that can be known before a long training. Signs nothing, keeps nothing.

What a jail gives is stored in a folder of its own, which goes at the end; log, heads and stores of the project are
only read.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lockgate.core.digest import digest_of, hex_of
from lockgate.core.verdict import Level
from lockgate.errors import LockgateError, Refused
from lockgate.pipeline.specs import train_spec
from lockgate.project.checked import Check, Checked, Point, estimate, failed, seconds_words, skipped
from lockgate.project.trial_rows import TrialRows, trial_rows
from lockgate.runtime import environment as environments
from lockgate.runtime import sizes
from lockgate.sandbox.launch import Jail
from lockgate.sandbox.levels import at_least
from lockgate.sandbox.report import LEVELS
from lockgate.sandbox.settings import PythonEnv, named
from lockgate.train import featuring, gpu, inputs, parity, robustness, robustness_ranges, rules, trial
from lockgate.train.capture import capture
from lockgate.train.machine import surroundings
from lockgate.train.robustness_spec import Robustness
from lockgate.train.spec import Closure, Split, TrainSpec
from lockgate.train.steps import Recipe
from lockgate.train.trial import Aside, Sample, Tried

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace
    from lockgate.config import Config
    from lockgate.project import Project

T = TypeVar("T")

_SPARE_DISK = 64 << 20
_PATIENCE = (0.0, 30.0, 5.0)
"""Seconds: what took longer on fewer rows is not tried on these."""
_TRIAL = ("rows", "training", "graph", "time", "size")


def check(project: Project, environment: str, say: Callable[[str], None]) -> Checked:
    """Look at a project at work on one model. What is wrong is a check that failed, and raises nothing.

    Raises Usage for settings that cannot be read, and what opening the ledger raises.
    """
    config = project.config.only()
    place = project.unlocked(environment, say=say)
    return look(place, config, lambda: built_python(place, config))


def look(workplace: Workplace, config: Config, python: Callable[[], PythonEnv]) -> Checked:
    """As `check`. `python` gives the environment, and builds none.

    1. The code is captured, and named files are among it.   2. The environment is there.   3. A jail of the policy's
    level can be made.   4. The code can be imported.   5. There are rows, which the contract accepts.   6. The disk has
    room.   7. The training code fits few rows in the train jail; what it gives converts and answers alike.   8. From
    that and from larger trials, as long as they are quick: time and size.
    """
    # Not below `.lockgate`: what another command finds there when it starts, it takes for a killed one's.
    with at_least(workplace.least_jail_level), tempfile.TemporaryDirectory(prefix="lockgate-check-") as name:
        scratch = Path(name)
        aside = replace(workplace, data=Aside(workplace.data, scratch / "aside"))
        looking = _Looking(aside, config, scratch)
        looking.run(python)
        return Checked(tuple(looking.checks), looking.guess)


def built_python(workplace: Workplace, config: Config) -> PythonEnv:
    """The locked environment, if it is there and unchanged. Raises Usage LG340, Refused LG385, VerificationFailed
    LG346.
    """
    lock = digest_of(environments.read_lock(workplace.root, workplace.root / config.train.lock))
    if not (workplace.home / "env" / hex_of(lock)).is_dir():
        raise Refused(
            "LG385",
            f"the environment of {config.train.lock} was not made yet",
            seen={"lock": lock},
            next="lockgate jail -- python -V   # makes it",
        )
    return PythonEnv.of(environments.verify_environment(workplace.home, lock).path)


class _Looking:
    """The checks so far, and what later ones need."""

    def __init__(self, workplace: Workplace, config: Config, scratch: Path) -> None:
        self.checks: list[Check] = []
        self.guess: dict[str, Any] = {}
        self._place, self._config, self._scratch = workplace, config, scratch

    def run(self, python: Callable[[], PythonEnv]) -> None:
        """All of it, as far as one thing does not need another that failed."""
        code = self._try("code", self._code)
        env = self._try("packages", lambda: _environment(python()))
        jail = self._try("jail", self._jail)
        if code is None or env is None or jail is None:
            self._skip(_TRIAL)
            return
        spec, closure = code
        if self._try_quietly("training", lambda: trial.imports(self._place, spec, closure, env, self._scratch)):
            self._skip(("rows", *_TRIAL[2:]))
            return
        rows = self._try("rows", lambda: self._rows(closure, env))
        if rows is None:
            self._skip(_TRIAL[1:])
            return
        if spec.robustness is not None:
            asked = spec.robustness
            self._try("attacks", lambda: self._attacks(spec, asked, rows))
        self._try("disk", lambda: self._disk(spec, rows))
        tried = self._try("training", lambda: self._training(spec, closure, env, rows))
        if tried is None:
            self._skip(_TRIAL[2:])
            return
        whole, trials = tried
        self._converted(trials[0])
        self._time(spec, whole, *trials[-2:])
        self._size(spec, whole, *trials[-2:])

    def _try(self, name: str, work: Callable[[], tuple[T, Check]]) -> T | None:
        try:
            value, found = work()
        except LockgateError as error:
            self.checks.append(failed(name, error))
            return None
        self.checks.append(found)
        return value

    def _try_quietly(self, name: str, work: Callable[[], None]) -> bool:
        """Whether it failed; what passes is no check of its own: a later one of the same name says more."""
        try:
            work()
        except LockgateError as error:
            self.checks.append(failed(name, error))
            return True
        return False

    def _skip(self, names: tuple[str, ...]) -> None:
        because = next(check.name for check in reversed(self.checks) if check.level == "bad")
        self.checks += [skipped(name, f"{because} failed") for name in names]

    def _code(self) -> tuple[tuple[TrainSpec, Closure], Check]:
        spec = train_spec(self._config)
        closure = capture(self._place.root, spec.code, spec.named, self._place.data)
        resolved = featuring.resolved(spec, closure, self._place.data)
        total = sum(file.size for file in closure.files)
        says = f"{len(closure.files)} files, {total:,} bytes; {spec.entry} trains"
        more = (f"{resolved.features} makes the features",) if resolved.features else ()
        return (resolved, closure), Check("code", "ok", says, more=more)

    def _jail(self) -> tuple[bool, Check]:
        report = Jail(named("train", python=PythonEnv.own())).probe()
        report.require(self._place.least_jail_level)
        held = sum(probe.holds for probe in report.probes)
        says = f"level {report.level} of {LEVELS} ({report.launcher}), {held} of {len(report.probes)} probes hold"
        return True, Check("jail", "ok", says)

    def _rows(self, closure: Closure, python: PythonEnv) -> tuple[TrialRows, Check]:
        found = trial_rows(self._place, self._config, closure, python, self._scratch)
        return found, rows_check(f"{self._config.data.contract}: {found.says}", found)

    def _attacks(self, spec: TrainSpec, asked: Robustness, rows: TrialRows) -> tuple[bool, Check]:
        if rows.plan is None:
            known = robustness.field_ranges(self._place, asked, spec.label)
        else:
            known = robustness_ranges.ranges(rows.plan, asked, spec.label)
        if spec.features:
            why = f"not tried: {spec.features} makes what the model sees, and the judge runs no code of yours"
            return False, Check("attacks", "warn", why, "LG395", next="lockgate explain LG395")
        bound = sum(low is not None or high is not None for low, high in known.values())
        says = f"{', '.join(asked.attacks)} may move {', '.join(asked.mutable)}"
        more = (f"the contract bounds {bound} of {len(asked.mutable)}; the others stay within what was seen",)
        return True, Check("attacks", "ok", says, more=more)

    def _disk(self, spec: TrainSpec, rows: TrialRows) -> tuple[bool, Check]:
        accepted = round(self._place.data.path(rows.accepted).stat().st_size / rows.share)
        needed = 3 * accepted + spec.limits.output_bytes + _SPARE_DISK
        free = shutil.disk_usage(self._place.home).free
        if free < needed:
            raise Refused(
                "LG386",
                f"the disk has {free >> 20:,} MiB left, a run of this project may need {needed >> 20:,} MiB",
                seen={"free": free, "needed": needed},
                next=f"df -h {self._place.home}",
            )
        return True, Check("disk", "ok", f"{free >> 20:,} MiB left, at most {needed >> 20:,} MiB are needed")

    def _training(
        self, spec: TrainSpec, closure: Closure, python: PythonEnv, rows: TrialRows
    ) -> tuple[tuple[Sample, tuple[Tried, ...]], Check]:
        place = self._place
        devices = gpu.look() if spec.gpu else None
        further = inputs.look_up(place, spec)
        sample = trial.sample(place, spec, rows.accepted, self._scratch)
        sample = replace(sample, rows=max(sample.rows, round(sample.rows / rows.share)))
        nothing = Split("sample", "", None, rows.accepted, sample.rows, rows.accepted, sample.rows)
        recipe = Recipe(spec, closure, nothing, further, surroundings(spec.seed, spec.limits), devices)
        tried: list[Tried] = []
        for part, patience in zip(sample.parts, _PATIENCE, strict=False):
            if not tried or (tried[-1].seconds or 0.0) <= patience:
                tried.append(trial.attempt(place, recipe, python, part, self._scratch))
        says = f"{spec.entry} fits {tried[0].rows:,} rows in the train jail"
        return (sample, tuple(tried)), self._weighed(tried[0], says)

    def _weighed(self, tried: Tried, says: str) -> Check:
        reason = rules.taint(tried.denied)
        if reason is None:
            return Check("training", "ok", says)
        policy = self._place.policy.environment(self._place.environment)
        refused = len(tried.denied) > policy.max_denied_attempts and policy.weight("max_denied_attempts") == "enforce"
        return Check(
            "training", "bad" if refused else "warn", reason.message, reason.finding, reason.seen, reason.next, (says,)
        )

    def _converted(self, tried: Tried) -> None:
        fit, found = tried.fit, tried.fit["parity"]
        if found is None:
            self.checks.append(Check("graph", "ok", "the script's own graph: nothing to compare it with"))
            return
        explained = f", {found['explained']:,} of them explained by 32 bits" if found["beyond"] else ""
        says = f"{fit['estimator']} converts; {found['beyond']:,} of {found['rows']:,} rows differ{explained}"
        cost = fit.get("featured")
        more = () if cost is None else (f"features: {cost['batch_us']:,.3g} µs a row, {cost['single_us']:,.0f} alone",)
        if tried.saved:
            reason = parity.unmade(tried.saved)
            self.checks.append(
                Check("graph", "warn", says, reason.finding, reason.seen, reason.next, (reason.message, *more))
            )
            return
        self.checks.append(Check("graph", "ok", says, more=more))

    def _time(self, spec: TrainSpec, whole: Sample, few: Tried, *more: Tried) -> None:
        last = more[0] if more else few
        if few.seconds is None or last.seconds is None:
            self.checks.append(Check("time", "warn", "not known: the train jail did not say what its code took"))
            return
        low, high = estimate(Point(few.rows, few.seconds), Point(last.rows, last.seconds), whole.rows)
        if not more and whole.rows > few.rows:
            says = f"at least {seconds_words(few.seconds, few.seconds)}: so much for {few.rows:,} rows alone"
            self.checks.append(Check("time", "ok", says))
            return
        self.guess["seconds"] = {"low": round(low, 1), "high": round(high, 1), "rows": whole.rows}
        says = (
            f"{seconds_words(low, high)} for {whole.rows:,} rows, an estimate: {few.seconds:.2f} s for {few.rows:,}, "
            f"{last.seconds:.2f} s for {last.rows:,}"
        )
        limit = spec.limits.wall_seconds
        if low <= limit:
            self.checks.append(Check("time", "ok", says))
            return
        self.checks.append(
            Check("time", "bad", says, "LG388", {"limit": limit}, "raise time and cpu in lockgate.toml: [train]")
        )

    def _size(self, spec: TrainSpec, whole: Sample, few: Tried, *more: Tried) -> None:
        last = more[0] if more else few
        first, second = (Point(one.rows, one.model + one.beside) for one in (few, last))
        low, high = second.value, estimate(first, second, whole.rows)[0]
        self.guess["bytes"] = {"low": round(low), "high": round(high), "rows": whole.rows}
        says = f"{low / 1e6:,.2f} MB from {last.rows:,} rows, at most about {high / 1e6:,.2f} MB from all: an estimate"
        limit = spec.limits.output_bytes
        lines = sizes.limits(limit)
        why = sizes.beyond(round(high) if not last.beside else 0, 0, limit) or (
            f"more than the {limit >> 20:,} MiB of [train] out" if high > limit else ""
        )
        if not why:
            self.checks.append(Check("size", "ok", says, more=lines))
            return
        self.checks.append(
            Check("size", "warn", says, "LG389", {"limit": limit}, "raise out in lockgate.toml: [train]", (why, *lines))
        )


def rows_check(says: str, found: TrialRows) -> Check:
    """What validate would say of these rows: of many few are judged, and their share of refused ones stands for all."""
    worst = next((one for one in found.reasons if one.level is Level.REFUSE), None)
    worst = worst or next((one for one in found.reasons if one.level is Level.WARN), None)
    if worst is None:
        return Check("rows", "ok", says, more=found.commonest)
    more = (worst.message, *found.commonest)
    return Check(
        "rows", "bad" if worst.level is Level.REFUSE else "warn", says, worst.finding, worst.seen, worst.next, more
    )


def _environment(python: PythonEnv) -> tuple[PythonEnv, Check]:
    name = "Lockgate's own" if python.site is None else python.site.name[:12]
    return python, Check("packages", "ok", f"{name}: there, and every file as it was built")
