"""monitor.abuse near: what an attack does is a probe, what a person does is not, whatever lies between."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.monitor.abuse import population
from lockgate.monitor.abuse.coded import Coded, Coder, compared
from lockgate.monitor.abuse.facts import CUTS, MOST_FIELDS, CodedField, NearFacts, Population
from lockgate.monitor.abuse.near import (
    BAR,
    EDIT,
    KNOWN,
    MOST_ANCHORS,
    MOST_BYTES,
    NEW,
    PROBE,
    PROBED,
    REPEAT,
    UNSEEN,
    Near,
)
from lockgate.monitor.abuse.said import Said

FIELDS = 10
KINDS = {**{f"x{place}": "float" for place in range(FIELDS)}, "place": "string"}


def rows(count: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """Rows of the population: ten floats and a text."""
    draw = np.random.default_rng(seed)
    columns: dict[str, np.ndarray[Any, Any]] = {f"x{place}": draw.normal(size=count) for place in range(FIELDS)}
    return columns | {"place": draw.choice(np.array(["north", "south", "west"], object), count)}


@cache
def known() -> Population:
    """The population of those rows."""
    found = population.make(rows(3000, 1), KINDS, seed=1)
    assert found is not None
    return found


def near(*, edits: bool = False) -> Near:
    """The state of a new key."""
    return Near(known(), np.random.default_rng(0), edits=edits)


def plain(ranks: npt.NDArray[np.uint8], exact: npt.NDArray[np.uint32]) -> Coded:
    """Rows of which all is compared."""
    return Coded(ranks, exact, compared(exact))


def take(state: Near, columns: dict[str, np.ndarray[Any, Any]], whole: Sequence[bytes] | None = None) -> list[int]:
    """The kinds of these rows; `whole`: the records, if there is more in them."""
    coded = Coder(known(), 5).rows(columns, len(columns["place"]), whole)
    kinds: list[int] = state.take(coded, said(len(coded.ranks))).tolist()
    return kinds


def said(count: int) -> Said:
    """Answers of one label."""
    return Said(np.zeros(count, np.int32), np.zeros(count, np.float32))


def about(count: int, size: float, seed: int = 3) -> dict[str, np.ndarray[Any, Any]]:
    """Rows about one: each float is moved a little."""
    draw, base = np.random.default_rng(seed), rows(1, seed)
    columns = {name: np.repeat(column, count) for name, column in base.items()}
    for place in range(FIELDS):
        columns[f"x{place}"] = columns[f"x{place}"] + size * draw.normal(size=count)
    return columns


def mixed(attack: dict[str, np.ndarray[Any, Any]], every: int) -> dict[str, np.ndarray[Any, Any]]:
    """The attack's rows, each after so many less one of the population."""
    count = len(attack["place"])
    others = rows(count * every, 17)
    for name, column in others.items():
        column[every - 1 :: every] = attack[name]
    return others


@pytest.mark.parametrize("every", [1, 10, 50])
def test_who_asks_about_one_row_is_raised_however_diluted(every: int) -> None:
    """Forty rows about one raise a key, alone and one of fifty."""
    state = near()
    take(state, mixed(about(40, 0.1), every))
    assert state.raised
    assert state.evidence["probes"] >= BAR // PROBED - 1


@pytest.mark.parametrize("count", [100, 5000])
def test_rows_of_the_population_raise_nothing(count: int) -> None:
    """A customer whose rows are the population's is never raised, and nearly all of his rows are new."""
    state = near()
    kinds = take(state, rows(count, 7))
    assert not state.raised
    assert sum(kind != NEW for kind in kinds) <= 1 + count / 500


def test_retries_never_count() -> None:
    """The same rows again, also edited and near ones, are repeats, however often: the second time adds nothing."""
    state = near()
    asked = {name: np.concatenate([column, column[:1]]) for name, column in about(6, 0.1).items()}
    asked["x0"][6] += 2
    take(state, asked)
    before = state.evidence["densest"]
    for _ in range(40):
        assert take(state, asked) == [REPEAT] * 7
    assert before == state.evidence["densest"]
    assert not state.raised


def test_retries_of_a_few_rows_never_count_whatever_the_salt() -> None:
    """Four rows near one, and again: with no salt do two of them take the place in which the other is remembered."""
    asked = about(5, 0.1)
    for salt in range(400):
        state, coded = near(), Coder(known(), salt).rows(asked, 5)
        state.take(coded, said(5))
        before = state.added
        assert state.take(coded, said(5)).tolist() == [REPEAT] * 5
        assert before == state.added


def test_a_record_that_differs_in_what_is_not_compared_is_no_repeat() -> None:
    """Twenty retries, each with another moment, are edits and raise nothing, hundreds raise; the same is a repeat."""
    same = {name: np.repeat(column, 20) for name, column in rows(1, 9).items()}
    patient, curious = near(), near()
    retried = [b"at %d" % at for at in range(20)]
    assert take(patient, same, retried) == [NEW] + [EDIT] * 19
    assert take(patient, same, retried[:1] * 20) == [REPEAT] * 20
    assert take(patient, same, retried[-1:] * 20) == [REPEAT] * 20
    assert not patient.raised
    needed = BAR * UNSEEN // 20 + 1
    for turn in range(needed + 1):
        assert turn < needed - 1 or curious.raised == (turn == needed)
        take(curious, same, [b"%d at %d" % (turn, at) for at in range(20)])
    other = near()
    for _ in range(needed + 1):
        take(other, same)
    assert not other.raised


def test_an_edited_row_that_comes_again_with_another_moment_is_harmless() -> None:
    """A probe counts once, however often the same fields come again in other records."""
    state = near()
    asked = {name: np.concatenate([column, np.repeat(column[-1:], 20)]) for name, column in about(3, 0.1).items()}
    kinds = take(state, asked, [b"%d" % at for at in range(23)])
    assert kinds == [NEW, PROBE, PROBE] + [EDIT] * 20
    assert state.evidence["densest"] <= 3


def test_added_counts_the_rows_that_raise() -> None:
    """Probes and visible edits add; repeats and rows of the population do not. Whoever goes on is seen by it."""
    state = near()
    take(state, rows(50, 7))
    assert state.added == 0
    edited = {name: np.repeat(column, 5) for name, column in rows(1, 9).items()}
    edited["x1"] = edited["x1"] + 0.3 * np.arange(5)
    take(state, edited)
    take(state, edited)
    assert state.added == 4
    take(state, about(5, 0.1))
    assert state.added == 8
    state.forget()
    assert state.added == 0


def test_what_a_person_edits_is_an_edit_and_raises_nothing() -> None:
    """Thirty visible edits of three fields of one row are edits; the same moves of all fields are probes, and raise."""
    person, attacker = near(), near()
    base = rows(1, 9)
    edited = {name: np.repeat(column, 31) for name, column in base.items()}
    for row in range(1, 31):
        edited[f"x{row % 3}"][row] += 0.3 + 0.05 * row
    assert take(person, edited) == [NEW] + [EDIT] * 30
    assert not person.raised
    take(attacker, about(30, 0.3))
    assert attacker.raised


def test_who_edits_each_field_in_turn_is_raised() -> None:
    """A sweep over all fields of one row is what an attack does first: it counts, also for one who declared edits."""
    population_ = wide()
    for declared in (False, True):
        state = Near(population_, np.random.default_rng(0), edits=declared)
        base = np.full((31, 30), 120, np.uint8)
        base[np.arange(1, 31), np.arange(30)] = 160
        state.take(plain(base, base.astype(np.uint32) + 7), said(31))
        assert state.raised


def test_a_declared_client_may_edit_more() -> None:
    """A hundred edits of one field raise a key, and not that of a client who declared that it edits."""
    found = {}
    for declared in (False, True):
        state = near(edits=declared)
        edited = {name: np.repeat(column, 101) for name, column in rows(1, 9).items()}
        edited["x4"] = edited["x4"] + np.linspace(-3, 3, 101)
        take(state, edited)
        found[declared] = state.raised
    assert found == {False: True, True: False}


def test_small_steps_in_turn_are_probes() -> None:
    """One field moved by next to nothing, another each time, is a probe: finite differences."""
    state = near()
    asked = {name: np.repeat(column, 21) for name, column in rows(1, 9).items()}
    for row in range(1, 21):
        asked[f"x{(row - 1) % 10}"][row] += 0.001 * (1 if row <= 10 else -1)
    assert take(state, asked) == [NEW] + [PROBE] * 20
    assert state.raised


def test_a_cleared_key_begins_anew() -> None:
    """After `forget` nothing of what was asked counts."""
    state = near()
    take(state, about(40, 0.1))
    state.forget()
    assert not state.raised
    assert dict.fromkeys(("rows", "repeats", "edits", "probes", "flips", "densest"), 0) == dict(state.evidence)
    assert take(state, about(1, 0.1))[0] == NEW


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=6), st.integers(0, 9))
def test_blocks_make_no_difference(sizes: list[int], seed: int) -> None:
    """Cut into whatever blocks, rows are of the same kinds, and the key counts the same."""
    asked = mixed(about(60, 0.2, seed), 3)
    coded = Coder(known(), 5).rows(asked, 180)
    whole, cut = near(), near()
    expected = whole.take(coded, said(180)).tolist()
    found: list[int] = []
    at = 0
    for size in [*sizes, 180]:
        part = coded.part(slice(at, at + size))
        found += cut.take(part, said(len(part.ranks))).tolist()
        at += size
    assert expected == found
    assert dict(whole.evidence) == dict(cut.evidence)
    assert whole.raised == cut.raised


def wide(fields: int = 30) -> Population:
    """A population of many continuous fields, by hand."""
    cuts = tuple(float(cut) for cut in range(CUTS))
    named = tuple(CodedField(f"x{place}", "number", cuts) for place in range(fields))
    return Population(named, NearFacts(((45, 14, 5),) * fields, (2,) * fields, 41, 7, 0))


@settings(max_examples=10, deadline=None)
@given(st.integers(3, MOST_FIELDS), st.integers(0, 2**32 - 1), st.booleans())
def test_the_state_is_below_20_kb(fields: int, seed: int, narrow: bool) -> None:
    """Whatever is asked: what one key holds for itself is at most 20 KB."""
    draw = np.random.default_rng(seed)
    state = Near(wide(fields), draw)
    ranks = draw.integers(0, 4 if narrow else 251, (1500, fields)).astype(np.uint8)
    state.take(plain(ranks, draw.integers(0, 2**32, ranks.shape).astype(np.uint32)), said(1500))
    assert size(state) <= 20_000


def size(state: Near) -> int:
    """Bytes of all that is not shared between keys of a model."""
    own = {name: value for name, value in vars(state).items() if name not in {"_likeness", "_weights"}}
    return sys.getsizeof(vars(state)) + sum(
        value.nbytes if isinstance(value, np.ndarray) else sys.getsizeof(value) for value in own.values()
    )


def test_the_table_holds_enough_for_one_of_fifty() -> None:
    """With as many fields as there can be the table has more places than fifty rows fill, and bounds that fit."""
    assert min(MOST_ANCHORS, MOST_BYTES // (3 * MOST_FIELDS)) > 80
    assert MOST_BYTES + 4 * KNOWN + MOST_ANCHORS * 29 <= 20_000


def test_where_rows_are_alike_by_nature_edits_say_nothing() -> None:
    """Of nine signs of three values nearly each row is another one's but for a field: no row of it raises a key."""
    draw = np.random.default_rng(4)
    signs = {f"s{place}": draw.integers(-1, 2, 4000).astype(float) for place in range(9)}
    found = population.make(signs, dict.fromkeys(signs, "int"), seed=2)
    assert found is not None
    state = Near(found, draw)
    coded = Coder(found, 3).rows(signs, 4000)
    state.take(coded, said(4000))
    assert not state.raised
