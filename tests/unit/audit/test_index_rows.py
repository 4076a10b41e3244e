"""audit.index.row and audit.index.shapes: one entry or thousands at once, columns hold what `parse_any` reads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from lockgate.audit.index.row import NONE, Row, row_of
from lockgate.audit.index.shapes import columns_of, rows_of
from lockgate.core.record_kinds import AnyRecord, FeedbackRecord, FileRecord, RequestRecord, UnrecordedRecord, parse_any
from lockgate.core.records import MAX_SEQUENCE, PredictionRecord
from tests.support.indexed import A, entries, records

_SOME = entries(120)


def _plainly(entry: bytes) -> Row:
    with suppress(ValueError):
        return _row(parse_any(entry))
    return NONE


def _row(one: AnyRecord) -> Row:
    rows = 0
    if isinstance(one, RequestRecord):
        rows = len(one.inputs)
    elif isinstance(one, PredictionRecord):
        rows = 1
    elif isinstance(one, FileRecord | UnrecordedRecord):
        rows = one.rows
    model, environment, rung, client, finding = (
        str(getattr(one, name, "")) for name in ("model", "environment", "rung", "client", "finding")
    )
    of = (one.of_.gateway, one.of_.seq) if isinstance(one, FeedbackRecord) else ("", -1)
    kind = one.KIND or "predictions"
    return Row(one.gateway, one.seq, one.time, kind, model, environment, rung, client, finding, rows, *of)


def _told(found: Sequence[bytes]) -> list[Row]:
    return list(rows_of(columns_of(found)))


def test_each_kind_is_read_alone_and_among_others() -> None:
    """All kinds, in one go and one by one."""
    expected = [_plainly(entry) for entry in _SOME]
    assert {row.kind for row in expected} >= {"predictions", "refused", "feedback", "file", "observed", "window"}
    assert expected == [row_of(entry) for entry in _SOME]
    assert expected == _told(_SOME)


def test_nothing_is_made_of_nothing() -> None:
    """No entries, and entries that are no records."""
    assert _told([]) == []
    assert _told([b"", b"{}", b"garbage"]) == [NONE] * 3


@given(
    st.integers(0, len(_SOME) - 1),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=8, max_size=20),
    st.integers(0, 19),
)
def test_a_changed_byte_is_noticed_among_records_of_the_same_shape(
    which: int, changes: list[tuple[int, int]], spare: int
) -> None:
    """Many copies of a record, in each another byte is another: those that still are records are read, others not."""
    found = []
    for number, (at, byte) in enumerate(changes):
        data = bytearray(_SOME[which])
        if number != spare:
            data[at % len(data)] = byte
        found.append(bytes(data))
    assert [_plainly(entry) for entry in found] == _told([_SOME[which], *found])[1:]


@given(
    st.integers(0, len(_SOME) - 1),
    st.lists(st.sampled_from(b'0123456789abcdefABg",:[]{} -'), min_size=8, max_size=40),
    st.data(),
)
def test_a_likely_byte_is_noticed_too(which: int, put: list[int], data: st.DataObject) -> None:
    """The same with bytes that records have, where numbers and digests stand."""
    entry = _SOME[which]
    found = []
    for byte in put:
        changed = bytearray(entry)
        changed[data.draw(st.integers(0, len(entry) - 1))] = byte
        found.append(bytes(changed))
    assert [_plainly(one) for one in found] == _told([entry, *found])[1:]


def test_numbers_of_the_greatest_length_have_their_bound() -> None:
    """Sixteen digits can be too many: what is above the bound is no record, among others that are."""
    good = [PredictionRecord(A, seq, 1, records(9)[5].model, "dev", "live", A, "0" * 64, "1" * 64) for seq in range(3)]  # type: ignore[attr-defined]
    base = good[0].encode().replace(b'"seq":0', b'"seq":%d' % MAX_SEQUENCE)
    over = base.replace(b"%d" % MAX_SEQUENCE, b"%d" % (MAX_SEQUENCE + 1))
    zero = base.replace(b"%d" % MAX_SEQUENCE, b"0000000000000001")
    found = [base] * 9 + [over, zero]
    assert [_plainly(one) for one in found] == _told(found)
    assert [row.kind for row in _told(found)] == ["predictions"] * 9 + ["", ""]
