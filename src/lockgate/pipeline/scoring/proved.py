"""A file of predictions held against its record in the log: row by row, by the receipt's salt. Pure but for reading.

The file is not trusted: it is parsed in a jail, like any data. Nor is the receipt's file beside it: of what it says
only that counts which, with the rows, makes the root in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.reading import read_sources
from lockgate.contract.sources import SourceFile
from lockgate.core.digest import Digest, parse_digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.merkle import HASH_BYTES
from lockgate.core.row_tree import Roots, Tree, check_of, row_leaf, row_salt, source_leaf
from lockgate.core.wire import WireError
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.pipeline.scoring.layout import Reading
from lockgate.pipeline.scoring.stream import Stream
from lockgate.runtime.serving import ServingSpec

MAX_RECEIPT = 1 << 20


@dataclass(frozen=True)
class Told:
    """What the receipt's file says: the receipt, the parts of the root, and which file was scored."""

    receipt: str
    roots: Roots
    file: Digest


def read_told(data: bytes) -> Told:
    """Read the receipt's file. Raises Usage LG679."""
    try:
        said = decode_exact(data.rstrip(b"\n"))
        if not isinstance(said, dict) or said.get("v") != 1 or not isinstance(said.get("receipt"), str):
            raise ValueError("it is of another form")
        parts = [bytes.fromhex(said[name]) for name in ("source", "inputs", "outputs")]
        if any(len(part) != HASH_BYTES for part in parts):
            raise ValueError("a hash has 32 bytes")
        return Told(said["receipt"], Roots(*parts), parse_digest(said["file"]["digest"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Usage(
            "LG679",
            f"this is no receipt of a file of predictions: {error}",
            next="give --rows the file as `lockgate predict` wrote it, with its receipt beside it",
        ) from None


def check_told(told: Told, salt: bytes, root: str, scored: Digest | None) -> None:
    """The parts in the receipt's file make the root in the log; `scored`: the file that was scored is this one.

    Raises VerificationFailed LG678.
    """
    if told.roots.root != root:
        raise _other("the file of the receipt is not the one that was written with these predictions", {"root": root})
    if scored is not None and source_leaf(salt, scored) != told.roots.source:
        raise _other("another file was scored than the one that you gave", {"given": scored, "told": told.file})


def check_rows(rows: Iterator[tuple[int, Mapping[str, Any], str]], told: Told, salt: bytes, count: int) -> None:
    """The rows are those in the log, each and all, in their order. Raises VerificationFailed LG678, naming a row."""
    tree, wrong = Tree(), None
    try:
        for number, answer, check in rows:
            leaf = row_leaf(row_salt(salt, number), number, encode(answer))
            if wrong is None and check_of(leaf) != check:
                wrong = number
            tree.add(leaf)
    except ValueError as error:
        raise _other(f"line {tree.size + 1} of the file is no prediction: {error}", {"line": tree.size + 1}) from None
    if wrong is not None:
        raise _other(f"row {wrong} is not what was recorded", {"row": wrong})
    if (tree.size, tree.root) != (count, told.roots.outputs):
        raise _other(
            "rows were left out, put in or moved: each is what was recorded, and they are not all, or in another order",
            {"rows": tree.size, "rows_recorded": count},
        )


def rows_of(file: SourceFile, spec: ServingSpec, scratch: Path) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    """The rows of a file of predictions, parsed in a jail. Raises VerificationFailed LG678; Unfit."""
    try:
        snapshot, _, _ = read_sources([file], null=(), delimiter=",", encoding="utf-8", into=scratch / "rows")
    except (Refused, Usage) as error:
        raise _other(f"{file.name} cannot be read: {error.message}", {"finding": error.finding}) from None
    return _rows(snapshot, file.name, spec)


def _rows(snapshot: Path, name: str, spec: ServingSpec) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    try:
        with Stream(snapshot, None) as stream:
            try:
                reading = Reading([column for column, _ in stream.columns], spec)
            except ValueError as error:
                raise _other(f"{name}: {error}", {"columns": [each for each, _ in stream.columns[:20]]}) from None
            for _, _, columns in stream.batches():
                yield from map(reading.row, zip(*(column.values() for column in columns), strict=True))
    except (WireError, OSError) as error:
        raise _other(f"{name} cannot be read: {error}", {}) from None


def _other(message: str, seen: Mapping[str, object]) -> VerificationFailed:
    return VerificationFailed("LG678", message, seen=dict(seen), next="score the file again: lockgate predict --help")
