"""Which rows of a replay count: those that neither model was trained on, each once.

A row is known by all its fields but the label, as the split knows it (train.jail.split): the row of a second label is
the same row. Files of rows are parsed in a jail; what comes from it are columns. Held are keys of the replay's rows,
and none of training's, which may be many more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lockgate.contract.spec import ROW
from lockgate.core.wire import Column, ColumnType, WireError
from lockgate.errors import Refused
from lockgate.pipeline.replaying.spec import Rows
from lockgate.pipeline.scoring.rows import inputs
from lockgate.pipeline.scoring.stream import Stream

_KEY_BYTES = 16


def counted(table: Path, names: Sequence[str] | None, label: str, trained: Sequence[Path]) -> Rows:
    """Which rows of a table of accepted rows count, and their labels.

    A label is not known where there is no such column, or no value. Raises Refused LG213.

    Args:
        names: the fields to read, where the rows have numbers; None: all, and a row's number is its place.
        trained: of each model, the rows that it was trained on.
    """
    try:
        with ExitStack() as stack:
            taught = [stack.enter_context(Stream(path, None, whole=False)) for path in trained]
            wanted = None if names is None else [ROW, *names]
            asked = stack.enter_context(Stream(table, wanted, whole=False))
            own = {one for one in asked.columns if one[0] not in (ROW, label)}
            known = [_Known(each, own) for each in taught]
            rows = list(_rows(asked, label, known))
            return _counted(rows, {place for each in known for place in each.places()})
    except (WireError, OSError) as error:
        message = f"the rows of the replay could not be read back: {error}"
        raise Refused("LG213", message, next="lockgate doctor") from None


class _Known:
    """Finds which rows of the replay a model was trained on: by the fields that both tables have."""

    def __init__(self, taught: Stream, own: Collection[tuple[str, ColumnType]]) -> None:
        self._taught = taught
        self._names = {name for name, _ in {*taught.columns}.intersection(own)}
        self._whole = len(self._names) == len(own)
        self._places: dict[bytes, list[int]] = {}

    def take(self, start: int, columns: Sequence[Column], keys: Sequence[bytes]) -> None:
        """A batch of the replay's rows, from place `start` on. `keys`: by all their columns."""
        for place, key in enumerate(keys if self._whole else self._keys(columns), start):
            self._places.setdefault(key, []).append(place)

    def places(self) -> Iterator[int]:
        """Of the rows that are in the training's table too."""
        for _, _, columns in self._taught.batches():
            for key in self._keys(columns):
                yield from self._places.pop(key, ())

    def _keys(self, columns: Sequence[Column]) -> list[bytes]:
        return _keys([each for each in columns if each.name in self._names])


def _rows(stream: Stream, label: str, known: Sequence[_Known]) -> Iterator[tuple[int, bytes, Any]]:
    """Number, key and label of each row."""
    rows = 0
    for _, _, found in stream.batches():
        named = {each.name: each for each in found}
        count = found[0].rows
        numbers = named.pop(ROW).values() if ROW in named else range(rows, rows + count)
        labels = named.pop(label).values() if label in named else [None] * count
        columns = list(named.values())
        keys = _keys(columns)
        for each in known:
            each.take(rows, columns, keys)
        rows += count
        yield from zip(numbers, keys, labels, strict=True)


def _counted(rows: Sequence[tuple[int, bytes, Any]], trained: Collection[int]) -> Rows:
    """`trained`: the places of rows that count nothing."""
    labels: dict[int, Any] = {}
    keys: set[bytes] = set()
    repeated = 0
    for place, (number, key, label) in enumerate(rows):
        if place in trained:
            continue
        if key in keys:
            repeated += 1
        else:
            keys.add(key)
            labels[number] = label
    return Rows(labels, len(rows), len(trained), repeated)


def _keys(columns: Sequence[Column]) -> list[bytes]:
    return [hashlib.sha256(row).digest()[:_KEY_BYTES] for row in inputs(columns)]
