"""What a controller asks for, in form. That it is allowed is not looked at here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.shown import shown
from lockgate.errors import VerificationFailed
from lockgate.serve.control import Told

_MOST_RUNG = 32


@dataclass(frozen=True)
class Proposal:
    """What a controller asks for: that `manifest` stands on the rung `to` from now on.

    `sequence`: the newest move that it knows of. `checks`: the numbers that it gives for it, as a statement tells them.
    """

    move: Literal["up", "down"]
    manifest: Digest
    sequence: int
    to: str
    checks: Mapping[str, Any]


def proposal_of(told: Told) -> Proposal:
    """A controller's message as a proposal. Raises VerificationFailed LG684 when it has not the form of one."""
    move, sequence, to, checks = (told.header.get(key) for key in ("move", "sequence", "to", "checks"))
    try:
        manifest = parse_digest(told.header.get("manifest"))
    except ValueError:
        manifest = None
    if (
        manifest is None
        or type(sequence) is not int
        or not isinstance(to, str)
        or not 0 < len(to) <= _MOST_RUNG
        or not isinstance(checks, Mapping)
    ):
        raise _formless(told)
    if move == "up":
        return Proposal("up", manifest, sequence, to, checks)
    if move == "down":
        return Proposal("down", manifest, sequence, to, checks)
    raise _formless(told)


def _formless(told: Told) -> VerificationFailed:
    return VerificationFailed(
        "LG684",
        "the controller proposed something that is no move",
        seen={key: shown(str(told.header.get(key))) for key in ("move", "sequence", "to")},
        next="lockgate explain LG684",
    )
