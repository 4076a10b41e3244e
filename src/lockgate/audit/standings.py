"""What a chain of deployments comes to: what is live, who is on the ladder beside it, which way a move leads. Pure.

    statement on `live`          that model is live; whoever was on the ladder is off it
    statement on another rung    that model is the candidate, beside what is live

Nothing else keeps a state: whoever reads the same log comes to the same standing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lockgate.audit.entries import LIVE

if TYPE_CHECKING:
    from lockgate.audit.entries import Deployment
    from lockgate.core.digest import Digest


class Move(Protocol):
    """Where a move leads: of a statement that was made, or of one that is about to be."""

    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def manifest(self) -> Digest: ...  # noqa: D102
    @property
    def rung(self) -> str: ...  # noqa: D102
    @property
    def share(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class Target:
    """Where a move is about to lead."""

    version: int
    manifest: Digest
    rung: str = LIVE
    share: float = 1.0


@dataclass(frozen=True)
class Standing:
    """Who is where in one environment under one name.

    Attributes:
        live: the statement on `live` that is in force.
        candidate: the newest statement of the model that is on the ladder; None: nobody is.
        since: the candidate's first statement on this ladder; None where there is no candidate.
        previous: the last statement on `live` of another model than live's, before it.
    """

    live: Deployment
    candidate: Deployment | None = None
    since: Deployment | None = None
    previous: Deployment | None = None


def standing(chain: Sequence[Deployment]) -> Standing | None:
    """What a chain, as `deployments.chain` read it, comes to. None for an empty one."""
    found: Standing | None = None
    for move in chain:
        found = after(found, move)
    return found


def after(before: Standing | None, move: Deployment) -> Standing:
    """The standing once `move` has been made. A move that cannot follow is refused by `deployments.chain`."""
    if before is None:
        return Standing(move)
    if move.rung == LIVE:
        previous = before.previous if move.manifest == before.live.manifest else before.live
        return Standing(move, previous=previous)
    same = before.candidate is not None and before.candidate.manifest == move.manifest
    return replace(before, candidate=move, since=before.since if same else move)


def withdraws(move: Move, before: Standing | None) -> bool:
    """Whether a move takes the candidate off the ladder and leaves live what is live."""
    return (
        before is not None
        and before.candidate is not None
        and move.rung == LIVE
        and move.manifest == before.live.manifest
    )


def lowers(move: Move, before: Standing | None) -> bool:
    """Whether a move puts the candidate on a rung of less traffic."""
    candidate = None if before is None else before.candidate
    return (
        candidate is not None
        and move.rung != LIVE
        and move.manifest == candidate.manifest
        and move.share < candidate.share
    )


def returns(move: Move, before: Standing | None) -> bool:
    """Whether a move makes a lower version live than the one that is."""
    return before is not None and move.rung == LIVE and move.version < before.live.version


def leads_down(move: Move, before: Standing | None) -> bool:
    """Whether a move lowers what people get of a newer model, whatever it says of itself."""
    return withdraws(move, before) or lowers(move, before) or returns(move, before)
