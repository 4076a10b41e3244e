"""Which records of a model travel: the first, the last, the newest of each day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.audit.prove import check_proof
from lockgate.core.digest import digest_of
from lockgate.core.record_kinds import RefusedRecord, UnrecordedRecord
from lockgate.core.records import commitment
from lockgate.project.evidence import samples as module
from lockgate.project.evidence.samples import samples
from tests.support.sealing import ORIGIN, PUBLIC, read, write

OURS, OTHER = digest_of(b"ours"), digest_of(b"another")
DAY = 86_400_000
START = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)


def record(seq: int, model: str = OURS, day: int = 0) -> bytes:
    """A row that was refused, on a day."""
    salt = commitment(b"s" * 32, seq)
    return RefusedRecord("a" * 16, seq, START + day * DAY + seq, model, "dev", "live", "b" * 16, salt, "LG603").encode()  # type: ignore[arg-type]


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    """Four days: ours on days 0, 0, 1, 3 (entries 0, 2, 3, 6), others between them."""
    entries = [
        record(0),
        record(1, OTHER),
        record(2),
        record(3, day=1),
        record(4, OTHER, day=2),
        UnrecordedRecord("a" * 16, 5, START + 3 * DAY, 3, START).encode(),
        record(6, day=3),
        record(7, OTHER, day=3),
    ]
    write(tmp_path, entries)
    return tmp_path


@pytest.mark.parametrize(
    ("most", "chosen"),
    [(0, []), (1, [0]), (2, [0, 6]), (3, [0, 3, 6]), (4, [0, 2, 3, 6]), (100, [0, 2, 3, 6])],
)
def test_which_are_chosen(log: Path, most: int, chosen: list[int]) -> None:
    """First, last, then the newest of each day, the newest days first; of this model alone."""
    found = samples(read(log), OURS, most)
    assert (chosen, 4, 0, 8) == ([one.index for one in found.chosen], found.of_model, found.start, found.stop)


def test_each_is_proved(log: Path) -> None:
    """The proof leads from the very bytes to the signed root."""
    for one in samples(read(log), OURS, 100).chosen:
        assert one.index == check_proof(one.proof, one.leaf, PUBLIC, ORIGIN).index


def test_only_the_newest_are_looked_at(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is older is not looked at, and it says where the look began."""
    monkeypatch.setattr(module, "LOOKED", 3)
    found = samples(read(log), OURS, 100)
    assert ([one.index for one in found.chosen], found.of_model, found.start) == ([6], 1, 5)


def test_a_model_that_never_answered(log: Path) -> None:
    """None."""
    assert samples(read(log), digest_of(b"silent"), 100).chosen == ()
