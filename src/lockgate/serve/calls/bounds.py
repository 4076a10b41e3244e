"""How large the records of one request may become: a tensor has its name once, its records have it in every row. Pure.

A name that the contract knows may be repeated: its owner chose it, and honest records are as large. Any other name may
take as much room as it could have taken in the body of `POST /predict`, where it stands in every row as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet

from lockgate.core.encoding import encode
from lockgate.core.wire import MAX_PAYLOAD
from lockgate.serve.calls.ask import Live
from lockgate.serve.declined import Declined

LONGEST_NAME = 256
"""Characters of a name that the contract does not know."""

LARGEST = MAX_PAYLOAD // 2
"""Bytes of all records of one request in the exact encoding: no worker takes twice as much in one frame."""


def names(live: Live) -> frozenset[str]:
    """The names that records of this model have."""
    plan = live.checker.plan
    planned = [column for field in plan.fields for column in field.columns] if plan is not None else []
    return frozenset((*planned, *(field.name for field in live.served.fields)))


def repeated(given: Collection[str], rows: int, *, own: AbstractSet[str], most: int) -> None:
    """Refuse names that would be too much in every row. `most`: bytes that those outside `own` may take in all.

    Raises Declined 413 (LG605).
    """
    within(rows * _spelled([name for name in given if name not in own]), most)
    within(rows * _spelled(given), LARGEST)


def whole(canonical: Iterable[bytes]) -> None:
    """Refuse records that are too much with their values. Raises Declined 413 (LG605)."""
    within(sum(map(len, canonical)), LARGEST)


def within(size: int, most: int) -> None:
    """Raises Declined 413 (LG605) when records of `size` bytes are more than `most`."""
    if size > most:
        raise Declined(413, "LG605", f"as records, these tensors are {size} bytes; {most} are taken at once")


def _spelled(given: Collection[str]) -> int:
    """Bytes of these names as keys of one record, each with its colon and comma."""
    listed: Sequence[str] = list(given)
    return len(encode(listed)) + len(listed)
