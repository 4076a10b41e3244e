"""Cosignatures for a project's two logs: asked for, brought by hand, and told.

Whose lines count is said by the policy in force. What a witness has seen of another log than this one is told loudly,
wherever it is noticed: it is never a reason to write anything.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockgate.audit import cosigned
from lockgate.audit.ledger import EVENTS, PREDICTIONS
from lockgate.audit.witness import diary
from lockgate.audit.witness.client import Outcome, Post, lines_of, poster, request_for
from lockgate.audit.witness.collect import collect
from lockgate.audit.witness.diary import Round
from lockgate.core.checkpoint import parse_note
from lockgate.core.shown_html import Shown
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.project.carry.mirror import read_mirror
from lockgate.project.seen_by import Opened, logs_of, witnesses_in_force
from lockgate.trust.policy_witness import Witness

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.workplace import Workplace
    from lockgate.project.folder import Folder

AFTER_SECONDS = 3.0
"""How long a command that has done its work waits for witnesses, before it says that they did not answer."""


@dataclass(frozen=True, repr=False)
class Witnessed(Shown):
    """What came of asking: one round for each log."""

    rounds: tuple[Round, ...]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Mark and sentence for each answer: `ok`, `warn`, or `bad` for a log that a witness knows otherwise."""
        marks = {"cosigned": "ok", "failed": "warn"}
        return [(marks.get(one.state, "bad"), each.sentence(one)) for each in self.rounds for one in each.outcomes]

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "logs": [
                {"log": each.log, "size": each.size, "witnesses": [_plain(one) for one in each.outcomes]}
                for each in self.rounds
            ]
        }

    few: Reason | None = None
    """Of the environments that are refused because too few witnesses cosigned the event log, the first."""

    def check(self) -> None:
        """Raises VerificationFailed LG7012: a witness has seen another log, or a longer one; Refused LG7010: fewer
        cosigned the event log than an environment demands; Unavailable LG7013: of a log nobody answered.
        """
        for each in self.rounds:
            for one in each.alarms:
                raise _another(each, one)
        if self.few is not None:
            raise Refused(self.few.finding, self.few.message, seen=self.few.seen, next="lockgate explain LG7010")
        for each in self.rounds:
            if each.outcomes and all(one.state == "failed" for one in each.outcomes):
                raise Unavailable(
                    "LG7013",
                    f"no witness cosigned the log of {each.log}",
                    seen={"log": each.log, "size": each.size} | {one.witness: one.why for one in each.outcomes},
                    next="lockgate explain LG7013",
                )


def cosign(project: Folder, *, post: Post | None = None, only: Sequence[str] = (EVENTS, PREDICTIONS)) -> Witnessed:
    """Ask every witness that has an address about both logs, and put its lines beside the checkpoints.

    Raises Usage LG7014 when no policy names a witness; VerificationFailed: a log here does not verify.
    """
    ledger = project.ledger()
    witnesses = _named(ledger)
    rounds = _asked(project, ledger, witnesses, post or poster(), only)
    return Witnessed(rounds, _few(ledger, rounds, project.now()))


def cosign_after(project: Folder, place: Workplace, before: int, say: Callable[[str], None] | None = None) -> None:
    """After a command: the event log only, if it has grown since it had `before` entries.

    Tells `say`, or the log of warnings where nobody listens, of each witness that did not cosign, and which environment
    is refused until it does. Raises VerificationFailed LG7012: one has seen another log than this, or a longer one;
    what the command did stands.
    """
    if place.ledger.checkpoint.size <= before or read_mirror(project.home) is not None:
        return
    witnesses = tuple(one for one in cosigned.witnesses_of(place.ledger.statements()).values() if one.url)
    if not witnesses:
        return
    try:
        found = _asked(project, place.ledger, witnesses, poster(seconds=AFTER_SECONDS, within=AFTER_SECONDS), (EVENTS,))
    except (LockgateError, OSError) as error:
        (say or _warn)(f"witnesses: {error}")
        return
    for each in found:
        for one in each.outcomes:
            if say is not None or one.state == "failed":
                (say or _warn)(f"witnesses: {each.sentence(one)}")
        for one in each.alarms:
            raise _another(each, one, appended=place.ledger.checkpoint.size - before)
    few = _few(place.ledger, found, project.now())
    if few is not None:
        (say or _warn)(f"witnesses: {few.finding} {few.seen['environment']}: {few.message}; next: {few.next}")


def request_body(project: Folder, log: str, old: int) -> bytes:
    """The body of `add-checkpoint` for one log, for a witness that has cosigned `old` entries of it.

    Raises Usage LG940: it has not so many.
    """
    ledger = project.ledger()
    log_here = _one(project, ledger, log).open()
    if not 0 <= old <= log_here.size:
        raise Usage(
            "LG940",
            f"the log of {log} has {log_here.size} entries",
            seen={"old": old, "size": log_here.size},
            next="lockgate log cosign --help",
        )
    return request_for(log_here, old).encode()


def take_answer(project: Folder, log: str, data: bytes) -> Witnessed:
    """Put lines that were brought by hand beside the checkpoint they were made over.

    1. Each line under a witness's name and id verifies over the checkpoint that lies here.   2. One at least is there.

    Raises Usage LG7016, LG7014.
    """
    ledger = project.ledger()
    witnesses, place = _named(ledger), _one(project, ledger, log)
    opened = place.open()
    text = parse_note(opened.note).text
    try:
        lines = lines_of(data, text, [one.key for one in witnesses])
        if not lines:
            raise ValueError("no line is by a witness that the policy names")
    except ValueError as error:
        raise Usage(
            "LG7016",
            f"that is no answer of a witness to the checkpoint of {log} that is here: {error}",
            seen={"log": log, "size": opened.size},
            next="lockgate log cosign --request FILE",
        ) from None
    times = cosigned.cosignatures(
        cosigned.merged(opened.note, lines, [one.key for one in witnesses]), {one.name: one.key for one in witnesses}
    )
    brought = {(line.name, line.key_id) for line in lines}
    outcomes = tuple(
        Outcome(one.name, "cosigned", "", (), times[one.name], opened.size)
        for one in witnesses
        if (one.key.name, one.key.key_id) in brought
    )
    note = cosigned.merged(opened.note, lines, [one.key for one in witnesses])
    found = Round(log, opened.size, note, (*outcomes[:-1], _with(outcomes[-1], lines)))
    _put(project, place, found, witnesses)
    return Witnessed((found,))


def _asked(
    project: Folder, ledger: Ledger, witnesses: Sequence[Witness], post: Post, only: Sequence[str]
) -> tuple[Round, ...]:
    rounds = []
    for each in logs_of(project, ledger):
        if each.name in only:
            before = cosigned.kept(project.home, each.name)
            found = collect(each.name, each.open, witnesses, before, post)
            _put(project, each, found, witnesses)
            rounds.append(found)
    return tuple(rounds)


def _few(ledger: Ledger, rounds: Sequence[Round], now: datetime) -> Reason | None:
    """What the first environment that demands more witnesses says of the event log as it was cosigned now."""
    policy = cosigned.policy_of(ledger.statements())
    for each in rounds:
        if policy is None or each.log != EVENTS:
            continue
        for rules in policy.environments.values():
            reason = cosigned.judge(rules, policy.witnesses, each.note, now)
            if reason is not None and reason.level is Level.REFUSE:
                return reason
    return None


def _another(found: Round, one: Outcome, **more: int) -> LockgateError:
    done = "what this command signed is in the log here; but " if more else ""
    return VerificationFailed(
        "LG7012",
        f"{done}witness {one.witness} has seen another log of {found.log} than this one: {one.why}",
        seen={"log": found.log, "size": found.size, "witness": one.witness, "witness_size": one.size, **more},
        next="lockgate explain LG7012",
    )


def _warn(sentence: str) -> None:
    # Where nobody set up logging, as in the command line, Python writes warnings to standard error.
    logging.getLogger("lockgate.witnesses").warning("! %s", sentence)


def _put(project: Folder, place: Opened, found: Round, witnesses: Sequence[Witness]) -> None:
    keys = [one.key for one in witnesses]
    if found.lines:
        cosigned.attach(place.folder, found.lines, keys, lock=place.lock)
    with suppress(OSError):
        diary.keep(project.home, found, project.now().timestamp())


def _named(ledger: Ledger) -> tuple[Witness, ...]:
    found = witnesses_in_force(ledger)
    if not found:
        raise Usage(
            "LG7014",
            "the policy in force names no witness",
            seen={"log_size": ledger.checkpoint.size},
            next="add [witness.NAME] to policy.toml, raise its version, then lockgate policy sign",
        )
    return found


def _one(project: Folder, ledger: Ledger, log: str) -> Opened:
    for each in logs_of(project, ledger):
        if each.name == log:
            return each
    raise Refused("LG755", f"there is no log of {log} here to be cosigned", next="lockgate log show")


def _with(outcome: Outcome, lines: tuple[Any, ...]) -> Outcome:
    return Outcome(outcome.witness, outcome.state, outcome.why, lines, outcome.time, outcome.size)


def _plain(one: Outcome) -> dict[str, Any]:
    time = cosigned.shown(one.time) if one.time is not None else None
    return {"witness": one.witness, "state": one.state, "why": one.why, "time": time, "size": one.size}
