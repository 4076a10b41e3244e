"""Labels that clients send: what may be one, of what, and its record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lockgate.core.encoding import LARGEST
from lockgate.core.record_kinds import FeedbackRecord, Of
from lockgate.core.records import Receipt, commitment, parse_receipt
from lockgate.serve.declined import Declined
from lockgate.serve.recording.given import GivenOut

MOST_SIGNS = 256


def is_label(value: object) -> bool:
    """Whether this may be a label: a text, a finite number, or true or false."""
    if isinstance(value, str):
        return 0 < len(value) <= MOST_SIGNS and all(sign.isprintable() for sign in value)
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return isinstance(value, float) and math.isfinite(value)


def places(labelled: Sequence[tuple[str, Any]], own: str, given: GivenOut) -> list[Of]:
    """What each label is of. `own`, `given`: this gateway, and what it gave out.

    Another gateway's receipts, and this one's after a while, are taken at their word: the log says which predictions
    there are, and nothing here says whose.

    Raises Declined: 400 LG662 for what is no receipt or a forged one, 409 LG663 for one that comes twice, 400 LG666
    for no label.
    """
    found: list[Of] = []
    for token, label in labelled:
        try:
            receipt = parse_receipt(token)
            of = Of.by(receipt)
        except ValueError:
            raise Declined(400, "LG662", f"not a receipt: {token[:80]!r}") from None
        if of.gateway == own and given.is_forged(receipt):
            raise Declined(400, "LG662", "a receipt that was never given")
        if not is_label(label):
            raise Declined(400, "LG666", f"not a label: {str(label)[:80]!r}")
        found.append(of)
    if len(set(found)) != len(found):
        raise Declined(409, "LG663", "a prediction is named twice in one request")
    return found


def place(of: Of) -> str:
    """A prediction's place as one word."""
    return f"{of.gateway}.{of.seq}.{of.row}"


def record(gateway: str, seq: int, time: int, client: str, of: Of, label: Any, salt: bytes) -> FeedbackRecord:
    """The record of a label, which commits to it under a salt of its own."""
    return FeedbackRecord(gateway, seq, time, client, commitment(salt, label), of)


def receipt(made: FeedbackRecord, salt: bytes) -> str:
    """What opens that record."""
    return Receipt(made.gateway, made.seq, salt, 0).token()
