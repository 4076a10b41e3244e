"""What gateways suspected clients of, read from the log of predictions, and what operators said of it.

The log is verified; what gateways wrote and the sealer has not taken yet is read from the spool, and said to be
pending. Records hold a pseudonym for each client: whose it is, the holder of the gateway's key can tell. What an
operator cleared is in the registry of clients: operational state, which is not verified.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from lockgate.audit.entries import registrations
from lockgate.audit.spool import read_spool
from lockgate.core.digest import Digest, short
from lockgate.core.moments import parse_rfc3339
from lockgate.core.record_kinds import parse_any
from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.project.prediction_log import AT_ONCE, log_here
from lockgate.project.pseudonyms import Names, names_here
from lockgate.project.suspected_views import NO_LOG, Queue, Step, Suspect, Why, subject

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger
    from lockgate.project.admitting import Admitting
    from lockgate.serve.spec import Client

_KIND: Final = b'"kind":"suspicion"'
"""No other record has these bytes: its texts are of digits, and the names in it bear no quotes."""
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{16}\Z")
_LONGEST: Final = 512
_TOGETHER: Final = 1000
"""Records of one step of a cluster are written within so many milliseconds."""


@dataclass(frozen=True)
class _Read:
    """What was found, oldest first, each with whether it is pending; and what is known of clients."""

    records: Sequence[tuple[SuspicionRecord, bool]]
    refs: Mapping[Digest, str]
    names: Names
    clients: Mapping[str, Client]
    """By pseudonym."""
    now: datetime
    absent: str = ""
    beyond: int = 0


def why(project: Admitting, client: str) -> Why:
    """All that `client`, a name or a pseudonym, was suspected of, alone or with its organisation.

    Raises Usage LG621 there is no such client; Refused LG775 nobody here can tell; VerificationFailed.
    """
    ledger = project.ledger()
    read = _read(project, ledger)
    pseudonym = _pseudonym(client, read)
    known = read.clients.get(pseudonym)
    steps = tuple(step for step in _steps(read) if _is_of(step, pseudonym, read.clients))
    if known is None and not steps and not _PSEUDONYM.match(client):
        raise Usage("LG621", f"there is no client {client}", seen={"name": client}, next="lockgate clients list")
    return Why(known.name if known else client, pseudonym, known, steps, read.absent)


def review(project: Admitting, *, most: int | None = None, ledger: Ledger | None = None) -> Queue:
    """Who is suspected now: by what no operator and no gateway took back. `most`: of the newest records only.

    `ledger`: the project's, where it was just verified. Raises VerificationFailed.
    """
    read = _read(project, ledger or project.ledger(), most)
    found: dict[str, list[Step]] = {}
    for step in _steps(read):
        known = read.clients.get(step.record.client)
        if step.stands and not (known is not None and known.revoked):
            found.setdefault(step.record.client, []).append(step)
    suspects = [Suspect(steps[-1].whom, _whose(read.clients.get(one)), tuple(steps)) for one, steps in found.items()]
    return Queue(tuple(sorted(suspects, key=lambda one: one.worst, reverse=True)), read.absent, read.beyond)


def review_line(project: Admitting, ledger: Ledger) -> str:
    """For `status`; empty where nobody is suspected by the newest records. `ledger`: the project's."""
    try:
        return review(project, most=AT_ONCE, ledger=ledger).line()
    except (LockgateError, OSError):
        return "nobody can say who: the records cannot be read   lockgate clients review"


def check_why(reason: str, name: str) -> None:
    """Raises Usage LG6120 for no reason, and for one that the registry cannot keep."""
    said = reason.strip()
    if said and len(said) <= _LONGEST and said.isprintable():
        return
    message = f"a reason is one line of at most {_LONGEST} characters" if said else "why a client is cleared is kept"
    raise Usage("LG6120", message, seen={"name": name}, next=f'lockgate clients clear {name} --reason "..."')


def user() -> str:
    """Who does it: the user of this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _read(project: Admitting, ledger: Ledger, most: int | None = None) -> _Read:
    """1. The event log names the models.   2. The log of predictions verifies.   3. What waits for the sealer."""
    # 1.
    refs = {one.manifest: one.ref for one in registrations(ledger.statements())}
    names = names_here(project, ledger.root)
    clients = {found: one for one in project.clients() if (found := names.pseudonym(one.name)) is not None}
    # 2.
    log = log_here(project, ledger)
    start = 0 if log is None or most is None else max(0, log.size - most)
    sealed = [] if log is None else list(_in(log.entries(start, log.size)))
    # 3.
    known = {(one.gateway, one.seq) for one in sealed}
    waiting = [one for one in _in(_spooled(project)) if (one.gateway, one.seq) not in known]
    records = sorted([(one, False) for one in sealed] + [(one, True) for one in waiting], key=lambda one: one[0].time)
    absent = NO_LOG if log is None and not waiting else ""
    return _Read(records, refs, names, clients, project.now(), absent, start)


def _in(entries: Iterator[bytes]) -> Iterator[SuspicionRecord]:
    for entry in entries:
        if _KIND in entry:
            # What is no record of ours, `lockgate log verify` names (LG720).
            with suppress(ValueError):
                record = parse_any(entry)
                if isinstance(record, SuspicionRecord):
                    yield record


def _spooled(project: Admitting) -> Iterator[bytes]:
    folder = project.home / "state" / "spool"
    for path in sorted(folder.glob("*.spool")) if folder.is_dir() else []:
        offset = 0
        while (part := read_spool(path, offset)).records:
            yield from part.records
            offset = part.offset


def _pseudonym(client: str, read: _Read) -> str:
    """Of a name first: it may look like a pseudonym."""
    of_name = next((found for found, one in read.clients.items() if one.name == client), None)
    if of_name is not None:
        return of_name
    found = client if _PSEUDONYM.match(client) else read.names.pseudonym(client)
    if found is None:
        raise Refused(
            "LG775",
            f"nobody here can tell which records are of {client!r}: the key of the pseudonyms is not this user's",
            seen={"client": client},
            next="lockgate clients why PSEUDONYM   # 16 hex digits",
        )
    return found


def _whose(client: Client | None) -> str:
    return client.organisation if client else ""


def _is_of(step: Step, pseudonym: str, clients: Mapping[str, Client]) -> bool:
    """Its own, or one of its organisation's."""
    if step.record.client == pseudonym:
        return True
    whose = _whose(clients.get(pseudonym))
    return step.record.scope == "organisation" and whose != "" and whose == _whose(clients.get(step.record.client))


def _steps(read: _Read) -> Iterator[Step]:
    taken_back: dict[tuple[str, ...], int] = {}
    clusters: dict[tuple[str, ...], list[SuspicionRecord]] = {}
    for record, _ in read.records:
        if record.level == 0:
            taken_back[subject(record)] = record.time
        elif record.scope == "cluster":
            clusters.setdefault(_step(record), []).append(record)
    for record, pending in read.records:
        ref = read.refs.get(record.model) or f"{short(record.model)}, which was never registered"
        over = _over(record, taken_back.get(subject(record)), read) if record.level else _by_whom(record, read)
        others = tuple(_others(record, clusters.get(_step(record), ()), read.names))
        yield Step(record, ref, read.names.name(record.client), pending, over, others)


def _step(record: SuspicionRecord) -> tuple[str, ...]:
    return record.gateway, record.environment, record.model, record.rule, record.scope


def _over(record: SuspicionRecord, taken_back: int | None, read: _Read) -> str:
    """Why it counts no more: an operator's word, the gateway's at `taken_back`, or the end of its day."""
    for cleared, said in _clearings(record, read):
        if record.time < cleared:
            return said
    if taken_back is not None and record.time <= taken_back:
        return f"an operator cleared it, the gateway says {_text(taken_back)}"
    if record.rule == "leak-day" and _day(record.time) < read.now.astimezone(UTC).date():
        return "its day is over"
    return ""


def _by_whom(record: SuspicionRecord, read: _Read) -> str:
    """Of a record that takes back: the operator's word that it followed. A moment is a whole second, rounded up."""
    return next((said for cleared, said in _clearings(record, read) if record.time >= cleared - 1000), "")


def _clearings(record: SuspicionRecord, read: _Read) -> Iterator[tuple[int, str]]:
    """When whom this is of was cleared, in milliseconds, and by whom."""
    one = read.clients.get(record.client)
    for client in (one, *_fellows(one, read.clients)) if record.scope == "organisation" else (one,):
        if client is not None and client.cleared is not None:
            whose = "" if client is one else f" with {client.name}"
            said = f"cleared{whose} {client.cleared} by {client.cleared_by}: {client.cleared_why}"
            yield _milliseconds(client.cleared), said


def _fellows(one: Client | None, clients: Mapping[str, Client]) -> Iterator[Client]:
    if one is not None and one.organisation:
        yield from (other for other in clients.values() if other is not one and other.organisation == one.organisation)


def _others(record: SuspicionRecord, cluster: Sequence[SuspicionRecord], names: Names) -> Iterator[str]:
    """Who else is in the same cluster: what one gateway wrote at that moment of the same."""
    if record.scope == "cluster":
        near = [other for other in cluster if abs(other.time - record.time) <= _TOGETHER]
        found = dict.fromkeys(other.client for other in near if other.client != record.client)
        yield from (names.name(other) or other for other in found)


def _milliseconds(moment: str) -> int:
    return round(parse_rfc3339(moment).timestamp() * 1000)


def _text(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(milliseconds: int) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date()
