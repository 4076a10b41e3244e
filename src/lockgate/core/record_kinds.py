"""The kinds of records of version 2: they share one gapless sequence per gateway.

    predictions   client, environment, first, [id], inputs, model, outputs, rung     a request, or a part of one
    refused       client, environment, finding, input, model, rung                   a row that the model cannot take
    feedback      client, label, of: {gateway, row, seq}                              a label that came later
    unrecorded    rows, since                                  answers that the policy let go without a record
    file          client, environment, model, root, rows, rung                        a file scored as a whole
    observed      base, counts, environment, model, rung, step                        what a gateway saw of a candidate
    suspicion     client, counts, environment, level, model, rule, rung, scope, since     (record_suspicion)
    window        bins, dropped, environment, labelled, life, model, rows, rung, seen, since, stride  (record_window)

Each with gateway, kind, seq, time and v (2).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from lockgate.core.digest import Digest
from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.core.record_window import WindowRecord
from lockgate.core.records import (
    FORMS,
    MAX_COUNTS,
    MAX_ROWS,
    MAX_SEQUENCE,
    VERSION,
    PredictionRecord,
    Receipt,
    Record,
    values_of,
)

_COMMITMENT = FORMS["input"]
TAGGED = b"request\x00"
"""What is put before a request's id, so that its tag is no client's pseudonym."""
_TAG = re.compile(r"[0-9a-f]{32}\Z")
_COUNT = re.compile(r"[a-z][a-z0-9.-]{0,31}\Z")


@dataclass(frozen=True)
class RequestRecord(Record):
    """The rows of one request, in its order. `first`: which of its rows is row 0 of this record.

    `tag`: what `request_tag` makes of the client's own id of the request, None where it sent none; encoded as `id`.
    """

    KIND = "predictions"

    model: Digest
    environment: str
    rung: str
    client: str
    first: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tag: str | None = None

    def __post_init__(self) -> None:
        """Refuse what `parse_any` would refuse."""
        super().__post_init__()
        if len(self.inputs) != len(self.outputs):
            raise ValueError("as many outputs as inputs")

    def good(self, name: str, value: object) -> bool:
        """Lists of commitments, and the tag."""
        if name == "tag":
            return value is None or (isinstance(value, str) and _TAG.match(value) is not None)
        if name not in {"inputs", "outputs"}:
            return super().good(name, value)
        return (
            isinstance(value, tuple)
            and 0 < len(value) <= MAX_ROWS
            and all(isinstance(one, str) and _COMMITMENT.match(one) for one in value)
        )

    def values(self) -> dict[str, object]:
        """Without an id where there is none."""
        found = asdict(self)
        tag = found.pop("tag")
        return found if tag is None else {**found, "id": tag}

    @classmethod
    def of(cls, values: dict[str, object]) -> Self:
        """Read `values`. Raises ValueError."""
        for name in ("inputs", "outputs"):
            listed = values.get(name)
            values[name] = tuple(listed) if isinstance(listed, list) else None
        if "id" in values and values["id"] is None:
            raise ValueError("a record without an id has no field for one")
        return super().of({"tag": values.pop("id", None), **values})

    def commitments(self, row: int | None) -> tuple[str, str] | None:
        """Of a row; None when the record has no such row."""
        return None if row is None or not 0 <= row < len(self.inputs) else (self.inputs[row], self.outputs[row])


@dataclass(frozen=True)
class RefusedRecord(Record):
    """A row that got no answer, and why. `input`: a commitment."""

    KIND = "refused"

    model: Digest
    environment: str
    rung: str
    client: str
    input: str
    finding: str


@dataclass(frozen=True)
class Of:
    """Which prediction: a row of a gateway's record. Row 0 of a record of version 1."""

    gateway: str
    seq: int
    row: int

    def is_good(self) -> bool:
        """Whether each number and the id have their form."""
        gateway: object = self.gateway
        numbers = ((self.seq, MAX_SEQUENCE), (self.row, MAX_ROWS - 1))
        return (
            isinstance(gateway, str)
            and FORMS["gateway"].match(gateway) is not None
            and all(type(number) is int and 0 <= number <= most for number, most in numbers)
        )

    @staticmethod
    def by(receipt: Receipt) -> Of:
        """What the receipt is of."""
        return Of(receipt.gateway, receipt.seq, receipt.row or 0)


@dataclass(frozen=True)
class FeedbackRecord(Record):
    """The label of one prediction, as a client told it. The first one in the log counts, whoever told it.

    `label`: a commitment under a salt of its own.
    """

    KIND = "feedback"

    client: str
    label: str
    of_: Of

    def good(self, name: str, value: object) -> bool:
        """What the label is of."""
        if name != "of_":
            return super().good(name, value)
        return isinstance(value, Of) and value.is_good()

    def values(self) -> dict[str, object]:
        """The field is called `of`."""
        found = asdict(self)
        return found | {"of": found.pop("of_")}

    @classmethod
    def of(cls, values: dict[str, object]) -> Self:
        """Read `values`. Raises ValueError."""
        named = values.pop("of", None)
        if not isinstance(named, dict) or set(named) != {"gateway", "seq", "row"}:
            raise ValueError("a label is of a prediction")
        return super().of({**values, "of_": Of(**named)})


@dataclass(frozen=True)
class UnrecordedRecord(Record):
    """How many predictions were given without a record since `since` (milliseconds), for the policy allows it."""

    KIND = "unrecorded"

    rows: int
    since: int


@dataclass(frozen=True)
class FileRecord(Record):
    """A file of rows that was scored as a whole. `root`: of the Merkle tree over its rows."""

    KIND = "file"

    model: Digest
    environment: str
    rung: str
    client: str
    rows: int
    root: str


@dataclass(frozen=True)
class ObservedRecord(Record):
    """What a gateway counted of a candidate and of what is live, since its last record of this kind. No row, no person.

    `model`: the candidate's manifest. `base`: the live one that it is compared with. `step`: the sequence of the
    deployment statement that put the candidate on this rung. `counts`: at least one; none is 0. What the names mean
    is not said here: a log may hold counts that a later version makes.
    """

    KIND = "observed"

    model: Digest
    base: Digest
    environment: str
    rung: str
    step: int
    counts: Mapping[str, int]

    def good(self, name: str, value: object) -> bool:
        """The counts."""
        if name != "counts":
            return super().good(name, value)
        return (
            isinstance(value, dict)
            and 0 < len(value) <= MAX_COUNTS
            and all(isinstance(one, str) and _COUNT.match(one) for one in value)
            and all(type(count) is int and 0 < count <= MAX_SEQUENCE for count in value.values())
        )


AnyRecord = (
    PredictionRecord
    | RequestRecord
    | RefusedRecord
    | FeedbackRecord
    | UnrecordedRecord
    | FileRecord
    | ObservedRecord
    | SuspicionRecord
    | WindowRecord
)
_KINDS: dict[object, type[Record]] = {
    kind.KIND: kind
    for kind in (
        RequestRecord,
        RefusedRecord,
        FeedbackRecord,
        UnrecordedRecord,
        FileRecord,
        ObservedRecord,
        SuspicionRecord,
        WindowRecord,
    )
}


def parse_any(data: bytes) -> AnyRecord:
    """Read what any kind's `encode` wrote. Raises ValueError on everything else."""
    value = values_of(data)
    version = value.pop("v")
    kind = value.pop("kind", None) if version != VERSION else None
    found = PredictionRecord if version == VERSION else _KINDS.get(kind) if isinstance(kind, str) else None
    if found is None:
        raise ValueError(f"a record of version {version} and kind {kind!r}")
    record = found.of(value)
    # A field that Python names otherwise has no second spelling.
    if record.encode() != data:
        raise ValueError("not in the one accepted encoding")
    return record  # type: ignore[return-value]


def request_tag(key: bytes, request: str) -> str:
    """What a record says of the client's id of a request: 32 hex digits that mean nothing without the key."""
    return hmac.digest(key, TAGGED + request.encode(), "sha256").hex()[:32]
