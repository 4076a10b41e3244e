"""Files made to harm their reader: each ends in a finding, in bounded time and memory, and its honest neighbour passes.

LG115, the death of the jail, counts as a failure here: a person could not tell from it what is wrong with the file.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.contract.account import Account
from lockgate.contract.reading import read_sources
from lockgate.contract.sources import SourceFile
from lockgate.core.digest import digest_of
from lockgate.errors import Refused
from tests.support.sources import parquet

MIB = 1 << 20
ROWS = 12_345


def read(tmp_path: Path, content: bytes | Callable[[Path], None], name: str) -> tuple[pa.Table, Account]:
    """Read one file as ingest does, in the real jail."""
    path = tmp_path / "source"
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    file = SourceFile(name, path, digest_of(b""), path.stat().st_size)
    found, account, _ = read_sources([file], null=("",), delimiter=",", encoding="utf-8", into=tmp_path / "out")
    return pq.read_table(found), account


def sparse(head: bytes) -> Callable[[Path], None]:
    """Two gigabytes that begin with `head` and go on in one cell, without taking the disk's room."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head + b"x" * 8192)
            file.truncate(2 << 30)

    return write


def pages() -> bytes:
    """Six columns, each one page of 240 MiB, beside nine megabytes of noise: 1.4 GiB to hold at once."""
    array = pa.array([b"\0" * (4 * MIB)] * 60)
    noise = np.random.default_rng(1)
    columns = {f"c{n}": array for n in range(6)}
    columns["noise"] = pa.array([noise.bytes(150_000) for _ in range(60)])
    return parquet(columns, compression="zstd", use_dictionary=False, write_statistics=False)


def dictionary(stored: bool) -> bytes:
    """A million rows, all one text of 7 MiB."""
    coded = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), pa.array(["x" * (7 * MIB)]))
    return parquet({"a": coded}, store_schema=stored, compression="zstd", write_statistics=False)


def zipped() -> bytes:
    """A zip archive of ten megabytes of nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * (10 * MIB))
    return buffer.getvalue()


def nested(depth: int) -> bytes:
    """A list in a list in a list..."""
    kind: pa.DataType = pa.int64()
    for _ in range(depth):
        kind = pa.list_(kind)
    return parquet({"n": pa.array([1]), "a": pa.array([None], kind)}, store_schema=False)


def varint(number: int) -> bytes:
    """An i64 as Thrift's compact protocol writes it."""
    number, out = number << 1, b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def counted(times: int, claimed: int) -> bytes:
    """A file of `ROWS` rows whose footer says `claimed` in the first `times` places: file, column, row group."""
    data = parquet({"a": list(range(ROWS))}, store_schema=False, write_statistics=False)
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return data[:start] + data[start:].replace(varint(ROWS), varint(claimed), times)


def checked(flip: bool) -> bytes:
    """A file with checksums of its pages, with or without one byte changed in the middle of its numbers."""
    data = bytearray(
        parquet({"a": list(range(1000))}, use_dictionary=False, compression="none", write_page_checksum=True)
    )
    data[4000] ^= flip
    return bytes(data)


def wide(columns: int) -> bytes:
    """A Parquet file of three rows."""
    return parquet({f"c{n}": pa.array([1, 2, 3], pa.int8()) for n in range(columns)}, write_statistics=False)


def wide_text(columns: int) -> bytes:
    """A CSV file of three rows."""
    return b"".join(b",".join(b"%d" % (n + row) for n in range(columns)) + b"\n" for row in range(4))


def hole() -> bytes:
    """A row group with a hundred bytes cut out of its middle; the footer is whole."""
    data = parquet({"a": [str(n) for n in range(ROWS)]})
    return data[:5000] + data[5100:]


def unreadable_name() -> bytes:
    """A column whose name is no UTF-8."""
    return parquet({"zzzz": [1]}, store_schema=False).replace(b"zzzz", b"\xff\xfe\xff\xfe")


def unreadable_text() -> bytes:
    """A column of texts of which one is no UTF-8."""
    return parquet({"a": ["honest", "zzzz"]}, store_schema=False, write_statistics=False).replace(
        b"zzzz", b"z\xff\xfez"
    )


HOSTILE: dict[str, tuple[str, str, bytes | Callable[..., Any], str]] = {
    "a CSV cell of 2 GB": ("LG114", "a.csv", sparse(b"a,b\n1,"), "longer than 8 MiB: line 2"),
    "a JSON line of 2 GB": ("LG114", "a.jsonl", sparse(b'{"a": "'), "longer than 8 MiB: line 1"),
    "a quoted cell of many lines": ("LG114", "a.csv", b'a,b\n1,"' + b"x\n" * (10 * MIB) + b'"\n', "line 2"),
    "a Parquet file that is one cell": ("LG114", "a.parquet", lambda: parquet({"a": ["x" * (64 * MIB)]}), "column a"),
    "a long cell among short ones": (
        "LG114",
        "a.parquet",
        lambda: parquet({"a": ["x"] * 700 + ["y" * (9 * MIB)] + ["z"] * 300}, compression="zstd"),
        "longer than 8 MiB: row 700",
    ),
    "a long list": (
        "LG114",
        "a.parquet",
        lambda: parquet({"a": pa.array([[], range(2 * MIB)], pa.list_(pa.int64()))}),
        "longer than 8 MiB: row 1",
    ),
    "pages that unpack": ("LG140", "a.parquet", pages, "1280 MiB"),
    "a dictionary that unpacks": ("LG140", "a.parquet", lambda: dictionary(stored=False), "1280 MiB"),
    "a dictionary kept as one": ("LG144", "a.parquet", lambda: dictionary(stored=True), "above 200 times as much"),
    "gzip": ("LG106", "a.csv", lambda: gzip.compress(b"0" * MIB), "gunzip"),
    "zip": ("LG106", "a.csv", zipped, "zip archive"),
    "zstd": ("LG106", "a.csv", lambda: bytes(pa.compress(b"0" * MIB, "zstd", asbytes=True)), "zstd"),
    "bzip2": ("LG106", "a.jsonl", lambda: bz2.compress(b"0" * MIB), "bzip2"),
    "xz": ("LG106", "a.parquet", lambda: lzma.compress(b"0" * MIB), "xz"),
    "too many Parquet columns": ("LG141", "a.parquet", lambda: wide(10_001), "10001 columns"),
    "too many CSV columns": ("LG141", "a.csv", lambda: wide_text(1_000_000), "1000000 columns"),
    "a deep type": ("LG142", "a.parquet", lambda: nested(40), "column 'a'"),
    "a bottomless type": ("LG108", "a.parquet", lambda: nested(150), "nested"),
    "a huge footer": (
        "LG143",
        "a.parquet",
        lambda: parquet(pa.table({"a": [1]}).replace_schema_metadata({"k": "x" * (65 * MIB)})),
        "at most 64 MiB",
    ),
    "a footer longer than its file": ("LG108", "a.parquet", b"PAR1....\xff\xff\xff\x7fPAR1", "2147483647 bytes"),
    "rows that do not add up": ("LG108", "a.parquet", lambda: counted(1, ROWS - 1), "12344 rows, its row groups 12345"),
    "rows that are not there": ("LG108", "a.parquet", lambda: counted(99, ROWS + 1), "a.parquet"),
    "a row group with a hole": ("LG108", "a.parquet", hole, "fetch"),
    "a flipped bit under a checksum": ("LG108", "a.parquet", lambda: checked(flip=True), "checksum"),
    "a name that is no text": ("LG108", "a.parquet", unreadable_name, "decode"),
    "a text that is no text": ("LG108", "a.parquet", unreadable_text, "UTF8"),
    "a twin with control characters": (
        "LG111",
        "a.parquet",
        lambda: parquet(pa.Table.from_arrays([pa.array([1])] * 2, names=["\x1b[2J", "\x1b[2J"])),
        "twice",
    ),
}


OF_THE_SAME_KIND = (
    "a JSON line of 2 GB",
    "a long cell among short ones",
    "a dictionary that unpacks",
    "zip",
    "zstd",
    "xz",
    "too many CSV columns",
    "rows that are not there",
    "a text that is no text",
)
"""Another of the same finding and the same reader goes through the jail by day; these do so by night."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.nightly) if case in OF_THE_SAME_KIND else case for case in HOSTILE]
)
def test_a_hostile_file_is_refused(tmp_path: Path, case: str) -> None:
    """The finding names the file and the fault; the jail lives to tell it, and nothing it says moves a cursor."""
    finding, name, content, says = HOSTILE[case]
    made = content() if callable(content) and not case.endswith("2 GB") else content
    with pytest.raises(Refused) as caught:
        read(tmp_path, made, name)
    error = caught.value
    assert error.finding == finding, error
    assert says in f"{error.message} {error.next}"
    assert error.seen["file"] == name
    assert error.message.isprintable()


HONEST: dict[str, tuple[str, bytes | Callable[[], bytes], int]] = {
    "a cell of 7 MiB, in CSV": ("a.csv", b'a,b\n1,"' + b"x\n" * (3 * MIB) + b'"\n2,y\n', 2),
    "a cell of 7 MiB, in JSON Lines": ("a.jsonl", b'{"a": "' + b"x" * (7 * MIB) + b'"}\n{}\n', 2),
    "a cell of 7 MiB, in Parquet": ("a.parquet", lambda: parquet({"a": ["x" * (7 * MIB)] * 3}), 3),
    "a dictionary": ("a.parquet", lambda: parquet({"a": pa.array(["x" * 999] * 99_999).dictionary_encode()}), 99_999),
    "ten thousand Parquet columns": ("a.parquet", lambda: wide(10_000), 3),
    "ten thousand CSV columns": ("a.csv", lambda: wide_text(10_000), 3),
    "a nested type": ("a.parquet", lambda: nested(10), 1),
    "the same footer, true": ("a.parquet", lambda: counted(99, ROWS), ROWS),
    "checksums": ("a.parquet", lambda: checked(flip=False), 1000),
}


NEIGHBOURS_BY_NIGHT = ("a cell of 7 MiB, in JSON Lines", "ten thousand CSV columns")
"""Neighbours of what is refused by night."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.nightly) if case in NEIGHBOURS_BY_NIGHT else case for case in HONEST]
)
def test_the_honest_neighbour_passes(tmp_path: Path, case: str) -> None:
    """What is large, wide or nested without being a bomb is read, every row of it."""
    name, content, rows = HONEST[case]
    table, account = read(tmp_path, content() if callable(content) else content, name)
    assert (rows, (rows,)) == (table.num_rows, account.rows)


def test_odd_names_are_only_names(tmp_path: Path) -> None:
    """Dots, nothing at all, control characters and paths are names like others, and stay apart."""
    names = ["a.b", "a", "", "\x1b[31m", "../x", "a.list.element", "__source__ ", "ü"]
    columns = pa.Table.from_arrays([pa.array([str(n)]) for n in range(len(names))], names=names)
    table, account = read(tmp_path, parquet(columns), "a.parquet")
    assert [*names, "__source__", "__row__"] == table.schema.names
    assert [str(n) for n in range(len(names))] == [table.column(n)[0].as_py() for n in range(len(names))]
    assert names == [column["name"] for column in account.columns]


def test_odd_values_stay_what_they_are(tmp_path: Path) -> None:
    """Years that Python has not, decimals, and nulls at each level of a nested value are kept to the bit."""
    inner = pa.struct([("x", pa.list_(pa.float64())), ("s", pa.dictionary(pa.int8(), pa.string()))])
    columns = pa.table(
        {
            "late": pa.array([2**62, None, -(2**62)], pa.timestamp("us")),
            "exact": pa.array([Decimal("1.10"), None, Decimal("-99999999999999999999999999999999999.99")]),
            "deep": pa.array([None, [None, {"x": None, "s": "k"}], [{"x": [None, 1.5], "s": None}]], pa.list_(inner)),
        }
    )
    table, _ = read(tmp_path, parquet(columns), "a.parquet")
    assert table["late"].cast(pa.int64()).to_pylist() == [2**62, None, -(2**62)]
    assert columns["exact"].to_pylist() == table["exact"].to_pylist()
    assert table["deep"].to_pylist() == [None, [None, {"x": None, "s": "k"}], [{"x": [None, 1.5], "s": None}]]
    assert "dictionary" not in str(table.schema.field("deep").type)


def test_int96_times_do_not_wrap(tmp_path: Path) -> None:
    """The old times of Spark and Hive, in years that nanoseconds do not reach, are the times that were written."""
    times = [datetime(1066, 10, 14), datetime(2013, 1, 1, 5, 15), datetime(9999, 12, 31, 23, 59)]  # noqa: DTZ001 - such columns have no zone
    columns = {"t": pa.array(times, pa.timestamp("us"))}
    table, _ = read(tmp_path, parquet(columns, use_deprecated_int96_timestamps=True, store_schema=False), "a.parquet")
    assert times == table["t"].to_pylist()
