"""How much of an untrusted file may be held at once, and what is said when a file wants more.

A file that unpacks to more than its reader may hold meets an allocation that fails, in time for a finding: the bound
lies well below the jail's own, at which only its death could be told.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from lockgate.errors import Refused

MAX_RECORD = 8 << 20
"""Longest line, and longest record of any kind of file, in bytes."""

MAX_COLUMNS = 10_000
HELD = 1280 << 20
"""Memory that reading may reserve, in bytes; the jail's own bound is above 2 GiB."""

_MAX_DEPTH = 32
_SHOWN = 10


def bound_memory() -> None:
    """Let every allocation above `HELD` fail, in this process, as MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (HELD if hard == resource.RLIM_INFINITY else min(HELD, hard), hard))


def too_much(name: str, rows: int) -> Refused:
    """The refusal of a file that needs more than `HELD`."""
    return Refused(
        "LG140",
        f"{name} unpacks to more than {HELD >> 20} MiB that must be held at once, after row {rows}",
        seen={"file": name, "rows_read": rows, "limit": HELD},
        next=f"write {name} in smaller row groups and pages; look for a cell, or a list, of enormous length",
    )


def too_long(name: str, **place: object) -> Refused:
    """The refusal of a record above `MAX_RECORD`; `place` says where, as far as it is known."""
    where = ", ".join(f"{key.replace('_', ' ')} {at}" for key, at in place.items())
    return Refused(
        "LG114",
        f"{name} has a record longer than {MAX_RECORD >> 20} MiB{f': {where}' if where else ''}",
        seen={"file": name, "limit": MAX_RECORD, **place},
        next=f"look at {name}: a quote that never closes, a line without an end, or a cell that is a file of its own",
    )


def too_many(name: str, columns: int) -> Refused:
    """The refusal of a file with more than `MAX_COLUMNS`."""
    return Refused(
        "LG141",
        f"{name} has {columns} columns; at most {MAX_COLUMNS} are read",
        seen={"file": name, "columns": columns, "limit": MAX_COLUMNS},
        next=f"keep the columns of {name} that the contract names, or put them into lists",
    )


def check_names(name: str, columns: Sequence[str]) -> None:
    """Raises Refused LG111 when a column's name stands twice, LG141 when there are more than `MAX_COLUMNS`."""
    if len(columns) > MAX_COLUMNS:
        raise too_many(name, len(columns))
    twice = sorted(column for column, times in Counter(columns).items() if times > 1)
    if twice:
        raise Refused(
            "LG111",
            f"{name} has the column {twice[0]!r} twice",
            seen={"file": name, "columns": twice[:_SHOWN]},
            next=f"rename one of them in {name}",
        )


def check_depth(name: str, schema: pa.Schema) -> None:
    """Raises Refused LG142 when a type of `schema` is nested deeper than `_MAX_DEPTH`."""
    for field in schema:
        level, depth = [field.type], 0
        while level:
            depth += 1
            if depth > _MAX_DEPTH:
                raise Refused(
                    "LG142",
                    f"column {field.name!r} of {name} is nested deeper than {_MAX_DEPTH} levels",
                    seen={"file": name, "column": field.name, "limit": _MAX_DEPTH},
                    next=f"flatten the column {field.name!r}",
                )
            level = [kind.field(n).type for kind in level if pa.types.is_nested(kind) for n in range(kind.num_fields)]


def pieces(
    batch: pa.RecordBatch, name: str, start: int, weigh: Callable[[pa.RecordBatch], int] = lambda batch: batch.nbytes
) -> Iterator[pa.RecordBatch]:
    """`batch`, whose first row is `start`, in pieces of at most `MAX_RECORD` bytes as `weigh` counts them.

    Raises Refused LG114 for the first record that is longer by itself.
    """
    if weigh(batch) <= MAX_RECORD:
        yield batch
    elif batch.num_rows == 1:
        raise too_long(name, row=start)
    else:
        half = batch.num_rows // 2
        yield from pieces(batch.slice(0, half), name, start, weigh)
        yield from pieces(batch.slice(half), name, start + half, weigh)
