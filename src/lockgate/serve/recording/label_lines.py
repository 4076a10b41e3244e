"""Lines of `labels.jsonl` that must go: overwritten where they lie, so that whoever follows the file keeps its place.

A line becomes spaces of the same length. Monitors pass over it, as over all that is no label; writers wait meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LINES = "labels.jsonl"
Which = Callable[[Mapping[str, Any]], bool]
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def count_lines(folder: Path, which: Which) -> int:
    """How many lines there are of which `which` is true. Raises OSError."""
    with _opened(folder, os.O_RDONLY) as descriptor:
        return 0 if descriptor < 0 else sum(1 for _ in _found(descriptor, which))


def blank_lines(folder: Path, which: Which) -> int:
    """Overwrite each line of which `which` is true, durable on return; how many. Raises OSError.

    Lines that are no labels of ours are left as they are, and `which` is not asked.
    """
    with _opened(folder, os.O_RDWR) as descriptor:
        if descriptor < 0:
            return 0
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        places = list(_found(descriptor, which))
        for offset, length in places:
            os.pwrite(descriptor, b" " * length, offset)
        if places:
            os.fsync(descriptor)
        return len(places)


def older_than(cutoff: float) -> Which:
    """Labels that were told before `cutoff`, in seconds since the epoch."""
    return lambda line: type(line.get("time")) is int and line["time"] < cutoff * 1000


def damaged_lines(folder: Path) -> Iterator[tuple[int, int]]:
    """Whole lines that are neither labels nor blank, as (number from 1, offset in bytes). Raises OSError."""
    with _opened(folder, os.O_RDONLY) as descriptor:
        if descriptor < 0:
            return
        for number, (offset, line) in enumerate(_lines(descriptor), start=1):
            if line.endswith(b"\n") and line.strip(b" \n") and _read(line) is None:
                yield number, offset


def torn_bytes(folder: Path) -> int:
    """How many bytes follow the last whole line: what a killed writer left, or one is writing now. Raises OSError."""
    with _opened(folder, os.O_RDONLY) as descriptor:
        return 0 if descriptor < 0 else _torn(descriptor)


def cut_torn(folder: Path) -> int:
    """Cut off what follows the last whole line, durable on return; how many bytes. Raises OSError.

    Looked at and cut under one lock: a writer in between has cut it off itself, and put whole lines in its place. While
    somebody writes there is nothing to do.
    """
    with _opened(folder, os.O_RDWR) as descriptor:
        if descriptor < 0:
            return 0
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if torn := _torn(descriptor):
                os.ftruncate(descriptor, os.fstat(descriptor).st_size - torn)
                os.fsync(descriptor)
            return torn
    return 0


def _torn(descriptor: int) -> int:
    last = b"\n"
    for _, line in _lines(descriptor):
        last = line
    return 0 if last.endswith(b"\n") else len(last)


@contextmanager
def _opened(folder: Path, mode: int) -> Iterator[int]:
    """The file's descriptor; -1 where there is none."""
    try:
        descriptor = os.open(folder / LINES, mode | _FLAGS)
    except FileNotFoundError:
        yield -1
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lines(descriptor: int) -> Iterator[tuple[int, bytes]]:
    offset = 0
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        for line in file:
            yield offset, line
            offset += len(line)


def _found(descriptor: int, which: Which) -> Iterator[tuple[int, int]]:
    for offset, line in _lines(descriptor):
        said = _read(line)
        if said is not None and which(said):
            yield offset, len(line.rstrip(b"\n"))


def _read(line: bytes) -> Mapping[str, Any] | None:
    """A label's line; None for anything else. An unfinished one is none: its writer's next one cuts it off."""
    if not line.endswith(b"\n"):
        return None
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and isinstance(said.get("id"), str) else None
