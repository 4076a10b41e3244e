"""validate.jail._ledger: each row of each source is found exactly once, or the first wrong row is named."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.errors import Refused
from lockgate.validate.jail import _ledger
from lockgate.validate.jail._ledger import Partition

Rows = list[tuple[int, int]]


def columns(rows: Rows) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """Rows as the two columns of a batch."""
    return pa.array([s for s, _ in rows], pa.int32()), pa.array([r for _, r in rows], pa.int64())


def told(counts: list[int], *batches: tuple[Rows, Rows]) -> Partition:
    """A partition that was given accepted and quarantined rows, batch by batch, and settled."""
    found = Partition(counts)
    for accepted, quarantined in batches:
        found.accept(*columns(accepted))
        found.quarantine(*columns(quarantined))
    found.settle()
    return found


def refusal(counts: list[int], *batches: tuple[Rows, Rows]) -> tuple[str, object, object]:
    """What is said of an account that does not add up: the fault, source and row."""
    with pytest.raises(Refused) as caught:
        told(counts, *batches)
    assert caught.value.finding == "LG213"
    assert caught.value.next == "lockgate explain LG213"
    return caught.value.message.rpartition(": ")[2], caught.value.seen["source"], caught.value.seen["row"]


TWICE = "a row is among the accepted ones twice"
BOTH = "a row is both accepted and quarantined"
NEITHER = "a row is neither accepted nor quarantined"
ORDER = "the rows are out of order"
BEYOND = "a row is beyond its source"
NOWHERE = "a row comes from no source"


def test_an_honest_account() -> None:
    """Rows of several sources, one of them empty, reasons repeated: counted in all and by source."""
    found = told([3, 0, 2], ([(0, 0), (0, 2)], [(0, 1), (0, 1)]), ([(2, 0)], [(2, 1)]), ([], [(2, 1)]))
    assert found.settle() == (3, 2)
    assert found.by_source() == [
        {"source": 0, "rows": 3, "quarantined": 1},
        {"source": 1, "rows": 0, "quarantined": 0},
        {"source": 2, "rows": 2, "quarantined": 1},
    ]


@pytest.mark.parametrize("counts", [[], [0], [0, 0]])
def test_no_rows_at_all(counts: list[int]) -> None:
    """Sources without rows have nothing to be found."""
    assert told(counts).settle() == (0, 0)
    assert refusal(counts, ([(0, 0)], []))[0] in {NOWHERE, BEYOND}


@pytest.mark.parametrize(
    ("batches", "wrong"),
    [
        ([([(0, 0), (0, 0)], [])], (TWICE, 0, 0)),
        ([([(0, 0)], []), ([(0, 0)], [])], (TWICE, 0, 0)),
        ([([(0, 0), (0, 1)], [(0, 1)])], (BOTH, 0, 1)),
        ([([(0, 0)], [(0, 1)]), ([(0, 1)], [])], (BOTH, 0, 1)),
        ([([(0, 0), (0, 2), (1, 1)], [(0, 1), (0, 2)])], (BOTH, 0, 2)),
        ([([], [(0, 0), (0, 1)]), ([(0, 0), (0, 1)], [])], (BOTH, 0, 0)),
        ([([(0, 0), (0, 2)], [(1, 0)])], (NEITHER, 0, 1)),
        ([([(0, 0), (1, 1)], [(0, 1), (1, 0)])], (NEITHER, 0, 2)),
        ([([(0, 0), (1, 1)], [(0, 2)])], (NEITHER, 0, 1)),
        ([([(0, 0), (1, 1)], [(0, 1), (0, 2)])], (NEITHER, 1, 0)),
        ([([(0, 0), (0, 1), (0, 2)], [(1, 0)])], (NEITHER, 1, 1)),
        ([], (NEITHER, 0, 0)),
        ([([(0, 1), (0, 0)], [])], (ORDER, 0, 0)),
        ([([(1, 0)], []), ([(0, 2)], [])], (ORDER, 0, 2)),
        ([([], [(0, 1), (0, 0)])], (ORDER, 0, 0)),
        ([([], [(0, 2)]), ([], [(0, 1)])], (ORDER, 0, 1)),
        ([([(0, 3)], [])], (BEYOND, 0, 3)),
        ([([(0, -1)], [])], (BEYOND, 0, -1)),
        ([([(0, 0), (1, 2)], [])], (BEYOND, 1, 2)),
        ([([], [(1, 2**62)])], (BEYOND, 1, 2**62)),
        ([([(2, 0)], [])], (NOWHERE, 2, 0)),
        ([([(0, 0), (-1, 0)], [])], (NOWHERE, -1, 0)),
    ],
)
def test_what_does_not_add_up(batches: list[tuple[Rows, Rows]], wrong: tuple[str, int, int]) -> None:
    """Double, missing, both, out of order, beyond its source, of no source: the first wrong row is named."""
    assert refusal([3, 2], *batches) == wrong


def test_a_missing_row_is_refused_as_soon_as_both_streams_are_beyond_it() -> None:
    """Whoever gives the account does not get to the end of it."""
    found = Partition([1_000])
    found.accept(*columns([(0, 0), (0, 2), (0, 4)]))
    found.quarantine(*columns([(0, 1)]))
    with pytest.raises(Refused, match=NEITHER) as caught:
        found.quarantine(*columns([(0, 5)]))
    assert caught.value.seen == {"source": 0, "row": 3}


def test_sources_by_name() -> None:
    """The quarantine names its sources; an unknown name, and none, are no source."""
    found = Partition([1, 1], ["a.csv", "b.csv"])
    found.accept(*columns([(0, 0)]))
    found.quarantine(pa.array(["b.csv"]), pa.array([0]))
    assert found.by_source()[1] == {"source": "b.csv", "rows": 1, "quarantined": 1}
    for name in ("c.csv", None):
        with pytest.raises(Refused, match=NOWHERE):
            Partition([1], ["a.csv"]).quarantine(pa.array([name], pa.string()), pa.array([0]))
    with pytest.raises(Refused, match=NOWHERE):
        Partition([1]).quarantine(pa.array(["a.csv"]), pa.array([0]))


def test_nulls_are_no_rows() -> None:
    """A row without a number, or of no source, is not overlooked."""
    with pytest.raises(Refused, match=BEYOND):
        Partition([1]).accept(pa.array([0], pa.int32()), pa.array([None], pa.int64()))
    with pytest.raises(Refused, match=NOWHERE):
        Partition([1]).accept(pa.array([None], pa.int32()), pa.array([0], pa.int64()))


def test_memory_does_not_grow_with_the_rows() -> None:
    """Four million rows, one in a hundred quarantined, are followed in the memory that a batch takes."""
    size, batch = 4_000_000, 50_000
    found = Partition([size])
    tracemalloc.start()
    for begin in range(0, size, batch):
        rows = np.arange(begin, begin + batch)
        bad = rows % 100 == 7
        for take, part in ((found.accept, rows[~bad]), (found.quarantine, rows[bad])):
            take(pa.array(np.zeros(len(part), np.int32)), pa.array(part))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.settle() == (3_960_000, 40_000)
    assert peak < size


def test_gaps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that leaves gaps and never comes to fill them is refused; one that fills them is not."""
    monkeypatch.setattr(_ledger, "MOST_GAPS", 10)
    odd: Rows = [(0, number) for number in range(1, 40, 2)]
    even: Rows = [(0, number) for number in range(0, 40, 2)]
    assert refusal([40], (odd, even)) == (NEITHER, 0, 0)
    assert told([40], (odd[:10], even[:10]), (odd[10:], even[10:])).settle() == (20, 20)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=4), st.data())
def test_every_account_is_judged_as_by_a_list_of_all_rows(counts: list[int], data: st.DataObject) -> None:
    """Honest streams cut into batches anyhow are settled; with one row dropped, doubled, moved or added, refused."""
    rows: Rows = [(source, row) for source, count in enumerate(counts) for row in range(count)]
    fates = data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    accepted = [row for row, fate in zip(rows, fates, strict=True) if fate == 0]
    quarantined = [row for row, fate in zip(rows, fates, strict=True) for _ in range(fate)]
    batches = _cut(accepted, quarantined, data)
    assert told(counts, *batches).settle() == (len(accepted), len(rows) - len(accepted))
    harmed = _harmed(accepted, quarantined, rows, data)
    if harmed is not None:
        refusal(counts, *_cut(*harmed, data))


def _cut(accepted: Rows, quarantined: Rows, data: st.DataObject) -> list[tuple[Rows, Rows]]:
    one, other = data.draw(st.integers(0, len(accepted))), data.draw(st.integers(0, len(quarantined)))
    return [(accepted[:one], quarantined[:other]), (accepted[one:], quarantined[other:])]


def _harmed(accepted: Rows, quarantined: Rows, rows: Rows, data: st.DataObject) -> tuple[Rows, Rows] | None:
    if not rows:
        return None
    row = data.draw(st.sampled_from(rows))
    if data.draw(st.booleans()):
        return [one for one in accepted if one != row], [one for one in quarantined if one != row]
    if row in quarantined:
        return sorted([*accepted, row]), quarantined
    return (
        (sorted([*accepted, row]), quarantined) if data.draw(st.booleans()) else (accepted, sorted([*quarantined, row]))
    )
