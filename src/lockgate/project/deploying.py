"""The moves of a model, as the library and the command line see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lockgate.audit import waivers
from lockgate.audit.entries import LIVE, Waiver
from lockgate.audit.heads import STAGE_ROLES, Stale
from lockgate.audit.imports import Import
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest
from lockgate.core.moments import rfc3339
from lockgate.core.shown_html import Shown
from lockgate.core.verdict import Verdict
from lockgate.core.verdict_lines import few_alike
from lockgate.deploy import authorising, revoking, words
from lockgate.deploy import rollback as going_back
from lockgate.deploy import run as going_live
from lockgate.deploy.spec import Asked, DeployResult, DeploySpec, Hit, Look, Revoked, looks_nowhere
from lockgate.pipeline.done import Observer


@dataclass(frozen=True, repr=False)
class Deployed(Shown):
    """Where a model stands now. `cached`: it did already. `why`: what is to be said of the step."""

    ref: str
    manifest: Digest
    environment: str
    sequence: int
    index: int
    verdict: Verdict
    cached: bool
    floor: int
    rung: str = LIVE
    share: float = 1.0
    why: str = ""

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "environment": self.environment,
            "rung": self.rung,
            "share": self.share,
            "why": self.why,
            "floor": self.floor,
            "sequence": self.sequence,
            "log_index": self.index,
            "cached": self.cached,
            "policy": self.verdict.result,
            "findings": [reason.as_json() for reason in self.verdict.reasons],
        }


@dataclass(frozen=True, repr=False)
class AuthorisedLine(Shown):
    """A ladder authorisation that was signed. `deployed`: the move to the first rung, where it stood on none."""

    ref: str
    manifest: Digest
    environment: str
    identity: Digest
    index: int
    rungs: tuple[str, ...]
    expires: str
    deployed: Deployed | None

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "environment": self.environment,
            "authorisation": self.identity,
            "log_index": self.index,
            "rungs": list(self.rungs),
            "expires": self.expires,
            "deployed": None if self.deployed is None else self.deployed.as_json(),
        }


@dataclass(frozen=True, repr=False)
class Worded(Shown):
    """An approval that was signed, or was there (`cached`), and what is still missing with it."""

    ref: str
    manifest: Digest
    environment: str
    person: str
    index: int
    cached: bool
    missing: int
    persons: tuple[str, ...]
    verdict: Verdict
    imported: bool = False

    @property
    def following(self) -> str:
        """The command to run once nobody is missing."""
        what = "verify" if self.imported else "deploy"
        return f"lockgate {what} {self.ref} --env {self.environment}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "environment": self.environment,
            "person": self.person,
            "log_index": self.index,
            "cached": self.cached,
            "missing": self.missing,
            "approved_by": list(self.persons),
            "policy": self.verdict.result,
            "findings": [reason.as_json() for reason in self.verdict.reasons],
        }


@dataclass(frozen=True, repr=False)
class Withdrawn(Shown):
    """A revocation that was signed, or was there (`cached`), and what it takes out of use."""

    what: str
    target: Digest
    person: str
    index: int
    cached: bool
    hits: tuple[Hit, ...]
    stopped: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """What is hit, a line each."""
        models = [
            f"{one.ref} must not be used any more"
            + (f"; it was live in {', '.join(one.live_in)}" if one.live_in else "")
            + (f"; it was on the ladder of {', '.join(one.on_ladder_in)}" if one.on_ladder_in else "")
            for one in self.hits
        ]
        moves = [f"{one} is not answered from any more, until it is deployed again" for one in self.stopped]
        return (*models, *moves) or ("no registered model rests on it",)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "what": self.what,
            "target": self.target,
            "person": self.person,
            "log_index": self.index,
            "cached": self.cached,
            "models": [
                {
                    "ref": one.ref,
                    "manifest": one.manifest,
                    "live_in": list(one.live_in),
                    "on_ladder_in": list(one.on_ladder_in),
                }
                for one in self.hits
            ],
            "stopped": list(self.stopped),
        }


@dataclass(frozen=True, repr=False)
class WaiverLine(Shown):
    """One waiver, for people and for `--json`."""

    identity: Digest
    index: int
    finding: str
    environment: str
    ref: str
    person: str
    reason: str
    expires: str
    text: str

    @property
    def of_threat(self) -> bool:
        """Whether it takes the risk of a threat, and lets nothing pass."""
        return waivers.is_threat(self.finding)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {**vars(self)}


@dataclass(frozen=True, repr=False)
class RolledBack(Shown):
    """Where a stage or an environment stands now."""

    what: str
    sentence: str
    index: int
    target: Digest
    stale: tuple[Stale, ...]
    environments: tuple[str, ...]
    withdrawn: str = ""

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "what": self.what,
            "target": self.target,
            "log_index": self.index,
            "withdrawn": self.withdrawn or None,
            "stale": [{"stage": one.stage, "message": one.message} for one in self.stale],
        }


def deploy(
    place: Workplace,
    ref: str,
    *,
    rung: str = "",
    reason: str = "",
    raise_floor: bool | int = False,
    replace: bool = False,
    stay: bool = False,
    observer: Observer | None = None,
    look: Look = looks_nowhere,
) -> Deployed:
    """Move `ref` in the workplace's environment: to `rung`, or to the next one."""
    floor = None if isinstance(raise_floor, bool) else raise_floor
    spec = DeploySpec(
        ref, place.environment, rung, reason, floor, raise_floor=raise_floor is True, replace=replace, stay=stay
    )
    done = going_live.deploy(place, spec, look)
    if observer is not None:
        for _, said in few_alike(done.verdict.reasons):
            observer.say(said)
    return _deployed(done)


def authorise(place: Workplace, spec: DeploySpec, expires: datetime | timedelta) -> AuthorisedLine:
    """Let a model climb by itself in the workplace's environment, for a while."""
    until = place.now() + expires if isinstance(expires, timedelta) else expires
    done = authorising.authorise(place, spec, until.replace(microsecond=0))
    said = done.authorisation
    return AuthorisedLine(
        done.registration.ref,
        said.manifest,
        said.environment,
        said.evidence.digest,
        said.evidence.index,
        tuple(name for name, _ in said.rungs),
        rfc3339(said.expires),
        None if done.deployed is None else _deployed(done.deployed),
    )


def _deployed(done: DeployResult) -> Deployed:
    one = done.deployment
    return Deployed(
        done.ref,
        one.manifest,
        one.environment,
        one.sequence,
        one.evidence.index,
        done.verdict,
        done.cached,
        one.floor,
        one.rung,
        one.share,
        done.why,
    )


def approve(place: Workplace, ref: str, *, reason: str, show: Callable[[str], None]) -> Worded:
    """Sign, as approver, that `ref` may go live in the workplace's environment; first show what is approved."""

    def told(asked: Asked) -> None:
        for line in asked_lines(asked):
            show(line)

    done = words.approve(place, ref, place.environment, reason, show=told)
    asked = done.asked
    return Worded(
        asked.ref,
        asked.registration.manifest,
        asked.environment,
        done.evidence.person,
        done.evidence.index,
        done.cached,
        asked.missing,
        asked.persons,
        asked.verdict,
        isinstance(asked.registration, Import),
    )


def asked_lines(asked: Asked) -> tuple[str, ...]:
    """What somebody approves, before it is signed."""
    lines = [f"{asked.ref}  {asked.registration.manifest}", f"policy of {asked.environment}: {asked.verdict.result}"]
    lines += [f"  {one.level.value:<6} {one.finding}  {one.message}" for one in asked.verdict.reasons]
    lines += [f"  waived: {waivers.words(one)}" for one in asked.waivers]
    so_far = ", ".join(asked.persons) or "nobody"
    return (*lines, f"approved so far by {so_far}; {asked.missing or 'no'} more needed")


def revoke(place: Workplace, what: str, *, reason: str) -> Withdrawn:
    """Sign, as revoker, that a model, or a statement and what rests on it, must not be used any more."""
    return _withdrawn(revoking.revoke(place, what, reason))


def waive(place: Workplace, finding: str, *, reason: str, expires: datetime | timedelta, ref: str) -> WaiverLine:
    """Sign, as approver, that a finding shall not refuse in the workplace's environment for a while."""
    until = place.now() + expires if isinstance(expires, timedelta) else expires
    done = words.waive(place, finding, place.environment, reason=reason, expires=until.replace(microsecond=0), ref=ref)
    return waiver_line(done.waiver)


def end_waiver(place: Workplace, identity: str, *, reason: str) -> Withdrawn:
    """Revoke a waiver before it expires."""
    return _withdrawn(revoking.end_waiver(place, identity, reason))


def waiver_line(one: Waiver) -> WaiverLine:
    """One waiver as it is shown."""
    ref = "" if one.manifest is None else one.evidence.statement.subjects[0].name
    return WaiverLine(
        one.evidence.digest,
        one.evidence.index,
        one.finding,
        one.environment,
        ref,
        one.evidence.person,
        one.reason,
        rfc3339(one.expires),
        f"{one.environment}: {waivers.words(one)}",
    )


def rollback(place: Workplace, what: str, *, to: str, reason: str, look: Look = looks_nowhere) -> RolledBack:
    """A stage to an earlier statement, or an environment to an earlier model, or without the one on its ladder."""
    done = going_back.rollback(place, what, to, reason, look)
    if what in STAGE_ROLES:
        sentence = f"{what} stands at log entry {done.target.index} again"
    else:
        predicate = done.target.predicate
        ref = f"{predicate.get('name')}@{predicate.get('version')}"
        off = f"{done.withdrawn} is taken off the ladder of {what}"
        sentence = f"{ref} is live in {what} again" + (f", and {off}" if done.withdrawn else "")
        if done.withdrawn and not to:
            sentence = f"{off}; {ref} stays live"
    return RolledBack(
        what,
        sentence,
        done.evidence.index,
        done.target.digest,
        done.stale,
        tuple(place.policy.environments),
        done.withdrawn,
    )


def _withdrawn(done: Revoked) -> Withdrawn:
    said = done.evidence
    return Withdrawn(done.what, done.target, said.person, said.index, done.cached, done.hits, done.stopped)
