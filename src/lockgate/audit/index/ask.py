"""What the records say, by the index: counted in groups, and found by place. The tail is read from the log beside it.

A row of the tail is asked in Python what DuckDB is asked of the segments, and a property test holds the two to the same
answers. Segments whose times or numbers rule them out are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from lockgate.audit.index.engine import engine
from lockgate.audit.index.row import FEEDBACK, Row, row_of

if TYPE_CHECKING:
    from lockgate.audit.index.store import Index

DAY: Final = 86_400_000
"""Milliseconds of a day, UTC."""
AT_ONCE: Final = 64
"""Segments that are held in memory at a time: a few dozen megabytes."""


@dataclass(frozen=True)
class Filter:
    """Which entries. What is empty or None asks for nothing.

    `models`: manifests' digests, any of them. `since`, `until`: milliseconds, both inclusive. `kinds`: any of them.
    """

    models: tuple[str, ...] | None = None
    client: str = ""
    environment: str = ""
    since: int | None = None
    until: int | None = None
    kinds: tuple[str, ...] = ()

    def has(self, row: Row) -> bool:
        """Whether a row is one of them."""
        return (
            (self.models is None or row.model in self.models)
            and self.client in {"", row.client}
            and self.environment in {"", row.environment}
            and (self.since is None or (self.since <= row.time and bool(row.kind)))
            and (self.until is None or (row.time <= self.until and bool(row.kind)))
            and (not self.kinds or row.kind in self.kinds)
        )

    def where(self) -> tuple[str, list[object]]:
        """The same in SQL: a condition and its parameters."""
        parts: list[str] = ["true"]
        values: list[object] = []
        for part, value in (
            ("list_contains(?, model)", None if self.models is None else list(self.models)),
            ("client = ?", self.client or None),
            ("environment = ?", self.environment or None),
            ("time >= ? AND kind <> ''", self.since),
            ("time <= ? AND kind <> ''", self.until),
            ("list_contains(?, kind)", list(self.kinds) or None),
        ):
            if value is not None:
                parts.append(part)
                values.append(value)
        return " AND ".join(parts), values

    def may_be_in(self, first: int, last: int) -> bool:
        """Whether a segment with these times can have one."""
        return (self.since is None or last >= self.since) and (self.until is None or first <= self.until)


class Key(NamedTuple):
    """What is counted together. `day`: since 1970. `client` is empty where it is not asked for."""

    day: int
    kind: str
    model: str
    environment: str
    rung: str
    finding: str
    client: str


@dataclass(frozen=True)
class Count:
    """A group: its entries, the rows that they answer, first and last time and place."""

    entries: int
    rows: int
    first: int
    last: int
    lowest: int
    highest: int

    def plus(self, other: Count) -> Count:
        """Both together."""
        return Count(
            self.entries + other.entries,
            self.rows + other.rows,
            min(self.first, other.first),
            max(self.last, other.last),
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
        )


def counted(index: Index, asked: Filter, *, clients: bool = False) -> dict[Key, Count]:
    """The entries that `asked` names, in groups. Raises VerificationFailed as reading the log does."""
    where, values = asked.where()
    client = "client" if clients else "''"
    what = f"time // {DAY}, kind, model, environment, rung, finding, {client}"
    values_of = "count(*), sum(rows)::BIGINT, min(time), max(time), min(index), max(index)"
    query = f"SELECT {what}, {values_of} FROM read_parquet(?) WHERE {where} GROUP BY ALL"  # noqa: S608 - our own words
    found: dict[Key, Count] = {}
    if _has_files(index):
        with engine() as asking:
            for files in _batches(index, asked):
                for line in asking.run(files, query, *values):
                    _add(found, Key(*line[:7]), Count(*line[7:]))
    for place, row in tail(index):
        if asked.has(row):
            key = Key(row.time // DAY, *row[3:7], row.finding, row.client if clients else "")
            _add(found, key, Count(1, row.rows, row.time, row.time, place, place))
    return found


def places(index: Index, asked: Filter, most: int) -> list[int]:
    """The newest `most` places in the log that `asked` names, the oldest of them first. Raises VerificationFailed."""
    found = [place for place, row in tail(index) if asked.has(row)][-most:]
    where, values = asked.where()
    query = f"SELECT index FROM read_parquet(?) WHERE {where} ORDER BY index DESC LIMIT ?"  # noqa: S608 - our own words
    if len(found) < most and _has_files(index):
        with engine() as asking:
            for files in _batches(index, asked):
                lines = asking.run(files, query, *values, most - len(found))
                found = [line[0] for line in reversed(lines)] + found
                if len(found) >= most:
                    break
    return found


def first_place(index: Index, gateway: str, seq: int) -> int | None:
    """The first record with this number of a gateway in the segments; the tail is the caller's. VerificationFailed."""
    query = "SELECT min(index) FROM read_parquet(?) WHERE gateway = ? AND seq = ? AND kind <> ''"
    numbers = [number for number, segment in enumerate(index.segments) if segment.may_have(gateway, seq)]
    if numbers:
        with engine() as asking:
            for number in numbers:
                ((place,),) = asking.run([index.data(number)], query, gateway, seq)
                if place is not None:
                    return int(place)
    return None


def highest(index: Index, gateway: str) -> int:
    """The highest number of a gateway in the segments; -1 where there is none. Raises VerificationFailed."""
    found = max(
        (one.gateways.get(gateway, (0, -1))[1] for one in index.segments if one.gateways is not None), default=-1
    )
    for number, one in enumerate(index.segments):
        if one.gateways is None:
            with engine() as asking:
                query = "SELECT coalesce(max(seq), -1) FROM read_parquet(?) WHERE gateway = ? AND kind <> ''"
                found = max(found, asking.run([index.data(number)], query, gateway)[0][0])
    return found


def labelled(index: Index, asked: Filter) -> int:
    """How many labels were told of predictions that `asked` names, as far as both are in the log."""
    rows = [row for _, row in tail(index)]
    told = [(row.of_gateway, row.of_seq) for row in rows if row.kind == FEEDBACK]
    own = {(row.gateway, row.seq) for row in rows if row.kind and asked.has(row)}
    if not _has_files(index):
        return sum(one in own for one in told)
    where, values = asked.where()
    labels = "INSERT INTO told SELECT of_gateway, of_seq FROM read_parquet(?) WHERE kind = ?"
    chosen = f"SELECT gateway, seq FROM read_parquet(?) WHERE kind <> '' AND {where}"  # noqa: S608 - our own words
    # Only what has a label is kept: so both tables are as small as the labels are few.
    kept = f"INSERT INTO own SELECT * FROM ({chosen}) SEMI JOIN told USING (gateway, seq)"  # noqa: S608 - our own words
    with engine() as asking:
        for table, lines in (("told", told), ("own", list(own))):
            asking.do(f"CREATE TABLE {table} (gateway VARCHAR, seq BIGINT)")
            columns = [line[0] for line in lines], [line[1] for line in lines]
            asking.do(f"INSERT INTO {table} SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[])", *columns)
        for files in _batches(index, Filter()):
            asking.run(files, labels, FEEDBACK)
        for files in _batches(index, asked):
            asking.run(files, kept, *values)
        return asking.one("SELECT count(*) FROM told SEMI JOIN own USING (gateway, seq)")


def tail(index: Index) -> Iterator[tuple[int, Row]]:
    """The rows behind the last segment, each with its place in the log; none where `index.rest` has them."""
    if index.rest is None:
        yield from ((place, row_of(entry)) for place, entry in index.tail())


def _batches(index: Index, asked: Filter) -> Iterator[list[bytes]]:
    """The files of the segments that can have one, newest first, a few dozen megabytes at a time."""
    if index.rest is not None:
        yield [index.rest]
    numbers = [number for number, one in enumerate(index.segments) if asked.may_be_in(one.first, one.last)][::-1]
    for start in range(0, len(numbers), AT_ONCE):
        yield [index.data(number) for number in numbers[start : start + AT_ONCE]]


def _has_files(index: Index) -> bool:
    return bool(index.segments) or index.rest is not None


def _add(found: dict[Key, Count], key: Key, count: Count) -> None:
    before = found.get(key)
    found[key] = before.plus(count) if before else count
