"""What a gateway does to watch its models: beside the service, for as long as they are here, and never in its way."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.errors import VerificationFailed
from lockgate.serve.calls.metrics import families
from lockgate.serve.monitoring import monitoring
from lockgate.serve.monitoring.counting import Counting
from lockgate.serve.monitoring.monitoring import Monitoring
from lockgate.serve.recording.labels import Line, append_lines, opener
from lockgate.serve.settings import GatewaySettings
from lockgate.serve.spec import Caps, OutputRule, Served, ServePolicy
from lockgate.serve.standing import NOTHING, Standing, abstaining, standing
from lockgate.serve.tally import Tally
from lockgate.trust.policy_monitor import MonitorPolicy
from tests.support import engines, monitored
from tests.support.monitored import GATEWAY, answered
from tests.support.rungs import manifest

LIVE = dataclasses.replace(engines.SERVED, manifest=manifest("live"))
CANDIDATE = dataclasses.replace(engines.SERVED, manifest=manifest("candidate"), version=2, rung="canary")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Both plans."""
    return monitored.files()


def loaded(plans: Mapping[str, bytes], served: Served = LIVE, standing: Standing = NOTHING) -> Any:
    """As much of a model as monitoring looks at."""
    return SimpleNamespace(plans=plans, served=served, standing=standing)


class Scene:
    """Monitoring of a service that does nothing."""

    def __init__(self, folder: Path, *, number: int = 0, make: Any = None, **caps: Any) -> None:
        self.records, self.tally = monitored.Records(), Tally()
        self.alarms: list[tuple[str, str]] = []
        self.service = SimpleNamespace(watch=cast("Any", None))
        service: Any = self.service
        settings = GatewaySettings("0" * 64, "dev", "flights", GATEWAY, Caps(**caps), number)
        self.monitoring = Monitoring(
            service,
            self.records,
            settings,
            self.tally,
            alarm=lambda finding, message: self.alarms.append((finding, message)),
            folder=folder,
            make=make,
        )

    def given(self, *values: float, served: Served = LIVE, name: str = "ada", seq: int = 0) -> None:
        """One request of these rows has been answered."""
        self.service.watch(cast("Any", SimpleNamespace(served=served)), *answered(*values, name=name, seq=seq))

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for it, and not for ever."""
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - whatever it is that comes true
                await asyncio.sleep(0.01)

    async def skipped(self, rows: int) -> None:
        """Until so many are."""
        await self.until(lambda: self.tally.watched["flights@1", "skipped"] == rows)

    async def ready(self) -> None:
        """Until plans are read."""
        await self.until(lambda: all(one.counting is not None for one in self.monitoring._watches.values()))


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """In a loop of its own."""

    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def test_live_model_and_candidate_are_counted_each_for_itself(tmp_path: Path, files: dict[str, bytes]) -> None:
    """A model that is not watched is in neither; what leaves is written."""

    async def scene() -> None:
        one = Scene(tmp_path)
        one.monitoring.settle([loaded(files), loaded(files, CANDIDATE)])
        await one.ready()
        one.given(1.0, 2.0, 3.0)
        one.given(4.0, served=CANDIDATE)
        one.given(5.0, served=dataclasses.replace(LIVE, manifest=manifest("unknown")))
        await one.until(lambda: not one.monitoring._given)
        one.monitoring.settle([loaded(files)])
        await one.until(lambda: bool(one.records.written))
        await one.monitoring.close()
        told = {about.model: (about.rung, sum(part.seen for part in parts)) for about, parts in one.records.written}
        assert told == {LIVE.manifest: ("live", 3), CANDIDATE.manifest: ("canary", 1)}
        assert one.alarms == []

    play(scene)


def test_one_gateway_of_a_house_counts(tmp_path: Path, files: dict[str, bytes]) -> None:
    """Rows that others see at the same moment are neighbours of its own, which no gateway would know."""

    async def scene() -> None:
        other = Scene(tmp_path, number=1)
        other.monitoring.settle([loaded(files)])
        assert (other.service.watch, other.monitoring._watches, other.alarms) == (None, {}, [])
        await other.monitoring.close()
        assert other.records.written == []

    play(scene)


def test_a_model_without_a_plan_costs_nothing_and_is_told_once(tmp_path: Path) -> None:
    """Nobody is told of its answers; looked at again, it is no news."""

    async def scene() -> None:
        one = Scene(tmp_path)
        for _ in range(3):
            one.monitoring.settle([loaded({})])
        assert one.service.watch is None
        assert one.monitoring._task is None
        assert [finding for finding, _ in one.alarms] == ["LG654"]
        assert "flights@1" in one.alarms[0][1]
        await one.monitoring.close()
        assert one.records.written == []

    play(scene)


def test_a_plan_that_is_none_is_an_alarm_and_the_gateway_answers_on(
    tmp_path: Path, files: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """Rows are seen and skipped; who looks at the metrics learns it."""
    caplog.set_level(logging.CRITICAL)

    async def scene() -> None:
        one = Scene(tmp_path)
        one.monitoring.settle([loaded({name: data[:-1] for name, data in files.items()})])
        await one.until(lambda: bool(one.alarms))
        one.given(1.0)
        await one.until(lambda: one.tally.watched["flights@1", "skipped"] == 1)
        await one.monitoring.close()
        assert one.alarms[0][0] == "LG653"
        assert "flights@1 is off" in one.alarms[0][1]
        assert (one.records.total("seen"), one.records.total("rows")) == (1, 0)

    play(scene)


class Broken:
    """Counting that fails on every row."""

    def __init__(self, *_: Any) -> None:
        self.losses = SimpleNamespace(wanted=False)
        self.thinner = SimpleNamespace(stride=1)

    def bin(self, rows: Any) -> Any:
        """Never."""
        raise MemoryError(f"{len(rows)} rows")


def test_rows_that_fail_again_and_again_are_told_once(
    tmp_path: Path, files: dict[str, bytes], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever crafts them fills neither the log nor anybody's inbox."""
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(monitoring, "LOOK_SECONDS", 0.0)

    async def scene() -> None:
        one = Scene(tmp_path, make=Broken)
        one.monitoring.settle([loaded(files)])
        await one.ready()
        for round_ in range(1, 4):
            one.given(*range(1, 257))
            await one.skipped(256 * round_)
        await asyncio.sleep(0.15)
        await one.monitoring.close()
        assert [finding for finding, _ in one.alarms] == ["LG653"]
        assert "MemoryError" in one.alarms[0][1]

    play(scene)


def test_what_looks_for_long_rests_for_longer(tmp_path: Path, files: dict[str, bytes]) -> None:
    """Whatever a plan or rows cost, it is a twentieth of the time: what is not looked at is skipped."""
    steps: list[int] = []

    class Slow(Counting):
        def bin(self, rows: Any) -> Any:
            steps.append(len(rows))
            until = time.thread_time() + 0.02
            while time.thread_time() < until:
                pass
            return super().bin(rows)

    async def scene() -> None:
        one = Scene(tmp_path, make=Slow, watched_rows=100_000)
        one.monitoring.settle([loaded(files)])
        await one.ready()
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            one.given(*range(1, 200))
            await asyncio.sleep(0.005)
        await one.monitoring.close()
        assert 0 < len(steps) <= 4
        assert one.tally.watched["flights@1", "skipped"] > 1000

    play(scene)


def test_a_label_that_comes_later_is_counted_for_its_model(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rows of which one is waited for, by whoever has their receipt; one gateway of the house counts it."""
    monkeypatch.setattr(monitoring, "LOOK_SECONDS", 0.0)

    async def scene() -> None:
        one, other = Scene(tmp_path), Scene(tmp_path, number=1)
        for each in (one, other):
            each.monitoring.settle([loaded(files)])
            await each.ready()
        one.given(*(float(row) for row in range(1, 71)))
        _, (answer,) = answered(*range(1, 71))
        await one.until(lambda: any(tmp_path.glob("watch-*.sqlite")))
        opens = [opener(monitored.receipt(token)) for token in answer.receipts]
        lines = [Line(f"{GATEWAY}.0.{row}", False, "lgr2", 0, opens[row]) for row in (0, 4)]
        forged = Line(f"{GATEWAY}.0.5", False, "lgr2", 0, "0" * 16)
        append_lines(tmp_path, [*lines, forged])
        await one.until(lambda: one.monitoring._watches[LIVE.manifest]._counted.labelled == 2)
        await asyncio.sleep(0.1)
        for each in (one, other):
            await each.monitoring.close()
        assert (one.records.total("labelled"), other.records.total("labelled")) == (2, 0)

    play(scene)


def test_labels_are_followed_from_when_rows_are_watched(
    tmp_path: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from the first look on: those that come before it would be of no row."""
    monkeypatch.setattr(monitoring, "LOOK_SECONDS", 3600.0)

    async def scene() -> None:
        one = Scene(tmp_path)
        one.monitoring.settle([loaded(files)])
        await one.until(lambda: one.monitoring._awaited._labels is not None)
        assert one.monitoring._reading is None
        await one.monitoring.close()

    play(scene)


def test_what_stands_now_is_a_metric(tmp_path: Path, files: dict[str, bytes]) -> None:
    """By model, for as long as it is here; the estimate says in its help that it is one."""

    async def scene() -> None:
        one = Scene(tmp_path, window_rows=100)
        one.monitoring.settle([loaded(files, standing=Standing(7, 2)), loaded(files, CANDIDATE)])
        await one.ready()
        for _ in range(2):
            one.given(*(random.uniform(1, 999) for _ in range(100)))
        await one.until(lambda: bool(one.records.written))
        assert one.records.written[0][0].life == 7
        found = {family.name: family for family in families(one.tally, LIVE, Caps(), 0.0)}
        alarms = {sample.labels["model"]: sample.value for sample in found["lockgate_monitor_alarms"].samples}
        assert alarms == {"flights@1": 2, "flights@2": 0}
        rows = {
            (sample.labels["model"], sample.labels["what"]): sample.value
            for sample in found["lockgate_monitor_rows_total"].samples
        }
        assert rows["flights@1", "counted"] >= 100
        assert "ESTIMATE" in found["lockgate_estimated_accuracy"].help
        assert "lockgate_monitor_stride" in found
        one.monitoring.settle([loaded(files)])
        left = {family.name: family for family in families(one.tally, LIVE, Caps(), 0.0)}
        assert [sample.labels["model"] for sample in left["lockgate_monitor_alarms"].samples] == ["flights@1"]
        await one.monitoring.close()

    play(scene)


def test_a_word_on_an_alarm_that_cannot_be_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It costs no answer."""
    caplog.set_level(logging.CRITICAL)

    async def scene() -> None:
        one = Scene(tmp_path)
        one.monitoring.settle([loaded({}, standing=Standing(problem="LG526 malformed"))])
        await one.monitoring.close()
        assert [finding for finding, _ in one.alarms] == ["LG653", "LG654"]

    play(scene)


def test_statements_that_no_gateway_can_read_are_a_problem_and_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the guard's key could else close every gateway with one word on an alarm."""

    def malformed(*_: object) -> None:
        raise VerificationFailed("LG526", "an alarm without streams")

    assert standing((), "dev", LIVE.manifest) == Standing()
    monkeypatch.setattr("lockgate.serve.standing.standing_alarms", malformed)
    found = standing((), "dev", LIVE.manifest)
    assert (found.alarms, found.problem) == (0, "LG526 an alarm without streams")


ABSTAIN = MonitorPolicy(on_alarm="abstain", abstain_below=0.5)


@pytest.mark.parametrize(
    ("alarms", "monitor", "margins"),
    [
        (0, ABSTAIN, (0.0, 0.7)),
        (1, MonitorPolicy(), (0.0, 0.7)),
        (1, MonitorPolicy(on_alarm="rollback"), (0.0, 0.7)),
        (1, ABSTAIN, (0.5, 0.7)),
        (3, ABSTAIN, (0.5, 0.7)),
    ],
)
def test_while_an_alarm_stands_a_label_needs_a_margin(
    alarms: int, monitor: MonitorPolicy, margins: tuple[float, float]
) -> None:
    """Where the policy says so, and never less than it needed before; nothing else of the policy changes."""
    policy = ServePolicy(outputs={"internal": OutputRule("label", abstain_below=0.7)}, record="sealed")
    held = abstaining(policy, Standing(alarms=alarms), monitor)
    assert margins == tuple(held.output(kind).abstain_below for kind in ("external", "internal"))
    assert (held.output("internal").scores, held.record) == ("label", "sealed")
    assert (held is policy) == (margins[0] == 0.0)
