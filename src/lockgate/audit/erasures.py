"""What was erased, as the event log says it: that it was done, when, by whom and how much; never of whom. Pure.

    erase   by a deployer: `keys` of kept payloads were destroyed, in `parts` files, and with them `payloads` rows and
            `labels` lines. `of`: `subject`, or `payload` where one prediction was named.

Whom it was about stands nowhere. `tag` is HMAC-SHA256(`salt`, inner)[:16], where inner is what the key files say of a
subject (a keyed tag: see `serve.recording.payloads`). So two erasures of one person look like those of two, and the log
fits no key file by itself; but of a key file that comes back from a backup anybody can tell what was erased in it, and
with the key of the pseudonyms whether a given person was.

Read strictly: a field that is missing, strange or not known raises VerificationFailed LG526, naming it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from lockgate.audit.fields import MOST_COUNTED, malformed, time_of
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import ERASURE, Statement, Subject, claim_uri

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

Kind = Literal["subject", "payload"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SALT_BYTES: Final = 16
TAG_BYTES: Final = 16
COUNTS: Final = ("keys", "payloads", "parts", "labels")
ERASE_FIELDS: Final = frozenset({"claim", "time", "project", "reason", "of", "salt", "tag", "began", *COUNTS})
_HEX: Final = re.compile(r"[0-9a-f]{32}")
_SUBJECT: Final = "erased"


@dataclass(frozen=True)
class Counts:
    """How much: keys, payloads that they opened, files in which they were, label lines."""

    keys: int = 0
    payloads: int = 0
    parts: int = 0
    labels: int = 0


@dataclass(frozen=True)
class Erasure:
    """An erasure that the log has. `began`: when the first key was destroyed; `time`: when it was signed."""

    evidence: Evidence
    of: Kind
    salt: bytes
    tag: bytes
    counts: Counts
    began: datetime
    time: datetime

    def is_of(self, inner: bytes) -> bool:
        """Whether it is the erasure of what a key file tells by `inner`."""
        return hmac.compare_digest(outer_tag(self.salt, inner), self.tag)

    def text(self) -> str:
        """One line."""
        one = self.counts
        what = "all about one person" if self.of == "subject" else "one prediction"
        return (
            f"of {what}: {one.keys:,} keys in {one.parts:,} files were destroyed, which opened {one.payloads:,} kept "
            f"payloads, and {one.labels:,} label lines erased"
        )


def outer_tag(salt: bytes, inner: bytes) -> bytes:
    """What the log says in the place of an inner tag."""
    return hmac.digest(salt, inner, "sha256")[:TAG_BYTES]


def erase_statement(
    of: Kind, salt: bytes, tag: bytes, counts: Counts, *, reason: str, began: datetime, now: datetime
) -> Statement:
    """That it was done. `salt`, `tag`: 16 bytes each. Pure."""
    predicate: dict[str, Any] = {
        "claim": claim_uri("erase"),
        "time": rfc3339(now),
        "of": of,
        "salt": salt.hex(),
        "tag": tag.hex(),
        **vars(counts),
        "began": rfc3339(began),
        "reason": reason,
    }
    return Statement((Subject(_SUBJECT, digest_of(salt + tag)),), ERASURE, predicate)


def erasure(one: Evidence) -> Erasure:
    """What an erase statement says. Raises VerificationFailed LG526."""
    said = one.predicate
    if set(said) - ERASE_FIELDS:
        raise malformed(one, min(set(said) - ERASE_FIELDS))
    salt, tag = (_bytes(one, name) for name in ("salt", "tag"))
    if said.get("of") not in KINDS:
        raise malformed(one, "of")
    if [each.digest for each in one.statement.subjects] != [digest_of(salt + tag)]:
        raise malformed(one, "subject")
    for name in COUNTS:
        if type(said.get(name)) is not int or not 0 <= said[name] <= MOST_COUNTED:
            raise malformed(one, name)
    if not isinstance(said.get("reason"), str):
        raise malformed(one, "reason")
    counts = Counts(*(said[name] for name in COUNTS))
    return Erasure(one, cast("Kind", said["of"]), salt, tag, counts, time_of(one, "began"), one.said_at)


def erasures(statements: Sequence[Evidence]) -> list[Erasure]:
    """Every erasure of the log, oldest first. One that was taken back, or whose key was, is none: it is not done again.

    Raises VerificationFailed LG526.
    """
    gone = withdrawn(statements)
    return [erasure(one) for one in statements if one.claim == "erase" and not gone.hits(one)]


def _bytes(one: Evidence, name: str) -> bytes:
    value = one.predicate.get(name)
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise malformed(one, name)
    return bytes.fromhex(value)
