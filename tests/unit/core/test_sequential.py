"""core.sequential against its definitions, at its edges, and against numbers that a liar chose."""

from __future__ import annotations

import math
import time

import pytest

from lockgate.core.sequential import (
    FRACTIONS,
    MOST_EXACT,
    PROOF,
    STAKES,
    Block,
    Spells,
    log_average,
    mean_above,
    surplus,
)


def _by_definition(block: Block) -> float:
    """P(X < x) - P(X > x) for a hypergeometric X, summed as it is written, in exact numbers."""
    rows, bad = block.candidate + block.live, block.candidate_bad + block.live_bad
    found = 0
    for x in range(bad + 1):
        sign = (x < block.candidate_bad) - (x > block.candidate_bad)
        found += sign * math.comb(block.candidate, x) * math.comb(block.live, bad - x)
    return found / math.comb(rows, bad)


@pytest.mark.parametrize(
    "values",
    [(1, 1, 1, 0), (3, 1, 4, 1), (10, 0, 190, 7), (10, 3, 190, 4), (50, 29, 10, 1), (300, 160, 300, 130),
     (5, 5, 400, 195), (400, 195, 5, 0), (30, 12, 30, 12)],
)  # fmt: skip
def test_surplus_is_its_definition(values: tuple[int, int, int, int]) -> None:
    """The sum outwards from the mode is the sum over all, to twelve digits."""
    assert surplus(Block(*values)) == pytest.approx(_by_definition(Block(*values)), rel=1e-12, abs=1e-12)


def test_spells_bet_as_written() -> None:
    """The average over the stakes of the product of 1 + stake times surplus."""
    blocks = [Block(10, 4, 12, 1), Block(7, 1, 7, 3)]
    test = Spells()
    for block in blocks:
        test.add(block)
    products = [math.prod(1 + stake * _by_definition(block) for block in blocks) for stake in STAKES]
    assert test.log_e() == pytest.approx(math.log(math.fsum(products) / len(products)))


def test_nothing_is_bet_where_nothing_can_be_seen() -> None:
    """An arm without rows, no bad row, only bad rows: the e-value stays 1."""
    test = Spells()
    for values in ((0, 0, 9, 3), (9, 3, 0, 0), (5, 0, 5, 0), (5, 5, 5, 5), (0, 0, 0, 0)):
        test.add(Block(*values))
    assert test.log_e() == pytest.approx(0.0)


def test_block_of_spells_says_a_bounded_amount() -> None:
    """However many rows it has, exactly computed or not: it at most doubles what there is."""
    for rows in (10, 1000, MOST_EXACT, 1 << 53):
        test = Spells()
        test.add(Block(rows, rows, rows, 0))
        assert 0.3 < test.log_e() <= math.log(2)
    assert surplus(Block(1, 1, 1, 0)) == pytest.approx(0.5)
    assert surplus(Block(MOST_EXACT, MOST_EXACT // 2, MOST_EXACT, MOST_EXACT // 4)) == pytest.approx(0.25)


def test_more_of_a_part_than_of_the_whole_is_no_block() -> None:
    """Refused where it is made, on either side, and below zero."""
    for values in ((1, 2, 5, 0), (5, 0, 1, 2), (5, -1, 5, 0)):
        with pytest.raises(ValueError, match="more of an arm"):
            Block(*values)


def test_huge_counts_take_no_time() -> None:
    """A gateway that writes 2^53 does not hang whoever counts; the most expensive block takes milliseconds."""
    test = Spells()
    most, half = 1 << 53, MOST_EXACT // 2
    started = time.process_time()
    for rows in range(1000):
        test.add(Block(most - rows, most // 2, most, most // 3))
    for _ in range(20):
        test.add(Block(half, half // 2, half, half // 2))
    assert math.isfinite(test.log_e())
    assert math.isfinite(mean_above({1.0: most, -1.0: most, 0.0: most}, 0.1))
    assert time.process_time() - started < 3


def test_mean_is_bet_on_as_written() -> None:
    """The average over the grid of the product of 1 + bet (value - most), here for one row of each value."""
    bets = [part / (0.1 + 1) for part in FRACTIONS]
    expected = sum((1 + bet * 0.9) * (1 - bet * 0.1) * (1 - bet * 1.1) for bet in bets) / len(bets)
    assert mean_above({1.0: 1, 0.0: 1, -1.0: 1}, 0.1) == pytest.approx(math.log(expected))


def test_mean_above_sees_a_larger_share() -> None:
    """20 % where 10 % are allowed, of 300; 10 % is evidence of nothing, and no rows are 1."""
    assert mean_above({1.0: 60, 0.0: 240}, 0.1, least=0.0) > math.log(100)
    assert mean_above({1.0: 30, 0.0: 270}, 0.1, least=0.0) < 0.0
    assert mean_above({}, 0.1) == pytest.approx(0.0)


def test_null_of_one_value_is_refuted_by_any_other() -> None:
    """Where no disagreement is allowed, one is proof; with none nothing is said."""
    assert mean_above({1.0: 1, 0.0: 99}, 0.0, least=0.0) == PROOF
    assert mean_above({1.0: 0, 0.0: 99}, 0.0, least=0.0) == 0.0


def test_average_of_logs() -> None:
    """Of numbers far beyond what a float holds, and of nothing."""
    assert log_average([1e5, 1e5 + math.log(3)]) == pytest.approx(1e5 + math.log(2))
    assert log_average([-1e6, 0.0], (0.75, 0.25)) == pytest.approx(math.log(0.25))
