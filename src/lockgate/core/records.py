"""The record that every prediction leaves in the log, what it commits to, and the receipt that the client keeps.

    record   {"client","environment","gateway","input","model","output","rung","seq","time","v":1}   (core.encoding)
    receipt  lgr1.<gateway>.<seq>.<salt, base64url without padding>

A record holds no value of the request or the answer: `input` and `output` are HMAC-SHA256 under a salt of its
own, which the client gets in the receipt. Whoever destroys the salt makes the commitments say nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import asdict, dataclass

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.encoding import decode_exact, encode

VERSION = 1
SALT_BYTES = 32
MAX_SEQUENCE = (1 << 53) - 1
MAX_RECORD_BYTES = 1024

_ID = re.compile(r"[0-9a-f]{16}\Z")
_COMMITMENT = re.compile(r"[0-9a-f]{64}\Z")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_RECEIPT = re.compile(r"lgr1\.([0-9a-f]{16})\.(0|[1-9][0-9]{0,15})\.([A-Za-z0-9_-]{43})\Z")


@dataclass(frozen=True)
class PredictionRecord:
    """One prediction. Raises ValueError when a field has another form.

    `gateway` and `client` (a keyed pseudonym): 16 hex digits. `seq`: gapless per gateway, from 0. `time`:
    milliseconds since 1970 UTC. `model`: the manifest's digest. `input`, `output`: commitments.
    """

    gateway: str
    seq: int
    time: int
    model: Digest
    environment: str
    rung: str
    client: str
    input: str
    output: str

    def __post_init__(self) -> None:
        """Refuse what `parse_record` would refuse."""
        parse_digest(self.model)
        forms = {"gateway": _ID, "client": _ID, "environment": _NAME, "rung": _NAME}
        forms |= {"input": _COMMITMENT, "output": _COMMITMENT}
        for name, form in forms.items():
            value: object = getattr(self, name)
            if not isinstance(value, str) or not form.match(value):
                raise ValueError(f"a prediction record's {name} has another form")
        if not all(type(number) is int and 0 <= number <= MAX_SEQUENCE for number in (self.seq, self.time)):
            raise ValueError("seq and time are whole numbers from 0")

    def encode(self) -> bytes:
        """The leaf of the prediction log."""
        return encode({"v": VERSION, **asdict(self)})


@dataclass(frozen=True)
class Receipt:
    """What the client keeps: which record is its own, and the salt that opens the commitments in it."""

    gateway: str
    seq: int
    salt: bytes

    def token(self) -> str:
        """The receipt as text. Raises ValueError when a field has another form."""
        salt = base64.urlsafe_b64encode(self.salt).decode("ascii").rstrip("=")
        token = f"lgr1.{self.gateway}.{self.seq}.{salt}"
        if parse_receipt(token) != self:
            raise ValueError("a receipt that would be read otherwise")
        return token


def parse_record(data: bytes) -> PredictionRecord:
    """Read `PredictionRecord.encode`. Raises ValueError on everything else."""
    if len(data) > MAX_RECORD_BYTES:
        raise ValueError("longer than a prediction record can be")
    value = decode_exact(data)
    fields = PredictionRecord.__dataclass_fields__
    if not isinstance(value, dict) or set(value) != {"v", *fields} or type(value["v"]) is not int:
        raise ValueError("not a prediction record")
    if value["v"] != VERSION:
        raise ValueError(f"a prediction record of version {value['v']}")
    return PredictionRecord(**{name: value[name] for name in fields})


def parse_receipt(token: str) -> Receipt:
    """Read `Receipt.token`. Raises ValueError on every other spelling."""
    found = _RECEIPT.match(token)
    if not found:
        raise ValueError("not a receipt")
    gateway, seq, salt = found.groups()
    try:
        decoded = base64.urlsafe_b64decode(salt + "=")
    except binascii.Error:
        raise ValueError("not a receipt") from None
    if base64.urlsafe_b64encode(decoded).decode("ascii").rstrip("=") != salt or int(seq) > MAX_SEQUENCE:
        raise ValueError("not a receipt")
    return Receipt(gateway, int(seq), decoded)


def commitment(salt: bytes, value: object) -> str:
    """HMAC-SHA256 of the JSON value under the record's salt, as hex. Raises ValueError on what JSON cannot say."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hmac.new(salt, encode(value), hashlib.sha256).hexdigest()


def opens(record: PredictionRecord, receipt: Receipt, *, input: object, output: object) -> bool:  # noqa: A002
    """Whether the receipt is this record's and its salt opens both commitments to exactly these values."""
    return (record.gateway, record.seq) == (receipt.gateway, receipt.seq) and all(
        hmac.compare_digest(committed, commitment(receipt.salt, value))
        for committed, value in ((record.input, input), (record.output, output))
    )
