"""`[screen]` of lockgate.toml. What each rule weighs is said by the policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lockgate.core.strict import Document, Key, Table, text

TABLE: Final = Table(
    {
        "origin": Key(text(), "", "The field that says from which source a row is; without it each file is a source."),
    }
)


@dataclass(frozen=True)
class ScreenSettings:
    """`[screen]`."""

    origin: str = ""


def of(document: Document) -> ScreenSettings:
    """The settings that were read."""
    return ScreenSettings(**document.values["screen"])
