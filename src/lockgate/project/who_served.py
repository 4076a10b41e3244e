"""What was in force at a time, and which version answered which client then: read from the two verified logs.

The statements say what every gateway was to do: one that follows the log does it within seconds. The records say what
was done: by each gateway's own clock, and in the log once they are sealed. The index says where to look for them; each
is read back from the log, unless they are so many that the index's own counts are told, and said to be that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lockgate.audit import deployments
from lockgate.audit.entries import registrations
from lockgate.audit.index.ask import Count, Filter, Key, counted, places
from lockgate.audit.index.lookup import entries_at, lying
from lockgate.audit.standings import standing
from lockgate.core.digest import Digest, parse_digest, short
from lockgate.core.moments import rfc3339
from lockgate.core.record_kinds import AnyRecord, FileRecord, RefusedRecord, RequestRecord, parse_any
from lockgate.core.records import PredictionRecord
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Shown
from lockgate.errors import Refused, Usage
from lockgate.project.indexed import index_here
from lockgate.project.prediction_log import log_here
from lockgate.project.pseudonyms import Names, names_here

if TYPE_CHECKING:
    from lockgate.audit.entries import Deployment
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.index.store import Index, Progress
    from lockgate.audit.log import Log
    from lockgate.project.folder import Folder

_PSEUDONYM = re.compile(r"[0-9a-f]{16}\Z")
READ_BACK = 20_000
"""So many records are read back from the log for an answer; of more the index's counts are told."""
_KINDS = tuple(kind.KIND for kind in (RequestRecord, RefusedRecord, FileRecord))
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


@dataclass(frozen=True, repr=False)
class Served(Shown):
    """The answer.

    Attributes:
        absent: why nothing is known of the records; empty when they were read.
        stranger: what is to be said of a client that nobody here knows. `deployed`: environments that ever had a model.
        counted_by: whose counts these are where not each record was read back; `notes`: what befell the index.
    """

    asked: Asked
    in_force: tuple[InForce, ...]
    answers: tuple[Answers, ...]
    absent: str = ""
    counted_by: str = ""
    notes: tuple[str, ...] = ()
    stranger: str = ""
    deployed: tuple[str, ...] = ()

    def text(self) -> Lines:
        """What was in force, and how far around it records were looked for."""
        where = f" in {self.asked.environment}" if self.asked.environment else ""
        lines = [f"at {rfc3339(self.asked.at)}, by the log of events:"]
        lines += [f"  {one.text()}" for one in self.in_force] or [f"  nothing was live{where}{self._never()}"]
        seconds = f"{self.asked.within.total_seconds():g} s"
        lines.append(
            self.absent or f"answered from {seconds} before to {seconds} after, by the clocks of the gateways:"
        )
        if self.counted_by:
            lines.append(f"  {self.counted_by}")
        if not self.absent and not self.answers:
            lines += [f"  {self.stranger}"] if self.stranger else []
            lines.append("  nobody, as far as it is sealed")
        return block(lines)

    def _never(self) -> str:
        """Said of an environment that never had a deployment: a name that was mistyped."""
        if not self.asked.environment or self.asked.environment in self.deployed:
            return ""
        return f": nothing was ever deployed there, only in {', '.join(self.deployed) or 'no environment'}"

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return {
            "at": rfc3339(self.asked.at),
            "within_seconds": self.asked.within.total_seconds(),
            "in_force": [one.as_json() for one in self.in_force],
            "answers": [one.as_json() for one in self.answers],
            "absent": self.absent or None,
            "stranger": self.stranger or None,
            "ever_deployed": list(self.deployed),
            "counted_by": self.counted_by or None,
        }


def who_served(project: Folder, asked: Asked, progress: Progress | None = None) -> Served:
    """Read both logs.

    1. The event log verifies, and the time lies within it.
    2. What was in force: of each chain, the statements that the log had taken by then.
    3. The log of predictions verifies, and each record of that time is read; see READ_BACK.

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
    client = pseudonym_of(asked.client, names) if asked.client else ""
    stranger = names.stranger(asked.client) if asked.client else ""
    served = Served(asked, in_force, (), stranger=stranger, deployed=_environments(statements))
    log = log_here(project, ledger)
    if log is None:
        return replace(served, absent=NONE_HERE)
    refs = {one.manifest: one.ref for one in registrations(statements)}
    index = index_here(project, ledger, log, progress=progress)
    wanted = _wanted(asked, client)
    notes = (*index.notes, *(names.beyond(asked.client) if client != asked.client else ()))
    found = places(index, wanted, READ_BACK + 1)
    if len(found) > READ_BACK:
        answers = _answers(counted(index, wanted, clients=True).items(), refs, names)
        return replace(served, answers=answers, counted_by=counted_by(index), notes=notes)
    answers = _answers(_groups(read_back(log, found)), refs, names)
    return replace(served, answers=answers, notes=notes)


def counted_by(index: Index) -> str:
    """Whose counts are told where not each record was read back."""
    return f"counted by the index, which this user made from the verified log (segments to entry {index.indexed:,})"


def read_back(log: Log, found: Sequence[int]) -> Iterator[tuple[int, AnyRecord]]:
    """The records at these places, in order. Raises VerificationFailed LG7050 where there is none."""
    for place, entry in entries_at(log, found):
        try:
            yield place, parse_any(entry)
        except ValueError:
            raise lying(place) from None


def _wanted(asked: Asked, client: str) -> Filter:
    middle, within = asked.at.timestamp() * 1000, asked.within.total_seconds() * 1000
    times = math.ceil(middle - within), math.floor(middle + within)
    return Filter(client=client, environment=asked.environment, since=times[0], until=times[1], kinds=_KINDS)


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
    for environment in _environments(statements):
        if asked.environment not in {"", environment}:
            continue
        for name in deployments.deployed_names(environment, statements):
            moves = deployments.chain(environment, name, statements)
            found = standing([move for move in moves if move.evidence.time <= asked.at])
            if found is not None:
                yield InForce(environment, found.live, found.candidate)


def _environments(statements: Sequence[Evidence]) -> tuple[str, ...]:
    """Every one in which something was ever deployed."""
    return tuple(dict.fromkeys(str(one.predicate.get("environment")) for one in statements if one.claim == "deploy"))


def pseudonym_of(client: str, names: Names) -> str:
    """What stands for a client in the records. Raises Refused LG775 where nobody here can tell."""
    if _PSEUDONYM.match(client):
        return client
    found = names.pseudonym(client)
    if found is None:
        raise Refused(
            "LG775",
            f"nobody here can tell which records are of {client!r}: the key of the pseudonyms is not this user's",
            seen={"client": client},
            next="lockgate log who-served --at TIME --client PSEUDONYM   # 16 hex digits",
        )
    return found


def _groups(records: Iterable[tuple[int, AnyRecord]]) -> Iterator[tuple[Key, Count]]:
    """Each record as a group of its own, as the index would say it. Raises VerificationFailed LG7050."""
    for place, record in records:
        if not isinstance(record, PredictionRecord | RequestRecord | RefusedRecord | FileRecord):
            raise lying(place)
        key = Key(0, record.KIND, record.model, record.environment, record.rung, "", record.client)
        yield key, Count(1, _rows(record), record.time, record.time, place, place)


def _answers(groups: Iterable[tuple[Key, Count]], refs: Mapping[Digest, str], names: Names) -> tuple[Answers, ...]:
    """By environment, model, rung and client, in that order."""
    found: dict[tuple[str, str, str, str, str], Answers] = {}
    for said, count in groups:
        name = A_FILE if said.kind == FileRecord.KIND else names.name(said.client)
        key = (said.environment, named_model(said.model, refs), said.rung, said.client, name)
        first, last = (datetime.fromtimestamp(time / 1000, UTC) for time in (count.first, count.last))
        one = found.get(key) or Answers(*key, 0, 0, first, last)
        found[key] = replace(
            one,
            rows=one.rows + count.rows,
            refused=one.refused + (count.entries if said.kind == RefusedRecord.KIND else 0),
            first=min(one.first, first),
            last=max(one.last, last),
        )
    return tuple(found[key] for key in sorted(found))


def named_model(manifest: str, refs: Mapping[Digest, str]) -> str:
    """A model as persons call it."""
    digest = parse_digest(manifest)
    return refs.get(digest) or f"{short(digest)}, which was never registered"


def _rows(record: PredictionRecord | RequestRecord | RefusedRecord | FileRecord) -> int:
    """How many are answered."""
    if isinstance(record, RequestRecord):
        return len(record.inputs)
    return record.rows if isinstance(record, FileRecord) else isinstance(record, PredictionRecord)


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
