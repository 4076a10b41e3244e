"""One verified statement of the event log, as every stage sees it; and the leaf that stands for it in the log."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.core.statement import Statement

LEAF_VERSION = 1

PENDING = -1
"""The index of a statement that was signed and not sealed yet: it went to a file, for the machine with the sealer."""


@dataclass(frozen=True)
class Evidence:
    """A statement whose signature, role and place in the log were verified.

    Attributes:
        index: leaf index in the event log.
        digest: digest of the envelope's bytes; statements name each other by it.
        time: when the log took it, in UTC, as its leaf says.
        person, keyid: of the first signature; `persons` and `keyids` hold everybody and every key that signed, once.
        payload: digest of the exact bytes that were signed.
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
    persons: tuple[str, ...] = ()
    keyids: tuple[str, ...] = ()
    payload: Digest | None = None

    @property
    def predicate(self) -> Mapping[str, Any]:
        """The statement's predicate."""
        return self.statement.predicate

    @property
    def said_at(self) -> datetime:
        """When it was said: the time that its signer signed, or that of its leaf where this is earlier or the only one.

        A leaf's time is the sealer's word alone. Ages are counted from here, so that whoever holds the sealer's key,
        and no other, cannot make old evidence young.
        """
        signed = signed_time(self.statement)
        return self.time if signed is None else min(signed, self.time)


def signed_time(statement: Statement) -> datetime | None:
    """The time in the signed part, where each predicate type has it; None when there is none that can be read."""
    run = statement.predicate.get("runDetails")
    metadata = run.get("metadata") if isinstance(run, Mapping) else None
    finished = metadata.get("finishedOn") if isinstance(metadata, Mapping) else None
    for value in (statement.predicate.get("time"), statement.predicate.get("timeVerified"), finished):
        with suppress(ValueError):
            return parse_rfc3339(value)
    return None


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
