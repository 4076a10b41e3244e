"""One verified statement of the event log, as every stage sees it; and the leaf that stands for it in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.core.statement import Statement

LEAF_VERSION = 1


@dataclass(frozen=True)
class Evidence:
    """A statement whose signature, role and place in the log were verified.

    Attributes:
        index: leaf index in the event log.
        digest: digest of the envelope's bytes; statements name each other by it.
        time: when the log took it, in UTC, as its leaf says.
    """

    index: int
    digest: Digest
    envelope: bytes
    statement: Statement
    claim: str
    role: str
    person: str
    keyid: str
    time: datetime

    @property
    def predicate(self) -> Mapping[str, Any]:
        """The statement's predicate."""
        return self.statement.predicate


@dataclass(frozen=True)
class Leaf:
    """A leaf of the event log: `{"claim","digest","predicateType","size","time","v":1}`, exact encoding.

    The statement itself is a blob in the registry: a leaf holds at most 65,535 bytes (C2SP tlog-tiles).
    """

    claim: str
    digest: Digest
    predicate_type: str
    size: int
    time: datetime

    def encode(self) -> bytes:
        """The leaf's bytes."""
        return encode(
            {
                "claim": self.claim,
                "digest": self.digest,
                "predicateType": self.predicate_type,
                "size": self.size,
                "time": rfc3339(self.time),
                "v": LEAF_VERSION,
            }
        )

    @staticmethod
    def parse(data: bytes) -> Leaf:
        """Read exactly what `encode` wrote. Raises ValueError."""
        value = decode_exact(data)
        if not isinstance(value, dict) or set(value) != {"claim", "digest", "predicateType", "size", "time", "v"}:
            raise ValueError("a leaf has exactly claim, digest, predicateType, size, time and v")
        claim, kind, size = value["claim"], value["predicateType"], value["size"]
        if not (isinstance(claim, str) and isinstance(kind, str) and type(size) is int and value["v"] == LEAF_VERSION):
            raise ValueError("a leaf's field has the wrong type")
        return Leaf(claim, parse_digest(value["digest"]), kind, size, parse_rfc3339(value["time"]))
