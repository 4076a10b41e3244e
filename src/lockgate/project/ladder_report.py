"""What was found of the ladder in the log of predictions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.audit.observed import Agreed
from lockgate.core.verdict import Reason

THEIR_WORD = "what gateways count beside rows: failures, seconds, pairs (their own word)"


@dataclass(frozen=True)
class LadderReport:
    """What a pass over the log of predictions found of the ladder.

    `moves`: how many tell numbers; `recounted`: whether they were counted again, or the log of that is not here.
    """

    agreed: Agreed = field(default_factory=Agreed)
    moves: int = 0
    recounted: bool = False
    notes: tuple[Reason, ...] = ()

    @property
    def not_proved(self) -> tuple[str, ...]:
        """What nobody here can prove of it."""
        if not self.moves:
            return ()
        if self.recounted:
            return (THEIR_WORD,)
        return (
            f"the numbers of {_moves(self.moves)} on the ladder: the log of predictions that they are of is not here",
        )

    def text(self) -> str:
        """One line; empty where there is nothing to say."""
        counted = f"the numbers of {_moves(self.moves)} are the log's own" if self.moves and self.recounted else ""
        return "; ".join(part for part in (self.agreed.text(), counted) if part)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {"observed": self.agreed.as_json(), "moves": self.moves, "recounted": self.recounted}


def _moves(count: int) -> str:
    return f"{count} move{'' if count == 1 else 's'}"
