"""The moves of a model, as the library and the command line see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.audit.heads import STAGE_ROLES, Stale
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest
from lockgate.core.verdict import Verdict
from lockgate.deploy import rollback as going_back
from lockgate.deploy import run as going_live
from lockgate.deploy import words
from lockgate.deploy.spec import DeploySpec, WordResult
from lockgate.pipeline.done import Observer


@dataclass(frozen=True)
class Deployed:
    """What is live now. `cached`: it was already."""

    ref: str
    manifest: Digest
    environment: str
    sequence: int
    index: int
    verdict: Verdict
    cached: bool

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "environment": self.environment,
            "rung": "live",
            "sequence": self.sequence,
            "log_index": self.index,
            "cached": self.cached,
            "policy": self.verdict.result,
            "findings": [reason.as_json() for reason in self.verdict.reasons],
        }


@dataclass(frozen=True)
class Worded:
    """An approval or a revocation that was signed."""

    ref: str
    manifest: Digest
    person: str
    index: int

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {"ref": self.ref, "manifest": self.manifest, "person": self.person, "log_index": self.index}


@dataclass(frozen=True)
class RolledBack:
    """Where a stage or an environment stands now."""

    what: str
    sentence: str
    index: int
    target: Digest
    stale: tuple[Stale, ...]
    environments: tuple[str, ...]

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "what": self.what,
            "target": self.target,
            "log_index": self.index,
            "stale": [{"stage": one.stage, "message": one.message} for one in self.stale],
        }


def deploy(place: Workplace, ref: str, *, rung: str, reason: str, observer: Observer | None) -> Deployed:
    """Make `ref` live in the workplace's environment."""
    done = going_live.deploy(place, DeploySpec(ref, place.environment, rung, reason))
    if observer is not None:
        for said in done.verdict.reasons:
            observer.say(f"{said.finding}  {said.message}")
    one = done.deployment
    return Deployed(
        done.ref, one.manifest, one.environment, one.sequence, one.evidence.index, done.verdict, done.cached
    )


def approve(place: Workplace, ref: str, *, reason: str) -> Worded:
    """Sign, as approver, that `ref` may go live in the workplace's environment."""
    return _worded(words.approve(place, ref, place.environment, reason))


def revoke(place: Workplace, ref: str, *, reason: str) -> Worded:
    """Sign, as revoker, that `ref` must not be used any more."""
    return _worded(words.revoke(place, ref, reason))


def rollback(place: Workplace, what: str, *, to: str, reason: str) -> RolledBack:
    """A stage to an earlier statement, or an environment to an earlier model."""
    done = going_back.rollback(place, what, to, reason)
    if what in STAGE_ROLES:
        sentence = f"{what} stands at log entry {done.target.index} again"
    else:
        predicate = done.target.predicate
        sentence = f"{predicate.get('name')}@{predicate.get('version')} is live in {what} again"
    return RolledBack(
        what, sentence, done.evidence.index, done.target.digest, done.stale, tuple(place.policy.environments)
    )


def _worded(done: WordResult) -> Worded:
    return Worded(done.ref, done.registration.manifest, done.evidence.person, done.evidence.index)
