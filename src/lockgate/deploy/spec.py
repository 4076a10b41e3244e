"""What goes into a deployment, a rollback and a status, and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lockgate.audit.entries import Deployment, Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import Stale
from lockgate.core.verdict import Verdict

LIVE = "live"


@dataclass(frozen=True)
class DeploySpec:
    """Make `ref` live in `environment`.

    Attributes:
        to: the rung; `live` is the only one until a ladder is declared.
        floor: raise the anti-rollback floor to this version with the same statement; None leaves it.
    """

    ref: str
    environment: str
    to: str = LIVE
    reason: str = ""
    floor: int | None = None


@dataclass(frozen=True)
class DeployResult:
    """What is live now.

    Attributes:
        cached: it was live already; nothing was signed.
    """

    registration: Registration
    deployment: Deployment
    verdict: Verdict
    cached: bool

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.registration.ref


@dataclass(frozen=True)
class WordResult:
    """An approval or a revocation that was signed."""

    registration: Registration
    evidence: Evidence

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.registration.ref


@dataclass(frozen=True)
class RollbackResult:
    """Where a stage or an environment stands now.

    Attributes:
        what: the stage or the environment.
        target: the statement that is the stage's head again, or the registration that is live again.
        evidence: the stage-head or deployment statement that says so.
        stale: the stages that the rollback left behind; empty for an environment.
    """

    what: str
    target: Evidence
    evidence: Evidence
    stale: tuple[Stale, ...] = ()


@dataclass(frozen=True)
class Live:
    """What is live under one name in one environment.

    Attributes:
        problem: the finding and sentence when a loader would refuse it ("" when it would not).
    """

    environment: str
    name: str
    version: int
    since: datetime
    deployment: Evidence
    problem: str


@dataclass(frozen=True)
class Status:
    """Where everything stands: the head of each stage, what is stale, what is live."""

    heads: Mapping[str, Evidence | None]
    stale: tuple[Stale, ...]
    live: tuple[Live, ...]
