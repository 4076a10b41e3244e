"""core.sequential: under the null nothing is won on average, whatever the rows, the shares, and when one stops."""

from __future__ import annotations

import math
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.sequential import FRACTIONS, Block, Spells, mean_above, surplus

_SHARES = st.floats(0.01, 0.99)


def _binomial(rows: int, bad: int, share: float) -> float:
    return math.comb(rows, bad) * share**bad * (1 - share) ** (rows - bad)


def _won(*blocks: Block) -> float:
    test = Spells()
    for block in blocks:
        test.add(block)
    return math.exp(test.log_e())


def _expected(rows: tuple[int, int], shares: tuple[float, float]) -> float:
    """The mean e-value of a block of independent rows, over every outcome."""
    candidate, live = rows
    mean = 0.0
    for x, y in product(range(candidate + 1), range(live + 1)):
        chance = _binomial(candidate, x, shares[0]) * _binomial(live, y, shares[1])
        mean += chance * _won(Block(candidate, x, live, y))
    return mean


@given(st.tuples(st.integers(0, 5), st.integers(0, 5)), _SHARES, st.floats(0, 1))
def test_block_wins_nothing_where_the_candidate_is_no_worse(rows: tuple[int, int], live: float, part: float) -> None:
    """Each share, and each better one of the candidate: at most 1 on average; exactly 1 where both are the same."""
    assert _expected(rows, (live * part, live)) <= 1 + 1e-9
    assert math.isclose(_expected(rows, (live, live)), 1, abs_tol=1e-9)


@given(st.integers(1, 6), st.integers(0, 6), st.integers(0, 6))
def test_block_wins_nothing_where_either_arm_may_be_hit(rows: int, one: int, other: int) -> None:
    """However rows hang together: what happens to one arm happens to the other with the same chance."""
    one, other = min(one, rows), min(other, rows)
    assert math.isclose((_won(Block(rows, one, rows, other)) + _won(Block(rows, other, rows, one))) / 2, 1)


@given(st.tuples(st.integers(1, 2), st.integers(1, 2)), _SHARES, _SHARES)
def test_two_blocks_of_other_shares_win_nothing(rows: tuple[int, int], first: float, second: float) -> None:
    """Shares may change from block to block: a product of fair bets is a fair bet."""
    candidate, live = rows
    outcomes = list(product(range(candidate + 1), range(live + 1)))

    def chance(outcome: tuple[int, int], share: float) -> float:
        return _binomial(candidate, outcome[0], share) * _binomial(live, outcome[1], share)

    mean = 0.0
    for one, other in product(outcomes, outcomes):
        blocks = (Block(candidate, x, live, y) for x, y in (one, other))
        mean += chance(one, first) * chance(other, second) * _won(*blocks)
    assert math.isclose(mean, 1, abs_tol=1e-9)


@given(st.integers(0, 4), st.floats(0.05, 0.5), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_mean_wins_nothing_at_its_limit(rows: int, most: float, shape: list[float]) -> None:
    """Values -1, 0 and 1 with any chances whose mean is at most `most`, over every sequence of rows."""
    up, down = shape[0] * most, shape[1] * (1 - most)
    chances = {1.0: up, -1.0: down, 0.0: 1 - up - down}
    mean = 0.0
    for values in product(chances, repeat=rows):
        counts = {value: values.count(value) for value in chances}
        mean += math.prod(chances[value] for value in values) * math.exp(mean_above(counts, most))
    assert mean <= 1 + 1e-9


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), max_size=30), st.floats(0, 1))
def test_order_of_rows_does_not_matter(values: list[float], most: float) -> None:
    """Only the counts do, whichever way the mapping was filled."""
    shuffled = sorted(values)
    one = mean_above({value: values.count(value) for value in values}, most)
    other = mean_above({value: shuffled.count(value) for value in shuffled}, most)
    assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    assert all(0 < part < 1 for part in FRACTIONS)


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4), max_size=12))
def test_any_counts_give_a_number(numbers: list[tuple[int, int, int, int]]) -> None:
    """Never an error, never infinite."""
    blocks = [Block(max(a, b), b, max(c, d), d) for a, b, c, d in numbers]
    assert math.isfinite(math.log(_won(*blocks)))


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 24))
def test_surplus_is_nothing_on_average(candidate: int, live: int, bad: int) -> None:
    """Over every place of the bad rows of a block; more bad rows of the candidate are never less of it."""
    bad = min(bad, candidate + live)
    places = range(max(0, bad - live), min(bad, candidate) + 1)
    found = [surplus(Block(candidate, x, live, bad - x)) for x in places]
    ways = [math.comb(candidate, x) * math.comb(live, bad - x) for x in places]
    assert math.isclose(sum(map(math.prod, zip(found, ways, strict=True))) / sum(ways), 0, abs_tol=1e-12)
    assert found == sorted(found)
    assert all(-1 <= one <= 1 for one in found)


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 40))
def test_surplus_turns_round_with_the_arms(rows: int, one: int, other: int) -> None:
    """Arms that change places say the opposite: so a block in which either may be hit is worth nothing on average."""
    one, other = min(one, rows), min(other, rows)
    assert math.isclose(surplus(Block(rows, one, rows, other)), -surplus(Block(rows, other, rows, one)), abs_tol=1e-12)
