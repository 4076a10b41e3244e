"""A model's windows counted into the test: which count, in which life, by which bins; and what verifies it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lockgate.audit.alarm_told import told
from lockgate.audit.alarms import Accepted
from lockgate.audit.entries import registrations
from lockgate.audit.lives import Life
from lockgate.audit.watched import Watched, plans_of, reference_of
from lockgate.audit.windows import Windows
from lockgate.core.digest import digest_of
from lockgate.core.record_window import WindowRecord
from lockgate.errors import VerificationFailed
from lockgate.monitor.detector import TestSettings
from lockgate.monitor.plan import Plan, Stream
from lockgate.trust.policy_monitor import MonitorPolicy
from tests.support.alarmed import CALM, DRIFT, PLAN, drift, live, watched
from tests.support.laddered import Laddered, log_of

SETTINGS = TestSettings()


@pytest.fixture(name="house", scope="module")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    """Three calm windows, then three in which `a` moved; nobody changes it."""
    with pytest.MonkeyPatch.context() as patch:
        found = watched(tmp_path_factory.mktemp("watched"), patch)
        drift(found, 3)
        yield found


def follow(house: Laddered, life: Life | None = None) -> Watched:
    """All that is in the log."""
    found = Watched((PLAN,), "dev", live(house), life or Life(), SETTINGS)
    found.extend(log_of(house))
    return found


def test_it_counts_the_same_in_one_look_and_in_many(house: Laddered) -> None:
    """Numbers, rows and the place of the best start: the record with which `a` moved."""
    whole, log = follow(house), log_of(house)
    parts = Watched((PLAN,), "dev", live(house), Life(), SETTINGS)
    for until in range(0, log.size + 1, 7):
        parts.extend(log, until)
    parts.extend(log)
    assert whole.standings() == parts.standings()
    assert (whole.rows, whole.seen, whole.windows, whole.counted, whole.size) == (6000, 6000, 6, 6, log.size)
    assert whole.totals[0] == [[3 * (calm + far) for calm, far in zip(CALM, DRIFT, strict=True)]]
    (raised,) = whole.raised("lifetime")
    assert (raised.stream, whole.index_of(raised.since)) == (0, 19)
    assert log.entry(19).startswith(b'{"bins":[')


def test_an_alarm_is_the_same_whenever_it_is_read(house: Laddered) -> None:
    """Three windows moved, then thirty as before: who reads the log only then tells the numbers of the crossing."""
    policy, model = MonitorPolicy(), live(house)
    soon, late = follow(house), follow(house)
    first = told(soon, soon.raised("lifetime"), policy, 1, b"")["streams"]
    for number in range(30):
        bins = ((0, 0, CALM), (0, 1, CALM))
        record = WindowRecord("c" * 16, number, 1, model, "dev", "live", 0, bins, 1000, 0, 1000, 0, 1, 1)
        late.take(late.size + number, record.encode(), record)
    assert late.counted == 36
    assert [one["name"] for one in first] == ["a"]
    assert told(late, late.raised("lifetime"), policy, 1, b"")["streams"] == first


def test_the_plans_come_from_the_closure(house: Laddered) -> None:
    """As they were registered; a file that is no plan is told as such."""
    registration = next(one for one in registrations(house.signed.ledger.statements()) if one.manifest == live(house))
    assert plans_of(registration, house.signed.registry.blobs) == (PLAN,)
    bad = house.signed.registry.blobs.put(b"no plan")
    files = tuple(replace(one, digest=bad) if one.name == "monitor.json" else one for one in registration.files)
    with pytest.raises(VerificationFailed) as caught:
        plans_of(replace(registration, files=files), house.signed.registry.blobs)
    assert caught.value.finding == "LG774"


def test_an_accepted_life_compares_with_what_was_accepted(house: Laddered) -> None:
    """What moved is the reference: rows like it are calm, rows like the old ones are not. The bins are the plan's own
    in `totals`. Other balls than the records give are refused.
    """
    log, model = log_of(house), live(house)
    reference = reference_of(log, (PLAN,), "dev", model, 15, log.size)
    assert reference.rows == 3000
    assert 2000 < sum(reference.balls[0][0]) <= 3001
    life = Life(90, log.size, Accepted(15, log.size, reference.balls))
    calm, moved = follow(house, life), follow(house, life)
    assert (calm.rows, calm.raised("lifetime")) == (0, [])
    for number in range(3):
        for found, counts in ((calm, DRIFT), (moved, CALM)):
            record = WindowRecord(
                "c" * 16, number, 1, model, "dev", "live", 90, ((0, 0, counts), (0, 1, CALM)), 1000, 0, 1000, 0, 1, 1
            )
            found.take(log.size + number, record.encode(), record)
    assert (calm.raised("lifetime"), calm.refused) == ([], [])
    assert [one.stream for one in moved.raised("lifetime")] == [0]
    assert calm.totals[0] == [[3 * count for count in DRIFT]]
    balls = (((reference.balls[0][0][0] + 1, *reference.balls[0][0][1:]),), *reference.balls[1:])
    with pytest.raises(VerificationFailed) as caught:
        follow(house, replace(life, accept=Accepted(15, log.size, balls)))
    assert caught.value.finding == "LG778"


def test_what_is_not_of_this_life_does_not_count(house: Laddered) -> None:
    """Of an earlier one: passed over. Of a later one, and of this one before it began: refused."""
    log, model = log_of(house), live(house)
    life = Life(90, log.size, Accepted(0, log.size, reference_of(log, (PLAN,), "dev", model, 0, log.size).balls))
    found = follow(house, life)
    assert (found.counted, found.refused) == (0, [])
    for number, (at, said) in enumerate(((log.size, 0), (log.size, 91), (2, 90), (log.size, 90))):
        record = WindowRecord("c" * 16, number, 1, model, "dev", "live", said, ((0, 0, CALM),), 1000, 0, 1000, 0, 1, 1)
        found.take(at, record.encode(), record)
    assert found.counted == 1
    assert [one.message.rpartition("life ")[2] for one in found.refused] == [
        "that has not begun",
        "that began after it",
    ]


def test_parts_of_a_window_count_together(house: Laddered) -> None:
    """A further part adds to the rows of the window before it of the same gateway, and to no other."""
    model = live(house)
    loss = Stream("loss", "loss", (), PLAN.streams[0].cuts)
    plan = Plan((*PLAN.streams, loss), rows=2000, pilot=200)
    found = Watched((plan,), "dev", model, Life(), SETTINGS)

    def take(seq: int, stream: int, counts: tuple[int, ...], rows: int, labelled: int = 0, gateway: str = "c") -> None:
        seen = rows
        bins = ((0, stream, counts),)
        record = WindowRecord(
            gateway * 16, seq, 1, model, "dev", "live", 0, bins, rows, 0, seen, labelled, 1, 1
        )  # fmt: skip
        found.take(seq, record.encode(), record)

    take(0, 0, CALM, 1000)
    take(1, 1, CALM, 0)
    assert (found.counted, found.windows, found.rows, found.refused) == (2, 1, 1000, [])
    take(2, 1, (1, 0, 0, 0), 0)  # more than the window has
    take(4, 1, (1, 0, 0, 0), 0)  # not the next
    take(5, 1, CALM, 0, gateway="d")  # of a gateway without a window
    take(6, 2, (5, 0, 0, 1), 0, labelled=6)
    take(7, 2, (5, 0, 0, 1), 1000, labelled=5)  # more errors looked at than labels
    assert (found.counted, found.labelled, len(found.refused)) == (3, 6, 4)


def test_a_part_stands_right_after_its_window() -> None:
    """In the same life. The control: the part that does."""
    windows = Windows((PLAN,))
    window = WindowRecord(
        "c" * 16, 5, 1, digest_of(b"one"), "dev", "live", 0, ((0, 0, CALM),), 1000, 0, 1000, 0, 1, 1
    )  # fmt: skip
    part = replace(window, seq=6, bins=((0, 1, CALM),), rows=0, seen=0)
    assert windows.flaw(window) == ""
    for one in (replace(part, seq=7), replace(part, life=3)):
        assert windows.flaw(one) == "it is a part of a window that does not stand before it"
    assert windows.flaw(part) == ""


def test_nothing_is_counted_for_nobody(house: Laddered) -> None:
    """Of another model and of another environment there is nothing."""
    log = log_of(house)
    for environment, model in (("prod", live(house)), ("dev", digest_of(b"nobody"))):
        found = Watched((PLAN,), environment, model, Life(), SETTINGS)
        found.extend(log)
        assert (found.counted, found.refused) == (0, [])
