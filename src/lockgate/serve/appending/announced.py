"""Which gateways' files are followed: only those of which the supervisor said that somebody who may append began them.

A file alone is no permission: whoever can write into the folder, as a gateway that was taken over can, could make one
under a new name. The supervisor keeps the book of ids, out of reach of every gateway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from lockgate.serve.recording.parts import parts

SPOOL, INTAKE = "spool", "intake"
AGAIN_SECONDS = 1.0
MOST_ASKED = 1000


class Announced:
    """`folders`: where files lie, by `spool` (of this machine) and `intake` (of other appenders)."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = folders
        self._of: dict[str, str] = {}
        self._asked: dict[tuple[str, str], float] = {}
        self._unknown: dict[str, list[str]] = {}

    def add(self, gateways: Iterable[str], folder: str) -> None:
        """These may be followed, in this folder alone. The first word counts."""
        for gateway in gateways:
            self._of.setdefault(gateway, folder)

    def files(self) -> dict[str, tuple[Path, list[int]]]:
        """Folder and parts of each gateway that may be followed; what lies there beside them is remembered."""
        found: dict[str, tuple[Path, list[int]]] = {}
        unknown: dict[str, list[str]] = {}
        for name, folder in self.folders.items():
            for gateway, numbers in parts(folder).items():
                if self._of.get(gateway) == name:
                    found[gateway] = folder, numbers
                else:
                    unknown.setdefault(name, []).append(gateway)
        self._unknown = unknown
        return found

    def to_ask(self, now: float) -> dict[str, list[str]]:
        """Whom to ask the supervisor about, by folder: at most once a second each."""
        asked: dict[str, list[str]] = {}
        for name, gateways in self._unknown.items():
            for gateway in gateways[:MOST_ASKED]:
                if now - self._asked.get((name, gateway), -AGAIN_SECONDS) >= AGAIN_SECONDS:
                    self._asked[name, gateway] = now
                    asked.setdefault(name, []).append(gateway)
        return asked
