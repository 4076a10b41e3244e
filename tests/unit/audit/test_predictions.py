"""audit.predictions: a receipt finds its record; what is missing or said twice is a finding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockgate.audit.predictions import PredictionIndex
from lockgate.core.digest import digest_of
from lockgate.core.records import SALT_BYTES, PredictionRecord, Receipt, commitment, opens
from tests.support.sealing import read, write

A, B = "a" * 16, "b" * 16
SALT = bytes(SALT_BYTES)


def _record(gateway: str, seq: int) -> bytes:
    return PredictionRecord(
        gateway=gateway,
        seq=seq,
        time=1_760_000_000_000 + seq,
        model=digest_of(b"model"),
        environment="dev",
        rung="live",
        client="c" * 16,
        input=commitment(SALT, [gateway, seq]),
        output=commitment(SALT, seq),
    ).encode()


def _index(folder: Path, entries: Sequence[bytes]) -> PredictionIndex:
    write(folder, entries)
    return PredictionIndex(read(folder))


def test_receipt_finds_its_record(tmp_path: Path) -> None:
    """Among two gateways' records, the very one, which opens with the receipt's salt."""
    index = _index(tmp_path, [_record(A, 0), _record(B, 0), _record(A, 1), _record(B, 1)])
    receipt = Receipt(B, 1, SALT)
    found = index.find(receipt)
    assert found is not None
    assert found.index == 3
    assert opens(found.record, receipt, input=[B, 1], output=1)
    assert index.reasons() == ()
    assert index.gateways() == (A, B)


def test_receipt_that_is_not_sealed_finds_nothing(tmp_path: Path) -> None:
    """Another number, or a gateway that was never here."""
    index = _index(tmp_path, [_record(A, 0)])
    assert index.find(Receipt(A, 1, SALT)) is None
    assert index.find(Receipt(B, 0, SALT)) is None


def test_index_grows_with_the_log(tmp_path: Path) -> None:
    """Only what is new is read; a gap that is filled later is none."""
    index = _index(tmp_path, [_record(A, 0), _record(A, 2)])
    assert index.next_seq(A) == 3
    assert index.next_seq(B) == 0
    assert [reason.finding for reason in index.reasons()] == ["LG721"]
    write(tmp_path, [_record(A, 1)])
    index.extend(read(tmp_path))
    assert index.size == 3
    assert index.reasons() == ()


def test_gaps_and_repeats_are_told_per_gateway(tmp_path: Path) -> None:
    """Which gateway, how many, the first of them."""
    numbers = [(A, 0), (A, 1), (A, 1), (A, 5), (B, 1), (B, 2)]
    index = _index(tmp_path, [_record(gateway, seq) for gateway, seq in numbers])
    told = [(reason.finding, reason.seen["gateway"], reason.seen["first"]) for reason in index.reasons()]
    assert told == [("LG721", A, ["2-4"]), ("LG722", A, [1]), ("LG721", B, ["0"])]


def test_first_record_of_a_number_counts(tmp_path: Path) -> None:
    """A record that is put in later under the same number does not take a receipt over."""
    index = _index(tmp_path, [_record(A, 0), _record(A, 0)])
    found = index.find(Receipt(A, 0, SALT))
    assert found is not None
    assert found.index == 0


def test_entry_that_is_no_record_is_a_finding(tmp_path: Path) -> None:
    """It is told, and does not keep the others from being found."""
    index = _index(tmp_path, [_record(A, 0), b"garbage", b"", _record(A, 1)])
    assert [(reason.finding, reason.seen["first"]) for reason in index.reasons()] == [("LG720", [1, 2])]
    assert index.find(Receipt(A, 1, SALT)) is not None


def test_empty_log_has_nothing_to_say(tmp_path: Path) -> None:
    """Before the first prediction."""
    index = _index(tmp_path, [])
    assert (index.size, index.reasons(), index.gateways()) == (0, (), ())
