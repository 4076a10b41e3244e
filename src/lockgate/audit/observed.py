"""What gateways say that they observed, held against what they recorded that they answered. One pass, little memory.

    began          counting begins: what this gateway answered before is not counted
    predictions    rows of the candidate, rows of the live model            each added up
    observed       candidate.rows, live.rows                                exactly those rows, and counting begins anew

Per gateway, in the order of the log. A gateway that was killed leaves rows that nobody told: they are counted here,
and no more. What else a gateway counts (errors, seconds, pairs) no record of an answer shows: that is its word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.record_kinds import FileRecord, ObservedRecord, parse_any
from lockgate.core.record_scan import ENVIRONMENT_AT, IS_OBSERVED, IS_SINGLE, TO_MODEL, answered
from lockgate.errors import VerificationFailed

_FILE = b'"kind":"file"'
"""No other record has these bytes: its texts are of digits, and the names in it bear no quotes."""
_LONGEST_FILE = 1024

BEGAN = "began"
REPLAYED = "replay.rows"
_ARMS = ("candidate", "live")


@dataclass
class _Step:
    """What one gateway does on one rung: its last `began`, and rows answered since its record before."""

    begun: ObservedRecord
    environment: bytes
    models: tuple[bytes, bytes]
    """How the candidate's records and the live model's say so."""
    rung: bytes
    rows: list[int]
    on_rung: int = 0
    """Of the candidate's rows those on this very rung: after the ladder's end it may answer on another."""

    @staticmethod
    def of(begun: ObservedRecord) -> _Step:
        """Just begun."""
        models = (_key("model", begun.model), _key("model", begun.base))
        return _Step(begun, _key("environment", begun.environment), models, _key("rung", begun.rung), [0, 0])

    def __post_init__(self) -> None:
        self._model_at = ENVIRONMENT_AT + len(self.environment) + TO_MODEL

    def add(self, entry: bytes) -> None:
        """A record of this gateway: most are answers of one row by what is live, so these cost least."""
        if not entry.startswith(self.environment, ENVIRONMENT_AT):
            return
        if entry.endswith(IS_SINGLE):
            rows, place = 1, self._model_at
        else:
            rows, place = answered(entry)
        if not rows:
            return
        if entry.startswith(self.models[1], place):
            self.rows[1] += rows
        elif entry.startswith(self.models[0], place):
            self.rows[0] += rows
            self.on_rung += rows if self.rung in entry else 0


def _key(name: str, value: str) -> bytes:
    return f'"{name}":"{value}",'.encode()


@dataclass(frozen=True)
class Agreed:
    """How many records of counts there were, the rows that they and the answers agree on, and the candidates' rows
    that no record counts.
    """

    records: int = 0
    rows: int = 0
    untold: int = 0

    def text(self) -> str:
        """One line; empty where nothing was observed."""
        if not self.records:
            return ""
        rest = f"; {self.untold:,} more of candidates are in no count" if self.untold else ""
        return f"{self.records:,} records of what gateways counted agree with {self.rows:,} rows answered{rest}"

    def as_json(self) -> Mapping[str, int]:
        """For `--json`."""
        return dict(vars(self))


class CrossCheck:
    """Takes each record of the log of predictions, in order."""

    def __init__(self) -> None:
        self._steps: dict[bytes, _Step] = {}
        self._files: dict[bytes, list[FileRecord]] = {}
        self._replayed: dict[bytes, int] = {}
        self._records = self._rows = self._untold = 0
        self._failure: VerificationFailed | None = None

    def take(self, index: int, gateway: bytes, entry: bytes) -> ObservedRecord | None:
        """The record at `index`, which `place_of` took; what it says when it is one of counts. See `agreed`."""
        if entry.startswith(IS_OBSERVED):
            return self._observed(index, gateway, entry)
        step = self._steps.get(gateway)
        if step is not None:
            step.add(entry)
        elif len(entry) < _LONGEST_FILE and not entry.endswith(IS_SINGLE) and _FILE in entry:
            self._scored(gateway, entry)
        return None

    def agreed(self) -> Agreed:
        """What holds of all that was taken.

        1. `began` stands alone.
        2. What was replayed is of two files that this gateway scored before, and of no more rows than the smaller has.
        3. Other counts are of the step that this gateway began last.
        4. The rows that they tell are those of its answers since its record before.

        Raises VerificationFailed LG770, of the first record of which that is not so.
        """
        if self._failure is not None:
            raise self._failure
        untold = sum(step.on_rung for step in self._steps.values())
        return Agreed(self._records, self._rows, self._untold + untold)

    def _scored(self, gateway: bytes, entry: bytes) -> None:
        files = self._files.setdefault(gateway, [])
        if len(files) < len(_ARMS) and isinstance(record := parse_any(entry), FileRecord):
            files.append(record)

    def _observed(self, index: int, gateway: bytes, entry: bytes) -> ObservedRecord:
        record = parse_any(entry)
        if not isinstance(record, ObservedRecord):
            raise TypeError("place_of takes no such record")
        self._records += 1
        try:
            self._check(index, gateway, record)
        except VerificationFailed as error:
            self._failure = self._failure or error
        return record

    def _check(self, index: int, gateway: bytes, record: ObservedRecord) -> None:
        before = self._steps.get(gateway)
        # 1.
        if BEGAN in record.counts:
            if record.counts != {BEGAN: 1}:
                raise _other(index, record, "a record that begins a step counts more than that", {})
            self._untold += before.on_rung if before is not None else 0
            self._steps[gateway] = _Step.of(record)
            return
        # 2.
        if REPLAYED in record.counts:
            self._check_replay(index, gateway, record)
            return
        # 3.
        if before is None or _place(before.begun) != _place(record):
            raise _other(index, record, "a gateway counts for a step of a ladder that it has not begun", {})
        # 4.
        for arm, found in zip(_ARMS, before.rows, strict=True):
            told = record.counts.get(f"{arm}.rows", 0)
            if told != found:
                seen = {"check": f"{arm}.rows", "told": told, "found": found}
                raise _other(index, record, "a gateway tells other numbers of rows than it answered", seen)
        self._rows += sum(before.rows)
        before.rows, before.on_rung = [0, 0], 0

    def _check_replay(self, index: int, gateway: bytes, record: ObservedRecord) -> None:
        files = [one for one in self._files.get(gateway, ()) if one.environment == record.environment]
        rows = [
            min((one.rows for one in files if one.model == model), default=0) for model in (record.model, record.base)
        ]
        told = self._replayed[gateway] = self._replayed.get(gateway, 0) + record.counts.get("pairs.rows", 0)
        answered_rows = sum(record.counts.get(f"{arm}.rows", 0) for arm in _ARMS)
        if answered_rows or max(record.counts[REPLAYED], told) > min(rows):
            seen = {"check": REPLAYED, "told": max(record.counts[REPLAYED], told), "found": min(rows)}
            raise _other(index, record, "more rows are told to be replayed than were scored", seen)


def _place(record: ObservedRecord) -> tuple[str, str, str, str, int]:
    return record.environment, record.rung, record.model, record.base, record.step


def _other(index: int, record: ObservedRecord, message: str, seen: Mapping[str, object]) -> VerificationFailed:
    place = {"log_entry": index, "gateway": record.gateway, "record": record.seq, "step": record.step}
    return VerificationFailed("LG770", message, seen={**seen, **place}, next="lockgate explain LG770")
