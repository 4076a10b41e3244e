"""Labels as they come, whoever brings them: the end of `labels.jsonl`, followed by one gateway of the house.

How far it was followed is kept, so that no label counts twice; what came within the last second before a crash may
count never.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lockgate.core.record_kinds import Of
from lockgate.serve.recording.labelling import is_label
from lockgate.serve.recording.labels import LINES
from lockgate.serve.rungs.comparing import Place
from lockgate.store.files import atomic_write

OFFSET = "rung-labels.json"
_MOST_BYTES = 1 << 20
"""Read at once."""
_TRIES = 4
"""A label may be here before the file knows what both models said of its row."""
_MOST_WAITING = 10_000


Known = TypeVar("Known")
Look = Callable[[Mapping[str, Sequence[Place]]], Mapping[str, Sequence["Known | None"]]]


@dataclass
class _Waiting:
    gateway: str
    place: Place
    label: Any
    tries: int = 0


class Labels(Generic[Known]):
    """For one thread at a time. Raises OSError."""

    def __init__(self, folder: Path, about: str, look: Look[Known], *, kept: str = OFFSET) -> None:
        """`look`: what is known of places, by gateway, in their order. `about`: whom they are followed for: labels that
        came before that did are of none of its rows. `kept`: the file that says how far.
        """
        self._folder = folder
        self._about, self._look, self._kept = about, look, folder / kept
        self._offset = self._begin()
        self._waiting: list[_Waiting] = []

    def read(self) -> list[tuple[Any, Known]]:
        """Each label that came since, and what is known of its row."""
        self._waiting += self._new()
        wanted: dict[str, list[Place]] = defaultdict(list)
        for one in self._waiting:
            wanted[one.gateway].append(one.place)
        known = {gateway: iter(said) for gateway, said in (self._look(wanted) if wanted else {}).items()}
        told, left = [], []
        for one in self._waiting:
            said = next(known[one.gateway])
            one.tries += 1
            if said is not None:
                told.append((one.label, said))
            elif one.tries < _TRIES:
                left.append(one)
        self._waiting = left[-_MOST_WAITING:]
        return told

    def _begin(self) -> int:
        with suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads(self._kept.read_bytes())
            if kept["model"] == self._about and type(kept["offset"]) is int:
                return max(0, kept["offset"])
        with suppress(FileNotFoundError):
            return os.stat(self._folder / LINES, follow_symlinks=False).st_size
        return 0

    def _new(self) -> list[_Waiting]:
        try:
            descriptor = os.open(self._folder / LINES, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            # Whoever erases labels makes the file shorter.
            self._offset = min(self._offset, os.fstat(descriptor).st_size)
            data = os.pread(descriptor, _MOST_BYTES, self._offset)
        finally:
            os.close(descriptor)
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and len(data) == _MOST_BYTES:
            whole = data  # longer than a label can be: passed over
        if whole:
            self._offset += len(whole)
            kept = json.dumps({"model": self._about, "offset": self._offset}).encode()
            atomic_write(self._kept, kept, mode=0o600)
        return list(_lines(whole))


def _lines(data: bytes) -> Iterator[_Waiting]:
    """What is no label of ours is passed over: the file is for monitors, the log is the judge."""
    for line in data.split(b"\n"):
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            said = json.loads(line)
            gateway, seq, row = said["id"].split(".")
            of = Of(gateway, int(seq), int(row))
            if of.is_good() and is_label(said["label"]):
                yield _Waiting(gateway, Place(of.seq, of.row, str(said.get("opens", ""))), said["label"])
