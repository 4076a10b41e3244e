"""What is signed of that which a watcher proposes. The watcher is taken to be hostile: only that it asked is heard.

Which streams of the live model alarm is counted here, on the log of predictions as it is. What the log bears out is
signed with the guard's key, which is lent for no other word; by policy the guard goes back to the model before. So that
a watcher that is silent delays an alarm and does not keep it away, it is counted without a proposal too, now and then.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lockgate.audit.alarm_told import alarm_statement, told
from lockgate.audit.follow_up import owed
from lockgate.audit.log import Log
from lockgate.audit.watched import Watched, plans_of, settings_of
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, parse_digest
from lockgate.core.shown import shown
from lockgate.deploy.going_back import NO_WAY_BACK, go_back
from lockgate.deploy.turn import turn
from lockgate.errors import LockgateError, Refused, Unavailable, VerificationFailed
from lockgate.serve.control import Told
from lockgate.supervise.lookout import Raise, Subject, subject_of

ALARMS = "LG565"
PATIENCE_SECONDS = 2.0
_SOON_SECONDS = 2.0
_MOST_NAMES = 3


@dataclass(frozen=True)
class Signed:
    """An alarm that was signed: what is sent to who is told of it."""

    allows: Callable[[str], bool]
    predicate: Mapping[str, Any]
    envelope: bytes


@dataclass(frozen=True)
class Itself:
    """Nobody proposed anything: what is owed is done. `counts`: and it is counted whether anything alarms."""

    counts: bool


def raise_of(heard: Told) -> Raise:
    """A watcher's message as a proposal. Raises VerificationFailed LG847 when it has not the form of one."""
    manifest, life, streams = (heard.header.get(key) for key in ("manifest", "life", "streams"))
    try:
        found = parse_digest(manifest)
    except ValueError:
        found = None
    if found is None or type(life) is not int or type(streams) is not int or life < 0:
        raise VerificationFailed("LG847", "the watcher asked for something that is no alarm", next=_NEXT)
    return Raise(found, life, streams)


class Alarmer:
    """Raises alarms for the live model `name`. `predictions` opens the log of predictions, verified.

    Where this machine has no guard key (`keyless` says why), what was counted is told all the same, and not signed.
    """

    def __init__(self, workplace: Workplace, name: str, predictions: Callable[[], Log], keyless: str = "") -> None:
        """Takes the guard's key, so that a passphrase is asked for now. Raises as `Keyring.signer`."""
        if not keyless:
            workplace.keyring.signer("guard")
        # A view of the log of its own: it is used in another thread than the supervisor's.
        self._place = replace(workplace, ledger=copy.copy(workplace.ledger))
        self._name = name
        self._predictions = predictions
        self._keyless = keyless
        self._watched: tuple[object, Watched] | None = None
        self._signed: list[Signed] = []
        self._no_way: tuple[Digest, int] | None = None

    @property
    def keyless(self) -> str:
        """Why nothing is signed here; "" where it is."""
        return self._keyless

    def __call__(self, proposal: Raise | Itself) -> str:
        """`answer` a proposal, or look after it all by itself: what is owed first. A line for a person, or none.

        Raises as `answer`, but for an alarm that there is not: nobody asked for it.
        """
        if isinstance(proposal, Raise):
            return self.answer(proposal)
        self._place.ledger.refresh()
        subject = self._live()
        if subject is None:
            return ""
        done = self.go_on(subject)
        if done or not proposal.counts:
            return done
        try:
            return self.answer(Raise(subject.registration.manifest, subject.life.sequence, 0))
        except Refused as error:
            if error.finding == "LG847":
                return ""
            raise

    def go_on(self, subject: Subject) -> str:
        """Go back where an alarm of the live model stands and the guard has yet to: it was busy, or it was ended.

        Where there is no way back it is tried again when the event log has grown. Raises as `go_back`.
        """
        place = self._place
        statements = place.ledger.statements()
        alarm = owed(statements, place.environment, subject.registration.manifest)
        if alarm is None or self._keyless or self._no_way == (alarm.digest, len(statements)):
            return ""
        try:
            ref = go_back(place, self._name, alarm.digest)
        except Refused as error:
            if error.finding not in NO_WAY_BACK:
                raise
            self._no_way = alarm.digest, len(statements)
            raise Refused(
                "LG695", f"the guard still did not go back: {error.message}", next="lockgate monitor"
            ) from None
        return (
            f"guard: {ALARMS} {alarm.model} in {place.environment} alarms; the guard went back: {ref} answers everybody"
        )

    def answer(self, proposal: Raise) -> str:
        """Count again, and sign what alarms; a line for a person.

        1. The proposal is of the live model, and of the life that its test is in.
        2. By the log as it is now streams alarm that no alarm of this life names, and the last one is an hour old.
        3. It is signed, if the event log still says the same; where there is no key, it is told.
        4. By policy the guard goes back; where it cannot now, `go_on` does.

        Raises:
            Refused: LG847 (1, 2); what signing and sealing raise. LG695 (3) where there is no key.
            Unavailable: LG807 somebody else has the turn.
        """
        place = self._place
        place.ledger.refresh()
        # 1.
        subject = self._subject(proposal)
        # 2.
        watched, log = self._counted(subject)
        raised = [
            one
            for one in watched.raised(subject.policy.test)
            if watched.streams[one.stream].name not in subject.alarmed
        ]
        if not raised:
            raise _no("by the log as it is now no further stream alarms")
        found = told(watched, raised, subject.policy, log.size, log.root)
        words = self._words(subject, found)
        # 3.
        if self._keyless:
            raise Refused("LG695", f"{words}; it is not signed: {self._keyless}", next="lockgate monitor")
        with turn(place, patience=PATIENCE_SECONDS):
            if self._subject(proposal) != subject:
                raise Unavailable("LG807", "the event log says something else since", next="the watcher asks again")
            action = subject.policy.on_alarm
            statement = alarm_statement(subject.registration, place.environment, found, action, place.now())
            evidence = place.record("guard", statement)
        self._signed.append(Signed(subject.policy.allows, evidence.predicate, evidence.envelope))
        # 4.
        back = self._back(evidence.digest) if action == "rollback" else ""
        return f"guard: {ALARMS} {words}{back}. Next: lockgate monitor"

    def take(self) -> list[Signed]:
        """What was signed and not yet taken, by whoever sends it. To be called while no alarm is under way."""
        signed, self._signed = self._signed, []
        return signed

    def _subject(self, proposal: Raise) -> Subject:
        place = self._place
        subject = self._live()
        if subject is None or subject.registration.manifest != proposal.manifest:
            raise _no("the watcher asked about another model than the one that is live")
        if subject.life.sequence != proposal.life:
            raise _no("the watcher asked about another life of the test than the one that it is in")
        if subject.due is not None and place.now() < subject.due:
            raise _no("an alarm was signed less than an hour ago")
        return subject

    def _live(self) -> Subject | None:
        return subject_of(self._place.ledger.statements(), self._place.environment, self._name)

    def _counted(self, subject: Subject) -> tuple[Watched, Log]:
        """All that the log has by now: of a long one, what came in meanwhile too, until that is nothing to speak of."""
        settings = settings_of(subject.policy)
        key = (subject.registration.manifest, subject.life, settings)
        if self._watched is None or self._watched[0] != key:
            plans = plans_of(subject.registration, self._place.registry.blobs)
            if not any(plan.streams for plan in plans):
                raise _no("nothing of the live model is watched")
            manifest = subject.registration.manifest
            self._watched = (key, Watched(plans, self._place.environment, manifest, subject.life, settings))
        watched = self._watched[1]
        while True:
            log, began = self._predictions(), time.monotonic()
            watched.extend(log)
            if time.monotonic() - began < _SOON_SECONDS:
                return watched, log

    def _back(self, alarm: Digest) -> str:
        """The alarm stands, whatever comes of going back."""
        try:
            return f"; the guard went back: {go_back(self._place, self._name, alarm)} answers everybody"
        except LockgateError as error:
            found = "LG695" if error.finding in NO_WAY_BACK else error.finding
            return f"; {found} the guard did not go back: {error.message}"

    def _words(self, subject: Subject, found: Mapping[str, Any]) -> str:
        streams = sorted(found["streams"], key=lambda one: -one["log_e"])
        names = [f"{one['name'][:60]} ({one['effect']:+.2g} sd)" for one in streams[:_MOST_NAMES]]
        rest = f" and {len(streams) - _MOST_NAMES} more" if len(streams) > _MOST_NAMES else ""
        return shown(
            f"{subject.registration.ref} in {self._place.environment} alarms after {found['rows']:,} rows:"
            f" {', '.join(names)}{rest}"
        )


def alarmer_of(
    workplace: Workplace, name: str, predictions: Callable[[], Log], *, mirror: bool, planned: bool
) -> Alarmer:
    """Who raises alarms on this machine, taken when serving starts. Told where none is signed here.

    Where nothing is watched yet (not `planned`) no key is asked for: what comes while it serves is told, and signed
    from the next start on. Raises as `Keyring.signer`, but for a key that is not here.
    """
    if not planned:
        return Alarmer(workplace, name, predictions, "nothing was watched when serving started: start it again")
    keyless = "this mirror's log is sealed elsewhere" if mirror else ""
    if not mirror:
        try:
            return Alarmer(workplace, name, predictions)
        except LockgateError as error:
            # A key that is here and cannot be opened is said as such: a typing error is not to switch it off.
            if error.finding != "LG830":
                raise
            keyless = "the guard's key is not here"
    workplace.say(f"LG695 {keyless}: an alarm is told, it is not signed, and nothing follows it")
    return Alarmer(workplace, name, predictions, keyless)


def _no(message: str) -> Refused:
    return Refused("LG847", message, next=_NEXT)


_NEXT = "lockgate explain LG847"
