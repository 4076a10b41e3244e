"""pipeline.changes: what changed is told in a person's words, and whatever differs is told."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.digest import digest_of
from lockgate.core.encoding import alike, encode
from lockgate.pipeline import changes

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab.", max_size=3) | st.lists(st.integers(0, 2))
TABLES = st.recursive(
    st.dictionaries(st.text("ab.", max_size=3), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.text("ab.", max_size=3), inner | LEAVES, max_size=3),
    max_leaves=6,
)
ONE, OTHER = digest_of(b"1"), digest_of(b"2")


def test_files_are_told_by_what_became_of_them() -> None:
    """Changed, new and gone, each by name; the same files are told as nothing."""
    then, now = {"train.py": ONE, "old.py": ONE}, {"train.py": OTHER, "new.py": ONE}
    assert changes.code(now, then) == ("train.py changed", "new.py is new", "old.py is gone")
    assert changes.code(now, dict(now)) == ()


def test_a_file_that_is_there_is_not_told_as_gone() -> None:
    """What the contract names may become less: the file lies where it lay, and nobody looks at it any more."""
    then, now = {"train.py": ONE, "old.py": ONE}, {"contract.py": ONE}
    assert changes.code(now, then, there=frozenset({"train.py"})) == (
        "contract.py is new",
        "old.py is gone",
        "train.py is not looked at any more",
    )


def test_an_empty_table_is_no_setting_where_the_other_has_keys_in_it() -> None:
    """`[train.params]` without a line, and then with one: one parameter is new, and none is not set."""
    assert changes.settings({"params": {}}, {"params": {"C": 1}}, "[train]") == (
        "[train] params.C is 1, and was not set",
    )
    assert changes.settings({"params": {"a": {"b": 1}}}, {"params": {}}, "[train]") == (
        "[train] params.a.b was 1, and is not set",
    )
    assert changes.settings({"params": {}}, {}, "[train]") == ("[train] params was {}, and is not set",)


def test_many_files_are_told_as_a_number() -> None:
    """Five by name, the rest counted."""
    now = {f"{number}.py": ONE for number in range(9)}
    assert changes.code(now, {})[-1] == "and 4 more"


def test_settings_are_told_with_both_values() -> None:
    """A changed, a new and a dropped setting by its dotted key."""
    then = {"params": {"C": 1.0, "deep": 3}, "seed": 0}
    now = {"params": {"C": 2.0}, "seed": 0, "gpu": True}
    assert changes.settings(then, now, "[train]") == (
        "[train] gpu is True, and was not set",
        "[train] params.C was 1.0, is 2.0",
        "[train] params.deep was 3, and is not set",
    )


@given(TABLES, TABLES)
def test_what_differs_is_never_told_as_nothing(then: dict[str, object], now: dict[str, object]) -> None:
    """Nothing is told only of equal tables, whatever their keys look like: what is told as nothing is cached."""
    assert (encode(then) == encode(now)) is (changes.settings(then, now, "[data]") == ())


@pytest.mark.parametrize(("then", "now"), list(itertools.permutations([1, 1.0, True, "1", [1], [1.0]], 2)))
def test_one_and_one_point_and_true_are_three_settings(then: object, now: object) -> None:
    """`max_features = 1` is one feature and `1.0` is all of them: Python's equality would keep the older model."""
    (told,) = changes.settings({"params": {"a": then}}, {"params": {"a": now}}, "[train]")
    was, now_is = told.removeprefix("[train] params.a was ").split(", is ")
    assert was != now_is
    assert changes.settings({"params": {"a": now}}, {"params": {"a": now}}, "[train]") == ()


def test_what_nobody_could_sign_is_another_setting() -> None:
    """No statement holds it: it cannot be what one says."""
    assert not alike(math.nan, math.nan)
    assert not alike({1}, {1})
    assert alike((1, 2), [1, 2])


def test_what_is_no_table_is_told_too() -> None:
    """A statement in no known form is another one."""
    assert changes.settings(None, {}, "[data]") == ("[data] changed",)
    assert changes.settings({"a.b": 1}, {"a": {"b": 1}}, "[data]") == ("[data] changed",)
