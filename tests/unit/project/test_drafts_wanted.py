"""Which parameters are tried: `--set`, and sweep files."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import Usage
from lockgate.project.drafts.params_file import spelled
from lockgate.project.drafts.record import DEEPEST_LIST, is_parameter
from lockgate.project.drafts.wanted import MOST, checked, settings, sweep

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = TEXTS | st.booleans() | NUMBERS
VALUES = SCALARS | st.lists(SCALARS, max_size=4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("lr=0.1", 0.1),
        ("n=3", 3),
        ("fast=true", True),
        ('name="a b"', "a b"),
        ("name=plain words", "plain words"),
        ("name=", ""),
        ("name=a=b", "a=b"),
        ("sizes=[1, 2]", [1, 2]),
        ("when=2026-11-27", "2026-11-27"),
        ("x=1\ny = 2", "1\ny = 2"),
        ("x=1 # one", 1),
    ],
)
def test_a_value_is_what_toml_says_or_a_text(text: str, value: Any) -> None:
    """Numbers, booleans and lists are read; what is no TOML is a text; a line break never becomes a second key."""
    found = settings([text])
    assert [value] == list(found.values())
    assert type(value) is type(next(iter(found.values())))


@pytest.mark.parametrize(
    "text",
    ["", "lr", "=1", f"x={'[' * 40}{']' * 40}", "x=nan", "x=inf", "x={a = 1}", "x=99999999999999999999", "x=\udc80"],
)
def test_what_lockgate_toml_could_not_hold_is_refused(text: str) -> None:
    """LG3101 for no name, no value, and for values that no lockgate.toml and no draft.json can hold."""
    with pytest.raises(Usage, match="parameter") as caught:
        settings([text])
    assert caught.value.finding == "LG3101"


@given(VALUES)
def test_every_value_comes_back_from_its_own_spelling(value: Any) -> None:
    """What the file would say of a value is what `--set` reads: equal, and of the same type."""
    assert is_parameter(value)
    text = spelled(value)
    assert repr(value) == repr(tomllib.loads(f"v = {text}")["v"])
    assert repr(value) == repr(settings([f"v={text}"])["v"])


def test_a_grid_is_every_combination_and_tries_follow() -> None:
    """The last parameter varies fastest; `[[try]]` tables come behind."""
    found = sweep('[grid]\nC = [1, 2]\nk = ["a", "b"]\n[[try]]\nC = 9\n', "s.toml")
    assert [(one["C"], one["k"]) for one in found[:4]] == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert found[4:] == [{"C": 9}]


def test_random_takes_so_many_of_the_grid_the_same_each_time() -> None:
    """Without replacement, by the seed; another seed gives others, and more than there are is all of them."""
    text = "random = 5\nseed = {}\n[grid]\na = [1, 2, 3, 4, 5, 6]\nb = [1, 2, 3, 4, 5, 6]\n"
    one, again, other = (sweep(text.format(seed), "s.toml") for seed in (1, 1, 2))
    assert one == again != other
    assert len({tuple(each.items()) for each in one}) == 5
    assert len(sweep("random = 99\n[grid]\na = [1, 2]\nb = [1, 2]\n", "s.toml")) == 4


def test_a_huge_grid_is_drawn_from_and_never_spread_out() -> None:
    """10 parameters of 20 values have 10^13 combinations: three of them are named at once."""
    values = list(range(20))
    text = "random = 3\n[grid]\n" + "".join(f"p{number} = {values}\n" for number in range(10))
    assert len(sweep(text, "s.toml")) == 3
    with pytest.raises(Usage, match="random = 1000"):
        sweep(text.removeprefix("random = 3\n"), "s.toml")
    more = text + "".join(f"q{number} = {list(range(100))}\n" for number in range(30))
    one, again = sweep(more, "s.toml"), sweep(more, "s.toml")
    assert (len(one), one) == (3, again)
    with pytest.raises(Usage, match="random = 1000"):
        sweep(more.removeprefix("random = 3\n"), "s.toml")


def test_lists_may_lie_in_each_other_as_deep_as_a_draft_can_keep() -> None:
    """What is tried can be kept in draft.json, read again, and be written into lockgate.toml."""
    value: Any = 1
    for _ in range(DEEPEST_LIST):
        value = [value]
    assert checked({"a": value}) == {"a": value}
    assert decode_exact(encode({"v": 1, "params": {"a": value}, "settings": {}}))
    with pytest.raises(Usage, match="parameter"):
        checked({"a": [value]})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing to try"),
        ("[gird]\na = [1]\n", "did you mean grid"),
        ("[grid]\na = 1\n", "a list of values"),
        ("[grid]\na = []\n", "a list of values"),
        ("try = [1]\n", "table"),
        ("random = 0\n[grid]\na = [1]\n", "whole numbers"),
        ("random = 1.5\n[grid]\na = [1]\n", "whole numbers"),
        ("random = true\n[grid]\na = [1]\n", "whole numbers"),
        ("a = [", "no TOML"),
    ],
)
def test_a_sweep_file_says_only_what_is_tried(text: str, why: str) -> None:
    """LG3100 names the file and what is wrong in it: nothing else is passed over without a word."""
    with pytest.raises(Usage, match=why) as caught:
        sweep(text, "s.toml")
    assert caught.value.finding == "LG3100"
    assert caught.value.message.startswith("s.toml")


def test_too_many_tries_are_refused() -> None:
    """At most MOST of them, before one is made."""
    with pytest.raises(Usage, match="at most"):
        sweep("[[try]]\na = 1\n" * (MOST + 1), "s.toml")


def test_parameters_of_a_caller_are_looked_at_alike() -> None:
    """A notebook's NaN, table or empty name is refused too."""
    assert checked({"a": [1, "x"]}) == {"a": [1, "x"]}
    wrongs: list[dict[str, Any]] = [{"a": math.nan}, {"a": {}}, {"": 1}, {"a": None}]
    for wrong in wrongs:
        with pytest.raises(Usage):
            checked(wrong)
