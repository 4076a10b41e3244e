"""A Parquet file that a jail has written, as columns: another jail parses it, this side reads frames."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lockgate.core.table import unpack_table
from lockgate.core.wire import TYPES, Column, ColumnType, Frame, WireError
from lockgate.runtime import channel
from lockgate.sandbox.launch import Jail, RunningJail, Target
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named

FD = 3
SECONDS = 300.0
BATCH_ROWS = 4096
OTHER = "other"


class Stream:
    """The batches of one file. Leaving the block ends the jail. Every method raises WireError, OSError."""

    def __init__(self, path: Path, names: Sequence[str] | None, *, whole: bool = True) -> None:
        """`names`: the columns that are wanted, or None for all but the bookkeeping. Where not `whole`, columns of a
        type that no wire column has are left out.
        """
        self._path, self._names, self._whole = path, names, whole
        self._link: socket.socket | None = None
        self._jail: RunningJail | None = None
        self.columns: tuple[tuple[str, ColumnType], ...] = ()

    def __enter__(self) -> Self:
        """Start the jail. Raises Unfit too; WireError when a column has a type that no wire column has."""
        self._link, theirs = socket.socketpair()
        self._link.settimeout(SECONDS)
        try:
            with theirs:
                settings = named(
                    "parse", python=PythonEnv.own(), limits=Limits(), binds=[Bind(self._path, "/in/rows.parquet")]
                )
                target = Target("lockgate.contract.jail.stream", (str(FD),))
                self._jail = Jail(settings).start(target, descriptors={FD: theirs.fileno()})
            channel.send(self._link, {"op": "open", "columns": None if self._names is None else list(self._names)})
            self.columns = _columns(self._receive(), whole=self._whole)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        if self._link is not None:
            self._link.close()
        if self._jail is not None:
            self._jail.kill()

    def batches(self) -> Iterator[tuple[Mapping[str, Any], bytes, list[Column]]]:
        """Header and payload of each table, and its columns."""
        total = 0
        while (frame := self._receive()).header.get("op") == "rows":
            found = unpack_table(self.columns, frame.header, frame.payload, max_rows=BATCH_ROWS)
            total += int(frame.header["rows"])
            yield frame.header, frame.payload, found
        if dict(frame.header) != {"op": "end", "rows": total}:
            raise WireError("the rows do not end as they should")

    def _receive(self) -> Frame:
        received = None if self._link is None else channel.receive(self._link)
        if received is None:
            raise WireError("the jail that reads the rows has ended")
        return received[0]


def _columns(frame: Frame, *, whole: bool = True) -> tuple[tuple[str, ColumnType], ...]:
    listed = frame.header.get("columns")
    if frame.header.get("op") != "columns" or not isinstance(listed, list):
        raise WireError("columns are due")
    for entry in listed:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise WireError("columns are due")
        if entry[1] not in TYPES and (whole or entry[1] != OTHER):
            raise WireError("a column is of a type that no prediction has")
    return tuple((name, kind) for name, kind in listed if kind != OTHER)
