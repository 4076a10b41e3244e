"""The numbers of moves on a ladder, counted again from the records in the log of predictions. Pure but for the log.

A move tells of which state of that log its numbers are: so many entries, with this root. Whoever has the log comes to
the same numbers from the same entries, or the move was not made on them. Up was moved on its numbers, so they are
refuted; down is allowed on any, so that false ones are told, and stop nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit import deployments
from lockgate.audit.entries import Deployment, Registration
from lockgate.audit.ladder.checks import Observed
from lockgate.audit.ladder.gather import fits
from lockgate.audit.ladder.told import differs, told, well_formed
from lockgate.audit.load import summary_of
from lockgate.audit.origins import registration_of
from lockgate.audit.standing import ruled_by
from lockgate.audit.standings import Standing, after, leads_down, lowers, withdraws
from lockgate.core.verdict import Level, Reason
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.log import Log
    from lockgate.core.record_kinds import ObservedRecord
    from lockgate.trust.policy_ladder import LadderPolicy

SEALED_WITHIN: Final = timedelta(seconds=30)
"""How long after it was observed something may come into the log, at the latest, while a guard counts and signs."""


@dataclass(frozen=True)
class Told:
    """A move that tells numbers: of the ladder of `candidate`, which stood there before it.

    `size`, `root`: the state of the log of predictions.
    """

    move: Deployment
    before: Standing
    candidate: Deployment
    registration: Registration
    since: int
    ladder: LadderPolicy
    size: int
    root: bytes

    @property
    def climbed(self) -> bool:
        """Whether the guard moved it up: on these numbers, and on nobody's word of that hour."""
        return self.move.evidence.role == "guard" and not leads_down(self.move, self.before)

    @property
    def seen_by_then(self) -> float:
        """What was observed before this (milliseconds since 1970) was in the log, for the guard to see, at the move."""
        return (self.move.evidence.time - SEALED_WITHIN).timestamp() * 1000


@dataclass
class _Count:
    """A move's numbers so far; `later`: records that its state of the log leaves out, though they were there to see."""

    of: Told
    observed: Observed
    later: list[ObservedRecord] = field(default_factory=list)


def told_moves(statements: Sequence[Evidence], *, name: str = "") -> tuple[Told, ...]:
    """The moves of each chain that tell numbers that can be counted; with `name` those under this name.

    1. Each chain holds (`deployments.chain`).
    2. What a move up tells has its form, and there was a candidate of which it tells.
    3. What the guard moved up tells numbers: enough rows and labels for the rung that it left, and no alarm.

    Nothing was decided on the numbers of a move down: what cannot be counted of them, `notes_of_withdrawals` says.

    Raises VerificationFailed LG768 (2), LG769 (3), and as `deployments.chain`.
    """
    found = []
    for move, before in _moves(statements, name):
        with suppress(VerificationFailed) if leads_down(move, before) else nullcontext():
            one = _told(move, before, statements)
            found += [] if one is None else [one]
    return tuple(found)


def check_told(move: Deployment, before: Standing | None, statements: Sequence[Evidence]) -> None:
    """What is asked of a move that is about to be sealed: sealed, it would be asked for ever.

    1. What it tells has its form, also where it leads down, and is of a candidate.
    2. A move up: as `told_moves`. That the numbers are the log's, whoever has the log of predictions finds out.

    Raises VerificationFailed LG768 (1), LG769 (2).
    """
    # 1.
    if move.checks is not None:
        _check_form(move, before)
    # 2.
    if not leads_down(move, before):
        _told(move, before, statements)


def notes_of_withdrawals(statements: Sequence[Evidence], *, name: str = "") -> tuple[Reason, ...]:
    """LG771, a note, of each move down that tells no number that can be counted, and of each by the guard that tells no
    alarm.
    """
    found = []
    for move, before in _moves(statements, name):
        if before is None or not leads_down(move, before):
            continue
        try:
            countable = _told(move, before, statements) is not None or move.checks is None
        except VerificationFailed:
            countable = False
        ladder = withdraws(move, before) or lowers(move, before)
        if not countable:
            found.append(_note(move, before, "told what are no numbers of a ladder"))
        elif ladder and move.evidence.role == "guard" and not _alarmed(move):
            found.append(_note(move, before, f"told no alarm: {move.reason or 'it gave no reason'}"))
    return tuple(found)


class Recount:
    """Takes each record of what gateways observed, with its place in the log, and counts again for every move.

    `until`: how many entries of the log it needs.
    """

    def __init__(self, moves: Sequence[Told], log: Log, task_of: Callable[[Registration], str]) -> None:
        """The log has as many entries as each move up names, and that root over them. Raises VerificationFailed LG768.

        `task_of`: by what a candidate is compared.
        """
        self._notes: list[Reason] = []
        self._counts: list[_Count] = []
        for one in moves:
            root = None if one.size > log.size else log.subtree(0, one.size)
            if root == one.root:
                self._counts.append(_Count(one, Observed(one.ladder, task_of(one.registration))))
            elif root is None:
                why = "the log of predictions has fewer entries than the move tells of"
                self._refuse(one, why, {"told": one.size, "found": log.size})
            else:
                why = "the log of predictions is not the one that the move tells of"
                self._refuse(one, why, {"told": one.root.hex(), "found": root.hex()})
        self.until = max((log.size if one.of.climbed else one.of.size for one in self._counts), default=0)

    def take(self, index: int, record: ObservedRecord) -> None:
        """The record at `index`: it counts for each move that was made on later states, if it is of that ladder."""
        for count in self._counts:
            one = count.of
            if record.model != one.candidate.manifest or not fits(record, one.before):
                continue
            if index < one.size:
                count.observed.add(record)
            elif one.climbed and record.time < one.seen_by_then:
                count.later.append(record)

    def check(self) -> tuple[Reason, ...]:
        """Every move up is borne out.

        1. It tells what was counted again: LG771, a note, for each move down that does not.
        2. What the guard moved up was no old state of the log, from before an alarm: with what was observed by then, no
           check alarms. Who has the guard's key alone would choose one. Else LG772, a note.

        Raises VerificationFailed LG768 (1), naming what was told and found.
        """
        for count in self._counts:
            one, observed = count.of, count.observed
            # 1.
            rows, labels = observed.rung(one.candidate.sequence)
            found = told(observed.results(), one.size, one.root, since=one.since, rows=rows, labels=labels)
            difference = differs(one.move.checks, found)
            if difference:
                why = f"a move tells other numbers than the log: {difference}"
                self._refuse(one, why, {"difference": difference})
            # 2.
            self._notes += _of_earlier(count)
        return tuple(self._notes)

    def _refuse(self, one: Told, why: str, seen: dict[str, Any]) -> None:
        """Down is allowed on any numbers, and who proposes it has no key: his lie is told, and stops nobody."""
        if not leads_down(one.move, one.before):
            raise VerificationFailed("LG768", why, seen={**_about(one.move), **seen}, next="lockgate log verify")
        self._notes.append(_note(one.move, one.before, f"told other numbers than the log gives: {why}", seen))


def _moves(statements: Sequence[Evidence], name: str) -> Iterator[tuple[Deployment, Standing | None]]:
    """Each move of each chain, and the standing before it."""
    environments = dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "deploy")
    for environment in environments:
        for each in deployments.deployed_names(environment, statements):
            if name not in {"", each}:
                continue
            before: Standing | None = None
            for move in deployments.chain(environment, each, statements):
                yield move, before
                before = after(before, move)


def _told(move: Deployment, before: Standing | None, statements: Sequence[Evidence]) -> Told | None:
    """None for a move that tells no numbers and need not. Raises VerificationFailed LG768, LG769."""
    climbed = move.evidence.role == "guard" and move.move == "up"
    if move.checks is None:
        if climbed:
            raise _too_early(move, "it tells no numbers", {})
        return None
    stood, candidate, since = _check_form(move, before)
    registration = registration_of(candidate, statements)
    ladder = ruled_by(summary_of(candidate, registration, statements), statements).ladder
    log = move.checks["log"]
    root = bytes.fromhex(log["root"])
    found = Told(move, stood, candidate, registration, since.sequence, ladder, log["size"], root)
    if climbed:
        _check_climb(found)
    return found


def _check_form(move: Deployment, before: Standing | None) -> tuple[Standing, Deployment, Deployment]:
    """The standing before, the candidate in it, its first move. Raises VerificationFailed LG768."""
    if before is None or before.candidate is None or before.since is None:
        raise _malformed(move, "it tells of checks, and no model was on the ladder")
    if not well_formed(move.checks):
        raise _malformed(move, "its checks have not the form of any")
    return before, before.candidate, before.since


def _check_climb(one: Told) -> None:
    """By its own word: that this is the log's, `Recount` finds out."""
    checks: Any = one.move.checks
    try:
        rung = one.ladder.rung(one.candidate.rung)
    except KeyError:
        raise _too_early(one.move, f"its policy knows no rung {one.candidate.rung}", {}) from None
    for what, wanted in (("rows", rung.rows), ("labels", rung.labels)):
        had = checks[what]
        if had < wanted:
            raise _too_early(one.move, f"{had} {what} on {rung.name} are too few", {"told": had, "wanted": wanted})
    if _alarmed(one.move):
        raise _too_early(one.move, "a check alarmed", {})


def _of_earlier(count: _Count) -> list[Reason]:
    """No refusal: when a record was written is its gateway's word, and it may lie, or be sealed late by no fault."""
    for record in count.later:
        count.observed.add(record)
    alarms = [one.check for one in count.observed.results() if one.alarm] if count.later else []
    if not alarms:
        return []
    move = count.of.move
    message = (
        f"the guard moved {move.name}@{move.version} up in {move.environment} by move {move.sequence}, and"
        f" {' and '.join(alarms)} alarmed by then: its numbers are of an earlier state of the log"
    )
    seen = {**_about(move), "told": count.of.size, "records_after_it": len(count.later)}
    return [Reason("LG772", Level.WARN, message, seen, "lockgate explain LG772")]


def _alarmed(move: Deployment) -> bool:
    results = (move.checks or {}).get("results")
    return isinstance(results, list) and any(isinstance(one, dict) and one.get("alarm") is not False for one in results)


def _about(move: Deployment) -> dict[str, object]:
    place = {"statement": move.evidence.digest, "log_index": move.evidence.index, "move": move.sequence}
    return {**place, "model": f"{move.name}@{move.version}", "environment": move.environment, "rung": move.rung}


def _malformed(move: Deployment, why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG768", f"a move cannot be counted again: {why}", seen=_about(move), next="lockgate status"
    )


def _too_early(move: Deployment, why: str, seen: dict[str, Any]) -> VerificationFailed:
    return VerificationFailed(
        "LG769",
        f"the guard moved a model up without the evidence for it: {why}",
        seen={**_about(move), **seen},
        next="lockgate status",
    )


def _note(move: Deployment, before: Standing, what: str, seen: Mapping[str, object] | None = None) -> Reason:
    gone = before.candidate or before.live
    message = (
        f"the {move.evidence.role} took {gone.name}@{gone.version} in {move.environment} down by move {move.sequence},"
        f" and {what}"
    )
    return Reason("LG771", Level.WARN, message, {**_about(move), **(seen or {})}, "lockgate explain LG771")
