"""Cosignatures beside a log's checkpoint: who else has seen this tree, and when; and whether that is enough.

A checkpoint file holds the log's own line, then its heartbeat (the log's key as a cosigner: what it said last, and
when), then at most one line of each witness. Lines come and go; the text that all of them sign does not change.

    log/<log>/checkpoint       as it is published; a log under load has moved on before a witness answered
    state/cosigned/<log>       the newest note that a witness cosigned, with its lines: a tree that this log begins with

Trusts the keys that the caller gives: the sealer's of the roles file, the witnesses' of the signed policies.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.disk import Disk, locked, read_file
from lockgate.audit.folder import AGAIN_CHECKPOINT, CHECKPOINT
from lockgate.audit.log import Log, signed_by, verify_checkpoint
from lockgate.core.checkpoint import (
    COSIGNATURE,
    MAX_NOTE_BYTES,
    Note,
    NoteSignature,
    VerifierKey,
    parse_checkpoint,
    parse_note,
)
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Refused, Unavailable, VerificationFailed
from lockgate.trust.note import check_cosignature, verify_cosignature

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.trust.policy import EnvironmentPolicy, Policy
    from lockgate.trust.policy_witness import Witness

FOLDER = "cosigned"
MAX_AHEAD = 60.0
"""Seconds by which a witness's clock may be ahead: a later time counts as none at all."""
_FAR = 253402300799
"""The last second that a date can tell."""


@dataclass(frozen=True)
class Seen:
    """What a note says of a log, in POSIX seconds: `heartbeat` is its own word, `witnesses` by the policy's names."""

    size: int
    heartbeat: int | None
    witnesses: Mapping[str, int]


def cosignatures(note: bytes, witnesses: Mapping[str, VerifierKey]) -> dict[str, int]:
    """Which of `witnesses` cosigned `note`, and when (POSIX seconds). Lines of other keys are skipped.

    Raises VerificationFailed LG7011: a line under a witness's name and id does not verify.
    """
    found: dict[str, int] = {}
    for name, key in witnesses.items():
        try:
            time = verify_cosignature(note, key)
        except ValueError as error:
            raise _forged(name, key, error) from None
        if time is not None:
            found[name] = time
    return found


def heartbeat_key(origin: str, public_key: bytes) -> VerifierKey:
    """The log's own key as one that cosigns: the same key and name, another type byte, and so another key id."""
    return VerifierKey(origin, public_key, COSIGNATURE)


def heartbeat(note: bytes, origin: str, public_key: bytes) -> int | None:
    """When the log last said that this is its newest tree, in POSIX seconds; None when it never did.

    Raises VerificationFailed LG7011.
    """
    return cosignatures(note, {origin: heartbeat_key(origin, public_key)}).get(origin)


def seen_of(note: bytes, origin: str, public_key: bytes, witnesses: Mapping[str, VerifierKey]) -> Seen:
    """All of it. The caller has verified the note's own signature. Raises VerificationFailed LG7011."""
    size = parse_checkpoint(parse_note(note).text).size
    return Seen(size, heartbeat(note, origin, public_key), cosignatures(note, witnesses))


def check_lines(note: bytes, origin: str, public_key: bytes, witnesses: Iterable[VerifierKey]) -> None:
    """Every signature line is one that somebody here can check, and verifies. For `log verify`.

    `witnesses`: of every policy that this log ever had in force. The caller has verified the log's own line.

    Raises VerificationFailed LG702: a line of an unknown key, or a second one of a known one; LG7011.
    """
    own = VerifierKey(origin, public_key)
    left = [(line.name, line.key_id) for line in parse_note(note).signatures]
    left.remove((origin, own.key_id))
    for key in {heartbeat_key(origin, public_key), *witnesses}:
        cosignatures(note, {key.name: key})
        with suppress(ValueError):
            left.remove((key.name, key.key_id))
    if left:
        raise VerificationFailed(
            "LG702",
            "the checkpoint bears a signature that nobody here can check",
            seen={"file": "checkpoint", "key": f"{left[0][0]}+{left[0][1].hex()}"},
            next="lockgate log verify",
        )


def merged(note: bytes, lines: Sequence[NoteSignature], keys: Sequence[VerifierKey]) -> bytes:
    """`note` with those of `lines` that one of `keys` signed over its text, each in place of an older one.

    The log's own line stays the first. Lines of other keys, and such as do not verify, are dropped: they may be of a
    checkpoint that is not the newest any more.
    """
    parsed = parse_note(note)
    kept = {(line.name, line.key_id): line for line in parsed.signatures}
    known = {(key.name, key.key_id): key for key in keys}
    for line in lines:
        place = line.name, line.key_id
        with suppress(ValueError):
            time = check_cosignature(line, parsed.text, known[place]) if place in known else -1
            if time >= 0 and (place not in kept or time > _time(kept[place], parsed.text, known[place])):
                kept[place] = line
    return Note(parsed.text, tuple(kept.values())).encode()


def judge(rules: EnvironmentPolicy, witnesses: Mapping[str, Witness], note: bytes, now: datetime) -> Reason | None:
    """What an environment's rules say of the event log's checkpoint `note`; None where they ask for no witness.

    Its level is a refusal, a warning or a note, as the environment weighs the rule. The caller has verified the note's
    own signature. Raises VerificationFailed LG7011.
    """
    if not rules.min_witnesses:
        return None
    times = cosignatures(note, {name: one.key for name, one in witnesses.items()})
    counted = [name for name, time in times.items() if _counts(time, now, rules.max_witness_age)]
    message = f"{len(counted)} of the {rules.min_witnesses} witnesses that must have cosigned this event log did"
    seen: dict[str, object] = {
        "environment": rules.name,
        "log_size": parse_checkpoint(parse_note(note).text).size,
        "cosigned": {name: shown(time) for name, time in sorted(times.items())},
        "min_witnesses": rules.min_witnesses,
        "witnesses": sorted(witnesses),
    }
    if rules.max_witness_age is not None:
        seen["max_age_seconds"] = rules.max_witness_age
    reason = Reason("LG7010", Level.NOTE, message, seen, "lockgate log cosign")
    return rules.judge("min_witnesses", len(counted) >= rules.min_witnesses, reason)


def lasts_until(rules: EnvironmentPolicy, witnesses: Mapping[str, Witness], note: bytes) -> datetime | None:
    """Until when `judge` is content with `note`; None: for as long as it lies there. Raises as `judge`."""
    if not rules.min_witnesses or rules.max_witness_age is None:
        return None
    times = sorted(cosignatures(note, {name: one.key for name, one in witnesses.items()}).values(), reverse=True)
    if len(times) < rules.min_witnesses:
        return datetime.fromtimestamp(0, UTC)
    last = times[rules.min_witnesses - 1] + rules.max_witness_age
    return datetime.fromtimestamp(min(last, _FAR), UTC)


def require(rules: EnvironmentPolicy, witnesses: Mapping[str, Witness], note: bytes, now: datetime) -> Reason | None:
    """`judge`; raises Refused LG7010 where it refuses. Gives the reason where it only warns, for a line of talk."""
    reason = judge(rules, witnesses, note, now)
    if reason is not None and reason.level is Level.REFUSE:
        raise Refused(reason.finding, reason.message, seen=reason.seen, next=reason.next)
    return reason if reason is not None and reason.level is Level.WARN else None


def policy_of(statements: Sequence[Evidence]) -> Policy | None:
    """The newest policy of the log; None when none was signed. `statements`: all of them, verified."""
    from lockgate.trust.policy import Policy

    newest = next((one for one in reversed(statements) if one.claim == "policy"), None)
    return Policy.from_predicate(newest.predicate) if newest is not None else None


def witnesses_of(statements: Sequence[Evidence]) -> Mapping[str, Witness]:
    """Those that the newest policy of the log names."""
    newest = [one for one in statements if one.claim == "policy"][-1:]
    policy = policy_of(newest) if newest and _may_name(newest[0]) else None
    return policy.witnesses if policy is not None else {}


def keys_ever(statements: Sequence[Evidence]) -> tuple[VerifierKey, ...]:
    """The keys of every witness that a policy of this log ever named: their lines may lie beside a checkpoint."""
    naming = [one for one in statements if one.claim == "policy" and _may_name(one)]
    policies = [policy for one in naming if (policy := policy_of([one])) is not None]
    return tuple(dict.fromkeys(one.key for policy in policies for one in policy.witnesses.values()))


def attach(
    log_dir: Path,
    lines: Sequence[NoteSignature],
    keys: Sequence[VerifierKey],
    *,
    lock: Path | None = None,
    disk: Disk | None = None,
) -> bytes | None:
    """Put `lines` beside the checkpoint, if it is still the one that was cosigned; gives the note that lies there now.

    None when nothing was added. It holds the log's lock, and writes as the sealer does: new file, rename.
    """
    with locked(log_dir), locked(lock) if lock is not None else nullcontext():
        return attach_locked(log_dir, lines, keys, disk or Disk())


def kept(home: Path, log: str) -> bytes | None:
    """The newest note of a log that a witness cosigned, as kept here; None: there is none. Verified by nobody."""
    try:
        return read_file(home / "state" / FOLDER / log, MAX_NOTE_BYTES)
    except (FileNotFoundError, ValueError):
        return None


def begins_with(
    log: Log, note: bytes, witnesses: Mapping[str, VerifierKey], public_key: bytes, former: Sequence[bytes] = ()
) -> dict[str, int]:
    """Who cosigned `note`, and when, where `log` begins with its tree; nobody where it is no cosigned note of this log.

    Only what verifies accuses: anybody can write a file. Raises VerificationFailed LG7012: the log is shorter than what
    was cosigned, or another one.
    """
    origin = log.checkpoint.origin
    try:
        times = cosignatures(note, witnesses)
        verify_checkpoint(note, signed_by(note, origin, former) or public_key, origin)
    except (ValueError, LockgateError):
        return {}
    if not times:
        return {}
    try:
        log.check_extends(note, public_key, origin, former)
    except VerificationFailed as error:
        if error.finding not in {"LG707", "LG708"}:
            raise
        raise VerificationFailed(
            "LG7012",
            "a witness cosigned another log than this one, or a longer one",
            seen={"log": origin, "witnesses": sorted(times), **error.seen},
            next="lockgate explain LG7012",
        ) from None
    return times


def keep(home: Path, log: str, note: bytes, disk: Disk | None = None) -> None:
    """Keep a cosigned note, unless one of a larger tree is kept. Raises OSError."""
    disk, folder = disk or Disk(), home / "state" / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        before = kept(home, log)
        with suppress(ValueError):
            if before is not None and _size(before) > _size(note):
                return
        fresh = folder / f"{log}.next"
        fresh.unlink(missing_ok=True)
        disk.write_new(fresh, note)
        disk.replace(fresh, folder / log)
        disk.sync_folder(folder)


def shown(time: int) -> str:
    """A time as findings tell it."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(time)


def attach_locked(
    log_dir: Path, lines: Sequence[NoteSignature], keys: Sequence[VerifierKey], disk: Disk
) -> bytes | None:
    """`attach`, for whoever holds the log's lock already. Raises Unavailable LG713.

    Not by checkpoint.next: that is a commit which was cut off, and is carried through by whoever seals next.
    """
    place, fresh = log_dir / CHECKPOINT, log_dir / AGAIN_CHECKPOINT
    try:
        note = read_file(place, MAX_NOTE_BYTES)
        new = merged(note, lines, keys)
        if new == note:
            return None
        if os.path.lexists(fresh):
            disk.remove(fresh)
        disk.write_new(fresh, new)
        disk.replace(fresh, place)
        disk.sync_folder(log_dir)
    except OSError as error:
        raise Unavailable(
            "LG713",
            f"the log cannot be read or written: {error.strerror or error}",
            seen={"folder": str(log_dir), "errno": error.errno},
            next="lockgate doctor",
        ) from None
    return new


def _may_name(policy: Evidence) -> bool:
    """Whether it is worth reading a policy for its witnesses: most have none, and who only verifies reads no TOML."""
    text = str(policy.predicate.get("text", ""))
    return "witness" in text or "\\" in text


def _counts(time: int, now: datetime, most: float | None) -> bool:
    age = now.timestamp() - time
    return age >= -MAX_AHEAD and (most is None or age <= most)


def _size(note: bytes) -> int:
    return parse_checkpoint(parse_note(note).text).size


def _time(line: NoteSignature, text: bytes, key: VerifierKey) -> int:
    try:
        return check_cosignature(line, text, key)
    except ValueError:
        return -1


def _forged(name: str, key: VerifierKey, error: Exception) -> LockgateError:
    return VerificationFailed(
        "LG7011",
        f"a cosignature of {name} beside the log's checkpoint does not verify: {error}",
        seen={"witness": name, "key": key.line()},
        next="lockgate log cosign",
    )
