"""One file that real libraries write, and that nobody may refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Benign:
    """A file of an allowed format.

    Attributes:
        family: what wrote it.
        name: its path within the folder of its own that it gets.
        data: its bytes.
        beside: other files of that folder, which are as good.
    """

    family: str
    name: str
    data: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)
