"""What is kept of people and for how long: what is overdue, what was erased and is there again. Needs no key.

By the signed policy: payloads go by the `payload_days` under which they were kept, label lines by the least
`label_days` of all environments, for a line does not say of which it is. Records in the log are never removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.erasures import erasures
from lockgate.core.moments import rfc3339
from lockgate.core.shown_html import Shown
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Unavailable
from lockgate.project import erasing_note, payload_files
from lockgate.project.erasing import restored
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.label_lines import blank_lines, count_lines, older_than
from lockgate.serve.recording.payloads import expire, is_over

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger
    from lockgate.project.folder import Folder
    from lockgate.trust.policy import Policy

_TOLD = 10
_AGAIN = "lockgate log erase --again"


@dataclass(frozen=True, repr=False)
class Overdue(Shown):
    """Kept for longer than the policy says: parts of payloads, label lines. Or, once it went, what went."""

    parts: int
    labels: int

    def __bool__(self) -> bool:
        return bool(self.parts or self.labels)

    def text(self) -> str:
        """A few words."""
        return f"{self.parts:,} parts of kept payloads and {self.labels:,} label lines"

    def as_json(self) -> dict[str, int]:
        """For `--json`."""
        return dict(vars(self))


def label_days(policy: Policy) -> int | None:
    """The least of all environments; None where none says any."""
    return min((days for one in policy.environments.values() if (days := one.serve.label_days)), default=None)


def overdue(home: Path, policy: Policy, now: datetime) -> Overdue:
    """What is there and should not be. Raises OSError."""
    payloads, moment = home / "state" / "payloads", now.timestamp()
    parts = sum(is_over(one.keys, moment) for one in payload_files.parts(payloads))
    days = label_days(policy)
    labels = 0 if days is None else count_lines(_feedback(home), older_than(moment - days * form.DAY_SECONDS))
    return Overdue(parts, labels)


def end_overdue(project: Folder) -> Overdue:
    """Destroy what is overdue by the policy in force; what went. Raises as `Folder.ledger`; Unavailable LG732."""
    policy, now = project.policy(project.ledger()), project.now()
    days = label_days(policy)
    try:
        parts = expire(project.home / "state" / "payloads", now.timestamp())
        labels = 0
        if days is not None:
            labels = blank_lines(_feedback(project.home), older_than(now.timestamp() - days * form.DAY_SECONDS))
    except OSError as error:
        raise Unavailable("LG732", f"what is overdue cannot be destroyed: {error}", next="lockgate doctor") from None
    return Overdue(parts, labels)


def reasons(project: Folder, ledger: Ledger) -> tuple[Reason, ...]:
    """Warnings about what is kept of people, LG7060 to LG7064, for `log verify` and `status`. Never raises."""
    found: list[Reason] = []
    for check in (_begun, _restored, _unrecorded, _overdue):
        try:
            found += check(project, ledger)
        except LockgateError as error:
            found.append(_warning("LG7064", error.message, seen=error.seen))
        except OSError as error:
            found.append(_warning("LG7064", f"what is kept cannot be read: {error}"))
    return _without_repeats(found)


def _without_repeats(found: Sequence[Reason]) -> tuple[Reason, ...]:
    """A damaged file stops several checks: it is told once."""
    kept: list[Reason] = []
    for one in found:
        if one not in kept:
            kept.append(one)
    return tuple(kept)


def _begun(project: Folder, _: Ledger) -> Iterator[Reason]:
    for note in erasing_note.notes(project.home):
        message = f"an erasure that was begun on {rfc3339(note.began)} is not recorded, and may not be finished"
        yield _warning("LG7060", message, seen={"parts": len(note.slots), "began": rfc3339(note.began)})


def _restored(project: Folder, ledger: Ledger) -> Iterator[Reason]:
    for one, slots in restored(project.home, ledger.statements()):
        count = sum(map(len, slots.values()))
        message = f"{count} keys are there of what was erased, by log entry {one.evidence.index}"
        yield _warning("LG7061", message, seen={"log_index": one.evidence.index, "parts": sorted(slots)[:_TOLD]})


def _unrecorded(project: Folder, ledger: Ledger) -> Iterator[Reason]:
    recorded = {one.began.date() for one in erasures(ledger.statements())}
    recorded |= {note.began.date() for note in erasing_note.notes(project.home)}
    days: dict[int, int] = {}
    for part in payload_files.parts(project.home / "state" / "payloads"):
        for slot in part.slots:
            if (day := form.erased_day(slot)) is not None:
                days[day] = days.get(day, 0) + 1
    for day, count in sorted(days.items()):
        date = datetime.fromtimestamp(day * form.DAY_SECONDS, UTC).date()
        if date not in recorded:
            message = f"{count} keys were destroyed on {date.isoformat()}, and no erasure of that day is recorded"
            yield _warning("LG7062", message, seen={"day": date.isoformat(), "keys": count}, next_=_EXPLAIN)


def _overdue(project: Folder, ledger: Ledger) -> Iterator[Reason]:
    found = overdue(project.home, project.policy(ledger), project.now())
    if found:
        message = f"{found.text()} are kept for longer than the policy says"
        yield _warning("LG7063", message, seen=found.as_json(), next_="lockgate log erase --overdue")


_EXPLAIN = "lockgate explain LG7062"


def _warning(finding: str, message: str, *, seen: dict[str, Any] | None = None, next_: str = _AGAIN) -> Reason:
    return Reason(finding, Level.WARN, message, seen or {}, next_)


def _feedback(home: Path) -> Path:
    return home / "state" / "feedback"
