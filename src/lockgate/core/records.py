"""The records that every prediction leaves in the log, what they commit to, and the receipt that the client keeps.

    record   {"client","environment","gateway","input","model","output","rung","seq","time","v":1}   (core.encoding)
             {"gateway","kind",...,"seq","time","v":2}                                       see core.record_kinds
    receipt  lgr1.<gateway>.<seq>.<salt, base64url without padding>          the one row of a record of version 1
             lgr2.<gateway>.<seq>.<row>.<salt, the same>                     a row of a record of version 2

A record holds no value of the request or the answer: each commitment is HMAC-SHA256 under a salt of its row, which
the client gets in the receipt. Whoever destroys the salt makes the commitments say nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import asdict, dataclass, fields
from typing import ClassVar, Self

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.encoding import decode_exact, encode

VERSION = 1
SALT_BYTES = 32
MAX_SEQUENCE = (1 << 53) - 1
MAX_ROWS = 256
"""The most rows of one record: with both commitments of each it fits a log's entry of 64 KiB twice."""
MAX_COUNTS = 400
"""The most counts of one record: with the longest names and numbers they are less than half of what a record may be."""
MAX_RECORD_BYTES = 48 * 1024

_ID = re.compile(r"[0-9a-f]{16}\Z")
_COMMITMENT = re.compile(r"[0-9a-f]{64}\Z")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
FORMS = {
    **dict.fromkeys(("gateway", "client"), _ID),
    **dict.fromkeys(("environment", "rung"), _NAME),
    **dict.fromkeys(("input", "output", "label", "root"), _COMMITMENT),
    "finding": re.compile(r"LG[0-9]{3,4}\Z"),
}
"""What each text of a record looks like, by the field's name."""
NUMBERS = frozenset({"seq", "time", "first", "rows", "since", "step", "life", "dropped", "seen", "labelled", "stride"})
_DIGESTS = frozenset({"model", "base"})
_SALT = r"([A-Za-z0-9_-]{43})"
_NUMBER = r"(0|[1-9][0-9]{0,15})"
_RECEIPTS = (
    re.compile(rf"lgr1\.([0-9a-f]{{16}})\.{_NUMBER}()\.{_SALT}\Z"),
    re.compile(rf"lgr2\.([0-9a-f]{{16}})\.{_NUMBER}\.(0|[1-9][0-9]{{0,2}})\.{_SALT}\Z"),
)


@dataclass(frozen=True)
class Record:
    """What every record has. Raises ValueError when a field has another form than its name says.

    `gateway`: 16 hex digits. `seq`: gapless per gateway over all kinds, from 0. `time`: milliseconds since 1970 UTC.
    """

    KIND: ClassVar[str] = ""

    gateway: str
    seq: int
    time: int

    def __post_init__(self) -> None:
        """Refuse what `parse_record` would refuse."""
        for name in (one.name for one in fields(self)):
            value: object = getattr(self, name)
            if name in NUMBERS:
                good = type(value) is int and 0 <= value <= MAX_SEQUENCE
            elif name in FORMS:
                good = isinstance(value, str) and FORMS[name].match(value) is not None
            else:
                good = self.good(name, value)
            if not good:
                raise ValueError(f"a record's {name} has another form")

    def good(self, name: str, value: object) -> bool:
        """Whether a field that FORMS and NUMBERS do not know has its form."""
        return name in _DIGESTS and isinstance(value, str) and bool(parse_digest(value))

    def values(self) -> dict[str, object]:
        """The fields as they are encoded."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, object]) -> Self:
        """Read `values`. Raises ValueError."""
        if set(values) != {one.name for one in fields(cls)}:
            raise ValueError("not a record of its kind")
        return cls(**values)  # type: ignore[arg-type]

    def encode(self) -> bytes:
        """The leaf of the prediction log."""
        return encode({"v": 2, "kind": self.KIND, **self.values()})

    def commitments(self, row: int | None) -> tuple[str, str] | None:
        """To the input and the output that a receipt with this `row` is of; None where there is no such prediction."""
        del row
        return None


@dataclass(frozen=True)
class PredictionRecord(Record):
    """One prediction, version 1. Raises ValueError when a field has another form.

    `client` (a keyed pseudonym): 16 hex digits. `model`: the manifest's digest. `input`, `output`: commitments.
    """

    model: Digest
    environment: str
    rung: str
    client: str
    input: str
    output: str

    def encode(self) -> bytes:
        """The leaf of the prediction log."""
        return encode({"v": VERSION, **self.values()})

    def commitments(self, row: int | None) -> tuple[str, str] | None:
        """Of the one row, which has no number."""
        return (self.input, self.output) if row is None else None


@dataclass(frozen=True)
class Receipt:
    """What the client keeps: which record is its own, and the salt that opens the commitments in it.

    `row`: which row of a record of version 2; None for a record of version 1.
    """

    gateway: str
    seq: int
    salt: bytes
    row: int | None = None

    def token(self) -> str:
        """The receipt as text. Raises ValueError when a field has another form."""
        salt = base64.urlsafe_b64encode(self.salt).decode("ascii").rstrip("=")
        place = f"lgr1.{self.gateway}.{self.seq}" if self.row is None else f"lgr2.{self.gateway}.{self.seq}.{self.row}"
        token = f"{place}.{salt}"
        if parse_receipt(token) != self:
            raise ValueError("a receipt that would be read otherwise")
        return token


def parse_record(data: bytes) -> PredictionRecord:
    """Read `PredictionRecord.encode`. Raises ValueError on everything else; `parse_any` reads the other kinds."""
    value = values_of(data)
    if value.pop("v") != VERSION:
        raise ValueError("not a record of version 1")
    return PredictionRecord.of(value)


def values_of(data: bytes) -> dict[str, object]:
    """The object that a record is. Raises ValueError when it is none, or of another spelling."""
    if len(data) > MAX_RECORD_BYTES:
        raise ValueError("longer than a prediction record can be")
    value = decode_exact(data)
    if not isinstance(value, dict) or type(value.get("v")) is not int:
        raise ValueError("not a prediction record")
    return value


def parse_receipt(token: str) -> Receipt:
    """Read `Receipt.token`. Raises ValueError on every other spelling."""
    found = next((found for form in _RECEIPTS if (found := form.match(token))), None)
    if found is None:
        raise ValueError("not a receipt")
    gateway, seq, row, salt = found.groups()
    try:
        decoded = base64.urlsafe_b64decode(salt + "=")
    except binascii.Error:
        raise ValueError("not a receipt") from None
    if base64.urlsafe_b64encode(decoded).decode("ascii").rstrip("=") != salt or int(seq) > MAX_SEQUENCE:
        raise ValueError("not a receipt")
    if row and int(row) >= MAX_ROWS:
        raise ValueError("not a receipt")
    return Receipt(gateway, int(seq), decoded, int(row) if row else None)


def is_receipt(text: str) -> bool:
    """Whether `text` claims to be a receipt: for telling it from other references, no more."""
    return text.startswith(("lgr1.", "lgr2."))


def commitment(salt: bytes, value: object) -> str:
    """HMAC-SHA256 of the JSON value under the row's salt, as hex. Raises ValueError on what JSON cannot say."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hmac.new(salt, encode(value), hashlib.sha256).hexdigest()


def opens(record: Record, receipt: Receipt, *, input: object, output: object) -> bool:  # noqa: A002
    """Whether the receipt is of a row of this record, and its salt opens both commitments to exactly these values."""
    committed = committed_to(record, receipt)
    return committed is not None and all(
        hmac.compare_digest(one, commitment(receipt.salt, value))
        for one, value in zip(committed, (input, output), strict=True)
    )


def committed_to(record: Record, receipt: Receipt) -> tuple[str, str] | None:
    """The commitments to input and output that the receipt is of; None when this record has no such prediction."""
    same = (record.gateway, record.seq) == (receipt.gateway, receipt.seq)
    return record.commitments(receipt.row) if same else None
