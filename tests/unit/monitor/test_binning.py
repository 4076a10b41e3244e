"""Bins of later rows follow the Polya urn of the reference, whatever the values: ties, categories, missing, tails."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from lockgate.monitor import making
from lockgate.monitor.binning import NOWHERE, Binner, columns_of, counted
from lockgate.monitor.detector import TestSettings, detector_of
from lockgate.monitor.making import Reference, Wanted, make
from lockgate.monitor.plan import BINS, Cuts, Plan, Strata, Stream, parse_plan
from lockgate.monitor.values import LOWEST, Array
from lockgate.runtime.serving import NULL_TIMESTAMP

KINDS = {"tail": "float", "steps": "int", "holes": "float", "text": "string", "flag": "bool", "still": "float"}
WORDS = np.array([*"abcdefghijklmnopqrstuvwxyz", None], object)
COMMON = 1 / np.arange(1, 28) ** 1.3
REFERENCES, ROWS, LATER = 70, 500, 400
CHANCE = 5.0
"""Standard deviations: of some hundred sums that are normal, one is further out in a test of ten thousand."""


def rows(draw: np.random.Generator, number: int) -> dict[str, Array]:
    """Rows that are drawn alike: fields that depend on each other, with ties, holes, tails, seldom words."""
    shared = draw.normal(size=number)
    return {
        "tail": draw.standard_cauchy(number) * np.exp(shared),
        "steps": np.round(draw.normal(size=number) + shared),
        "holes": np.where(draw.random(number) < 0.2, np.nan, shared),
        "text": draw.choice(WORDS, number, p=COMMON / COMMON.sum()),
        "flag": np.where(draw.random(number) < 0.1, np.nan, draw.random(number) < 0.3),
        "still": np.full(number, 7.0),
    }


def strayed(binner: Callable[[Plan, np.random.Generator], Binner] = Binner, references: int = REFERENCES) -> float:
    """How far the shares of later rows are from what the balls say, in standard deviations, in the worst bin.

    Over many references; as they are, and times what the balls themselves are more than elsewhere: a bin with more
    balls must get more rows.
    """
    differences, balls = [], []
    for seed in range(references):
        draw = np.random.default_rng((8, seed))
        plan = make(rows(draw, ROWS), KINDS, seed=seed)
        bins, _ = binner(plan, draw).bins(rows(draw, LATER))
        found = np.zeros((len(plan.streams), BINS))
        expected = np.zeros_like(found)
        for place, stream in enumerate(plan.streams):
            found[place] = np.bincount(bins[:, place], minlength=BINS) / LATER
            expected[place, : stream.bins] = np.array(stream.cuts[0].balls) / (plan.rows + 1)
        # Pairs are chosen anew each time, so their streams are not the same ones; fields and projections are.
        kept = [place for place, stream in enumerate(plan.streams) if stream.kind != "pair"]
        differences.append((found - expected)[kept])
        balls.append(expected[kept])
    stray, more = np.array(differences), np.array(balls) - np.mean(balls, axis=0)
    return max(_farthest(stray), _farthest(stray * more))


def _farthest(sums: npt.NDArray[np.float64]) -> float:
    spread = sums.std(axis=0, ddof=1) / np.sqrt(len(sums))
    there = spread > 1e-12
    return float(np.abs(sums.mean(axis=0)[there] / spread[there]).max())


def test_later_rows_fall_as_the_balls_say() -> None:
    """Over many references, a bin gets the share of its balls, and one with more balls gets more."""
    assert strayed() < CHANCE


def test_ties_that_all_go_to_one_side_are_noticed() -> None:
    """The same count sees a binner that does not break ties by chance."""

    class Zero:
        def random(self, size: int) -> npt.NDArray[np.float64]:
            return np.zeros(size)

    assert strayed(lambda plan, _: Binner(plan, Zero()), 40) > CHANCE  # type: ignore[arg-type]


def test_ranks_that_the_counted_rows_chose_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it sees a plan whose counted rows are its pilot: their own ends of categories are no fixed ranks."""

    def greedy(self: Reference) -> None:
        self.pilot = self.kept = np.arange(self.rows)

    monkeypatch.setattr(making.Reference, "__post_init__", greedy)
    assert strayed() > CHANCE


def test_a_value_that_equals_a_cut_is_told_by_its_share() -> None:
    """Below the first cut, between two cuts of one value, and above both, as often as the shares say."""
    cuts = Cuts((LOWEST, 1.0, 1.0, 2.0), (1.0, 0.25, 0.75, 0.5), (1, 1, 1, 1, 1))
    plan = Plan((Stream("a", "number", ("a",), (cuts,)),), 4, 0)
    bins, _ = Binner(plan, np.random.default_rng(1)).bins(
        {"a": np.array([np.nan, 0.5, np.inf, -np.inf, *[1.0] * 4000])}
    )
    assert bins[:4, 0].tolist() == [0, 1, 4, 0]
    shares = np.bincount(bins[4:, 0], minlength=5) / 4000
    assert np.allclose(shares, [0, 0.25, 0.5, 0.25, 0], atol=0.04)


def test_missing_and_unseen_have_bins_of_their_own() -> None:
    """A field without holes, and of known words, has a place for what never was."""
    draw = np.random.default_rng(3)
    reference = {"a": draw.normal(size=2000), "b": draw.choice(np.array(["x", "y"], object), 2000)}
    plan = make(reference, {"a": "float", "b": "string"}, seed=1)
    assert ({"x", "y"}, 1, 1) == ({*(plan.streams[1].categories or ())}, *plan.streams[0].cuts[0].balls[::15])
    later = {"a": np.array([np.nan, 1e300]), "b": np.array([None, "z"], object)}
    bins, _ = Binner(plan, draw).bins(later)
    assert bins[:, :2].tolist() == [[0, 0], [15, 3]]


def test_rows_of_the_gateway_and_of_the_reference_are_the_same_columns() -> None:
    """Wire values become what a plan is made of; null is NaN, None or the smallest moment, and a kind of ours alone."""
    kinds = {"f": "float", "b": "bool", "s": "string", "t": "timestamp", "o": "other"}
    found = columns_of(kinds, list(kinds), [(1.5, True, "x", 5, "{}"), (None, None, None, None, None)])
    assert list(found) == ["f", "b", "s", "t"]
    assert [found["f"][0], found["b"][0]] == [1.5, 1.0]
    assert np.isnan([found["f"][1], found["b"][1]]).all()
    assert (found["s"].tolist(), found["t"].tolist()) == (["x", None], [5, NULL_TIMESTAMP])
    assert [len(column) for column in columns_of(kinds, list(kinds), []).values()] == [0, 0, 0, 0]


def test_counts_add_up_and_leave_out_what_is_not_there() -> None:
    """A stream without its column and a loss without a label count nowhere; so does all without the site's field."""
    cuts = (Cuts((0.0,), (0.5,), (1, 1)),) * 2
    streams = (
        Stream("a", "number", ("a",), cuts),
        Stream("gone", "number", ("gone",), cuts),
        Stream("loss", "loss", (), cuts, categories=(False, True)),
    )
    plan = Plan(streams, 0, 0, Strata(("site",), "", "place", ("north", "south")))
    columns = {
        "a": np.array([-1.0, 1.0, 1.0]),
        "loss": np.array([np.nan, 1.0, 1.0]),
        "place": np.array(["south", "south", "west"], object),
    }
    bins, strata = Binner(plan, np.random.default_rng(0)).bins(columns)
    assert strata.tolist() == [1, 1, 0]
    assert counted(plan, bins, strata, first=10) == [(0, 10, [0, 1]), (0, 12, [0, 1]), (1, 10, [1, 1]), (1, 12, [0, 1])]
    bins, strata = Binner(plan, np.random.default_rng(0)).bins({"a": columns["a"]})
    assert strata.tolist() == [NOWHERE] * 3
    assert counted(plan, bins, strata) == []


def test_strata_are_compared_with_their_own() -> None:
    """Each hour has its own cuts; hours that were too seldom, and rows without a time, are counted with the first."""
    draw = np.random.default_rng(5)
    hours = np.repeat([3, 4, 5], [2000, 2000, 20])
    columns = {"t": hours * 3_600_000_000, "a": draw.normal(size=4020) + hours}
    plan = make(columns, {"t": "timestamp", "a": "float"}, seed=2, wanted=Wanted(("hour",), "t"))
    assert (plan.strata.names, plan.strata.rest) == (("03", "04"), None)
    later = {"t": np.array([4, 5, NULL_TIMESTAMP // 3_600_000_000 - 1]) * 3_600_000_000, "a": np.full(3, 4.0)}
    later["t"][2] = NULL_TIMESTAMP
    bins, strata = Binner(plan, draw).bins(later)
    assert strata.tolist() == [1, 0, 0]
    assert 6 <= bins[0, 0] <= 9
    assert (bins[1:, 0] > bins[0, 0]).all()


@pytest.mark.parametrize(("site", "alarms"), [("north", 0), ("west", 1), (None, 1)])
def test_a_site_that_nobody_knows_is_looked_at(site: str | None, alarms: int) -> None:
    """Rows of a new site, or of none, are no way round the test; those of one of the known sites alone are no alarm."""
    draw = np.random.default_rng(8)
    sites = draw.choice(np.array(["north", "south"], object), 4000)
    columns = {"site": sites, "a": draw.normal(size=4000)}
    plan = make(columns, {"site": "string", "a": "float"}, seed=2, wanted=Wanted(("site",), "", "site"))
    detector = detector_of([plan], TestSettings())
    later = {"site": np.full(2000, site, object), "a": draw.normal(size=2000)}
    bins, strata = Binner(plan, draw).bins(later)
    detector.add(counted(plan, bins, strata), 2000)
    assert [plan.streams[one.stream].name for one in detector.alarms()] == ["site"] * alarms


def test_days_and_sites_together() -> None:
    """Weekday and site make one name, and what is seldom falls into the rest if that has rows enough."""
    draw = np.random.default_rng(6)
    sites = draw.choice(np.array(["east", "west", *map(str, range(40))], object), 6000, p=[0.4, 0.4, *[0.005] * 40])
    columns = {"t": np.zeros(6000, np.int64), "site": sites, "a": draw.normal(size=6000)}
    kinds = {"t": "timestamp", "site": "string", "a": "float"}
    plan = make(columns, kinds, seed=2, wanted=Wanted(("weekday", "site"), "t", "site"))
    assert (plan.strata.names[:2], plan.strata.rest) == (("thu east", "thu west"), 2)
    assert plan.rows == 6000 - plan.pilot
    assert plan == parse_plan(plan.encode())


def test_a_category_is_known_when_the_pilot_saw_it_twice() -> None:
    """A text that one row alone has is never in a plan, and counts as unseen."""
    draw = np.random.default_rng(7)
    texts = np.array([*(["often"] * 1900), *map(str, range(100))], object)
    plan = make({"a": draw.permutation(texts)}, {"a": "string"}, seed=1)
    assert plan.streams[0].categories == ("often",)
    bins, _ = Binner(plan, draw).bins({"a": np.array(["57", "new"] * 500 + [None], object)})
    last = plan.streams[0].bins - 1
    assert (bins[:-1, 0] >= last - 1).all()
    assert bins[-1, 0] == 0


def test_a_model_that_is_not_given_every_field_is_watched_by_the_others() -> None:
    """A stream whose field is not there is nowhere, and so is what is made of it; all else is where it was."""
    draw = np.random.default_rng(9)
    columns = {name: draw.normal(size=1000) for name in "abcd"}
    columns |= {"b": columns["a"] + columns["b"], "d": columns["c"] + columns["d"]}
    plan = make(columns, dict.fromkeys("abcd", "float"), seed=1)
    given = {name: column for name, column in columns.items() if name != "d"}
    whole, _ = Binner(plan, np.random.default_rng(1)).bins(columns)
    found, _ = Binner(plan, np.random.default_rng(1)).bins(given)
    without = [place for place, stream in enumerate(plan.streams) if "d" in stream.of]
    assert {plan.streams[place].kind for place in without} == {"number", "pair", "projection"}
    assert (found[:, without] == NOWHERE).all()
    others = [place for place in range(len(plan.streams)) if place not in without]
    # A value that equals a cut is told by another number drawn.
    assert (found[:, others] == whole[:, others]).mean() > 0.95
