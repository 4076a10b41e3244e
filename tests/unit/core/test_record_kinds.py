"""core.record_kinds and core.record_scan: each kind of record has one spelling, and both readers agree on it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.core.record_kinds import (
    FeedbackRecord,
    FileRecord,
    Of,
    RefusedRecord,
    RequestRecord,
    UnrecordedRecord,
    parse_any,
    request_tag,
)
from lockgate.core.record_scan import place_of
from lockgate.core.records import MAX_ROWS, PredictionRecord, Receipt, Record, commitment, opens, parse_receipt

SALT = bytes(range(32))
GATEWAY, CLIENT, MODEL = "00112233445566aa", "ffeeddccbbaa9988", digest_of(b"manifest")
HERE: dict[str, Any] = {"gateway": GATEWAY, "seq": 7, "time": 1_760_000_000_000}
OF: dict[str, Any] = {"model": MODEL, "environment": "dev", "rung": "live", "client": CLIENT}
ROWS = tuple(commitment(SALT, row) for row in range(3))
REQUEST = RequestRecord(**HERE, **OF, first=0, inputs=ROWS, outputs=ROWS[::-1], tag="0" * 32)
RECORDS: list[Record] = [
    PredictionRecord(**HERE, **OF, input=ROWS[0], output=ROWS[1]),
    REQUEST,
    RequestRecord(**HERE, **OF, first=256, inputs=ROWS[:1], outputs=ROWS[:1]),
    RequestRecord(**HERE, **OF, first=0, inputs=ROWS[:1] * MAX_ROWS, outputs=ROWS[:1] * MAX_ROWS),
    RefusedRecord(**HERE, **OF, input=ROWS[0], finding="LG612"),
    FeedbackRecord(**HERE, client=CLIENT, label=ROWS[0], of_=Of("a" * 16, 12, 255)),
    UnrecordedRecord(**HERE, rows=12, since=1_750_000_000_000),
    FileRecord(**HERE, **OF, rows=100_000, root=ROWS[2]),
]
each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda one: f"{one.KIND or 'one'}")


@each_record
def test_a_record_reads_back_and_says_where_it_stands(record: Record) -> None:
    """One spelling; the fast reader and the exact one agree."""
    data = record.encode()
    assert parse_any(data) == record
    assert place_of(data) == (GATEWAY.encode(), 7)


@each_record
def test_every_field_of_a_record_is_needed_and_no_other(record: Record) -> None:
    """A field that is missing, more, null, or of another form: both readers refuse."""
    fields = json.loads(record.encode())
    wrong = [{**fields, "more": 1}, {**fields, "of_": 1}, {**fields, "tag": "0" * 32}]
    wrong += [{key: value for key, value in fields.items() if key != name} for name in fields if name != "id"]
    values: tuple[object, ...] = (
        None,
        -1,
        True,
        1.5,
        1 << 53,
        "",
        "A" * 16,
        [],
        {},
        ["0" * 64, 1],
        "0" * 63,
        {"gateway": "a", "row": 1},
    )
    wrong += [{**fields, name: value} for name in fields for value in values]
    for one in wrong:
        data = encode(one)
        with pytest.raises(ValueError, match=r"."):
            parse_any(data)
        with pytest.raises(ValueError, match=r"."):
            place_of(data)


def test_more_rows_than_a_record_holds_are_refused() -> None:
    """And as many outputs as inputs."""
    many = ROWS[:1] * (MAX_ROWS + 1)
    for inputs, outputs in ((many, many), (ROWS, ROWS[:2]), ((), ())):
        with pytest.raises(ValueError, match=r"."):
            RequestRecord(**HERE, **OF, first=0, inputs=inputs, outputs=outputs)
        data = REQUEST.encode()
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            data = encode({**json.loads(data), name: list(value)})
        with pytest.raises(ValueError, match=r"."):
            place_of(data)
        with pytest.raises(ValueError, match=r"."):
            parse_any(data)


def test_a_changed_byte_is_read_alike_by_both_readers() -> None:
    """Any byte turned into another sign that records are made of."""
    for position in range(0, len(REQUEST.encode()), 3):
        for sign in b'0af"],{:9zL':
            changed = bytearray(REQUEST.encode())
            changed[position] = sign
            _agree(bytes(changed))


def test_quotes_and_commas_of_a_list_stand_where_they_belong() -> None:
    """As many of them as there should be, one place off."""
    data = REQUEST.encode()
    for at in (data.index(b'["') + 1, data.index(b'"],') - 1, data.index(b'","', data.index(b'["')) + 1):
        changed = bytearray(data)
        changed[at], changed[at + 1] = changed[at + 1], changed[at]
        _agree(bytes(changed))
        with pytest.raises(ValueError, match=r"."):
            place_of(bytes(changed))


_text = st.sampled_from([record.encode() for record in RECORDS if len(record.encode()) < 2000])


@given(_text, st.integers(0, 900), st.integers(0, 30), st.binary(max_size=8) | st.text(max_size=3).map(str.encode))
@example(RECORDS[0].encode(), 0, 0, b" ")
@example(RECORDS[0].encode(), 900, 0, b"\n")
def test_both_readers_agree_on_whatever_is_made_of_a_record(data: bytes, at: int, gone: int, put: bytes) -> None:
    """A piece is taken out, another put in."""
    _agree(data[:at] + put + data[at + gone :])


def _agree(data: bytes) -> None:
    exact: tuple[bytes, int] | None = None
    fast: tuple[bytes, int] | None = None
    with suppress(ValueError):
        record = parse_any(data)
        exact = (record.gateway.encode(), record.seq)
    with suppress(ValueError):
        fast = place_of(data)
    assert exact == fast


def test_a_receipt_of_a_row_opens_that_row_only() -> None:
    """Rows of one record have receipts of their own, and a salt of their own each."""
    salts = [bytes([row]) * 32 for row in range(3)]
    record = RequestRecord(
        **HERE,
        **OF,
        first=0,
        inputs=tuple(commitment(salt, row) for row, salt in enumerate(salts)),
        outputs=tuple(commitment(salt, -row) for row, salt in enumerate(salts)),
    )
    receipts = [Receipt(GATEWAY, 7, salt, row) for row, salt in enumerate(salts)]
    assert all(opens(record, receipt, input=row, output=-row) for row, receipt in enumerate(receipts))
    assert not opens(record, receipts[1], input=2, output=-2)
    assert not opens(record, Receipt(GATEWAY, 7, salts[2], 1), input=1, output=-1)
    assert not opens(record, Receipt(GATEWAY, 7, salts[1], 3), input=1, output=-1)
    assert not opens(record, Receipt(GATEWAY, 7, salts[0]), input=0, output=0)
    assert not opens(RECORDS[0], Receipt(GATEWAY, 7, SALT, 0), input=0, output=1)
    assert opens(RECORDS[0], Receipt(GATEWAY, 7, SALT), input=0, output=1)


def test_a_receipt_of_version_2_has_one_spelling() -> None:
    """A row beyond what a record holds, or written otherwise, is none."""
    token = Receipt(GATEWAY, 7, SALT, 31).token()
    assert token.startswith("lgr2.00112233445566aa.7.31.")
    assert parse_receipt(token) == Receipt(GATEWAY, 7, SALT, 31)
    for other in (token.replace(".31.", ".031."), token.replace(".31.", ".256."), token.replace(".31.", "..")):
        with pytest.raises(ValueError, match="receipt"):
            parse_receipt(other)


def test_a_request_id_is_in_no_record() -> None:
    """What stands for it tells nothing without the key, and is the same each time."""
    tag = request_tag(b"k" * 32, "order-4711")
    assert request_tag(b"k" * 32, "order-4711") == tag
    assert request_tag(b"j" * 32, "order-4711") != tag
    assert RequestRecord(**HERE, **OF, first=0, inputs=ROWS, outputs=ROWS, tag=tag).encode().count(b"4711") == 0
