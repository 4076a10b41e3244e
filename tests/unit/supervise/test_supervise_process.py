"""A process that is kept: restarts, and how slowly."""

from __future__ import annotations

from itertools import pairwise

from lockgate.supervise.process import LONGEST_PAUSE, STEADY_SECONDS, Kept
from tests.support.houses import Fake


def test_it_starts_at_the_first_tick_and_not_again_while_it_runs() -> None:
    """One start, however often it is looked at."""
    made: list[Fake] = []

    def start() -> Fake:
        made.append(Fake())
        return made[-1]

    kept = Kept("x", start)
    assert kept.tick(0.0)
    assert not any(kept.tick(now) for now in (0.1, 1.0, 100.0))
    assert len(made) == 1


def test_restarts_come_at_once_then_ever_more_slowly_and_at_once_again_after_a_steady_time() -> None:
    """The first end costs no pause; each early one after it doubles the pause up to the longest."""
    made: list[Fake] = []

    def start() -> Fake:
        made.append(Fake())
        return made[-1]

    kept, now, pauses = Kept("x", start), 0.0, []
    kept.tick(now)
    for _ in range(11):
        made[-1].code = 1
        ended = now
        while not kept.tick(now):
            now += 0.05
        pauses.append(now - ended)
    assert all(later > sooner - 0.1 for sooner, later in pairwise(pauses))
    assert pauses[0] == 0.0
    assert 0.1 < pauses[1] < 0.4
    assert LONGEST_PAUSE <= pauses[-1] < LONGEST_PAUSE + 0.2
    assert (kept.falls, kept.codes) == (11, [1] * 10)
    now += STEADY_SECONDS
    made[-1].code = 0
    assert kept.tick(now)
    assert kept.falls == 0


def test_one_that_nobody_asked_for_is_started_once_until_it_is_wanted() -> None:
    """A worker that was started ahead: its end starts no other, and who wants it then gets it at once."""
    made: list[Fake] = []

    def start() -> Fake:
        made.append(Fake())
        return made[-1]

    kept = Kept("x", start, lasting=False)
    kept.tick(0.0)
    made[-1].code = 0
    assert not any(kept.tick(now) for now in (0.1, 1.0, 100.0))
    kept.want(100.0)
    assert kept.tick(100.0)
    made[-1].code = 0
    assert kept.tick(200.0)


def test_stopped_is_stopped() -> None:
    """After `stop` it is gone and does not come back."""
    fake = Fake()
    kept = Kept("x", lambda: fake)
    kept.tick(0.0)
    kept.stop()
    assert fake.killed
    assert not kept.tick(1000.0)
