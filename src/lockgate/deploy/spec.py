"""What goes into a deployment, a rollback and a status, and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lockgate.audit.entries import Deployment, Registration, Waiver
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import Stale
from lockgate.core.digest import Digest
from lockgate.core.verdict import Verdict

LIVE = "live"


@dataclass(frozen=True)
class DeploySpec:
    """Make `ref` live in `environment`.

    Attributes:
        to: the rung; `live` is the only one until a ladder is declared.
        floor: raise the anti-rollback floor to this version with the same statement; None leaves it.
        raise_floor: raise it to the version of `ref`.
    """

    ref: str
    environment: str
    to: str = LIVE
    reason: str = ""
    floor: int | None = None
    raise_floor: bool = False


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
class Asked:
    """What an approval is about, before it is signed.

    Attributes:
        verdict: what the environment's policy says now, approvals included.
        persons: who approved so far; `missing`: how many more must.
        waivers: what would refuse without them.
    """

    registration: Registration
    environment: str
    verdict: Verdict
    persons: tuple[str, ...]
    missing: int
    waivers: tuple[Waiver, ...]

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.registration.ref


@dataclass(frozen=True)
class Approved:
    """An approval that was signed, or was there.

    Attributes:
        asked: as it stands with it.
        cached: this person had approved it already; nothing was signed.
    """

    asked: Asked
    evidence: Evidence
    cached: bool

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.asked.ref


@dataclass(frozen=True)
class Waived:
    """A waiver that was signed."""

    waiver: Waiver


@dataclass(frozen=True)
class Hit:
    """A model that a revocation takes out of use, and the environments where it was live."""

    ref: str
    manifest: Digest
    live_in: tuple[str, ...]


@dataclass(frozen=True)
class Revoked:
    """A revocation that was signed, or was there.

    Attributes:
        what: in words: `flights@2`, or `the ingest statement of log entry 3`.
        target: the digest of the manifest or of the statement.
        hits: the models that must not be used any more.
        stopped: `name@version in environment`, where only the move rests on it: the model may be deployed anew.
        cached: it was revoked already; nothing was signed.
    """

    what: str
    target: Digest
    evidence: Evidence
    hits: tuple[Hit, ...]
    stopped: tuple[str, ...]
    cached: bool


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
        floor: the lowest version that may become live here.
        waivers: those that it rests on; with the first of them it ends.
    """

    environment: str
    name: str
    version: int
    since: datetime
    deployment: Evidence
    problem: str
    floor: int = 1
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True)
class Status:
    """Where everything stands: the head of each stage, what is stale, what is live, what is waived for now."""

    heads: Mapping[str, Evidence | None]
    stale: tuple[Stale, ...]
    live: tuple[Live, ...]
    waivers: tuple[Waiver, ...] = ()
