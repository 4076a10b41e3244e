"""Cosignatures for one log from every witness that can be reached, and what came of it, told to whoever asks later.

state/cosigned/<log>         the newest note with cosignatures (`audit.cosigned.keep`)
state/cosigned/<log>.json    what each witness said last: a diary, verified by nobody, shown by `status`
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lockgate.audit import cosigned
from lockgate.audit.log import Log
from lockgate.audit.witness.client import Post, ask, request_for
from lockgate.audit.witness.diary import Round
from lockgate.audit.witness.protocol import Request
from lockgate.core.checkpoint import parse_checkpoint, parse_note
from lockgate.trust.policy_witness import Witness


def collect(
    name: str, open_log: Callable[[], Log], witnesses: Sequence[Witness], before: bytes | None, post: Post
) -> Round:
    """Ask all of `witnesses` that have an address, at once. `before`: the note that was cosigned before, if it is kept.

    Who has cosigned a longer log than the one that was sent is asked again with what the log is by then: only if it has
    not come so far is that an alarm. Raises VerificationFailed: the log here does not verify.
    """
    asked = [one for one in witnesses if one.url]
    log = open_log()
    found = _round(name, log, asked, before, post)
    behind = [one for one in asked if _state_of(found, one) == "ahead"]
    if behind:
        later = open_log()
        if later.size > log.size:
            again = _round(name, later, behind, before, post)
            if any(one.state == "cosigned" for one in again.outcomes) or again.alarms:
                rest = tuple(one for one in found.outcomes if one.state != "ahead")
                return replace(again, outcomes=(*(replace(one, lines=()) for one in rest), *again.outcomes))
    return found


def _round(name: str, log: Log, witnesses: Sequence[Witness], before: bytes | None, post: Post) -> Round:
    guard = threading.Lock()

    def request(old: int) -> Request:
        # What has been read of a log is remembered by it: one thread at a time.
        with guard:
            return request_for(log, old)

    old = {one.name: _cosigned_before(before, one) for one in witnesses}
    with ThreadPoolExecutor(max_workers=max(1, len(witnesses))) as pool:
        asked = [pool.submit(ask, one, log.size, old[one.name], request, post) for one in witnesses]
        outcomes = tuple(each.result() for each in asked)
    lines = [line for one in outcomes for line in one.lines]
    note = cosigned.merged(log.note, lines, [one.key for one in witnesses])
    return Round(name, log.size, note, outcomes)


def _cosigned_before(note: bytes | None, witness: Witness) -> int:
    """The size that this witness cosigned when last asked: a guess, which it corrects."""
    if note is None:
        return 0
    try:
        has = cosigned.cosignatures(note, {witness.name: witness.key})
        return parse_checkpoint(parse_note(note).text).size if has else 0
    except Exception:  # noqa: BLE001 - what is kept may be damaged: it is only where the first try begins
        return 0


def _state_of(found: Round, witness: Witness) -> str:
    return next((one.state for one in found.outcomes if one.witness == witness.name), "")
