"""monitor.abuse population and coder: numbers of rows, no text and nothing sensitive, in monitor.json or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockgate.monitor.abuse import population
from lockgate.monitor.abuse.coded import MISSING, Coder
from lockgate.monitor.abuse.facts import CUTS, CodedField, NearFacts
from lockgate.monitor.abuse.key import Key, Model
from lockgate.monitor.abuse.said import Said
from lockgate.monitor.making import make as make_plan
from lockgate.monitor.plan import parse_plan

KINDS = {
    "amount": "float",
    "age": "int",
    "member": "bool",
    "town": "string",
    "asked": "timestamp",
    "number": "int",
    "secret": "float",
    "note": "string",
}


def rows(count: int = 1000) -> dict[str, np.ndarray[Any, Any]]:
    """A table with one field of each kind, a row's number, and notes of which none comes twice."""
    draw = np.random.default_rng(1)
    return {
        "amount": np.exp(draw.normal(size=count)),
        "age": draw.integers(18, 90, count).astype(float),
        "member": draw.integers(0, 2, count).astype(float),
        "town": draw.choice(np.array(["Bern", "Chur", "Zug", None], object), count),
        "asked": np.arange(count) * 1000,
        "number": np.arange(count, dtype=float),
        "secret": draw.normal(size=count),
        "note": np.array([f"note {place}" for place in range(count)], object),
    }


def test_what_is_compared() -> None:
    """Numbers, truth values and texts that come again; no moment, no row's number, no note, nothing left out."""
    made = population.make(rows(), KINDS, left_out=["secret"], seed=1)
    assert made is not None
    assert [one.name for one in made.fields] == ["amount", "age", "member", "town"]


def test_no_text_stands_in_the_plan() -> None:
    """monitor.json with a population has none of its categories, and reads back as it was written."""
    plan = make_plan(rows(), KINDS, seed=1)
    plain = plan.encode()
    made = population.make(rows(), {**KINDS, "note": "other"}, left_out=["secret"], seed=1)
    assert made is not None
    data = replace(plan, streams=(), population=made).encode()
    assert made == parse_plan(data).population
    assert b"Chur" not in data
    assert "secret" not in str(made)
    assert b"population" not in plain
    assert parse_plan(plain).population is None


@pytest.mark.parametrize(
    ("kinds", "count"),
    [({"town": "string", "note": "string"}, 1000), ({"amount": "float", "age": "int"}, 1000), (KINDS, 300)],
)
def test_without_three_fields_or_enough_rows_there_is_none(kinds: dict[str, str], count: int) -> None:
    """Texts alone, two fields, or 300 rows: no population, so no detector."""
    assert population.make(rows(count), kinds, seed=1) is None


def test_ranks_say_where_a_value_lies() -> None:
    """A rank is the number of cuts below; what is missing, or not a number, has none; a hash tells values apart."""
    made = population.make(rows(), KINDS, left_out=["secret"], seed=1)
    assert made is not None
    asked = {
        "amount": np.array([0.0, 1.0, 1.0, 1e9, np.nan]),
        "age": np.array([17.0, 40, 41, 200, np.nan]),
        "member": np.array([0.0, 1, 1, 0, np.nan]),
        "town": np.array(["Bern", "Bern", "Chur", "Oslo", None], object),
    }
    coded = Coder(made, 77).rows(asked, 5)
    cuts = np.array(made.fields[0].cuts)
    assert [0, int((cuts < 1).sum()), int((cuts < 1).sum()), CUTS, MISSING] == coded.ranks[:, 0].tolist()
    assert coded.ranks[4].tolist() == [MISSING] * 4
    assert coded.exact[1, 0] == coded.exact[2, 0]
    assert coded.exact[1, 1] != coded.exact[2, 1]
    assert coded.exact[0, 3] == coded.exact[1, 3]
    assert coded.exact[1, 3] != coded.exact[2, 3]
    other = Coder(made, 78).rows(asked, 5)
    assert coded.ranks.tolist() == other.ranks.tolist()
    assert coded.exact[1, 0] != other.exact[1, 0]


def test_values_that_are_practically_the_same_are_the_same() -> None:
    """0.1 + 0.2 and 0.3, 0.0 and -0.0 are one value; a millionth more is another. A column may be missing."""
    made = population.make(rows(), KINDS, left_out=["secret"], seed=1)
    assert made is not None
    found = Coder(made, 1).rows({"amount": np.array([0.1 + 0.2, 0.3, 0.3 + 1e-6, 0.0, -0.0])}, 5)
    assert found.exact[0, 0] == found.exact[1, 0]
    assert found.exact[1, 0] != found.exact[2, 0]
    assert found.exact[3, 0] == found.exact[4, 0]
    assert found.ranks[:, 1].tolist() == [MISSING] * 5


def test_a_record_is_told_by_all_that_is_in_it() -> None:
    """`whole` differs where the record does, though no compared field does; without records the fields stand for it."""
    made = population.make(rows(), KINDS, left_out=["secret"], seed=1)
    assert made is not None
    asked = {"amount": np.array([1.0, 1.0, 1.0, 2.0])}
    coder = Coder(made, 5)
    found = coder.rows(asked, 4, [b"one", b"two", b"one", b"four"]).whole.tolist()
    assert found[0] == found[2]
    assert len(set(found)) == 3
    assert found[0] != Coder(made, 6).rows(asked, 4, [b"one"] * 4).whole[0]
    plain = coder.rows(asked, 4).whole.tolist()
    assert plain[0] == plain[1] != plain[3]


def test_a_model_of_fewer_fields_raises_no_customer() -> None:
    """What all rows lack is no coincidence and not odd; with too few fields there is nothing to say."""
    draw = np.random.default_rng(3)
    columns = {f"x{place}": draw.normal(size=4000) for place in range(12)}
    made = population.make(columns, dict.fromkeys(columns, "float"), seed=1)
    assert made is not None
    given = {name: column for name, column in columns.items() if int(name[1:]) < 8}
    told = {}
    for asked in (made, made.served(list(given))):
        model = Model(asked, 9)
        coded, scores = model.seen(given, 4000)
        key = Key(model, draw)
        told[asked.silent] = key.take(coded, scores, Said(np.zeros(4000, np.int32), np.ones(4000, np.float32)))[1]
    assert [len(found) > 0 for found in told.values()] == [True, False]
    assert list(told) == [(), ("novel",)]
    assert made.served([*columns, "more"]) is made
    with pytest.raises(LookupError, match="too few"):
        made.served(["x0", "x1", "other"])


def test_where_no_rows_can_be_near_it_is_told() -> None:
    """A bar that no two rows reach is no detector."""
    made = population.make(rows(), KINDS, left_out=["secret"], seed=1)
    assert made is not None
    assert "near" in replace(made, near=replace(made.near, points=255)).silent
    assert "near" not in replace(made, near=replace(made.near, points=1)).silent


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: CodedField("a", "number", (1.0,) * 3),
        lambda: CodedField("a", "category", (1.0,) * CUTS),
        lambda: CodedField("a", "number", (*(0.0,) * (CUTS - 1), float("inf"))),
        lambda: CodedField("a", "number", (*(1.0,) * (CUTS - 1), 0.0)),
        lambda: CodedField("", "category"),
        lambda: NearFacts(((1, 1, 252),), (0,), 5, 0, 0),
        lambda: NearFacts(((1, 1, 1),), (3,), 5, 0, 0),
        lambda: NearFacts(((1, 1, 1),), (0,), 5, -1, 0),
    ],
)
def test_what_is_no_population_is_refused(wrong: Any) -> None:
    """It comes from a jail that looked at anybody's rows: numbers that cannot be are refused."""
    with pytest.raises(ValueError, match=r"."):
        wrong()


def test_facts_of_fields_that_are_not_there_are_refused() -> None:
    """A plan cannot make a gateway look beyond the fields of its rows."""
    made = population.make(rows(), KINDS, left_out=["secret"], seed=1)
    assert made is not None
    assert made.novel is not None
    with pytest.raises(ValueError, match="fields that are compared"):
        replace(made, fields=made.fields[:3], near=replace(made.near, within=made.near.within[:3], same=(0, 0, 0)))


def test_a_key_says_once_what_it_found() -> None:
    """A detector over its bar is told once, with counts alone; after `forget` it can be told again."""
    draw = np.random.default_rng(2)
    columns = {f"x{place}": draw.normal(size=2000) for place in range(12)}
    made = population.make(columns, dict.fromkeys(columns, "float"), seed=1)
    assert made is not None
    model = Model(made, 9)
    key = Key(model, draw)
    for _ in range(2):
        told = []
        for seed in range(4):
            moved = np.random.default_rng(seed)
            asked = {name: column[:1] + 0.05 * moved.normal(size=64) for name, column in columns.items()}
            coded, scores = model.seen(asked, 64)
            told += key.take(coded, scores, Said(np.zeros(64, np.int32), np.zeros(64, np.float32)))[1]
        assert sum(one.rule == "near" for one in told) == 1
        assert all(isinstance(count, int) for one in told for count in one.evidence.values())
        assert key.evidence()["probes"] > 0
        key.forget()
