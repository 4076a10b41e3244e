"""What a jail sends of a Parquet file is taken for what it is, and for no more."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.contract.jail import stream as jail
from lockgate.contract.jail._link import Link
from lockgate.contract.spec import ROW, SOURCE
from lockgate.core.wire import Frame, WireError, pack
from lockgate.pipeline.scoring.stream import Stream, _columns

ROWS: dict[str, Any] = {"op": "rows", "rows": 1, "nulls": [], "texts": []}
ONE = bytes(8)


@pytest.fixture(name="ends")
def _ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def _stream(ours: socket.socket) -> Stream:
    stream = Stream(Path("unread"), None)
    stream._link, stream.columns = ours, (("x", "float64"),)
    return stream


def test_a_file_arrives_whole(tmp_path: Path, ends: tuple[socket.socket, socket.socket]) -> None:
    """Every column but the bookkeeping, a time in microseconds, in order; asked for by name, those alone."""
    table = pa.table({"t": pa.array([1, None], pa.timestamp("us")), "x": [0.5, 1.5], SOURCE: [0, 0], ROW: [3, 4]})
    pq.write_table(table, tmp_path / "rows.parquet")
    ours, theirs = ends
    for asked, names, values in (
        (None, ["t", "x"], [[1, None], [0.5, 1.5]]),
        ([ROW, "x"], [ROW, "x"], [[3, 4], [0.5, 1.5]]),
    ):
        ours.sendall(pack({"op": "open", "columns": asked}))
        jail.serve(Link(theirs), tmp_path / "rows.parquet")
        stream = _stream(ours)
        stream.columns = _columns(stream._receive())
        assert [name for name, _ in stream.columns] == names
        ((_, _, columns),) = stream.batches()
        assert [column.values() for column in columns] == values


@pytest.mark.parametrize(
    "frames",
    [
        [(ROWS, ONE), ({"op": "end", "rows": 2}, b"")],
        [(ROWS, ONE), ({"op": "finished"}, b"")],
        [(ROWS, ONE)],
        [(ROWS, ONE + b"more"), ({"op": "end", "rows": 1}, b"")],
        [({**ROWS, "rows": 1 << 19}, ONE), ({"op": "end", "rows": 1}, b"")],
    ],
)
def test_what_does_not_add_up_is_refused(
    ends: tuple[socket.socket, socket.socket], frames: list[tuple[dict[str, Any], bytes]]
) -> None:
    """Fewer rows than it says, another end, none, bytes of no column, more rows than a batch has."""
    ours, theirs = ends
    for header, payload in frames:
        theirs.sendall(pack(header, payload))
    theirs.close()
    with pytest.raises(WireError):
        list(_stream(ours).batches())


@pytest.mark.parametrize("columns", [None, [], [["x"]], [["x", "other"]], [["x", "decimal"]], [[1, "bool"]], ["x"]])
def test_other_columns_are_refused(columns: object) -> None:
    """A type that no prediction has, or another form; none at all is none."""
    if columns == []:
        assert _columns(Frame({"op": "columns", "columns": []})) == ()
        return
    with pytest.raises(WireError):
        _columns(Frame({"op": "columns", "columns": columns}))
