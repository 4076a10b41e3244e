"""The readers of untrusted files, without their jail: the fast ways say what the slow and plain ways say."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.contract.jail import _csv, _footer, _jsonl, _parquet, _table
from lockgate.contract.jail._bounds import MAX_RECORD, pieces
from lockgate.contract.jail._csv import CsvReader
from lockgate.contract.jail._jsonl import JsonLinesReader
from lockgate.contract.jail._parquet import ParquetReader
from lockgate.contract.jail._plain import plain_type
from lockgate.contract.jail._quotes import QuoteScan
from lockgate.contract.jail._table import TableWriter
from lockgate.contract.jail._text import TextOptions
from lockgate.contract.spec import ROW
from lockgate.errors import Refused
from tests.support.sources import parquet

MIB = 1 << 20


def sound(text: str, size: int = 1 << 20) -> bool:
    """What the scan says of `text`, fed `size` bytes at a time."""
    scan, data = QuoteScan(","), text.encode()
    for start in range(0, len(data), size):
        scan.feed(data[start : start + size])
    return scan.close()


def strict(text: str) -> bool:
    """What Python's strict parser says of it."""
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return False
    return True


@given(st.text(st.sampled_from('"",\r\nxü'), min_size=1, max_size=24), st.integers(1, 7))
def test_a_sound_text_has_no_fault(text: str, size: int) -> None:
    """Whatever the scan calls sound, in pieces of any size, the strict parser reads without a fault."""
    assert strict(text) or not sound(text, size)


@pytest.mark.parametrize(
    "text", ['a,"b"\n', '"a"', '\ufeff"a","b"\r\n"","x ""y"" z"\r\n', '"a\nb",c\n', '"""",""\n', "plain\n"]
)
@pytest.mark.parametrize("size", [3, 4, 5, 1 << 20])
def test_well_quoted_texts_are_seen_to_be_sound(text: str, size: int) -> None:
    """Ordinary files, with a byte order mark too, need no second pass, however the pieces fall."""
    assert sound(text, size)


@pytest.mark.parametrize("text", ['"a', 'a,"b"c\n', 'a,"b" ,c\n', 'a,5" pipe\n', '"a","b\n', 'x"a"\n'])
@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_doubtful_quotes_are_left_to_the_strict_parser(text: str, size: int) -> None:
    """A fault is never called sound; a mark inside an unquoted cell, which is none, is only doubtful."""
    assert not sound(text, size)


def test_a_mark_inside_a_cell_is_text(tmp_path: Path) -> None:
    """What the scan doubts and the strict parser allows is read as it stands."""
    path = tmp_path / "a.csv"
    path.write_text('a,b\n5" pipe,"6"" pipe"\n')
    assert list(rows(CsvReader(path, "a.csv", TextOptions()))) == [{"a": '5" pipe', "b": '6" pipe'}]


def rows(reader: Any) -> list[dict[str, Any]]:
    """Everything that a reader gives."""
    return [row for batch in reader.batches() for row in batch.to_pylist()]


@given(st.lists(st.sampled_from(["", "x", "ü", "\r", "a\rb", "\u2028", "{}"])), st.sampled_from(["\n", "\r\n"]))
def test_lines_are_cut_as_python_cuts_them(lines: list[str], end: str) -> None:
    """Any line is kept verbatim, but for one LF or CR LF: however the pieces of the file fall."""
    text = end.join(lines)
    expected = [line.removesuffix("\r") for line in text.split("\n")]
    expected = expected[:-1] if text.endswith("\n") or not text else expected
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(_jsonl, "_CHUNK", 3)
        path = Path(folder) / "a.jsonl"
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            path.write_bytes(text.encode(encoding))
            found = rows(JsonLinesReader(path, "a.jsonl", TextOptions(encoding.removesuffix("-sig"))))
            assert [row["json"] for row in found] == expected


def test_records_longer_than_a_block(tmp_path: Path) -> None:
    """A record that the small blocks cannot hold is read with large ones; no row is lost or given twice."""
    path = tmp_path / "a.csv"
    many = "".join(f"{number},x\n" for number in range(200_000))
    path.write_text("a,b\n" + many + '200000,"' + "y\n" * (2 * MIB) + '"\n200001,z\n')
    found = rows(CsvReader(path, "a.csv", TextOptions()))
    assert [row["a"] for row in found] == [str(number) for number in range(200_002)]
    assert len(found[200_000]["b"]) == 4 * MIB


def test_the_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows and the same snapshot, whatever the size of the blocks."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "".join(f'{number},"x ""{number}"""\n' for number in range(1000)))
    usual = rows(CsvReader(path, "a.csv", TextOptions()))
    monkeypatch.setattr(_csv, "_BLOCKS", (64, 512))
    assert rows(CsvReader(path, "a.csv", TextOptions())) == usual
    assert usual[999] == {"a": "999", "b": 'x "999"'}


WIDE = """
from pathlib import Path
import sys
from lockgate.contract.jail._bounds import bound_memory
from lockgate.contract.jail.read import read
bound_memory()
files = [{"name": "a.csv", "path": "a.csv", "format": None}]
read({"files": files, "null": [""], "delimiter": ",", "encoding": "utf-8"}, Path(sys.argv[1]), Path(sys.argv[1]))
"""


def test_a_table_of_many_columns_fits_the_bound(tmp_path: Path) -> None:
    """400 columns are read within the memory that reading has; what pyarrow sets aside for each would be far more."""
    path = tmp_path / "a.csv"
    path.write_text("".join(",".join(f"{kind}{n}" for n in range(400)) + "\n" for kind in ["c"] + ["1.2"] * 5000))
    pool = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run([sys.executable, "-c", WIDE, tmp_path], env=pool, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-300:]
    assert pq.read_metadata(tmp_path / "snapshot.parquet").num_rows == 5000


def test_row_groups_do_not_depend_on_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of any length become groups of one size, and the same bytes."""
    monkeypatch.setattr(_table, "_GROUP_ROWS", 100)
    table = pa.table({"a": [f"v{n % 7}" for n in range(250)], "l": [["x"]] * 250, ROW: list(range(250))})
    files = []
    for size in (1, 33, 250):
        files.append(tmp_path / f"{size}.parquet")
        with TableWriter(files[-1], table.schema) as writer:
            for batch in table.to_batches(max_chunksize=size):
                writer.add(batch)
    assert len({path.read_bytes() for path in files}) == 1
    metadata = pq.read_metadata(files[0])
    assert [metadata.row_group(number).num_rows for number in range(3)] == [100, 100, 50]
    encodings = {metadata.row_group(0).column(n).path_in_schema: metadata.row_group(0).column(n) for n in range(3)}
    assert all("RLE_DICTIONARY" in encodings[path].encodings for path in ("a", "l.list.element"))
    assert pq.read_table(files[0]).equals(table)


def test_what_the_writing_raises_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the thread that writes is not lost: the table does not end well without its group."""
    table = pa.table({"a": [1]})

    def fail(*_: object) -> None:
        raise MemoryError

    writer = TableWriter(tmp_path / "a.parquet", table.schema)
    with writer:
        writer.add(table.to_batches()[0])
    writer = TableWriter(tmp_path / "b.parquet", table.schema)
    monkeypatch.setattr(writer._writer, "write_table", fail)
    with pytest.raises(MemoryError), writer:
        writer.add(table.to_batches()[0])


def test_a_billion_values_in_a_few_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A footer that promises far more than the file can hold is refused before a page is read; a modest one is not."""
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet({"a": pa.array([7] * 2_000_000)}))
    assert sum(batch.num_rows for batch in ParquetReader(path, "a.parquet").batches()) == 2_000_000
    monkeypatch.setattr(_footer, "_LEAST_UNPACKED", 8 * MIB)
    with pytest.raises(Refused) as caught:
        ParquetReader(path, "a.parquet")
    assert caught.value.finding == "LG144"
    assert caught.value.seen["unpacked"] == 16_000_000


def test_row_groups_that_share_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that together are longer than the file are counted twice somewhere: LG108."""
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet({"a": list(range(1000))}))
    metadata = pq.read_metadata(path)
    _footer.check_footer(metadata, path.stat().st_size, "a.parquet")
    with pytest.raises(Refused) as caught:
        _footer.check_footer(metadata, 1000, "a.parquet")
    assert caught.value.finding == "LG108"
    assert "counted twice" in caught.value.message


def test_pieces_are_bounded_and_whole() -> None:
    """A batch is cut until each piece is short; the one record that stays too long is named by its row."""
    batch = pa.record_batch({"a": ["x" * MIB] * 40 + ["y" * (MAX_RECORD + 1)]})
    found = list(pieces(batch.slice(0, 40), "a", 0))
    assert sum(piece.num_rows for piece in found) == 40
    assert max(piece.nbytes for piece in found) <= MAX_RECORD
    with pytest.raises(Refused) as caught:
        list(pieces(batch, "a", 100))
    assert caught.value.seen == {"file": "a", "limit": MAX_RECORD, "row": 140}


def test_wide_rows_come_in_short_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is unpacked at once follows the width of a row, so that memory does not."""
    monkeypatch.setattr(_parquet, "_BATCH_BYTES", MIB)
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet({"a": ["x" * 10_000 + str(n) for n in range(1000)]}, use_dictionary=False))
    lengths = [batch.num_rows for batch in ParquetReader(path, "a.parquet").batches()]
    assert (sum(lengths), max(lengths) <= 105) == (1000, True)


def test_encodings_are_undone_at_every_depth() -> None:
    """Dictionaries, large and view layouts and extensions are only encodings, inside lists, structs and maps too."""
    coded = pa.dictionary(pa.int8(), pa.large_string())
    kind = pa.struct([("l", pa.large_list(coded)), ("m", pa.map_(pa.string(), pa.list_(pa.string_view(), 2)))])
    plain = pa.struct([("l", pa.list_(pa.string())), ("m", pa.map_(pa.string(), pa.list_(pa.string(), 2)))])
    assert plain_type(kind) == plain
    assert plain_type(pa.uuid()) == pa.binary(16)
    assert plain_type(pa.decimal128(9, 2)) == pa.decimal128(9, 2)
