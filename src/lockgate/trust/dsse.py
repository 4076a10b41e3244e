"""DSSE, the envelope around every statement. Source: secure-systems-lab/dsse, protocol.md and envelope.md, v1.0.

    {"payload": base64(statement bytes),
     "payloadType": "application/vnd.in-toto+json",
     "signatures": [{"keyid": 64 hex, "sig": base64}, ...]}        sorted by keyid, each once

The one accepted encoding is `core.encoding.encode` of that object: what parses re-encodes to the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from lockgate.core.encoding import decode_exact, encode
from lockgate.core.statement import PAYLOAD_TYPE, Statement, parse
from lockgate.errors import VerificationFailed

_KEYID = re.compile(r"[0-9a-f]{64}")
MOST = 64 << 20


@dataclass(frozen=True)
class Signature:
    """One signature over the envelope's PAE."""

    keyid: str
    sig: bytes


@dataclass(frozen=True)
class Envelope:
    """The exact payload bytes and the signatures over them. Says nothing about who may sign."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The envelope's bytes; its digest is the name of the statement."""
        return encode(
            {
                "payload": to_base64(self.payload),
                "payloadType": self.payload_type,
                "signatures": [{"keyid": one.keyid, "sig": to_base64(one.sig)} for one in self.signatures],
            }
        )

    @property
    def signed(self) -> bytes:
        """The bytes that each signature covers."""
        return pae(self.payload_type, self.payload)

    @staticmethod
    def parse(data: bytes, *, draft: bool = False) -> Envelope:
        """Read exactly what `encode` wrote. Raises VerificationFailed (LG810 malformed, LG811 other payload type).

        `draft`: it may be without a signature still, to be carried to whoever signs it.
        """
        try:
            envelope = _read(data, least=0 if draft else 1)
        except ValueError as error:
            raise VerificationFailed(
                "LG810", f"a statement's envelope is malformed: {error}", next="lockgate verify --all"
            ) from None
        if envelope.payload_type != PAYLOAD_TYPE:
            raise VerificationFailed(
                "LG811",
                "an envelope holds something that is not an in-toto statement",
                seen={"expected": PAYLOAD_TYPE, "seen": envelope.payload_type},
                next="lockgate verify --all",
            )
        return envelope

    def statement(self) -> Statement:
        """The statement inside, believed only after its signatures were verified. VerificationFailed (LG815)."""
        try:
            return parse(self.payload)
        except ValueError as error:
            raise VerificationFailed(
                "LG815", f"a statement is malformed: {error}", next="lockgate verify --all"
            ) from None


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: `DSSEv1 <len> <type> <len> <payload>`."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def to_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def from_base64(text: object) -> bytes:
    """Read exactly what `to_base64` wrote. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("base64 is a text")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if to_base64(data) != text:
        raise ValueError("base64 not in its one accepted spelling")
    return data


def _read(data: bytes, *, least: int) -> Envelope:
    if len(data) > MOST:
        raise ValueError(f"larger than {MOST} bytes")
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"payload", "payloadType", "signatures"}:
        raise ValueError("it has exactly payload, payloadType and signatures")
    if not isinstance(value["payloadType"], str) or not isinstance(value["signatures"], list):
        raise ValueError("payloadType is a text and signatures a list")
    signatures = tuple(_signature(entry) for entry in value["signatures"])
    keyids = [one.keyid for one in signatures]
    if len(keyids) < least or keyids != sorted(set(keyids)):
        raise ValueError("there is at least one signature, one per key, sorted by keyid")
    return Envelope(from_base64(value["payload"]), value["payloadType"], signatures)


def _signature(entry: object) -> Signature:
    if not isinstance(entry, dict) or set(entry) != {"keyid", "sig"}:
        raise ValueError("a signature has exactly keyid and sig")
    if not isinstance(entry["keyid"], str) or not _KEYID.fullmatch(entry["keyid"]):
        raise ValueError("a keyid is 64 hex digits")
    return Signature(entry["keyid"], from_base64(entry["sig"]))
