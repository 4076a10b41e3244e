"""What was in force at a time, and which version answered which client then: read from the two verified logs.

The statements say what every gateway was to do: one that follows the log does it within seconds. The records say what
was done: by each gateway's own clock, and in the log once they are sealed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lockgate.audit import deployments
from lockgate.audit.entries import registrations
from lockgate.audit.standings import standing
from lockgate.core.digest import Digest, short
from lockgate.core.moments import rfc3339
from lockgate.core.record_kinds import AnyRecord, FileRecord, RefusedRecord, RequestRecord, parse_any
from lockgate.core.records import PredictionRecord
from lockgate.core.shown import Lines, block
from lockgate.errors import Refused, Usage
from lockgate.project.prediction_log import log_here
from lockgate.project.pseudonyms import Names, names_here

if TYPE_CHECKING:
    from lockgate.audit.entries import Deployment
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.log import Log
    from lockgate.project.folder import Folder

_PSEUDONYM = re.compile(r"[0-9a-f]{16}\Z")
_END = len(b',"v":1}')
A_FILE = "a file, scored as a whole"
NONE_HERE = "the log of predictions is not here: nothing is known of who was answered"


@dataclass(frozen=True)
class Asked:
    """`within`: records so long before and after `at`. `client`: a name, or a pseudonym; empty for all."""

    at: datetime
    within: timedelta = timedelta(minutes=1)
    client: str = ""
    environment: str = ""


@dataclass(frozen=True)
class InForce:
    """What the statements said, under one name in one environment."""

    environment: str
    live: Deployment
    candidate: Deployment | None

    def text(self) -> str:
        """One line."""
        one = self.candidate
        beside = (
            f"; beside it {one.name}@{one.version} on {one.rung} with {one.share * 100:.4g} % of the traffic, by move"
            f" {one.sequence} (log entry {one.evidence.index})"
            if one is not None
            else ""
        )
        return f"{self.environment}: {_move(self.live)} is live{beside}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "environment": self.environment,
            "live": _said(self.live),
            "candidate": _said(self.candidate) if self.candidate else None,
        }


@dataclass(frozen=True)
class Answers:
    """What one client got from one model on one rung: rows answered and refused, first and last time."""

    environment: str
    model: str
    rung: str
    client: str
    name: str
    rows: int
    refused: int
    first: datetime
    last: datetime

    def cells(self) -> tuple[str, ...]:
        """A line of the table."""
        who = f"{self.name} ({self.client})" if self.name else self.client
        counts = (f"{self.rows:,}", f"{self.refused:,}")
        return (self.environment, self.model, self.rung, who, *counts, rfc3339(self.first), rfc3339(self.last))

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        times = {"first": rfc3339(self.first), "last": rfc3339(self.last)}
        return {**vars(self), **times, "name": self.name or None}


HEAD = ("environment", "model", "rung", "client", "rows", "refused", "first", "last")


@dataclass(frozen=True)
class Served:
    """The answer. `absent`: why nothing is known of the records; empty when they were read."""

    asked: Asked
    in_force: tuple[InForce, ...]
    answers: tuple[Answers, ...]
    absent: str = ""

    def text(self) -> Lines:
        """What was in force, and how far around it records were looked for."""
        where = f" in {self.asked.environment}" if self.asked.environment else ""
        lines = [f"at {rfc3339(self.asked.at)}, by the log of events:"]
        lines += [f"  {one.text()}" for one in self.in_force] or [f"  nothing was live{where}"]
        seconds = f"{self.asked.within.total_seconds():g} s"
        lines.append(
            self.absent or f"answered from {seconds} before to {seconds} after, by the clocks of the gateways:"
        )
        if not self.absent and not self.answers:
            lines.append("  nobody, as far as it is sealed")
        return block(lines)

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "at": rfc3339(self.asked.at),
            "within_seconds": self.asked.within.total_seconds(),
            "in_force": [one.as_json() for one in self.in_force],
            "answers": [one.as_json() for one in self.answers],
            "absent": self.absent or None,
        }


def who_served(project: Folder, asked: Asked) -> Served:
    """Read both logs.

    1. The event log verifies, and the time lies within it.
    2. What was in force: of each chain, the statements that the log had taken by then.
    3. The log of predictions verifies, and each record of that time is read.

    Raises Usage LG776 for the time, Refused LG775 for a name that nobody here can tell, VerificationFailed.
    """
    # 1.
    ledger = project.ledger()
    statements = ledger.statements()
    _check_time(asked.at, statements, project.now())
    # 2.
    in_force = tuple(_in_force(statements, asked))
    # 3.
    names = names_here(project, ledger.root)
    client = _pseudonym(asked.client, names) if asked.client else ""
    log = log_here(project, ledger)
    if log is None:
        return Served(asked, in_force, (), NONE_HERE)
    refs = {one.manifest: one.ref for one in registrations(statements)}
    return Served(asked, in_force, _answers(log, asked, client, refs, names))


def _check_time(at: datetime, statements: Sequence[Evidence], now: datetime) -> None:
    first = statements[0].time
    if first <= at <= now:
        return
    raise Usage(
        "LG776",
        "that time is in the future" if at > now else "that time is before the log begins",
        seen={"at": rfc3339(at), "log_begins": rfc3339(first), "now": rfc3339(now)},
        next="lockgate log show",
    )


def _in_force(statements: Sequence[Evidence], asked: Asked) -> Iterator[InForce]:
    environments = dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "deploy")
    for environment in environments:
        if asked.environment not in {"", environment}:
            continue
        for name in deployments.deployed_names(environment, statements):
            moves = deployments.chain(environment, name, statements)
            found = standing([move for move in moves if move.evidence.time <= asked.at])
            if found is not None:
                yield InForce(environment, found.live, found.candidate)


def _pseudonym(client: str, names: Names) -> str:
    if _PSEUDONYM.match(client):
        return client
    found = names.pseudonym(client)
    if found is None:
        raise Refused(
            "LG775",
            f"nobody here can tell which records are of {client!r}: the key of the pseudonyms is not this user's",
            seen={"client": client},
            next="lockgate log who-served --client PSEUDONYM   # 16 hex digits",
        )
    return found


def _answers(log: Log, asked: Asked, client: str, refs: Mapping[Digest, str], names: Names) -> tuple[Answers, ...]:
    """By environment, model, rung and client, in that order."""
    found: dict[tuple[str, str, str, str, str], Answers] = {}
    for record in _around(log, asked):
        if not isinstance(record, PredictionRecord | RequestRecord | RefusedRecord | FileRecord):
            continue
        if client not in {"", record.client} or asked.environment not in {"", record.environment}:
            continue
        time = datetime.fromtimestamp(record.time / 1000, UTC)
        model = refs.get(record.model) or f"{short(record.model)}, which was never registered"
        name = A_FILE if isinstance(record, FileRecord) else names.name(record.client)
        key = (record.environment, model, record.rung, record.client, name)
        rows, refused = _rows(record)
        one = found.get(key) or Answers(*key, 0, 0, time, time)
        found[key] = replace(
            one,
            rows=one.rows + rows,
            refused=one.refused + refused,
            first=min(one.first, time),
            last=max(one.last, time),
        )
    return tuple(found[key] for key in sorted(found))


def _rows(record: PredictionRecord | RequestRecord | RefusedRecord | FileRecord) -> tuple[int, int]:
    """Answered and refused."""
    if isinstance(record, RefusedRecord):
        return 0, 1
    if isinstance(record, RequestRecord):
        return len(record.inputs), 0
    return (record.rows if isinstance(record, FileRecord) else 1), 0


def _around(log: Log, asked: Asked) -> Iterator[AnyRecord]:
    """The records of that time. All are looked at: a gateway that ended may have been sealed much later."""
    middle, within = asked.at.timestamp() * 1000, asked.within.total_seconds() * 1000
    for entry in log.entries(0, log.size):
        try:
            # `time` stands before the version at the end of every kind: most records need not be parsed.
            moment = int(entry[entry.rindex(b":", 0, -_END) + 1 : -_END])
            if abs(moment - middle) <= within:
                yield parse_any(entry)
        except ValueError:
            # No record of ours: `lockgate log verify` names it (LG720).
            continue


def _move(one: Deployment) -> str:
    return f"{one.name}@{one.version} (move {one.sequence}, log entry {one.evidence.index})"


def _said(one: Deployment) -> Mapping[str, Any]:
    return {
        "ref": f"{one.name}@{one.version}",
        "manifest": one.manifest,
        "rung": one.rung,
        "share": one.share,
        "move": one.sequence,
        "log_index": one.evidence.index,
        "statement": one.evidence.digest,
        "since": rfc3339(one.evidence.time),
    }
