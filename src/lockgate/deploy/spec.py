"""What goes into a deployment, a rollback and a status, and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockgate.audit.entries import Authorisation, Deployment, Registration, Waiver
from lockgate.audit.evidence import Evidence
from lockgate.audit.heads import Stale
from lockgate.audit.imports import Import
from lockgate.audit.load import LoadStanding
from lockgate.core.digest import Digest
from lockgate.core.verdict import Reason, Verdict
from lockgate.trust.policy_ladder import Rung

if TYPE_CHECKING:
    from lockgate.audit.ladder.checks import Result


@dataclass(frozen=True)
class Facts:
    """What the verified log of predictions says of the model that is on the ladder.

    Attributes:
        rows, labels: of the rung on which it stands, which it has been for `waited` seconds.
        results: of each check, over the whole ladder.
        checks: the same as a deployment statement tells it (`audit.ladder.told`).
        notes: what is to be said of the records (LG550).
    """

    rows: int
    labels: int
    waited: float
    results: tuple[Result, ...]
    checks: Mapping[str, Any]
    notes: tuple[Reason, ...] = ()


Look = Callable[[LoadStanding], Facts | None]
"""Reads the log of predictions for the candidate of a standing; None where there is no such log to read."""


def looks_nowhere(_: LoadStanding) -> Facts | None:
    """For whoever has no log of predictions."""
    return None


@dataclass(frozen=True)
class DeploySpec:
    """Move `ref` in `environment`: to live, or one rung up.

    Attributes:
        to: the rung; empty: the next one (`deploy.rungs`).
        replace: take another model off the ladder for it.
        stay: where it stands on the ladder already, and no rung is named, leave it there.
        floor: raise the anti-rollback floor to this version with the same statement; None leaves it.
        raise_floor: raise it to the version of `ref`.
    """

    ref: str
    environment: str
    to: str = ""
    reason: str = ""
    floor: int | None = None
    raise_floor: bool = False
    replace: bool = False
    stay: bool = False


@dataclass(frozen=True)
class DeployResult:
    """Where the model stands now.

    Attributes:
        cached: it stood there already; nothing was signed.
        why: what is to be said of the step to whoever made it.
    """

    registration: Registration
    deployment: Deployment
    verdict: Verdict
    cached: bool
    why: str = ""

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.registration.ref


@dataclass(frozen=True)
class Authorised:
    """A ladder authorisation that was signed; `deployed`: the move to the first rung, where there was one."""

    registration: Registration
    authorisation: Authorisation
    deployed: DeployResult | None


@dataclass(frozen=True)
class Asked:
    """What an approval is about, before it is signed.

    Attributes:
        verdict: what the environment's policy says now, approvals included.
        persons: who approved so far; `missing`: how many more must.
        waivers: what would refuse without them.
    """

    registration: Registration | Import
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
    """A model that a revocation takes out of use, and the environments where it was live, or on the ladder."""

    ref: str
    manifest: Digest
    live_in: tuple[str, ...]
    on_ladder_in: tuple[str, ...] = ()


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
        withdrawn: `name@version` of the model that was taken off the ladder, where this is what was done.
    """

    what: str
    target: Evidence
    evidence: Evidence
    stale: tuple[Stale, ...] = ()
    withdrawn: str = ""


@dataclass(frozen=True)
class OnLadder:
    """The model on the ladder beside what is live.

    Attributes:
        since: when it came to this rung.
        problem: as in `Live`; what refuses it takes it away, and leaves live what is live.
        facts: None where the log of predictions could not be read.
        rung_policy: what the rung asks for; None where the policy does not know it.
        authorised_until: the end of the authorisation on which it may climb by itself.
        unattended: why it does not climb by itself.
    """

    version: int
    manifest: Digest
    rung: str
    share: float
    since: datetime
    deployment: Evidence
    problem: str
    facts: Facts | None
    rung_policy: Rung | None
    authorised_until: datetime | None
    unattended: str


@dataclass(frozen=True)
class Taken:
    """The last model that was taken off the ladder by itself: which, from where, when, and what was told of it."""

    ref: str
    rung: str
    at: datetime
    checks: Mapping[str, Any]
    reason: str


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
    candidate: OnLadder | None = None
    taken: Taken | None = None


@dataclass(frozen=True)
class Status:
    """Where everything stands: the head of each stage, what is stale, what is live, what is waived for now."""

    heads: Mapping[str, Evidence | None]
    stale: tuple[Stale, ...]
    live: tuple[Live, ...]
    waivers: tuple[Waiver, ...] = ()
