"""Bodies of requests at the edge: what is no strict JSON, or too much, is declined with its status."""

from __future__ import annotations

from typing import Any

from lockgate.contract.given import Given
from lockgate.contract.request_json import parse_strict
from lockgate.contract.requests import NotJson, RequestChecker, TooMany
from lockgate.serve.declined import Declined

Record = dict[str, Any]


def given(checker: RequestChecker, body: bytes, *, limit: int) -> Given:
    """The records in the body of `POST /predict`. Raises Declined 400 (LG608), 413 (LG606) above `limit` records."""
    try:
        return checker.read(body, limit=limit)
    except NotJson as error:
        raise _malformed(str(error)) from None
    except TooMany as error:
        raise Declined(413, "LG606", str(error)) from None


def reread(checker: RequestChecker, given: Given) -> Given | None:
    """Records that were read by another contract, as this one reads them; None where it takes them for no records."""
    try:
        found = checker.read(b'{"records":[%b]}' % b",".join(given.canonical), limit=given.rows)
    except (NotJson, TooMany):
        return None
    return Given(found.rows, given.canonical, found.values, given.id)


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`, for other protocols. Raises Declined 400 (LG608) on anything else.

    What this returns survives `core.encoding.encode`: commitments over it cannot fail.
    """
    try:
        value = parse_strict(data)
    except NotJson as error:
        raise _malformed(str(error)) from None
    if not isinstance(value, dict):
        raise _malformed("an object is needed")
    return value


def within(rows: int, limit: int) -> None:
    """Raises Declined 413 (LG606) when a request has more than `limit` records."""
    if rows > limit:
        raise Declined(413, "LG606", str(TooMany(rows, limit)))


def _malformed(reason: str) -> Declined:
    return Declined(400, "LG608", f"the body is not what this call takes: {reason}")
