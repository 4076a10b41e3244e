"""train.jail.attacks.robust: the minimum over attacks, and nothing that failed is robust."""

from __future__ import annotations

import pytest

from lockgate.train.jail.attacks import Trail
from lockgate.train.jail.attacks.robust import queries_to_flip, robust


def held(name: str = "a") -> Trail:
    """An attack that ran and found nothing."""
    return Trail(name, 100, "ran")


def flipped(*flips: tuple[int, float]) -> Trail:
    """An attack that found flips at these distances after so many queries."""
    return Trail("a", 100, "ran", tuple((queries, l2, l2) for queries, l2 in flips))


FAILED = Trail("b", 10, "failed: the target gives no scores")


def test_the_minimum_over_attacks_counts() -> None:
    """Four rows: wrong, held by both attacks, flipped by the one, flipped by the other: two distances, by hand."""
    trails = {
        "one": [None, held(), flipped((5, 0.9), (50, 0.4)), held()],
        "other": [None, held(), held(), flipped((7, 0.8))],
    }
    found = robust([False, True, True, True], trails, (0.25, 0.5, 1.0))
    assert (found.rows, found.clean.value) == (4, 0.75)
    assert (found.held) == {
        0.25: (False, True, True, True),
        0.5: (False, True, False, True),
        1.0: (False, True, False, False),
    }
    assert [interval.value for interval in found.at.values() if interval is not None] == [0.75, 0.5, 0.25]
    assert found.statuses == {"one": {"ran": 3}, "other": {"ran": 3}}


def test_a_failed_attack_is_never_robust() -> None:
    """One of 100 rows untested: it counts as not robust and is told. Three: nothing is stated. None: all are robust."""
    for failed, stated in ((0, 1.0), (1, 0.99), (2, 0.98), (3, None)):
        other = [FAILED] * failed + [held("b")] * (100 - failed)
        found = robust([True] * 100, {"a": [held()] * 100, "b": other}, (0.5,))
        assert {0.5: failed} == found.untested
        interval = found.at[0.5]
        assert stated == (None if interval is None else interval.value)


def test_a_flip_counts_whatever_failed_beside_it() -> None:
    """A row that one attack flipped is not robust there, whether or not another could run; beyond it is untested."""
    trails = {"a": [flipped((3, 0.3))], "b": [FAILED]}
    found = robust([True], trails, (0.25, 0.5))
    assert found.untested == {0.25: 1, 0.5: 0}
    assert found.held == {0.25: (False,), 0.5: (False,)}


def test_a_right_row_without_a_trail_was_not_tested() -> None:
    """Whoever forgets to attack a row has not shown that it is robust."""
    assert robust([True], {"a": [None]}, (0.5,)).untested == {0.5: 1}


def test_the_interval_is_exact() -> None:
    """380 of 400: Clopper and Pearson's 92.4 to 96.9 %."""
    trails = {"a": [held()] * 380 + [flipped((1, 0.1))] * 20}
    interval = robust([True] * 400, trails, (0.5,)).at[0.5]
    assert interval is not None
    assert interval.low == pytest.approx(0.92383, abs=1e-5)
    assert interval.high == pytest.approx(0.96919, abs=1e-5)


def test_queries_to_flip_are_those_of_the_quickest_attack() -> None:
    """Over rows that are right; rows that no attack flipped take longer than all others, and None is unknown."""
    trails = {
        "a": [flipped((10, 0.4)), flipped((30, 0.9), (40, 0.4)), held(), None],
        "b": [flipped((20, 0.1)), flipped((35, 0.5)), flipped((90, 0.2)), None],
    }
    assert queries_to_flip([True, True, True, False], trails, 0.5) == {"median": 35.0, "low": 15.0}
    assert queries_to_flip([True] * 3 + [False], trails, 0.05) == {"median": None, "low": None}
    assert queries_to_flip([False], {"a": [None]}, 0.5) == {"median": None, "low": None}


def test_no_rows_or_other_numbers_of_rows_are_an_error() -> None:
    """Nothing was attacked: nothing is said."""
    wrong: list[tuple[list[bool], dict[str, list[Trail | None]]]] = [([], {"a": []}), ([True], {}), ([True], {"a": []})]
    for correct, trails in wrong:
        with pytest.raises(ValueError, match="robust accuracy needs"):
            robust(correct, trails, (0.5,))
