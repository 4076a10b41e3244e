"""What the evidence says is to be here now: the model that is live, the one on a rung beside it, the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.serve.evidence import Loadable
    from lockgate.trust.policy_ladder import LadderPolicy, Rung


@dataclass(frozen=True)
class Beside:
    """The candidate: its bytes, the rung that it stands on, and the ladder that this rung is of."""

    loaded: Loadable
    live: Loadable
    rung: Rung
    ladder: LadderPolicy

    @property
    def share(self) -> float:
        """Of the traffic, as the statement says."""
        return self.loaded.decision.share

    @property
    def same_contract(self) -> bool:
        """Whether live model and candidate read a record alike: the same code, class and fields."""
        return self.loaded.contract == self.live.contract and self.loaded.spec.fields == self.live.spec.fields

    @property
    def step(self) -> int:
        """The statement that put it there."""
        return self.loaded.decision.sequence


@dataclass(frozen=True)
class Shelf:
    """All verified. `previous` is kept warm, for a rollback. `problem`: why a candidate that stands is not here."""

    live: Loadable
    candidate: Beside | None = None
    previous: Loadable | None = None
    problem: str = ""

    def loaded(self) -> dict[Digest, Loadable]:
        """By manifest."""
        found = [self.live, self.candidate.loaded if self.candidate is not None else None, self.previous]
        return {one.decision.manifest: one for one in reversed(found) if one is not None}

    @property
    def until(self) -> datetime | None:
        """When the first waiver ends that anything here rests on."""
        return min((end for one in self.loaded().values() if (end := one.decision.until) is not None), default=None)
