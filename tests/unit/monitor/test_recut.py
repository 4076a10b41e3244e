"""monitor.recut: accepted rows are an exact reference again, and whoever counts again draws the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lockgate.monitor.detector import Detector, TestSettings
from lockgate.monitor.recut import recut

_MASSES = (0.02, 0.3, 0.28, 0.25, 0.15)


def _counts(chance: np.random.Generator, rows: int) -> list[int]:
    drawn: list[int] = chance.multinomial(rows, _MASSES).tolist()
    return drawn


def test_balls_are_the_spacings_of_the_counted_rows() -> None:
    """As many bins as before; one ball more than rows, of which a tenth went to the pilot; about where they lay."""
    found = recut([[[100, 3000, 2900, 2500, 1500]]], 1)
    ((balls,),) = found.balls
    assert len(balls) == 5
    assert 8800 <= sum(balls) - 1 <= 9200
    assert all(
        math.isclose(ball, 0.9 * before, rel_tol=0.3)
        for ball, before in zip(balls, [100, 3000, 2900, 2500, 1500], strict=True)
    )


def test_rows_are_neither_lost_nor_made() -> None:
    """And go to the bin of their number or one beside it, mostly."""
    found = recut([[[100, 3000, 2900, 2500, 1500]], [[50, 0, 50]]], 2)
    (first, second) = found.apply([(0, 0, [10, 300, 290, 250, 150]), (0, 1, [5, 0, 5])], 3)
    assert first[:2] == (0, 0)
    assert sum(first[2]) == 1000
    assert sum(second[2]) == 10
    assert len(second[2]) == 3
    assert all(abs(one - other) < 60 for one, other in zip(first[2], [10, 300, 290, 250, 150], strict=True))


def test_the_same_seed_draws_the_same_for_ever() -> None:
    """Numbers as numpy's frozen generator gives them: seeds up to 2**64, and another one draws otherwise."""
    counts = [[[40, 60, 50]]]
    assert recut(counts, 2**64 - 1) == recut(counts, 2**64 - 1)
    assert recut(counts, 5) != recut(counts, 6)
    found = recut(counts, 5)
    assert found.apply([(0, 0, [30, 30, 30])], 7) == found.apply([(0, 0, [30, 30, 30])], 7)


@pytest.mark.parametrize(
    ("counts", "bins"), [([0, 0, 0], 1), ([1, 0, 0], None), ([0, 2, 0], None), ([7], 1), ([0, 0, 900], 3)]
)
def test_few_rows_make_few_bins(counts: list[int], bins: int | None) -> None:
    """Without a row there is one bin, which tells nothing; never more cuts than rows; what comes is still counted."""
    for seed in range(20):
        found = recut([[counts]], seed)
        ((balls,),) = found.balls
        assert min(balls) >= 1
        assert len(balls) <= min(len(counts), sum(counts) + 1)
        assert bins is None or len(balls) == bins
        ((_, _, new),) = found.apply([(0, 0, [3] * len(counts))], seed)
        assert sum(new) == 3 * len(counts)
        assert len(new) == len(balls)


def _undrifted(seed: int, *, anew: bool) -> float:
    """The largest log wealth of 40 streams against 300 accepted rows each, over 30 windows of 300 rows."""
    chance, streams = np.random.default_rng(seed), 40
    accepted = [[_counts(chance, 300)] for _ in range(streams)]
    found = recut(accepted, seed)
    plain = [[[max(one, 1) for one in counts] for counts in strata] for strata in accepted]
    detector = Detector(
        found.balls if anew else [[[ball * 1_000_000 for ball in one] for one in each] for each in plain],
        TestSettings(),
    )
    most = -math.inf
    for window in range(30):
        record = [(0, stream, _counts(chance, 300)) for stream in range(streams)]
        detector.add(found.apply(record, window) if anew else record, 300)
        most = max(most, *(one.log_e for one in detector.standings()))
    return most - detector.threshold


def test_an_accepted_reference_is_exact() -> None:
    """Undrifted rows do not alarm against it; against its counts, taken for the truth, they do."""
    assert _undrifted(1, anew=True) < 0
    assert _undrifted(1, anew=False) > 0


def test_masses_of_new_bins_have_the_distribution_of_the_balls() -> None:
    """2,000 times: the mean and spread of a new bin's true mass are those of a Beta distribution of its balls."""
    chance, z = np.random.default_rng(4), []
    for seed in range(2000):
        place = recut([[_counts(chance, 40)]], seed).places[0][0]
        mass = [0.0] * len(place.balls)
        for share, (first, parts) in zip(_MASSES, place.parts, strict=True):
            for offset, part in enumerate(parts):
                mass[first + offset] += share * part
        balls, total = place.balls[1], sum(place.balls)
        mean = balls / total
        z.append((mass[1] - mean) / math.sqrt(mean * (1 - mean) / (total + 1)))
    assert abs(np.mean(z)) < 4 / math.sqrt(len(z))
    assert abs(np.var(z) - 1) < 0.15


@pytest.mark.parametrize("record", [(1, 0, [1, 1]), (0, 1, [1, 1]), (0, 0, [1]), (0, -1, [1, 1])])
def test_a_record_of_other_bins_is_refused(record: tuple[int, int, list[int]]) -> None:
    """Another stratum, stream, or number of bins."""
    with pytest.raises(ValueError, match="stream"):
        recut([[[5, 5]]], 1).apply([record], 1)
