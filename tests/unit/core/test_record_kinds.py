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
    ObservedRecord,
    Of,
    RefusedRecord,
    RequestRecord,
    UnrecordedRecord,
    parse_any,
    request_tag,
)
from lockgate.core.record_scan import IS_WINDOW, place_of
from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.core.record_window import MOST_BINS, MOST_CELLS, MOST_PLACE, MOST_ROWS, WindowRecord
from lockgate.core.records import (
    MAX_COUNTS,
    MAX_RECORD_BYTES,
    MAX_ROWS,
    MAX_SEQUENCE,
    PredictionRecord,
    Receipt,
    Record,
    commitment,
    opens,
    parse_receipt,
)

SALT = bytes(range(32))
GATEWAY, CLIENT, MODEL = "00112233445566aa", "ffeeddccbbaa9988", digest_of(b"manifest")
HERE: dict[str, Any] = {"gateway": GATEWAY, "seq": 7, "time": 1_760_000_000_000}
OF: dict[str, Any] = {"model": MODEL, "environment": "dev", "rung": "live", "client": CLIENT}
ROWS = tuple(commitment(SALT, row) for row in range(3))
REQUEST = RequestRecord(**HERE, **OF, first=0, inputs=ROWS, outputs=ROWS[::-1], tag="0" * 32)
STEP: dict[str, Any] = {"model": MODEL, "base": digest_of(b"base"), "environment": "dev", "rung": "canary", "step": 3}
COUNTS = {"candidate.rows": 12, "candidate.slow.041": 2, "live.rows": 240, "pairs.more.0": 1}
OBSERVED = ObservedRecord(**HERE, **STEP, counts=COUNTS)
WINDOW_OF: dict[str, Any] = {"model": MODEL, "environment": "dev", "rung": "live", "life": 0}
COUNTED: dict[str, Any] = {
    "rows": 12,
    "dropped": 3,
    "seen": 250,
    "labelled": 2,
    "stride": 8,
    "since": 1_750_000_000_000,
}
WINDOW = WindowRecord(**HERE, **WINDOW_OF, bins=((0, 0, (5, 0, 7)), (0, 12, (12,)), (3, 1, (0, 1))), **COUNTED)
SUSPECTED: dict[str, Any] = {"rule": "near", "scope": "client", "level": 2, "since": 1_750_000_000_000}
SUSPICION = SuspicionRecord(**HERE, **OF, **SUSPECTED, counts={"probes": 40, "rows": 300})
RECORDS: list[Record] = [
    PredictionRecord(**HERE, **OF, input=ROWS[0], output=ROWS[1]),
    REQUEST,
    RequestRecord(**HERE, **OF, first=256, inputs=ROWS[:1], outputs=ROWS[:1]),
    RequestRecord(**HERE, **OF, first=0, inputs=ROWS[:1] * MAX_ROWS, outputs=ROWS[:1] * MAX_ROWS),
    RefusedRecord(**HERE, **OF, input=ROWS[0], finding="LG612"),
    FeedbackRecord(**HERE, client=CLIENT, label=ROWS[0], of_=Of("a" * 16, 12, 255)),
    UnrecordedRecord(**HERE, rows=12, since=1_750_000_000_000),
    FileRecord(**HERE, **OF, rows=100_000, root=ROWS[2]),
    OBSERVED,
    SUSPICION,
    WINDOW,
    WindowRecord(**HERE, **WINDOW_OF, bins=(), **COUNTED),
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
    # No bins are bins, too: of a window whose rows were all left out.
    wrong += [{**fields, name: value} for name in fields for value in values if (name, value) != ("bins", [])]
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


def _with_counts(inside: str) -> bytes:
    """OBSERVED with another text for its counts."""
    start, end = (OBSERVED.encode().index(part) for part in (b'{"candidate', b',"environment"'))
    return OBSERVED.encode()[:start] + inside.encode() + OBSERVED.encode()[end:]


def test_as_many_counts_as_a_record_holds_are_no_longer_than_a_record() -> None:
    """The longest names and numbers, the largest everything: still a record, and one more is none."""
    most = {f"{number:03}".translate(str.maketrans("0123456789", "abcdefghij")) + "z" * 29: MAX_SEQUENCE
            for number in range(MAX_COUNTS)}  # fmt: skip
    longest: dict[str, Any] = {"gateway": GATEWAY, "seq": MAX_SEQUENCE, "time": MAX_SEQUENCE}
    names = dict.fromkeys(("environment", "rung"), "n" * 32)
    record = ObservedRecord(**longest, **{**STEP, **names, "step": MAX_SEQUENCE}, counts=most)
    assert parse_any(record.encode()) == record
    assert place_of(record.encode()) == (GATEWAY.encode(), MAX_SEQUENCE)
    assert len(record.encode()) < MAX_RECORD_BYTES // 2
    with pytest.raises(ValueError, match="counts"):
        ObservedRecord(**HERE, **STEP, counts={**most, "z": 1})
    many = encode({**json.loads(record.encode()), "counts": {**most, "z": 1}})
    for read in (parse_any, place_of):
        with pytest.raises(ValueError, match=r"."):
            read(many)


@pytest.mark.parametrize(
    "inside",
    [
        '{"b":1,"a":1}',
        '{"a":1,"a":1}',
        '{"a":1,"a":2}',
        '{"a":0}',
        '{"a":01}',
        '{"a":-1}',
        '{"a":1.0}',
        '{"a":1e3}',
        '{"a":true}',
        '{"a":"1"}',
        '{"a":null}',
        '{"a": 1}',
        '{"a":1,}',
        "{}",
        '{"":1}',
        '{"A":1}',
        '{"1a":1}',
        '{".a":1}',
        '{"a_b":1}',
        '{"ä":1}',
        '{"\\u0061":1}',
        '{"a\n":1}',
        '{"' + "a" * 33 + '":1}',
        '{"a":9007199254740992}',
        '{"a":99999999999999999}',
        '{"a":{"b":1}}',
        '[["a",1]]',
    ],
)
def test_counts_have_one_spelling(inside: str) -> None:
    """Another order, a name twice, none, a name or a number of another form: both readers refuse."""
    assert place_of(_with_counts('{"a":1,"a-b":9007199254740991,"a.b":1,"a0":1}')) == (GATEWAY.encode(), 7)
    assert isinstance(parse_any(_with_counts('{"a":1,"a-b":9007199254740991,"a.b":1,"a0":1}')), ObservedRecord)
    for read in (parse_any, place_of):
        with pytest.raises(ValueError, match=r"."):
            read(_with_counts(inside))


def _with_bins(inside: str) -> bytes:
    """WINDOW with another text for its bins."""
    data = WINDOW.encode()
    return data[: data.index(b"[[")] + inside.encode() + data[data.index(b',"dropped"') :]


def test_as_many_bins_as_a_record_holds_fit_a_record() -> None:
    """The most cells, the largest numbers, the longest names: still a record for both readers, and one more is none."""
    cells = tuple((MOST_PLACE, MOST_PLACE - at, (MOST_ROWS,) * MOST_BINS) for at in reversed(range(MOST_CELLS)))
    longest: dict[str, Any] = {"gateway": GATEWAY, "seq": MAX_SEQUENCE, "time": MAX_SEQUENCE}
    of: dict[str, Any] = {**WINDOW_OF, **dict.fromkeys(("environment", "rung"), "n" * 32), "life": MAX_SEQUENCE}
    counted: dict[str, Any] = dict.fromkeys(COUNTED, MAX_SEQUENCE)
    record = WindowRecord(**longest, **of, bins=cells, **counted)
    assert len(record.encode()) <= MAX_RECORD_BYTES
    assert parse_any(record.encode()) == record
    assert place_of(record.encode()) == (GATEWAY.encode(), MAX_SEQUENCE)
    more = ((0, 0, (1,)), *cells)
    with pytest.raises(ValueError, match="bins"):
        WindowRecord(**HERE, **WINDOW_OF, bins=more, **COUNTED)
    for read in (parse_any, place_of):
        with pytest.raises(ValueError, match=r"."):
            read(encode({**json.loads(record.encode()), "bins": more}))


@pytest.mark.parametrize(
    "inside",
    [
        "[[0,1,[1]],[0,0,[1]]]",
        "[[0,0,[1]],[0,0,[1]]]",
        "[[1,0,[1]],[0,0,[1]]]",
        "[[0,10,[1]],[0,9,[1]]]",
        "[[0,0,[]]]",
        "[[0,0,[,]]]",
        "[[0,0,[1,]]]",
        "[[0,0,[01]]]",
        "[[00,0,[1]]]",
        "[[0,0,[1]],]",
        "[,[0,0,[1]]]",
        "[[0,0,[1]][0,1,[1]]]",
        "[[0,0,1]]",
        "[[0,0]]",
        "[[0,0,[1],1]]",
        "[[0,10000,[1]]]",
        "[[10000,0,[1]]]",
        "[[0,0,[1000000001]]]",
        "[[0,0,[9007199254740993]]]",
        "[[0,0,[-1]]]",
        "[[0,0,[1.0]]]",
        "[[0,0,[true]]]",
        "[[true,0,[1]]]",
        "[[0,0,[null]]]",
        '[["0",0,[1]]]',
        "[[0, 0,[1]]]",
        "[[[0],0,[1]]]",
        "[[0,0,[[1]]]]",
        "[0,0,[1]]",
        "[[]]",
        "{}",
        "null",
        "[[0,0,[" + ",".join("1" * 17) + "]]]",
    ],
)
def test_bins_have_one_spelling(inside: str) -> None:
    """Another order, a place twice, too many bins, a number of another form: both readers refuse."""
    for good in ("[]", "[[0,0,[0]]]", "[[0,9,[1]],[0,10,[1,2]],[9999,9999,[1000000000]]]"):
        assert place_of(_with_bins(good)) == (GATEWAY.encode(), 7)
        assert isinstance(parse_any(_with_bins(good)), WindowRecord)
    for read in (parse_any, place_of):
        with pytest.raises(ValueError, match=r"."):
            read(_with_bins(inside))


_numbers = st.sampled_from(["0", "1", "00", "12", "9999", "10000", "1000000000", "1000000001", "-1", "1.5", ""])
_cell = st.tuples(_numbers, _numbers, st.lists(_numbers, max_size=4))


@given(st.lists(_cell, max_size=4), st.booleans())
def test_both_readers_agree_on_whatever_bins(cells: list[tuple[str, str, list[str]]], ordered: bool) -> None:
    """Any numbers, in any order."""
    listed = sorted(set(map(_frozen, cells))) if ordered else list(map(_frozen, cells))
    _agree(_with_bins("[" + ",".join(f"[{one},{other},[{','.join(counts)}]]" for one, other, counts in listed) + "]"))


def _frozen(cell: tuple[str, str, list[str]]) -> tuple[str, str, tuple[str, ...]]:
    return cell[0], cell[1], tuple(cell[2])


def test_only_a_record_of_a_window_begins_as_one() -> None:
    """What readers of tens of thousands of records tell it by."""
    assert [record.KIND == "window" for record in RECORDS] == [one.encode().startswith(IS_WINDOW) for one in RECORDS]


_count_names = st.text("ab.-0A_", max_size=4)


@given(st.lists(st.tuples(_count_names, st.integers(-1, 12) | st.just(MAX_SEQUENCE + 1)), max_size=5))
def test_both_readers_agree_on_whatever_counts(pairs: list[tuple[str, int]]) -> None:
    """Any names, in any order, with any numbers."""
    _agree(_with_counts("{" + ",".join(f'"{name}":{number}' for name, number in pairs) + "}"))


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
