"""core.wire: frames and columns survive the trip, and nothing else is accepted."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core import wire
from lockgate.core.encoding import encode
from lockgate.core.wire import Assembler, Column, Frame, WireError, pack_columns, unpack_columns

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_values: dict[Any, st.SearchStrategy[Any]] = {
    "float64": st.floats(allow_nan=False),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "string": _text,
}


@st.composite
def _tables(draw: st.DrawFn) -> tuple[int, list[tuple[str, Any, list[Any]]]]:
    rows = draw(st.integers(0, 20))
    names = draw(st.lists(_text, unique=True, max_size=5))
    table = []
    for name in names:
        kind = draw(st.sampled_from(wire.TYPES))
        table.append((name, kind, draw(st.lists(st.none() | _values[kind], min_size=rows, max_size=rows))))
    return rows, table


@given(_tables())
def test_columns_come_back_as_they_went(table: tuple[int, list[tuple[str, Any, list[Any]]]]) -> None:
    """Values, nulls, names and order survive; packing what came back gives the same bytes."""
    rows, columns = table
    header, payload = pack_columns([Column.of(*column) for column in columns], rows)
    found = unpack_columns(header, payload)
    assert [(name, c.type, c.values()) for name, c in found.items()] == columns
    assert (header, payload) == pack_columns(found.values(), rows)


@given(st.lists(st.tuples(st.dictionaries(_text, st.integers()), st.binary(max_size=50)), max_size=5), st.data())
def test_frames_come_out_of_any_cut(messages: list[tuple[dict[str, int], bytes]], data: st.DataObject) -> None:
    """However the stream is cut into pieces, the same frames come out."""
    stream = b"".join(wire.pack(header, payload) for header, payload in messages)
    assembler, frames = Assembler(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        frames += list(assembler.feed(stream[:cut]))
        stream = stream[cut:]
    assert frames == [Frame(header, payload) for header, payload in messages]
    assert assembler.idle


def test_nan_is_not_null() -> None:
    """A NaN that was sent stays a NaN; null is None."""
    column = Column.of("x", "float64", [math.nan, None])
    header, payload = pack_columns([column], 2)
    first, second = unpack_columns(header, payload)["x"].values()
    assert math.isnan(first)
    assert second is None


@pytest.mark.parametrize(
    "prefix",
    [b"", b"1234567", wire.PREFIX.pack(wire.MAX_HEADER + 1, 0), wire.PREFIX.pack(2, 11), wire.PREFIX.pack(0, 0)],
)
def test_lengths_out_of_limits_are_refused(prefix: bytes) -> None:
    """A frame's lengths are judged before anything is allocated."""
    assert wire.lengths(wire.PREFIX.pack(2, 10), max_payload=10) == (2, 10)
    with pytest.raises(WireError):
        wire.lengths(prefix, max_payload=10)


@pytest.mark.parametrize("head", [b"[]", b'{"a": 1}', b'{"a":1,"a":1}', b"{", b"\xff\xff", b'{"a":NaN}'])
def test_a_header_has_one_spelling(head: bytes) -> None:
    """Only one JSON object in exact encoding is a header."""
    assert wire.parse(b'{"a":1}', b"").header == {"a": 1}
    with pytest.raises(WireError):
        wire.parse(head, b"")


def test_a_header_above_the_limit_is_not_sent() -> None:
    """The sender refuses what the receiver would refuse."""
    with pytest.raises(WireError):
        wire.pack({"a": "x" * wire.MAX_HEADER})


def _two() -> tuple[dict[str, Any], bytes]:
    return pack_columns([Column.of("a", "string", ["x", None, "yz"]), Column.of("b", "bool", [True, False, True])], 3)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 4},
        {"rows": -1},
        {"rows": True},
        {"rows": wire.MAX_ROWS + 1},
        {"columns": {}},
        {"columns": [1]},
        {"columns": [{"name": "a", "type": "float32", "bytes": 0, "null": False}]},
        {"columns": [{"name": "a", "type": "bool", "bytes": -1, "null": False}]},
        {"columns": [{"name": "a", "type": "bool", "bytes": 99, "null": False}]},
        {"columns": [{"name": "a", "type": "bool", "bytes": 3, "null": False, "more": 1}]},
        {"columns": []},
    ],
)
def test_columns_that_do_not_add_up_are_refused(change: dict[str, Any]) -> None:
    """Wrong counts, unknown types, bytes left over: refused, never guessed."""
    header, payload = _two()
    assert set(unpack_columns(header, payload)) == {"a", "b"}
    with pytest.raises(WireError):
        unpack_columns({**header, **change}, payload)


def test_a_name_twice_is_refused() -> None:
    """Two columns of one name would let two readers see two values."""
    column = Column.of("a", "bool", [True])
    with pytest.raises(WireError, match="twice"):
        unpack_columns(*pack_columns([column, column], 1))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("bool", b"\0\2\1"),
        ("bool", b"\0\1"),
        ("string", b"\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0xy"),
        ("string", b"\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0x"),
        ("string", b"\0\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0x"),
        ("string", b"\0\0\0\0"),
        ("float64", b"\0" * 23),
    ],
)
def test_bytes_that_are_no_column_are_refused(kind: Any, data: bytes) -> None:
    """Offsets that fall, a bool of 2, a byte missing: refused."""
    with pytest.raises(WireError):
        unpack_columns(*pack_columns([Column("a", kind, 3, data)], 3))


def test_a_null_bit_beyond_the_rows_is_refused() -> None:
    """One spelling for a null bitmap."""
    good = Column("a", "bool", 3, b"\0\0\0", b"\x07")
    assert unpack_columns(*pack_columns([good], 3))["a"].values() == [None, None, None]
    with pytest.raises(WireError, match="bitmap"):
        unpack_columns(*pack_columns([Column("a", "bool", 3, b"\0\0\0", b"\x08")], 3))


@pytest.mark.parametrize(
    ("kind", "value"), [("float64", "x"), ("int64", 1.5), ("int64", 2**63), ("string", 1), ("string", "\ud800")]
)
def test_a_value_of_another_type_is_refused(kind: Any, value: object) -> None:
    """A sender cannot put a value into a column that it does not fit."""
    with pytest.raises(WireError, match="is not"):
        Column.of("a", kind, [value])


def test_text_that_is_not_utf8_is_refused() -> None:
    """A string column is UTF-8."""
    raw = Column("a", "string", 1, b"\0\0\0\0\1\0\0\0\xff")
    with pytest.raises(WireError, match="UTF-8"):
        unpack_columns(*pack_columns([raw], 1))["a"].values()


def test_an_assembler_refuses_as_soon_as_it_can() -> None:
    """A wrong prefix is refused without waiting for the bytes it promises."""
    with pytest.raises(WireError):
        list(Assembler(max_payload=10).feed(wire.PREFIX.pack(2, 11)))
    assert list(Assembler().feed(Frame({"op": "x"}, encode({})).pack())) == [Frame({"op": "x"}, b"{}")]
