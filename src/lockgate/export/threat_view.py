"""The threat model of a project at one moment, as the exports take it. Pure: frozen values and nothing else.

Whoever computes the statuses fills it in; nothing here knows how. Texts may hold words of other people (a waiver's
reason, a file name): the exports make them harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["BROKEN", "UNPROVEN", "STALE", "ACCEPTED", "HELD", "OUT"]
WORST_FIRST: Final[tuple[Status, ...]] = ("BROKEN", "UNPROVEN", "STALE", "ACCEPTED", "HELD", "OUT")


@dataclass(frozen=True)
class BoundaryView:
    """Where something passes from one trust to another: its id in the catalogue, and both sides in words."""

    id: str
    title: str
    source: str
    target: str


@dataclass(frozen=True)
class ControlView:
    """One control of a threat. `state`: proved, stale, unproven, off, broken...; `why`: what it rests on, or lacks."""

    id: str
    says: str
    state: str
    why: str = ""


@dataclass(frozen=True)
class DrillView:
    """The newest result of one drill. `stopped`: None where there is none; `at`: when, as RFC 3339."""

    id: str
    stopped: bool | Literal["part"] | None = None
    at: str | None = None


@dataclass(frozen=True)
class ThreatRow:
    """One threat and how it stands.

    Attributes:
        references: pairs of `id@version` and its name there.
        stride: in small letters, the first one is the main one.
        why: why it stands so; next: what to run to make it better, empty where nothing is to do.
    """

    id: str
    title: str
    family: str
    stage: str
    boundary: str
    stride: tuple[str, ...]
    scenario: str
    status: Status
    why: str = ""
    next: str = ""
    limit: str = ""
    references: tuple[tuple[str, str], ...] = ()
    controls: tuple[ControlView, ...] = ()
    drills: tuple[DrillView, ...] = ()


@dataclass(frozen=True)
class ThreatView:
    """The whole. `project`: its name; `program`: Lockgate's version; `time`: of computing, as RFC 3339."""

    project: str
    environment: str
    program: str
    time: str
    boundaries: tuple[BoundaryView, ...]
    threats: tuple[ThreatRow, ...]


def worst(statuses: tuple[Status, ...]) -> Status:
    """The one that matters most of several. Raises ValueError for none."""
    return min(statuses, key=WORST_FIRST.index)
