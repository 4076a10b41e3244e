"""npy files: arrays of plain values pass wholly, and nothing else does."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.npy_file import check_npy


def _saved(array: Any, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), version=version, allow_pickle=True)
    return buffer.getvalue()


def _spelled(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    width = 2 if version == b"\x01\x00" else 4
    header += b" " * (-(len(header) + 9 + width) % 64) + b"\n"
    return b"\x93NUMPY" + version + len(header).to_bytes(width, "little") + header + data


def _no(data: bytes) -> NotAllowed:
    with pytest.raises(NotAllowed) as raised:
        check_npy(io.BytesIO(data), len(data))
    assert raised.value.finding == "LG424"
    return raised.value


FIELDS = np.dtype([("a", "i1"), ("b", "f8", (2,)), ("c", "i1"), ("d", "f4")], align=True)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3)),
        np.zeros((2, 3), order="F"),
        np.array(5, ">i2"),
        np.zeros((0, 4), np.float16),
        np.array([True]),
        np.array(["aé", "b"]),
        np.array([b"xyz"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(2, "m8[25s]"),
        np.zeros(2, np.complex128),
        np.zeros(2, np.longdouble),
        np.zeros(3, FIELDS),
    ],
)
def test_arrays_of_plain_values_pass(array: np.ndarray[Any, Any], version: tuple[int, int]) -> None:
    """As NumPy saves them, in each version of the format; the facts are NumPy's own."""
    data = _saved(array, version)
    facts = check_npy(io.BytesIO(data), len(data))
    assert facts["shape"] == list(array.shape)
    assert facts["dtype"] == (array.dtype.str if array.dtype.fields is None else "[|i1, |V7, <f8, |i1, |V3, <f4]")


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}], object),
        np.array([None]),
        np.zeros(2, [("a", "O"), ("b", "i4")]),
        np.zeros(2, [("a", [("b", "i4")])]),
        np.array(["a"], np.dtypes.StringDType()),
    ],
)
def test_objects_never_pass(array: np.ndarray[Any, Any]) -> None:
    """NumPy would unpickle them. Types within types are refused too: no library saves weights so."""
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)
        data = _saved(array)
    _no(data)


def test_the_names_of_fields_are_in_any_script() -> None:
    """Latin-1 in versions 1 and 2, UTF-8 in version 3, as NumPy writes them."""
    array = np.zeros(2, [("größe", "<f4")])
    for version in ((1, 0), (2, 0), (3, 0)):
        data = _saved(array, version)
        assert check_npy(io.BytesIO(data), len(data)) == {"dtype": "[<f4]", "shape": [2]}


def test_every_byte_is_an_element() -> None:
    """One more, one fewer, none: with the offset of the first that is not accounted for."""
    data = _saved(np.arange(4, dtype=np.int32))
    assert _no(data + b"!").seen["offset"] == len(data)
    assert _no(data[:-1]).seen["offset"] == len(data) - 1
    assert _no(b"").seen["offset"] == 0
    assert _no(b"\x93NUMPY\x04\x00").seen["offset"] == 0
    assert _no(data[:60]).seen["offset"] == 8
    assert _no(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").seen["offset"] == 8


GOOD = b"{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}",
        b"[1]",
        GOOD + b"x",
        GOOD + b"\0",
        GOOD.replace(b"False", b"0"),
        GOOD.replace(b"False", b"None"),
        GOOD.replace(b"(1,)", b"(1)"),
        GOOD.replace(b"(1,)", b"[1]"),
        GOOD.replace(b"(1,)", b"(True,)"),
        GOOD.replace(b"(1,)", b"(-1,)"),
        GOOD.replace(b"(1,)", b"(1.0,)"),
        GOOD.replace(b"(1,)", b"((1,),)"),
        GOOD.replace(b"(1,)", b"(" * 30 + b"1," + b")" * 30),
        GOOD.replace(b"(1,)", b"(1,) + ()"),
        GOOD.replace(b"(1,)", b"(" + b"1," * 33 + b")"),
        GOOD.replace(b"(1,)", b"(0, 1099511627776, 1099511627776)"),
        GOOD.replace(b"'<i4'", b"'|O'"),
        GOOD.replace(b"'<i4'", b"'O'"),
        GOOD.replace(b"'<i4'", b"'<i4,O'"),
        GOOD.replace(b"'<i4'", b"'<U0'"),
        GOOD.replace(b"'<i4'", b"'object'"),
        GOOD.replace(b"'<i4'", b"b'<i4'"),
        GOOD.replace(b"'<i4'", b"[]"),
        GOOD.replace(b"'<i4'", b"[('a', '<i2'), ('a', '<i2')]"),
        GOOD.replace(b"'<i4'", b"[('a', '|O')]"),
        GOOD.replace(b"'<i4'", b"[(('t', 'a'), '<i4')]"),
        GOOD.replace(b"'<i4'", b"{'a': '<i4'}"),
        GOOD.replace(b"'shape'", b"'descr'"),
        GOOD.replace(b"'shape'", b"'shape ', 'shape'"),
        GOOD[:-1] + b"'more': 1, }",
        GOOD.replace(b"'shape'", "'shäpe'".encode()),
        b"__import__('os').system('true')",
    ],
)
def test_the_header_says_one_dictionary_in_one_way(header: bytes) -> None:
    """No other literal, no expression, no other key, and numbers that are sizes."""
    passing = _spelled(GOOD, b"abcd")
    assert check_npy(io.BytesIO(passing), len(passing)) == {"dtype": "<i4", "shape": [1]}
    _no(_spelled(header, b"abcd"))


def test_a_size_of_zero_hides_no_other() -> None:
    """No byte of elements, and strides that overflow whoever computes them."""
    passing = _spelled(GOOD.replace(b"(1,)", b"(0, 1024, 1024)"))
    assert check_npy(io.BytesIO(passing), len(passing))["shape"] == [0, 1024, 1024]
    _no(_spelled(GOOD.replace(b"(1,)", b"(0, 1099511627776, 1099511627776)")))


def test_the_header_ends_where_elements_may_begin() -> None:
    """With a newline, and aligned: NumPy never writes it otherwise."""
    passing = _spelled(GOOD, b"abcd")
    assert len(passing) == 132
    _no(passing.replace(b" \n", b"  "))
    _no(_spelled(GOOD + b" " * (66 << 10), b"abcd", b"\x02\x00"))
    _no(b"\x93NUMPY\x01\x00" + len(GOOD + b"\n").to_bytes(2, "little") + GOOD + b"\n" + b"abcd")
