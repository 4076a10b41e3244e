"""The word that something must not be used any more: a model, or a statement and all that rests on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lockgate.audit import deployments, entries
from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.load import load_standing
from lockgate.audit.refs import resolve
from lockgate.audit.standing import moves_under
from lockgate.audit.withdrawn import withdrawn
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, short
from lockgate.deploy.spec import Hit, Revoked
from lockgate.deploy.statements import revocation_statement
from lockgate.deploy.turn import turn
from lockgate.deploy.words import check_reason
from lockgate.errors import LockgateError, Refused, Usage

STANDING: Final = {
    "roles": "a new roles file takes its place: lockgate trust rotate",
    "policy": "a new version takes its place: lockgate policy sign",
    "head": "the stage's head is moved again: lockgate rollback",
    "revoke": "a revocation is for good",
}
"""Statements that others follow in order, and what is done instead of revoking one."""


def revoke(workplace: Workplace, what: str, reason: str) -> Revoked:
    """Sign, as revoker, that `what` must not be used any more. Every loader honours it when it next looks.

    Args:
        what: a REF; or a statement by digest, unique prefix or log index.

    Raises:
        Usage: LG501 to LG503 `what` names nothing, or several things; LG533 no reason.
        Refused: LG529 such a statement cannot be revoked.
    """
    check_reason(reason)
    with turn(workplace, "revoker"):
        statements = workplace.ledger.statements()
        target = find(what, statements, workplace.environment)
        digest = target.manifest if isinstance(target, Registration) else target.digest
        words = (
            target.ref if isinstance(target, Registration) else f"the {target.claim} statement of entry {target.index}"
        )
        hits, stopped = reach(target, statements, workplace)
        before = [one for one in entries.revocations(statements) if digest in one.targets]
        if before:
            return Revoked(words, digest, before[0].evidence, hits, stopped, cached=True)
        statement = revocation_statement(target, reason=reason, now=workplace.now())
        return Revoked(words, digest, workplace.record("revoker", statement), hits, stopped, cached=False)


def find(what: str, statements: Sequence[Evidence], environment: str) -> Registration | Evidence:
    """The one model or statement that `what` names. Raises as `revoke`."""
    said = [one for one in statements if _names(what, one)]
    fits: list[Registration | Evidence] = [*said]
    try:
        fits.append(resolve(what, statements, environment))
    except Usage as no:
        if no.finding == "LG503" or not said:
            raise
    if len(fits) > 1:
        listed = [
            one.ref if isinstance(one, Registration) else f"{one.index}: {one.claim} {one.digest}" for one in fits
        ]
        raise Usage(
            "LG503", f"{what!r} fits {len(fits)} models and statements", seen={"fits": listed}, next="lockgate log show"
        )
    found = fits[0]
    if isinstance(found, Evidence) and found.claim in STANDING:
        raise Refused(
            "LG529",
            f"a {found.claim} statement cannot be revoked: {STANDING[found.claim]}",
            seen={"statement": found.digest, "log_index": found.index},
            next="lockgate explain LG529",
        )
    return found


def reach(
    target: Registration | Evidence, statements: Sequence[Evidence], workplace: Workplace
) -> tuple[tuple[Hit, ...], tuple[str, ...]]:
    """The models that fall with `target`, and the moves that do while their model does not."""
    subject = revocation_statement(target, reason="-", now=workplace.now()).subjects
    targets = frozenset(one.digest for one in subject)
    hits, stopped = [], []
    live = _live(statements, workplace)
    for registration in entries.registrations(statements):
        falls = bool(deployments.exposure(registration, statements) & targets)
        mine = [(place, rung) for place, rung, manifest, _ in live if manifest == registration.manifest]
        if falls:
            where = tuple(place for place, rung in mine if rung == entries.LIVE)
            on_ladder = tuple(f"{place} ({rung})" for place, rung in mine if rung != entries.LIVE)
            hits.append(Hit(registration.ref, registration.manifest, where, on_ladder))
        else:
            stopped += [
                f"{registration.ref} in {place}" + ("" if rung == entries.LIVE else f" ({rung})")
                for place, rung, manifest, rests_on in live
                if manifest == registration.manifest and rests_on & targets
            ]
    return tuple(hits), tuple(stopped)


def _live(statements: Sequence[Evidence], workplace: Workplace) -> list[tuple[str, str, Digest, frozenset[Digest]]]:
    """What loaders load now: environment, rung, manifest, and what the move rests on beside the model."""
    found = []
    places = dict.fromkeys((one.environment, one.name) for one in entries.deployments(statements))
    for environment, name in places:
        try:
            loaded = load_standing(statements, environment, workplace.now(), name=name)
        except LockgateError:
            continue
        for decision in filter(None, (loaded.live, loaded.candidate)):
            moves = {one.evidence.digest for one in moves_under(decision.deployment, statements)}
            rests_on = frozenset({*moves, decision.summary.evidence.digest, *decision.summary.inputs})
            found.append((environment, decision.rung, decision.manifest, rests_on))
    return found


def _names(what: str, one: Evidence) -> bool:
    if one.claim == "import" and what in {subject.name for subject in one.statement.subjects}:
        return True
    if what.isdecimal() and len(what) < 8:
        return one.index == int(what)
    digits = what.removeprefix("sha256:")
    return len(digits) >= 4 and one.digest.removeprefix("sha256:").startswith(digits)


def end_waiver(workplace: Workplace, identity: str, reason: str) -> Revoked:
    """Revoke a waiver before it expires. Raises as `revoke`; Usage LG502 when `identity` names no waiver."""
    known = entries.waivers(workplace.ledger.statements())
    fits = [one for one in known if _names(identity, one.evidence)]
    gone = withdrawn(workplace.ledger.statements())
    if len(fits) != 1:
        listed = [f"{one.evidence.index}: {short(one.evidence.digest)} {one.finding}" for one in known]
        raise Usage(
            "LG503" if fits else "LG502",
            f"{identity!r} fits {len(fits)} waivers",
            seen={"waivers": [line for line, one in zip(listed, known, strict=True) if not gone.hits(one.evidence)]},
            next="lockgate waive --list",
        )
    return revoke(workplace, fits[0].evidence.digest, reason)
