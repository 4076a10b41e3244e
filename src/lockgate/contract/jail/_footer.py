"""What a Parquet file's footer says of itself, judged before anything is unpacked.

A footer is the writer's word. What it cannot be true of, or what no honest file needs, is refused here; what it lies
about within these bounds is met by the bound on memory.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from lockgate.contract.jail._bounds import MAX_COLUMNS, MAX_RECORD, too_long, too_many
from lockgate.errors import Refused

_MAX_FOOTER = 64 << 20
_TAIL = 8
_LEAST_UNPACKED = 1 << 30
_MAX_RATIO = 200
_WIDTH = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}
"""Least bytes of one value in memory, by physical type."""


def check_footer_size(path: Path, name: str) -> None:
    """Raises Refused LG143 for a footer above `_MAX_FOOTER`, LG108 for one that is longer than its file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        length = int.from_bytes(file.read(4), "little")
    if length + _TAIL > size:
        raise damaged(name, f"its footer should be {length} bytes long, more than there are", None)
    if length > _MAX_FOOTER:
        raise Refused(
            "LG143",
            f"the footer of {name} has {length >> 20} MiB; at most {_MAX_FOOTER >> 20} MiB are read",
            seen={"file": name, "bytes": length, "limit": _MAX_FOOTER},
            next=f"write {name} in larger row groups, or as several files",
        )


def check_footer(metadata: pq.FileMetaData, size: int, name: str) -> None:
    """Raises Refused about the footer of a file of `size` bytes.

    LG141 too many columns; LG108 rows or bytes that do not add up; LG114 a value that must be above `MAX_RECORD`;
    LG144 a file that unpacks to far more than it holds.
    """
    if metadata.num_columns > MAX_COLUMNS:
        raise too_many(name, metadata.num_columns)
    columns = [metadata.schema.column(n) for n in range(metadata.num_columns)]
    widths = [_WIDTH.get(column.physical_type) or max(column.length or 1, 1) for column in columns]
    rows = packed = unpacked = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        rows += _whole(group.num_rows, name)
        for place, width in enumerate(widths):
            chunk = group.column(place)
            values, weight = _whole(chunk.num_values, name), _whole(chunk.total_uncompressed_size, name)
            if weight > MAX_RECORD * max(values, 1):
                raise too_long(name, column=columns[place].path, row_group=number)
            packed += _whole(chunk.total_compressed_size, name)
            unpacked += max(weight, values * width)
    if rows != metadata.num_rows:
        raise damaged(name, f"the footer promises {metadata.num_rows} rows, its row groups {rows}", None)
    if packed > size:
        raise damaged(name, f"its columns should take {packed} bytes of {size}: some are counted twice", None)
    check_ratio(name, size, unpacked, rows)


def check_ratio(name: str, size: int, unpacked: int, rows: int) -> None:
    """Raises Refused LG144 when a file of `size` bytes gives `unpacked` bytes: more than any honest one would."""
    if unpacked > max(_LEAST_UNPACKED, _MAX_RATIO * size):
        raise Refused(
            "LG144",
            f"{name} has {size} bytes and unpacks to {unpacked >> 20} MiB or more, above {_MAX_RATIO} times as much",
            seen={"file": name, "bytes": size, "unpacked": unpacked, "rows": rows},
            next=f"look at where {name} comes from; if it is meant, write it as several files",
        )


def damaged(name: str, detail: str, rows: int | None) -> Refused:
    """The refusal of a file that is not what Parquet says, after `rows` rows when some were read."""
    where = "" if rows is None else f" after row {rows}"
    return Refused(
        "LG108",
        f"{name} is not a Parquet file that can be read{where}: {detail}",
        seen={"file": name, **({} if rows is None else {"rows_read": rows})},
        next=f"fetch {name} again",
    )


def _whole(count: int, name: str) -> int:
    if count < 0:
        raise damaged(name, f"its footer counts {count} of something", None)
    return count
