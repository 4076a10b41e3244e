"""What the index has of one entry: the fields that questions are about, read from its bytes. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from lockgate.core.record_kinds import RequestRecord
from lockgate.core.record_scan import answered, place_of

PREDICTIONS: Final = RequestRecord.KIND
FEEDBACK: Final = "feedback"
STRANGE: Final = ""
"""The kind of an entry that is no record; its other fields are empty."""

_TEXTS = re.compile(rb'"(client|environment|finding|gateway|kind|model|rung)":"([^"]*)"')
_OF = re.compile(rb',"of":\{"gateway":"([0-9a-f]{16})","row":[0-9]+,"seq":([0-9]+)\}')
_ROWS = re.compile(rb',"rows":([0-9]+)')
_END = len(b',"v":1}')


class Row(NamedTuple):
    """One entry. What its kind has not is empty, or 0; `of_seq` is -1 where there is none.

    `time`: milliseconds, by the gateway's clock. `rows`: answered. `of_gateway`, `of_seq`: the record that a label is
    of.
    """

    gateway: str = ""
    seq: int = 0
    time: int = 0
    kind: str = STRANGE
    model: str = ""
    environment: str = ""
    rung: str = ""
    client: str = ""
    finding: str = ""
    rows: int = 0
    of_gateway: str = ""
    of_seq: int = -1


NONE = Row()


def row_of(entry: bytes) -> Row:
    """The row of an entry: what `parse_any` reads from it, or NONE where that refuses it."""
    try:
        gateway, seq = place_of(entry)
    except ValueError:
        return NONE
    # No text of a record has quotes in it, and of two gateways the one that the label is of stands later.
    texts = {name.decode(): value.decode() for name, value in reversed(_TEXTS.findall(entry))}
    kind = texts.get("kind", PREDICTIONS)
    of = _OF.search(entry) if kind == FEEDBACK else None
    return Row(
        gateway.decode(),
        seq,
        int(entry[entry.rindex(b":", 0, -_END) + 1 : -_END]),
        kind,
        texts.get("model", ""),
        texts.get("environment", ""),
        texts.get("rung", ""),
        texts.get("client", ""),
        texts.get("finding", ""),
        _rows(entry, kind),
        of[1].decode() if of else "",
        int(of[2]) if of else -1,
    )


def _rows(entry: bytes, kind: str) -> int:
    if kind == PREDICTIONS:
        return answered(entry)[0] or 1
    if kind in {"file", "unrecorded"}:
        found = _ROWS.search(entry)
        return int(found[1]) if found else 0
    return 0
