"""One field of a statement, read as what it must be. Pure.

A field that we need and that is missing or has the wrong type raises VerificationFailed LG526, which names statement
and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.moments import parse_rfc3339
from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

MOST_COUNTED = 2**31
"""The largest version, size or number in a chain: one more can always be counted, and written."""


def mapping_of(one: Evidence, key: str) -> Mapping[str, Any]:
    """The object in `key`."""
    value = one.predicate.get(key)
    if not isinstance(value, Mapping):
        raise malformed(one, key)
    return value


def text_of(one: Evidence, key: str) -> str:
    """The text in `key`; not empty."""
    value = one.predicate.get(key)
    if not isinstance(value, str) or not value:
        raise malformed(one, key)
    return value


def count_of(one: Evidence, value: object, key: str) -> int:
    """`value`, a number from 1 to MOST_COUNTED."""
    if type(value) is not int or not 1 <= value <= MOST_COUNTED:
        raise malformed(one, key)
    return value


def time_of(one: Evidence, key: str) -> datetime:
    """The moment in `key`."""
    try:
        return parse_rfc3339(one.predicate.get(key))
    except ValueError:
        raise malformed(one, key) from None


def digest_in(one: Evidence, value: object, key: str) -> Digest:
    """`value`, a digest."""
    try:
        return parse_digest(value)
    except ValueError:
        raise malformed(one, key) from None


def malformed(one: Evidence, field: str) -> VerificationFailed:
    """What a reader raises for a field that it needs."""
    return VerificationFailed(
        "LG526",
        f"a {one.claim} statement does not say what it must: {field}",
        seen={"statement": one.digest, "log_index": one.index, "field": field},
        next="lockgate log verify",
    )
