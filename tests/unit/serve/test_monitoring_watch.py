"""One model's rows from answers to records of counts: what is counted, what is not, and that nothing is lost."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockgate.core.record_window import WindowRecord
from lockgate.monitor.plan import INPUTS, OUTPUTS, parse_plan
from lockgate.serve.monitoring import watch
from lockgate.serve.monitoring.counting import Counting
from lockgate.serve.monitoring.watch import Clocks, Watch
from lockgate.serve.spec import Caps, Watched
from lockgate.serve.tally import Tally
from tests.support import engines, monitored
from tests.support.monitored import answered

ABOUT = Watched(engines.SERVED.manifest, "dev", "live", 0)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Both plans."""
    return monitored.files()


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a few rows count, but where that they do not is what is tested."""
    monkeypatch.setattr(watch, "LEAST_WINDOW", 1)


class Scene:
    """A watch, and what it writes."""

    def __init__(self, files: dict[str, bytes], **caps: Any) -> None:
        self.now, self.records, self.tally = monitored.Now(), monitored.Records(), Tally()
        self.counting = Counting(files, engines.SERVED, caps.get("stride", 0))
        clocks = Clocks(self.now.now, self.now.wall, self.now.spent)
        self.watch = Watch("flights@1", ABOUT, Caps(**caps), self.records, self.tally, clocks)
        self.watch.counting = self.counting
        self.random = random.Random(7)

    def ask(self, *values: float, name: str = "ada") -> None:
        """These are answered, one request each."""
        self.watch.take([answered(value, name=name, seq=at) for at, value in enumerate(values)])

    def rows(self, count: int) -> None:
        """So many rows like those of the reference, in a second of their own; all are counted."""
        self.ask(*(self.random.uniform(1, 999) for _ in range(count)))
        self.now.seconds += 1
        while self.watch.busy:
            self.watch.step()

    def told(self, what: str) -> int:
        """A metric."""
        return self.tally.watched["flights@1", what]


def test_a_window_is_a_record_of_each_row_in_one_bin_of_each_stream(files: dict[str, bytes]) -> None:
    """Streams count through both plans; of what waits for labels there is nothing yet."""
    scene = Scene(files)
    scene.rows(999)
    assert scene.records.written == []
    scene.rows(1)
    (((about, (part,))),) = scene.records.written
    assert (about, part.rows, part.dropped, part.seen, part.labelled) == (ABOUT, 1000, 0, 1000, 0)
    streams = [len(parse_plan(files[name]).streams) for name in (INPUTS, OUTPUTS)]
    assert scene.records.counts() == dict.fromkeys(range(sum(streams) - 1), 1000)
    WindowRecord("0" * 16, 0, 0, **about._asdict(), **part._asdict())
    assert (scene.told("counted"), scene.told("dependent"), scene.told("skipped")) == (1000, 0, 0)
    assert scene.tally.monitor["flights@1", "stride"] == 1


def test_a_window_ends_after_a_while_with_what_it_has(files: dict[str, bytes]) -> None:
    """And one in which nothing was asked is no record."""
    scene = Scene(files)
    scene.now.seconds += watch.WINDOW_SECONDS
    scene.watch.look()
    assert scene.records.written == []
    scene.rows(3)
    scene.watch.look()
    scene.now.seconds += watch.WINDOW_SECONDS
    scene.watch.look()
    assert (len(scene.records.written), scene.records.total("rows"), scene.records.total("seen")) == (1, 3, 3)


def test_a_few_rows_wait_until_they_are_enough(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """To see whether neighbours depend on each other; a label does not wait for them; at the end they are let go."""
    monkeypatch.setattr(watch, "LEAST_WINDOW", 100)
    scene = Scene(files)
    scene.rows(60)
    scene.now.seconds += watch.WINDOW_SECONDS
    scene.watch.look()
    assert scene.records.written == []
    scene.watch.label(scene.watch.kept[0].said, True, 0)
    scene.watch.look()
    assert tuple(map(scene.records.total, ("rows", "seen", "labelled"))) == (0, 60, 1)
    scene.rows(40)
    scene.now.seconds += watch.WINDOW_SECONDS
    scene.watch.look()
    assert tuple(map(scene.records.total, ("rows", "seen"))) == (100, 100)
    scene.rows(99)
    scene.watch.end()
    assert tuple(map(scene.records.total, ("rows", "seen"))) == (100, 199)
    assert (scene.told("counted"), scene.told("skipped")) == (100, 99)


def test_what_could_not_be_written_is_written_later(files: dict[str, bytes]) -> None:
    """Windows add up while nothing can be written; also those of the rung, or the life, before."""
    scene = Scene(files, window_rows=100)
    scene.records.full = True
    scene.rows(250)
    scene.watch.become(ABOUT._replace(life=9))
    scene.rows(100)
    assert not scene.watch.end()
    scene.records.full = False
    scene.watch.look()
    assert [(about.life, part.rows) for about, (part,) in scene.records.written] == [(0, 250), (9, 100)]
    assert scene.records.total("seen") == 350
    assert scene.watch.end()
    assert len(scene.records.written) == 2


def test_rows_of_another_life_are_not_counted_in_this_one(files: dict[str, bytes]) -> None:
    """The window ends where the life does."""
    scene = Scene(files)
    scene.rows(10)
    scene.watch.become(ABOUT._replace(life=4, rung="canary"))
    scene.watch.become(ABOUT._replace(life=4, rung="canary"))
    scene.rows(20)
    scene.watch.end()
    assert [(about.life, about.rung, part.rows) for about, (part,) in scene.records.written] == [
        (0, "live", 10),
        (4, "canary", 20),
    ]


def test_rows_that_depend_on_their_neighbours_are_not_counted(files: dict[str, bytes]) -> None:
    """They are told as left out, where each stream depends; from then on a stream counts fewer, of independent ones."""
    scene = Scene(files)
    value, walk = 0.0, []
    for _ in range(1000):
        value = 0.9 * value + math.sqrt(1 - 0.81) * scene.random.gauss(0, 1)
        walk.append(500 + 150 * max(-3.0, min(3.0, value)))
    scene.ask(*walk)
    scene.now.seconds += 1
    while scene.watch.busy:
        scene.watch.step()
    assert tuple(map(scene.records.total, ("rows", "dropped", "seen"))) == (0, 1000, 1000)
    strides = scene.counting.thinner.strides.tolist()
    assert strides[0] > 1
    assert scene.told("dependent") == 1000
    for _ in range(14):
        scene.now.seconds += 1
        scene.rows(1000)
    counted = scene.records.counts()
    assert counted[0] < 14_000 / strides[0] * 1.3
    assert counted[0] > 4000 / strides[0]
    assert scene.records.written[-1][1][0].stride == scene.counting.thinner.stride == max(strides)


def test_a_stride_that_the_plan_says_holds_from_the_first_row(files: dict[str, bytes]) -> None:
    """For its stream alone; what the settings say holds for all."""
    plan = parse_plan(files[INPUTS])
    thinned = replace(plan, streams=(replace(plan.streams[0], stride=10), *plan.streams[1:]))
    scene = Scene({**files, INPUTS: thinned.encode()})
    scene.rows(2000)
    counts = scene.records.counts()
    assert 150 < counts[0] < 250
    assert {count for stream, count in counts.items() if stream} == {2000}
    scene = Scene(files, stride=4)
    scene.rows(2000)
    assert all(400 < count < 600 for count in scene.records.counts().values())


def test_of_a_session_one_row_counts(files: dict[str, bytes]) -> None:
    """Where the settings say so."""
    scene = Scene(files, sessions=True)
    for name in ("ada", "bob", "ada", "ada"):
        scene.ask(5.0, 6.0, name=name)
    scene.now.seconds += 1
    scene.watch.step()
    scene.watch.end()
    assert (scene.records.total("rows"), scene.records.total("seen")) == (2, 8)
    assert (scene.told("counted"), scene.told("dependent")) == (2, 6)


def test_no_more_than_so_many_rows_a_second_are_looked_at(files: dict[str, bytes]) -> None:
    """Ten thousand in one request, or many requests: the others are counted as skipped, and seen."""
    scene = Scene(files, watched_rows=100)
    rows = [scene.random.uniform(1, 999) for _ in range(10_000)]
    scene.watch.take([answered(*rows)])
    scene.ask(*rows[:2000])
    scene.now.seconds += 1
    while scene.watch.busy:
        scene.watch.step()
    scene.watch.end()
    assert (scene.records.total("rows"), scene.records.total("seen")) == (100, 12_000)
    assert scene.told("skipped") == 11_900


def test_a_chunk_is_as_small_as_the_plan_is_large(files: dict[str, bytes]) -> None:
    """So that nobody waits for it: half as many rows as long as it takes too long, more once it does not."""
    scene = Scene(files)
    scene.now.step = 0.003
    scene.ask(*(float(at) for at in range(1500)))
    scene.now.seconds += 1
    for _ in range(8):
        scene.watch.step()
    assert scene.watch._most == watch.LEAST_CHUNK
    scene.now.step = 0.0
    for _ in range(8):
        scene.watch.step()
    assert scene.watch._most == 256


HOSTILE: list[dict[str, Any]] = [
    {"values": (math.nan,)},
    {"values": (1e308,)},
    {"values": (-1e308,)},
    {"values": (None,)},
    {"values": (5e-324,)},
    {"said": {"label": "new", "scores": {"false": 0.0, "true": 1.0}}},
    {"said": {"label": None, "scores": {"false": 1.0, "true": 0.0}}},
]


@pytest.mark.parametrize("crafted", HOSTILE, ids=str)
def test_no_value_of_a_row_keeps_it_from_being_counted(files: dict[str, bytes], crafted: dict[str, Any]) -> None:
    """Whatever a contract lets by falls into a bin: missing, unseen, beyond all."""
    scene = Scene(files)
    (asked,), (answer,) = answered(5.0)
    asked.given.values = [crafted.get("values", (5.0,))]
    answer.raw = [crafted.get("said", answer.raw[0])]
    scene.watch.take([([asked], [answer])])
    scene.rows(20)
    scene.watch.end()
    assert scene.records.total("rows") == 21
    assert set(scene.records.counts().values()) == {21}
    assert scene.watch.failing is None


def test_rows_that_cannot_be_counted_cost_only_themselves(files: dict[str, bytes]) -> None:
    """They are told, and skipped; the next ones count."""
    scene = Scene(files)
    (asked,), (answer,) = answered(5.0)
    answer.raw = [{"label": True, "scores": {"only": 1.0}}]
    scene.watch.take([([asked], [answer])])
    scene.now.seconds += 1
    scene.watch.step()
    assert isinstance(scene.watch.failing, Exception)
    scene.rows(50)
    scene.watch.end()
    assert (scene.records.total("rows"), scene.records.total("seen"), scene.told("skipped")) == (50, 51, 1)


def test_until_the_plan_is_read_rows_are_seen_and_skipped(files: dict[str, bytes]) -> None:
    """A gateway answers before numpy is there."""
    scene = Scene(files)
    scene.watch.counting = None
    scene.ask(1.0, 2.0)
    scene.watch.step()
    scene.watch.counting = scene.counting
    scene.rows(5)
    scene.watch.end()
    assert (scene.records.total("rows"), scene.records.total("seen"), scene.told("skipped")) == (5, 7, 2)


def test_a_label_is_a_count_of_its_own(files: dict[str, bytes]) -> None:
    """In the window in which it came; rows of which one is waited for are handed on, at most so many a second."""
    scene = Scene(files, window_rows=100)
    scene.rows(200)
    assert 0 < len(scene.watch.kept) <= 2 * watch.LABELS_A_SECOND
    kept = scene.watch.kept[0]
    assert (kept.number, kept.stratum) == (0, 0)
    before = scene.records.total("rows")
    for label in (True, False, "no label of this model"):
        scene.watch.label(kept.said, label, kept.stratum)
    scene.watch.end()
    assert (2, before) == (scene.records.total("labelled"), scene.records.total("rows"))
    last = max(scene.records.counts())
    assert scene.records.counts()[last] == 2


def test_the_accuracy_is_estimated_from_how_sure_the_model_is(files: dict[str, bytes]) -> None:
    """As sure as on the reference: as accurate. Never sure: not accurate."""
    scene = Scene(files, window_rows=500)
    scene.rows(2000)
    assert scene.tally.monitor["flights@1", "estimated_accuracy"] == pytest.approx(0.9, abs=0.03)
    for _ in range(watch.ESTIMATED_WINDOWS):
        scene.ask(*(500 + scene.random.uniform(-10, 10) for _ in range(500)))
        scene.now.seconds += 1
        while scene.watch.busy:
            scene.watch.step()
    assert scene.tally.monitor["flights@1", "estimated_accuracy"] < 0.1


@pytest.mark.parametrize("name", [INPUTS, OUTPUTS])
def test_one_plan_is_enough(files: dict[str, bytes], name: str) -> None:
    """A model may have one of inputs only, or of outputs."""
    scene = Scene({name: files[name]})
    scene.rows(1000)
    streams = len(parse_plan(files[name]).streams) - (name == OUTPUTS)
    assert scene.records.counts() == dict.fromkeys(range(streams), 1000)


def test_what_is_no_plan_is_refused(files: dict[str, bytes]) -> None:
    """By whoever makes it ready, in a thread."""
    with pytest.raises(ValueError, match=r"."):
        Counting({INPUTS: files[INPUTS][:-1]}, engines.SERVED)


def test_bins_are_what_the_reference_was_cut_into(files: dict[str, bytes]) -> None:
    """Undrifted rows spread over the bins as its balls say, drifted ones do not."""
    plan = parse_plan(files[INPUTS])
    balls = np.array(plan.streams[0].cuts[0].balls, float)
    scene = Scene(files)
    scene.rows(1000)
    counts = np.array(scene.records.written[0][1][0].bins[0][2], float)
    expected = 1000 * balls / balls.sum()
    assert ((counts - expected) ** 2 / np.maximum(expected, 1)).sum() < 45
