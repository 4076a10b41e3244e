"""core.strict: every flaw in a person's TOML is named with file, line and the nearest valid key."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core import strict
from lockgate.core.strict import Key, Many, Named, Table, read_strict
from lockgate.core.toml_lines import lines_of_keys
from lockgate.errors import Usage

SCHEMA = Table(
    {
        "version": Key(strict.whole(1)),
        "train": Table(
            {
                "code": Key(strict.list_of(strict.text(), least=1), default=("*.py",)),
                "holdout": Key(strict.share(), default=0.2),
                "memory": Key(strict.size(), default=1 << 30),
                "wall": Key(strict.duration(), default=60.0),
                "task": Key(strict.one_of("auto", "binary", "regression"), default="auto"),
            }
        ),
        "environment": Named(Table({"approvals": Key(strict.whole(0), default=0), "open": Key(strict.flag(), False)})),
        "source": Many(Table({"files": Key(strict.text())})),
    }
)


def read(text: str) -> strict.Document:
    """Read `text` by SCHEMA."""
    return read_strict(text, "x.toml", SCHEMA, finding="LG899")


def refusal(text: str) -> Usage:
    """The error that `text` gives."""
    with pytest.raises(Usage) as caught:
        read(text)
    assert caught.value.finding == "LG899"
    return caught.value


def test_values_and_defaults_are_read() -> None:
    """Every declared key has its value or its default, in plain Python types."""
    document = read(
        'version = 3\ntrain.memory = "2 GiB"\ntrain.wall = "1.5 min"\ntrain.holdout = "5 %"\n'
        "[environment.prod]\napprovals = 2\n[[source]]\nfiles = 'a.csv'\n[[source]]\nfiles = 'b.csv'\n"
    )
    assert document.values == {
        "version": 3,
        "train": {"code": ("*.py",), "holdout": 0.05, "memory": 2 << 30, "wall": 90.0, "task": "auto"},
        "environment": {"prod": {"approvals": 2, "open": False}},
        "source": [{"files": "a.csv"}, {"files": "b.csv"}],
    }
    assert document.where("source", 1, "files") == "x.toml:10"
    assert document.where("train", "task") == "x.toml:2"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("version = 1\n\n[train]\nholdut = 0.1\n", 4, "did you mean train.holdout?"),
        ("version = 1\nholdout = 0.1\n", 2, "it belongs in [train]"),
        ("version = 1\nzzz = 0.1\n", 2, "known here are version, train, environment, source"),
        ("version = 1\n[environment]\nprod_0.5 = {}\n", 3, 'a name with a dot is written in quotes, "prod_0.5"'),
        ("version = '1'\n", 1, 'expects a whole number of at least 1, not "1"'),
        ("version = true\n", 1, "not true"),
        ("# nothing\n", 1, "version is missing"),
        ("version = 1\n[train]\nmemory = 2\n", 3, "the units are B, kB"),
        ("version = 1\n[train]\nmemory = '2 gib'\n", 3, 'did you mean "GiB"?'),
        ("version = 1\n[train]\nwall = '2 hh'\n", 3, 'did you mean "h"?'),
        ("version = 1\n[train]\ntask = 'regresion'\n", 3, 'nearest: "regression"'),
        ("version = 1\n[train]\nholdout = 5\n", 3, "a share from 0 to 1"),
        ("version = 1\n[train]\nmemory = '" + "9" * 400 + " GiB'\n", 3, "too many digits"),
        ("version = 1\n[train]\nholdout = " + "9" * 400 + "\n", 3, "a share from 0 to 1"),
        ("version = " + "9" * 5000 + "\n", 1, "not TOML"),
        ("version = 1\n[train]\nholdout = nan\n", 3, "a share from 0 to 1"),
        ("version = 1\n[train]\ncode = [1]\n", 3, "entry 1 is 1"),
        ("version = 1\n[train]\ncode = []\n", 3, "at least 1"),
        ("version = 1\ntrain = 4\n", 2, "train is a table, not 4"),
        ("version = 1\nsource = 4\n", 2, "source is written [[source]]"),
        ("version = 1\n[environment]\nprod = 4\n", 3, "environment.prod is a table, not 4"),
        ("version = 1\n[environment.prod]\nopen = 1\n", 3, "true or false, not 1"),
        ("version = 1\n[[source]]\n", 2, "source.0.files is missing"),
        ("version = 1\nversion = 2\n", 2, "not TOML"),
        ("version = 1\n[train\n", 2, "not TOML"),
        ("version = 1\n" + "x = " + "[" * 5000, 1, "nested too deeply"),
    ],
)
def test_flaws_are_named_with_their_line(text: str, line: int, says: str) -> None:
    """One flaw each: the message starts with file and line and says what was expected."""
    error = refusal(text)
    assert error.message.startswith(f"x.toml:{line}: ")
    assert says in error.message
    assert error.next == f"edit x.toml, line {line}"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("version = 1\n# at least:\u2028version = 2\n", 2, "U+2028 LINE SEPARATOR"),
        ("# a\u0085b\nversion = 1\n", 1, "U+0085"),
        ("version = 1 # \u202e0 = level\n", 1, "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("version = 1\r\n\r\n[environment]\r\n'pr\u200bod' = {}\r\n", 4, "U+200B ZERO WIDTH SPACE"),
        ("version\u00a0= 1\n", 1, "U+00A0 NO-BREAK SPACE"),
        ("\ufeffversion = 1\n", 1, "U+FEFF"),
        ("version = 1\n#\x1b[2J\n", 2, "U+001B"),
        ("version = 1\n# a\rversion = 2\n", 2, "U+000D"),
    ],
)
def test_what_is_read_is_what_is_seen(text: str, line: int, says: str) -> None:
    """No sign that ends a line in an editor alone, turns the direction round, or is not seen at all."""
    error = refusal(text)
    assert error.message.startswith(f"x.toml:{line}: ")
    assert says in error.message


def test_other_languages_are_plain_signs() -> None:
    """Letters, accents, tabs, both line ends, and what is written as an escape."""
    text = "# Größe, حجم, 大きさ, e\u0301\tok\r\nversion = 1\n[[source]]\nfiles = 'é' # \u2713\n[train]\n"
    assert read(text + 'code = ["\\u202e"]\n').values["train"]["code"] == ("\u202e",)


def test_all_flaws_are_told_at_once() -> None:
    """A person mends a file in one pass: the other flaws stand beside the first."""
    error = refusal("verzion = 1\n[train]\nhold = 1\n")
    assert error.message == "x.toml:1: unknown key verzion: did you mean version?"
    also = error.seen["also"]
    assert isinstance(also, list)
    assert also[-1].startswith("x.toml:3: unknown key train.hold")


def test_lines_survive_strings_comments_and_inline_tables() -> None:
    """Brackets, hashes and line ends inside values do not shift the lines of later keys."""
    text = '''a = """
[no]
x = 1 # " """ # [no]
"b.c" = [ # [no]
  "]", { d = 1 },
]
[t."u.v"]
e = { f = 1, g = [2,
 3] }
h.i = 'x'
[[l]]
k = 1
[[l]]
k = 2
[l.m]
n = 3
'''
    found = lines_of_keys(text)
    assert found[("a",)] == 1
    assert found[("b.c",)] == 4
    assert found[("t", "u.v", "e")] == 8
    assert found[("t", "u.v", "h", "i")] == 10
    assert found[("l", 1, "k")] == 14
    assert found[("l", 1, "m", "n")] == 16
    assert ("no",) not in found


@given(st.text(alphabet="ab=[]{}\"'#.,\n 1\\", max_size=60))
def test_no_text_ends_in_anything_but_a_value_or_a_usage_error(text: str) -> None:
    """Whatever a person writes, the answer is a value or a named flaw, never a traceback."""
    with suppress(Usage):
        assert read(text).values["version"] >= 1
