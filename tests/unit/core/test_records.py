"""core.records: prediction records and receipts have one spelling, and commitments open to one value."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.core.records import SALT_BYTES, PredictionRecord, Receipt, commitment, opens, parse_receipt, parse_record

SALT = bytes(range(SALT_BYTES))
INPUT, OUTPUT = {"distance": 1400.0, "origin": "JFK"}, [{"label": True, "p": 0.75}]
RECORD = PredictionRecord(
    gateway="00112233445566aa",
    seq=7,
    time=1_760_000_000_000,
    model=digest_of(b"manifest"),
    environment="dev",
    rung="live",
    client="ffeeddccbbaa9988",
    input=commitment(SALT, INPUT),
    output=commitment(SALT, OUTPUT),
)
RECEIPT = Receipt(RECORD.gateway, RECORD.seq, SALT)


def test_record_round_trip_and_form() -> None:
    """The leaf is the agreed JSON object, and reads back."""
    assert parse_record(RECORD.encode()) == RECORD
    assert set(json.loads(RECORD.encode())) == {
        *("v", "gateway", "seq", "time", "model", "environment", "rung", "client", "input", "output")
    }


def test_no_value_of_the_request_is_in_the_record() -> None:
    """A reader of the log learns neither input nor output."""
    assert b"JFK" not in RECORD.encode()
    assert b"0.75" not in RECORD.encode()


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"seq": -1},
        {"seq": True},
        {"seq": 1.0},
        {"seq": 1 << 53},
        {"time": "1"},
        {"gateway": "0011"},
        {"gateway": RECORD.gateway.upper()},
        {"client": None},
        {"model": "sha256:1"},
        {"environment": "Dev"},
        {"rung": ""},
        {"input": "0" * 63},
        {"output": RECORD.output + "\n"},
        {"more": 1},
        {"client": ["ffeeddccbbaa9988"]},
    ],
)
def test_any_other_record_is_refused(change: dict[str, Any]) -> None:
    """Version, fields, types and forms are exact."""
    with pytest.raises(ValueError, match=r"."):
        parse_record(encode({**json.loads(RECORD.encode()), **change}))


def test_record_without_a_field_or_in_another_spelling_is_refused() -> None:
    """Nothing is optional, and the spelling is the one that `encode` writes."""
    fields = json.loads(RECORD.encode())
    for data in (
        encode({key: value for key, value in fields.items() if key != "rung"}),
        json.dumps(fields).encode(),
        RECORD.encode() + b" " * 2000,
        b"[]",
    ):
        with pytest.raises(ValueError, match=r"."):
            parse_record(data)


def test_receipt_round_trip() -> None:
    """The token reads back, and says where the record is."""
    assert RECEIPT.token().startswith("lgr1.00112233445566aa.7.")
    assert parse_receipt(RECEIPT.token()) == RECEIPT


@pytest.mark.parametrize(
    "token",
    [
        "",
        "lgr1",
        RECEIPT.token() + "=",
        RECEIPT.token() + "\n",
        RECEIPT.token().replace("lgr1", "lgr2"),
        RECEIPT.token().replace(".7.", ".07."),
        RECEIPT.token().replace(".7.", f".{1 << 53}."),
        RECEIPT.token()[:-1],
        RECEIPT.token()[:-1] + "9",
        RECEIPT.token().upper(),
    ],
)
def test_any_other_receipt_is_refused(token: str) -> None:
    """One receipt, one spelling: a receipt cannot be told apart by its trailing bits."""
    with pytest.raises(ValueError, match=r"."):
        parse_receipt(token)


def test_receipt_with_a_short_salt_is_not_written() -> None:
    """A salt that can be guessed would open the commitment for everybody."""
    with pytest.raises(ValueError, match="receipt"):
        replace(RECEIPT, salt=b"short").token()
    with pytest.raises(ValueError, match="salt"):
        commitment(b"short", INPUT)


def test_commitments_open_to_the_very_values_only() -> None:
    """The receipt's holder can show what was asked and answered; nothing else passes for it."""
    assert opens(RECORD, RECEIPT, input=INPUT, output=OUTPUT)
    assert not opens(RECORD, RECEIPT, input={**INPUT, "origin": "LGA"}, output=OUTPUT)
    assert not opens(RECORD, RECEIPT, input=INPUT, output=[])
    assert not opens(RECORD, replace(RECEIPT, salt=bytes(SALT_BYTES)), input=INPUT, output=OUTPUT)
    assert not opens(RECORD, replace(RECEIPT, seq=8), input=INPUT, output=OUTPUT)


@given(st.binary(max_size=300))
@example(RECORD.encode())
@example(RECEIPT.token().encode())
def test_parsers_raise_value_error_only(data: bytes) -> None:
    """Whatever bytes come: a value that encodes back to them, or ValueError."""
    with suppress(ValueError):
        assert parse_record(data).encode() == data
    with suppress(ValueError):
        assert parse_receipt(data.decode()).token().encode() == data
