"""audit.sight: where hardly a row is compared, that is said; where rows are, nothing is."""

from __future__ import annotations

import pytest

from lockgate.audit.sight import MOST_WINDOWS, Sight
from lockgate.core.digest import digest_of
from lockgate.core.record_window import WindowRecord

STREAMS = 4


def _record(
    seq: int, counts: tuple[int, ...] = (1000,) * STREAMS, *, rows: int = 1000, dropped: int = 0, seen: int = 1000
) -> WindowRecord:
    bins = tuple((0, stream, (count,)) for stream, count in enumerate(counts) if count)
    place = (digest_of(b"m"), "dev", "live", 0)
    return WindowRecord("0" * 16, seq, 0, *place, bins, rows, dropped, seen, 0, 1, 0)


def _sight(records: list[WindowRecord]) -> Sight:
    sight = Sight(frozenset(range(STREAMS)))
    for record in records:
        sight.add(record)
    return sight


def test_compared_rows_say_nothing() -> None:
    """Every row, or a part of them in each stream; a stream alone that is left out; one the model was never given."""
    for counts in ((1000,) * 4, (125,) * 4, (1000, 1000, 31, 0), (1000, 16, 0, 0)):
        assert _sight([_record(seq, counts) for seq in range(100)]).little() == ""


def test_windows_that_were_all_left_out_are_told() -> None:
    """After twenty of them, or many rows; before, and once rows count again, nothing is."""
    left = [_record(seq, (), rows=0, dropped=1000) for seq in range(MOST_WINDOWS)]
    assert _sight(left[:-1]).little() == ""
    assert "none of the last 20,000 answered rows was compared: neighbouring" in _sight(left).little()
    assert "what says their stratum" in _sight([_record(0, (), rows=0, seen=20_001)]).little()
    assert _sight([*left, *(_record(seq) for seq in range(15))]).little() == ""
    assert "15,000 of the last 20,000 rows" in _sight([*left, *(_record(seq) for seq in range(5))]).little()


@pytest.mark.parametrize(("blind", "told"), [(1, False), (2, False), (3, True), (4, True)])
def test_streams_that_count_next_to_nothing_are_told(blind: int, told: bool) -> None:
    """Where they are more than half: 1 row in 64, or none any more."""
    counts = (*(16,) * blind, *(1000,) * (STREAMS - blind))
    sight = _sight([_record(seq, counts) for seq in range(MOST_WINDOWS)])
    assert (f"{blind} of 4 streams" in sight.little()) is told
    stopped = (*(0,) * blind, *(1000,) * (STREAMS - blind))
    sight = _sight([_record(0), *(_record(seq, stopped) for seq in range(1, MOST_WINDOWS + 1))])
    assert (f"{blind} of 4 streams" in sight.little()) is told


def test_parts_of_a_window_add_up() -> None:
    """What is said in several records is one window."""
    parts = []
    for seq in range(0, 2 * MOST_WINDOWS, 2):
        parts += [_record(seq, (1000, 1000)), _record(seq + 1, (0, 0, 1000, 1000), rows=0, seen=0)]
    assert _sight(parts).little() == ""
