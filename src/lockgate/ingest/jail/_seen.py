"""An object as a store describes it, and what reads objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

PIECE = 8 << 20


@dataclass(frozen=True)
class Seen:
    """One object. `size` is None where the store does not tell.

    `version` changes with the bytes (a version id or a strong entity tag), or is empty where nothing does; `mark` is
    everything that the store tells and that would betray a change.
    """

    name: str
    size: int | None
    version: str
    mark: str = ""


class Objects(Protocol):
    """A store. Its methods raise what their driver raises; `_errors.worded` says it as a finding."""

    def find(self, pattern: str) -> list[Seen]:
        """The objects that `pattern` stands for, by name; none when there are none."""

    def look(self, name: str) -> Seen:
        """One object as it is now, from the store and not from memory."""

    def read(self, one: Seen) -> AbstractContextManager[Iterator[bytes]]:
        """Its bytes, in pieces."""
