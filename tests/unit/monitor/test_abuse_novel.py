"""Rows that no population has are odd, whoever sends many of them is raised, and no customer is."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.monitor.abuse import novel, novel_making
from lockgate.monitor.abuse.novel import Novel, Novelty
from lockgate.monitor.abuse.novel_facts import NovelFacts
from lockgate.monitor.abuse.said import Said

KINDS = ("float",) * 6 + ("string", "bool")
NEW, REPEAT, EDIT, PROBE = range(4)
CUTS = [NormalDist().inv_cdf(place / 251) for place in range(1, 251)]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Coded:
    """As the detectors take rows."""

    ranks: Codes


@dataclass(frozen=True)
class Known:
    """A population that says nothing else."""

    novel: NovelFacts | None


def natural(rows: int, seed: int) -> Codes:
    """Six numbers that go together by 0.7, a category and a truth value that go with the first."""
    draw = np.random.default_rng(seed)
    scores = np.sqrt(0.7) * draw.normal(size=(rows, 1)) + np.sqrt(0.3) * draw.normal(size=(rows, 6))
    ranks = np.searchsorted(CUTS, scores).astype(np.uint8)
    category = np.clip(ranks[:, 0] // 51 + draw.integers(-1, 2, rows), 0, 4).astype(np.uint8) * 7
    truth = np.where(ranks[:, 1] > 125, 250, 0).astype(np.uint8)
    return np.column_stack([ranks, category, truth])


def apart(rows: int, seed: int) -> Codes:
    """Each field from another real row: right by itself, and nothing goes together."""
    found = natural(rows, seed)
    draw = np.random.default_rng(seed)
    return np.column_stack([draw.permutation(found[:, place]) for place in range(found.shape[1])])


def said(rows: int) -> Said:
    """Sure of all."""
    return Said(np.zeros(rows, np.int32), np.ones(rows, np.float32))


def made(seed: int = 1) -> NovelFacts:
    """Of 4,000 rows."""
    found = novel_making.make(natural(4000, seed), KINDS, seed)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def facts() -> NovelFacts:
    """Of the population."""
    return made()


@pytest.fixture(scope="module")
def novelty(facts: NovelFacts) -> Novelty:
    """Of the population."""
    return Novelty(Known(facts))


def sent(novelty: Novelty, *rows: Codes, kind: int = NEW) -> Novel:
    """A client that sent these rows."""
    client = Novel(novelty)
    for block in rows:
        client.take(novelty.scores(Coded(block)), said(len(block)), np.full(len(block), kind, np.uint8))
    return client


@pytest.mark.parametrize("tail", [0.25, 0.03125, 0.0078125])
def test_a_tail_rank_is_what_it_says(novelty: Novelty, tail: float) -> None:
    """Of fresh rows of the population about that share is as odd: never much more, and not none."""
    scores = novelty.scores(Coded(natural(20_000, 77)))
    # The ranks come of 1,000 rows: their own share varies by its root besides that of what is counted.
    assert tail * 0.4 < float((scores <= tail).mean()) < tail + 4 * np.sqrt(tail / 1000)


def test_a_row_that_nobody_has_is_odd(novelty: Novelty) -> None:
    """Values that are each in the middle of the others, and contradict each other, are as odd as it goes."""
    row = np.array([[20, 230, 20, 230, 20, 230, 28, 0]], np.uint8)
    assert pytest.approx(2**-10, rel=0.8) == float(novelty.scores(Coded(row))[0])
    assert float(novelty.scores(Coded(np.array([[200, 205, 210, 190, 200, 195, 21, 250]], np.uint8)))[0]) > 0.03


def test_who_draws_field_by_field_is_raised_within_a_hundred_rows(novelty: Novelty) -> None:
    """Synthetic rows with right marginals; beside it a customer with 20,000 rows is not."""
    assert sent(novelty, apart(100, 5)).raised
    assert not sent(novelty, natural(20_000, 6)).raised


def test_a_mean_of_rows_is_too_ordinary(novelty: Novelty) -> None:
    """Who mixes four real rows is raised: made-up rows lie nearer to the middle than real ones do."""
    numbers = natural(4 * 3000, 8)[:, :6].reshape(4, 3000, 6).mean(axis=0).astype(np.uint8)
    rest = natural(3000, 9)[:, 6:]
    assert sent(novelty, np.column_stack([numbers, rest])).raised


def test_years_of_custom_hide_nothing(novelty: Novelty) -> None:
    """After 20,000 ordinary rows an attack is raised within as many rows as that of a new client, and some more."""
    client = sent(novelty, natural(20_000, 10), apart(150, 11))
    assert client.raised


def test_one_made_up_row_in_ten_is_raised(novelty: Novelty) -> None:
    """Dilution costs queries, and does not hide: 3,000 rows, of a tenth of which each field is drawn evenly."""
    mixed = natural(3000, 12)
    mixed[::10] = np.random.default_rng(13).integers(0, 251, (300, 8))
    assert sent(novelty, mixed).raised


@pytest.mark.parametrize("field", range(8))
def test_a_customer_of_one_segment_is_none(novelty: Novelty, field: int) -> None:
    """Rows of the lowest eighth or so of one field alone, the oddest a customer of one kind can have."""
    rows = natural(20_000, 14)
    values = rows[:, field]
    assert not sent(novelty, rows[values <= np.quantile(values, 0.12)][:3000]).raised


@pytest.mark.parametrize("kind", [REPEAT, EDIT, PROBE])
def test_what_lies_near_a_row_before_is_not_counted(novelty: Novelty, kind: int) -> None:
    """Whoever edits or repeats one odd row is no attacker by how odd it is; as new rows they are."""
    odd = apart(200, 15)
    assert sent(novelty, odd, kind=kind).evidence == {"rows": 0, "odd": 0, "far": 0, "boundary": 0}
    assert sent(novelty, odd).raised


def test_odd_rows_that_are_the_same_count_once(novelty: Novelty) -> None:
    """Two hundred rows of one new product are one odd row, in whatever blocks; different ones raise."""
    odd = apart(200, 15)
    scores = novelty.scores(Coded(odd))
    once, each = Novel(novelty), Novel(novelty)
    kinds = np.zeros(200, np.uint8)
    strangest = int(scores.argmin())
    for part in (slice(0, 60), slice(60, 200)):
        rows = int(part.stop - part.start)
        once.take(np.repeat(scores[strangest], rows), said(rows), kinds[part], [4242] * rows)
        each.take(scores[part], said(rows), kinds[part], list(range(1, 201))[part])
    assert (once.raised, once.evidence["rows"]) == (False, 1)
    assert each.raised
    once.forget()
    once.take(scores[:1], said(1), kinds[:1], [4242])
    assert once.evidence["rows"] == 1


def test_rows_are_told_apart_by_the_fields_that_are_looked_at(facts: NovelFacts) -> None:
    """A number for each row where one is odd: the same where all those fields are; of ordinary rows there is none."""
    known = Novelty(Known(replace(facts, fields=facts.fields[:-1], **_without_last(facts))))
    exact = np.arange(24, dtype=np.uint32).reshape(3, 8)
    exact[1], exact[2, :7] = exact[0], exact[0, :7]
    coded = Exact(exact)
    odd = np.full(3, 2**-12, np.float32)
    assert len(set(known.same(coded, odd))) == 1
    exact[2, 0] += 1
    assert len(set(known.same(coded, odd))) == 2
    assert known.same(coded, np.ones(3, np.float32)) == ()


def _without_last(facts: NovelFacts) -> dict[str, Any]:
    short: dict[str, Any] = {name: getattr(facts, name)[:-1] for name in ("known", "alone", "pairs")}
    return short | {"parents": tuple(min(parent, len(facts.fields) - 2) for parent in facts.parents[:-1])}


@dataclass(frozen=True)
class Exact:
    """As rows are told apart."""

    exact: npt.NDArray[np.uint32]


def test_raised_stays_until_forgotten(novelty: Novelty) -> None:
    """Ordinary rows do not undo it; an operator does, and then the next attack is seen again."""
    client = sent(novelty, apart(150, 16), natural(5000, 17))
    assert client.raised
    client.forget()
    assert (client.raised, client.evidence["rows"]) == (False, 0)
    rows = apart(150, 18)
    client.take(novelty.scores(Coded(rows)), said(150), np.zeros(150, np.uint8))
    assert client.raised


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 5))
def test_blocks_do_not_matter(novelty: Novelty, sizes: list[int], seed: int) -> None:
    """The same rows in other blocks are the same client."""
    rows = np.concatenate([natural(sum(sizes), seed), apart(20, seed)])
    cut = [block for block in np.split(rows, np.cumsum(sizes)) if len(block)]
    once, often = sent(novelty, rows), sent(novelty, *cut)
    assert (once.raised, once.evidence, once._sums) == (often.raised, often.evidence, often._sums)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_no_bet_wins_against_what_is_usual(facts: NovelFacts, parts: list[float]) -> None:
    """Who has at most twice the usual share in each tail multiplies no bet by more than 1 on average."""
    allowed = [min(novel.FACTOR * share, 1) * part for share, part in zip(facts.usual, parts, strict=True)]
    bets = np.array(Novelty(Known(facts)).bets)
    shares = np.maximum.accumulate(allowed)  # The share within a tail is at least that within a narrower one ...
    limits = np.minimum.accumulate([novel.FACTOR * share for share in facts.usual][::-1])[::-1]
    shares = np.minimum(shares, limits)  # ... and no more than any of those that contain it may have.
    widest = shares[::-1]
    hit = np.append([1 - widest[0]], widest - np.append(widest[1:], 0))
    assert (hit @ bets <= 1 + 1e-9).all()


def test_whatever_comes_it_holds_a_few_numbers(novelty: Novelty) -> None:
    """Below 2 KB after thousands of rows at either end."""
    client = sent(novelty, natural(3000, 19), *[apart(500, seed) for seed in range(6)])
    assert all(np.isfinite(client._sums))
    numbers = sys.getsizeof(client._sums) + 24 * len(client._sums) + sys.getsizeof(client._known)
    assert sys.getsizeof(client) + numbers < 2048


def test_margins_near_the_border_are_told() -> None:
    """As evidence beside it; a regression has none."""
    novelty = Novelty(Known(made()))
    client = Novel(novelty)
    margins = np.array([0.05, 0.5, np.nan], np.float32)
    client.take(np.ones(3, np.float32), Said(np.zeros(3, np.int32), margins), np.zeros(3, np.uint8))
    assert client.evidence == {"rows": 3, "odd": 0, "far": 0, "boundary": 1}


def test_where_nothing_goes_together_right_marginals_are_not_seen() -> None:
    """The known limit: rows of fields that do not depend on each other are what the population has."""
    draw = np.random.default_rng(3)
    facts = novel_making.make(draw.integers(0, 251, (4000, 6)).astype(np.uint8), ("float",) * 6, 3)
    assert not sent(Novelty(Known(facts)), draw.integers(0, 251, (5000, 6)).astype(np.uint8)).raised


def test_without_facts_nothing_is_odd() -> None:
    """An older model: every score is 1, and nobody is raised."""
    novelty = Novelty(Known(None))
    assert novelty.scores(Coded(apart(2, 1))).tolist() == [1.0, 1.0]
    client = sent(novelty, apart(1000, 1))
    assert (client.raised, client.evidence["rows"]) == (False, 0)


def calendar(rows: int, seed: int, first: float, last: float, moved: float = 0.0) -> Codes:
    """Natural rows in the order of time, with a month that goes on; `moved`: so much of all numbers, by then."""
    found = natural(rows, seed)
    month = np.floor(np.linspace(first, last, rows, endpoint=False))
    shift = (np.linspace(first, last, rows, endpoint=False) * moved).astype(int)[:, None]
    found[:, :3] = np.clip(found[:, :3].astype(int) + shift, 0, 250)
    return np.column_stack([found, (month * 40).clip(0, 250).astype(np.uint8)])


@pytest.mark.parametrize("timed", [False, True])
def test_customers_of_later_months_are_none(*, timed: bool) -> None:
    """A population of six months, in the order of time: rows of the seventh, also a little moved, are as good as any,
    and made-up rows are not. Without the order each customer of the seventh month would be raised.
    """
    facts = novel_making.make(calendar(6000, 3, 0, 6, 2), (*KINDS, "int"), 3, timed=timed)
    assert facts is not None
    novelty = Novelty(Known(facts))
    assert sent(novelty, calendar(2000, 4, 6, 7, 2)).raised == (not timed)
    assert not sent(novelty, calendar(2000, 5, 5, 6, 2)).raised
    drawn = np.random.default_rng(6).integers(0, 251, (200, 9)).astype(np.uint8)
    assert sent(novelty, drawn).raised
    assert (8 in facts.fields) == (not timed)


def test_what_is_usual_is_at_least_what_the_last_rows_were_to_those_before() -> None:
    """Where a population moves its customers may have more odd rows, and no fewer where it does not."""
    kinds = (*KINDS, novel_making.GOES_ON)
    usual = {
        (moved, timed): found.usual
        for moved in (0.0, 8.0)
        for timed in (False, True)
        if (found := novel_making.make(calendar(6000, 3, 0, 6, moved), kinds, 3, timed=timed)) is not None
    }
    assert usual[8.0, True][2] > 3 * usual[8.0, False][2]
    for moved in (0.0, 8.0):
        assert all(one >= other for one, other in zip(usual[moved, True], usual[moved, False], strict=True))


def test_what_goes_on_is_not_odd() -> None:
    """Fields that are said to go on take no part."""
    facts = novel_making.make(calendar(6000, 3, 0, 6), (*KINDS, novel_making.GOES_ON), 3)
    assert facts is not None
    assert 8 not in facts.fields
    assert not sent(Novelty(Known(facts)), calendar(2000, 4, 6, 7)).raised


def test_too_little_makes_no_facts() -> None:
    """Below 500 rows, or three fields that vary; moments are no fields."""
    rows = natural(600, 4)
    assert novel_making.make(rows[:499], KINDS, 0) is None
    assert novel_making.make(rows, ("timestamp",) * 6 + KINDS[6:], 0) is None
    same = rows.copy()
    same[:, 2:] = 9
    assert novel_making.make(same, KINDS, 0) is None
    kept = novel_making.make(rows, ("timestamp", *KINDS[1:]), 0)
    assert kept is not None
    assert kept.fields == (1, 2, 3, 4, 5, 6, 7)


def test_missing_values_and_unseen_codes_have_scores(novelty: Novelty) -> None:
    """Whatever bytes come."""
    rows = np.random.default_rng(5).integers(0, 256, (500, 8)).astype(np.uint8)
    rows[0] = 255
    scores = novelty.scores(Coded(rows))
    assert ((scores > 0) & (scores <= 1)).all()


def test_the_same_rows_and_seed_make_the_same_facts(facts: NovelFacts) -> None:
    """And another seed other ones: which rows do what is drawn."""
    assert made() == facts
    assert novel_making.make(natural(4000, 1), KINDS, 2) != facts


def test_facts_are_read_as_they_were_written(facts: NovelFacts) -> None:
    """Through JSON, below 100 KB."""
    written = msgspec.json.encode(facts.as_json())
    assert facts == msgspec.json.decode(written, type=NovelFacts)
    assert len(written) < 100_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("usual", (0.1, 0.1, 0.1)),
        ("usual", (0.0, 0.1, 0.1, 0.1)),
        ("cuts", ()),
        ("cuts", (2.0, 1.0)),
        ("cuts", (float("nan"),)),
        ("tails", ()),
        ("middle", (0.0,)),
        ("middle", (1e300,) * 6),
        ("parents", (0, 0, 0, 0, 0, 0, 0, 8)),
        ("fields", (0, 1, 2, 3, 4, 5, 6, 255)),
        ("fields", (0, 1)),
        ("known", ((),) * 7 + ((256,),)),
        ("known", ((),) * 7 + (tuple(range(13)),)),
        ("alone", ((0,) * 13,) * 8),
        ("pairs", ((10**9,) * 196,) * 8),
        ("whiten", ((1.0, 0.0),) * 6),
        ("views", ((0.0,),) * 5),
    ],
)
def test_facts_that_cannot_be_are_refused(facts: NovelFacts, field: str, value: Any) -> None:
    """They come from a jail that looked at anybody's rows."""
    with pytest.raises(ValueError, match=r"\w"):
        replace(facts, **{field: value})
    assert replace(facts) == facts
