"""Parameters are written into lockgate.toml by lines; nothing else of it changes."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.project.drafts.params_file import written

TABLE = ("train", "params")
FILE = """# The project.
[project]
name = "x"     # its name

[train]        # how
function = "train.py:train"

[train.params]
C = 1.0        # strength
kinds = [
  "a",         # first
  "b",
]
  "odd key" = 'x # y'

[serve]
port = 8080
"""
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3)


def _params(text: str) -> Any:
    return tomllib.loads(text)["train"]["params"]


def test_a_value_is_replaced_and_its_remark_stays() -> None:
    """One line is another one; all others are as they were."""
    found = written(FILE, TABLE, {"C": 0.1})
    assert "C = 0.1  # strength" in found
    assert [line for line in FILE.splitlines() if not line.startswith("C =")] == [
        line for line in found.splitlines() if not line.startswith("C =")
    ]


def test_values_of_several_lines_and_quoted_names_are_replaced_whole() -> None:
    """The statement ends where its value ends; the name keeps its spelling."""
    found = written(FILE, TABLE, {"kinds": ["c"], "odd key": 3})
    assert _params(found) == {"C": 1.0, "kinds": ["c"], "odd key": 3}
    assert '  "odd key" = 3' in found


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("[project]\nname = 'x'", {"a": 1}),
        ("", {"a": 1, "b": 2}),
        ("[train]\nparams.a = 1 # one\n", {"a": 2}),
        ("[train]\nparams = { a = 1, b = 2 } # all\n", {"a": 3}),
        ("[train.params]", {"a": 1}),
        ("train.params.a = 1\n", {"a": 2}),
        ("[train.params]\r\na = 1 # one\r\nb = 2\r\n", {"a": 5, "c": 6}),
        ("[train]\nparams = { a = [1,\n 2] }\n", {"a": [3]}),
        ("# \u2028 \u0085\n[train.params]\nb = '\u2028'\na = 1 # one\n", {"a": 2}),
        ('[train.params]\na = """\n# x = 1\n"""\n', {"a": "y"}),
    ],
)
def test_each_way_of_writing_the_table_is_understood(text: str, params: dict[str, Any]) -> None:
    """Header, dotted keys, inline table, no table, no last line break, CRLF."""
    found = written(text, TABLE, params)
    assert params.items() <= _params(found).items()
    assert ("\r\n" in text) == ("\r\n" in found)
    assert found.count("\n") == found.count("\r\n") or "\r\n" not in text
    for remark in ("# one", "# all"):
        assert (remark in text) == (remark in found)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), st.sampled_from([FILE, "", "[train]\nseed = 1\n"]))
def test_odd_names_and_values_stay_names_and_values(params: dict[str, Any], text: str) -> None:
    """Quotes, line breaks, brackets and control signs end no string: the file says these parameters and no more."""
    found = tomllib.loads(written(text, TABLE, params))
    before = tomllib.loads(text)
    wanted = {**before.get("train", {}).get("params", {}), **params}
    assert repr(sorted(wanted.items())) == repr(sorted(found["train"].pop("params").items()))
    before.get("train", {}).pop("params", None)
    assert {"train": {}, **before} == found


def test_a_models_own_table_is_written() -> None:
    """Of several models only the one is changed, and its table is made where there is none."""
    text = "[train.params]\na = 1\n[model.one]\n[model.two.train.params]\na = 3\n"
    found = tomllib.loads(written(text, ("model", "one", "train", "params"), {"a": 2}))
    assert found["model"] == {"one": {"train": {"params": {"a": 2}}}, "two": {"train": {"params": {"a": 3}}}}
    assert found["train"] == {"params": {"a": 1}}


def test_what_toml_has_no_word_for_is_no_value() -> None:
    """ValueError, before a line is written."""
    with pytest.raises(ValueError, match="no word"):
        written("", TABLE, {"a": None})
