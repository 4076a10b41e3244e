"""Moves of a model under load: how long until the first answer by another version, and how many requests failed.

    python -m bench.ladder_moves [--rounds 5] [--connections 64] [--json FILE]

One real `lockgate serve`, its model tiny (`tests.support.ladder_models`), so that what is measured is the house.
Callers in a closed loop keep `connections` open (`tests.support.load`) and note of each answer who gave it. A round:

    promote    `lockgate deploy flights@2 --to live`       live: flights@1, then flights@2
    rollback   `lockgate rollback dev`                     live: flights@2, then flights@1, which was kept warm
    alarm      a model that crashes on some flights is put on `canary`; the guard takes it off by itself
    reload     `lockgate policy sign` of a new version     the same model under another policy

Counted from the moment at which the move stands in the log (its new checkpoint), and from the start of the command.
An alarm is counted to the last answer of the model that was taken off. Clocks are this machine's one clock.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.ladder_house import Folder, House, house
from tests.support.ladder_models import FAR, model
from tests.support.ladders import ladder_project, policy
from tests.support.load import Load

MOST_SECONDS, LONGEST = 1.0, 30.0
SETTLE_SECONDS, LOOK_SECONDS = 1.5, 6.0
LIVE_BEFORE, LIVE_AFTER, CRASHING = 1, 2, 3
RULES = policy(10**6, sticky="request", checks=["errors"])


@dataclass(frozen=True)
class Moved:
    """One move. Seconds: until the first answer as it is to be, from the log and from the command's start."""

    what: str
    from_log: float
    from_start: float
    failed: int
    requests: int


@dataclass(frozen=True)
class Times:
    """Of one move, by the monotonic clock: when it was begun, when it stood in the log, when it was answered so."""

    began: float
    logged: float
    answered: float


@dataclass(frozen=True)
class Act:
    """What is done to a house under load."""

    up: House
    load: Load

    def command(self, version: int, words: Sequence[str]) -> Times:
        """Run a command that makes `version` live, and wait for its first answer."""
        began = time.monotonic()
        logged = self._lockgate(*words)
        deadline = began + LONGEST
        while not (came := self._answered(began, version)):
            if time.monotonic() > deadline:
                raise SystemExit("\n".join(self.up.said[-20:]))
            time.sleep(0.02)
        return Times(began, logged, min(came))

    def alarm(self) -> Times:
        """Put the crashing model beside what is live, and wait until nobody gets it any more."""
        self._lockgate("deploy", f"flights@{CRASHING}", "--to", "canary", "--reason", "bench")
        began = time.monotonic()
        self.up.until(lambda standing: standing.candidate is None, LONGEST)
        logged = self._logged()
        time.sleep(SETTLE_SECONDS)
        return Times(began, logged, max([logged, *self._answered(began, CRASHING)]))

    def reload(self, number: int) -> Times:
        """Sign another policy; answers go on. There is no first answer: counted is what failed."""
        rules = RULES.replace("version = 1", f"version = {number}", 1)
        (self.up.folder.root / "policy.toml").write_text(rules, encoding="utf-8")
        began = time.monotonic()
        logged = self._lockgate("policy", "sign")
        # A gateway looks at the evidence every five seconds at the latest.
        time.sleep(LOOK_SECONDS)
        return Times(began, logged, logged)

    def _lockgate(self, *words: str) -> float:
        done = self.up.folder.shell(*words, at=self.up.folder.root)
        if done.code != 0:
            raise SystemExit(done.err)
        return self._logged()

    def _logged(self) -> float:
        """When the newest statement came into the log."""
        written = (self.up.folder.root / ".lockgate" / "log" / "events" / "checkpoint").stat().st_mtime
        return written - time.time() + time.monotonic()

    def _answered(self, since: float, version: int) -> list[float]:
        """When answers of a version came, to what was asked after `since`."""
        answers = (one for one in self.load.since(since) if one.status == 200)
        return [one.came for one in answers if one.said["model"]["version"] == version]


def under_load(up: House, connections: int, what: str, act: Callable[[Act], Times]) -> Moved:
    """One move, with a load of its own: every request of it is counted."""
    with up.callers(connections=connections, pause=0) as load:
        time.sleep(SETTLE_SECONDS)
        times = act(Act(up, load))
        time.sleep(SETTLE_SECONDS)
    failed = sum(one.status != 200 for one in load.got)
    from_log = max(0.0, times.answered - times.logged)
    return Moved(what, from_log, times.answered - times.began, failed, len(load.got))


def measure(rounds: int, connections: int) -> list[Moved]:
    """All rounds in one house."""
    found: list[Moved] = []
    promote = ("deploy", f"flights@{LIVE_AFTER}", "--to", "live", "--reason", "bench")
    rollback = ("rollback", "dev", "--reason", "bench")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        project = ladder_project(Path(folder), patch, RULES)
        for made in (model(), model(FAR + 0.001), model(crash="UA")):
            project.register(patch, made)
        project.move(LIVE_BEFORE)
        with house(Folder.of(project)) as up:
            for number in range(2, rounds + 2):
                acts: list[tuple[str, Callable[[Act], Times]]] = [
                    ("promote", partial(Act.command, version=LIVE_AFTER, words=promote)),
                    ("rollback", partial(Act.command, version=LIVE_BEFORE, words=rollback)),
                    ("alarm", Act.alarm),
                    ("reload", partial(Act.reload, number=number)),
                ]
                for what, act in acts:
                    found.append(under_load(up, connections, what, act))
                    print(line(found[-1]), flush=True)
    return found


def line(one: Moved) -> str:
    """For people."""
    return (
        f"{one.what:<9} {one.from_log:6.3f} s after the log, {one.from_start:6.3f} s after the command began;"
        f" {one.failed} of {one.requests:,} requests failed"
    )


def claims(found: list[Moved]) -> list[tuple[str, bool]]:
    """What is claimed, with its figure, and whether it holds."""
    said = []
    for what in ("rollback", "alarm"):
        seconds = [one.from_log for one in found if one.what == what]
        middle, worst = statistics.median(seconds), max(seconds)
        words = f"{what}: {middle:.3f} s in the median, {worst:.3f} s at worst (under {MOST_SECONDS:g})"
        said.append((words, worst < MOST_SECONDS))
    failed = sum(one.failed for one in found)
    said.append((f"failed requests: {failed} of {sum(one.requests for one in found):,} (none)", failed == 0))
    return said


def main() -> None:
    """Measure, print, and say which claims hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments.rounds, arguments.connections)
    claimed = claims(found)
    for words, holds in claimed:
        print(f"{'holds' if holds else 'NOT':<6}{words}")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in found], indent=1), encoding="utf-8")
    sys.exit(0 if all(holds for _, holds in claimed) else 1)


if __name__ == "__main__":
    main()
