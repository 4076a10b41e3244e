"""The guard's hand: what is signed of that which a controller proposes. The controller is taken to be hostile.

Its proposal chooses between two moves that the evidence allows anyway: the model on the ladder comes off it, or it
steps up to the next rung of a deployer's authorisation. Whether it steps up is counted and decided here, on the log as
it is: what the controller told of it is not read, for it may be true of an old state, from before an alarm. A
withdrawal is signed at once, on the controller's word: what is live stays, and answers everybody. So its numbers may be
invented, and `verify` tells them apart; what has not their form is not signed.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lockgate.audit import deployments
from lockgate.audit.entries import LIVE
from lockgate.audit.ladder.decide import decide
from lockgate.audit.ladder.gather import Following
from lockgate.audit.ladder.told import told, well_formed
from lockgate.audit.load import LoadStanding, load_standing
from lockgate.audit.log import Log
from lockgate.audit.standings import Standing
from lockgate.audit.tasks import task_of
from lockgate.audit.workplace import Workplace
from lockgate.core.shown import shown
from lockgate.deploy.moves import guard_move
from lockgate.errors import LockgateError, Refused
from lockgate.supervise.proposal import Proposal

GARBLED = "the controller asked for it, and told what are no numbers of a ladder: none are signed"
_MOST_FIGURES = 6
_SOON_SECONDS = 2.0


class Guard:
    """Makes the moves of the model `name`. `predictions` opens the log of predictions, verified."""

    def __init__(self, workplace: Workplace, name: str, predictions: Callable[[], Log]) -> None:
        """Takes the guard's key, so that a passphrase is asked for now. Raises as `Keyring.signer`."""
        workplace.keyring.signer("guard")
        # A view of the log of its own: it moves in another thread than the supervisor's.
        self._place = replace(workplace, ledger=copy.copy(workplace.ledger))
        self._name = name
        self._predictions = predictions

    def __call__(self, proposal: Proposal) -> str:
        """Make the move; a line for a person.

        1. A model is on the ladder, and the proposal was made on the newest move.
        2. Down is this: what is live stays, the other comes off. It is told by which check; where what is told has not
           the form of any, the model comes off all the same, and nothing is told.
        3. Up is the model on the ladder, by the numbers that the log's own records give now: these are signed.
        4. What `guard_move` asks: once more the newest move, and for a step up the deployer's word.

        Raises:
            Refused: LG684 (1, 2, 3, or nothing is loaded), LG545; what signing and sealing raise.
            Unavailable: LG807 somebody else has the turn.
        """
        place = self._place
        place.ledger.refresh()
        statements = place.ledger.statements()
        standing = deployments.standing_of(place.environment, self._name, statements)
        # 1.
        if standing is None or standing.candidate is None:
            raise _no("no model is on the ladder")
        newest = standing.candidate.sequence
        if proposal.sequence != newest:
            raise Refused("LG545", "another move was made since", seen={"sequence": newest}, next="lockgate status")
        checks = proposal.checks if well_formed(proposal.checks) else None
        alarms = [] if checks is None else _alarms(checks)
        # 2.
        if proposal.move == "down":
            if (proposal.manifest, proposal.to) != (standing.live.manifest, LIVE):
                raise _no("the controller asked for another way down than off the ladder")
            if checks is not None and not alarms:
                raise _no("the controller named no check that alarms")
            reason = ", ".join(alarms) or GARBLED
        # 3.
        else:
            if proposal.manifest != standing.candidate.manifest:
                raise _no("the controller asked to move another model than the one on the ladder")
            checks = self._counted(standing)
            reason = "the rung has what it asks for, and no check alarms"
        # 4.
        try:
            guard_move(
                place,
                move=proposal.move,
                manifest=proposal.manifest,
                sequence=proposal.sequence,
                to=proposal.to,
                checks=checks,
                authorisation=None,
                reason=reason,
            )
        except Refused as no:
            if no.finding == "LG864":
                self._loaded()
            raise
        return self._words(standing, proposal, reason, checks)

    def _counted(self, standing: Standing) -> Mapping[str, Any]:
        """The numbers of the log as it is now, by which the model climbs.

        A log of years takes a while: what came in meanwhile is counted too, until there is nothing to speak of.

        Raises Refused LG684.
        """
        loaded = self._loaded().candidate
        if loaded is None or standing.since is None:
            raise _no("the model on the ladder must not be used")
        ladder = loaded.policy.ladder
        following = Following(standing, ladder, task_of(loaded.registration, self._place.registry))
        while True:
            log, began = self._predictions(), time.monotonic()
            following.extend(log)
            if time.monotonic() - began < _SOON_SECONDS:
                break
        results, (rows, labels) = following.observed.results(), following.observed.rung(loaded.sequence)
        waited = (self._place.now() - loaded.deployment.evidence.time).total_seconds()
        verdict = decide(results, rows, labels, ladder.rung(loaded.rung), waited, may_climb=True)
        if verdict.decision != "climb":
            raise _no(f"by the log as it is now nothing climbs: {verdict.why}")
        return told(results, log.size, log.root, since=standing.since.sequence, rows=rows, labels=labels)

    def _loaded(self) -> LoadStanding:
        """What a gateway loads now. Raises Refused LG684 when that is nothing: then no move here changes an answer."""
        place = self._place
        try:
            return load_standing(place.ledger.statements(), place.environment, place.now(), name=self._name)
        except LockgateError as no:
            raise Refused(
                "LG684",
                f"what is live is not loaded, so that neither model answers anybody: a person goes back: {no.message}",
                seen={"because": no.finding},
                next=f"lockgate rollback {place.environment}",
            ) from None

    def _words(self, standing: Standing, proposal: Proposal, reason: str, checks: Mapping[str, Any] | None) -> str:
        candidate, live = standing.candidate, standing.live
        if candidate is None:
            return ""
        environment = self._place.environment
        model = f"{self._name}@{candidate.version}"
        if proposal.move == "down":
            return (
                f"guard: LG553 {model} is off {candidate.rung} in {environment}: {reason}."
                f" {self._name}@{live.version} answers everybody. Next: lockgate status"
            )
        rows = 0 if checks is None else checks["rows"]
        return (
            f"guard: {model} stepped up from {candidate.rung} to {proposal.to} in {environment}: {rows} rows without an"
            f" alarm. Next: lockgate status"
        )


def guard_of(workplace: Workplace, name: str, predictions: Callable[[], Log], *, mirror: bool) -> Guard | None:
    """The guard of this machine, taken when serving starts. None, and told why, where nothing is moved by itself.

    Raises as `Keyring.signer`, but for a key that is not here.
    """
    if mirror:
        workplace.say("LG685 this mirror's log is sealed elsewhere: alarms are told, nothing is moved by itself")
        return None
    try:
        return Guard(workplace, name, predictions)
    except LockgateError as error:
        # A key that is here and cannot be opened is said as such: a typing error is not to switch the guard off.
        if error.finding != "LG830":
            raise
        workplace.say("LG685 the guard's key is not here: alarms are told, nothing is moved by itself")
        return None


def _alarms(checks: Mapping[str, Any]) -> list[str]:
    """Each check that is told to alarm, with its numbers, for people. `checks` has its form."""
    return [_figures(one) for one in checks["results"] if one["alarm"]]


def _figures(result: Mapping[str, Any]) -> str:
    """`errors (33.55 against 4.61; candidate 0.9, live 0)`."""
    numbers = ", ".join(f"{name} {value + 0.0:.4g}" for name, value in list(result["seen"].items())[:_MOST_FIGURES])
    against = f"{result['log_e']:.4g} against {result['threshold']:.4g}"
    return shown(f"{result['check']} ({against}{'; ' if numbers else ''}{numbers})")


def _no(message: str) -> Refused:
    return Refused("LG684", message, next="lockgate explain LG684")
