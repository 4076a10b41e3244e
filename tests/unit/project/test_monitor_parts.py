"""Parts of `lockgate monitor`: words for bins, bars, what answers are worth."""

from __future__ import annotations

import sys

import pytest

from lockgate.monitor.plan import Category, Cuts, Plan, Strata, Stream
from lockgate.project.monitor_bins import bin_words
from lockgate.project.monitor_plots import bar, histogram
from lockgate.project.monitor_worth import estimate_of, risk_of

LOWEST = -sys.float_info.max


def stream(*cuts: tuple[float, float], known: tuple[Category, ...] | None = None, strata: int = 1) -> Stream:
    """Cut at these places, in each stratum."""
    one = Cuts(tuple(value for value, _ in cuts), tuple(share for _, share in cuts), (1,) * (len(cuts) + 1))
    return Stream("x", "number" if known is None else "category", ("x",), (one,) * strata, categories=known)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (stream((0.0, 0.5), (2.5, 0.1)), ("missing or <= 0", "> 0 to 2.5", "> 2.5")),
        (stream((LOWEST, 0.9), (2.5, 0.1)), ("missing", "<= 2.5", "> 2.5")),
        (stream((1.0, 0.3), (1.0, 0.6)), ("missing or <= 1", "1", "> 1")),
        (stream((LOWEST, 0.9)), ("missing", "any number")),
        (stream(), ("all",)),
    ],
)
def test_a_bin_of_numbers_is_a_range(one: Stream, words: tuple[str, ...]) -> None:
    """Missing ones lie below all; a number that fills a bin is named."""
    assert words == bin_words(one, len(words))


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([(-1.0, 1.0), (0.0, 1.0), (1.0, 0.5)], ("missing", "a", "b", "b, c, never seen")),
        ([(0.0, 0.001), (2.0, 0.999)], ("missing", "a, b, c", "never seen")),
        ([(0.0, 0.001), (0.0, 0.002)], ("missing", "a", "a, b, c and 1 more")),
    ],
)
def test_a_bin_of_categories_names_them(places: list[tuple[float, float]], words: tuple[str, ...]) -> None:
    """Those of which it holds more than a trace; the largest where all are traces."""
    assert words == bin_words(stream(*places, known=("a", "b", "c")), len(words))


def test_other_bins_are_named_by_their_place() -> None:
    """In several strata, which are cut elsewhere; and where another number of bins is told."""
    other = Cuts((5.0,), (0.5,), (1, 1))
    apart = Stream("x", "number", ("x",), (Cuts((1.0,), (0.5,), (1, 1)), other))
    assert bin_words(apart, 2) == ("part 1 of 2", "part 2 of 2")
    assert bin_words(stream((1.0, 0.5)), 3) == ("part 1 of 3", "part 2 of 3", "part 3 of 3")
    assert bin_words(stream((1.0, 0.5)), 2, recut=True) == ("about missing or <= 1", "about > 1")


def test_a_bar_is_filled_to_an_eighth() -> None:
    """From nothing to all, and never beyond."""
    assert [bar(value, 8, 4) for value in (-1, 0, 1, 4, 9)] == ["····", "····", "▌···", "██··", "████"]
    assert bar(1, 0, 4) == "····"


def test_a_histogram_has_both_on_one_scale() -> None:
    """The largest share of either fills the bar; rows as shares; nothing in a label steers the terminal."""
    lines = histogram(("a\x1b", "b"), (0.75, 0.25), (0, 0))
    assert [line.split()[-5:-3] for line in lines[1:]] == [["75.0", "%"], ["25.0", "%"]]
    assert ("\\x1b" in lines[1], "█" * 14 in lines[1], "█" * 14 in lines[2]) == (True, True, False)


def loss(*places: tuple[float, float], strata: int = 1) -> Plan:
    """A plan of wrong answers alone."""
    one = stream(*places, known=(False, True), strata=strata)
    names = tuple(map(str, range(strata)))
    told = Stream("loss", "loss", (), one.cuts, categories=one.categories)
    return Plan((told,), 0, 0, Strata(names=names))


@pytest.mark.parametrize(
    ("place", "counts"), [((1.0, 0.2), [920, 80]), ((0.0, 0.9), [810, 190]), ((0.0, 1.0), [900, 100])]
)
def test_wrong_answers_are_counted_wherever_the_cut_fell(place: tuple[float, float], counts: list[int]) -> None:
    """100 of 1,000 are wrong: the cut's share says how many of either lie on its other side."""
    found = risk_of(loss(place), 0, [counts])
    assert found is not None
    assert found.wrong == pytest.approx(0.1)
    assert found.labelled == 1000
    assert found.low < 0.1 < found.high


def test_strata_count_by_their_rows() -> None:
    """One has none of its labels wrong, the other all; one without labels says nothing, and does not matter."""
    found = risk_of(loss((0.0, 1.0), strata=3), 0, [[300, 0], [0, 100], [0, 0]])
    assert found is not None
    assert found.wrong == pytest.approx(0.25)
    assert found.labelled == 400


@pytest.mark.parametrize(("place", "counts"), [((0.0, 0.2), [1, 9]), ((1.0, 0.9), [9, 1]), ((0.0, 1.0), [0, 0])])
def test_where_nothing_can_be_said_nothing_is(place: tuple[float, float], counts: list[int]) -> None:
    """A cut that tells right from wrong hardly at all; no label yet."""
    assert risk_of(loss(place), 0, [counts]) is None


def test_regression_has_no_wrong_answers() -> None:
    """Neither counted nor estimated."""
    plan = Plan((Stream("loss", "loss", (), stream((1.0, 0.5)).cuts),), 0, 0)
    assert (risk_of(plan, 0, [[3, 4]]), estimate_of(plan, [[3, 4]])) == (None, None)
