"""Which rows are looked at, how counts become records, what waits for labels: one promise each."""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise
from pathlib import Path

import pytest

from lockgate.core.record_window import MOST_CELLS, MOST_ROWS, WindowRecord
from lockgate.monitor.plan import OUTPUTS, parse_plan
from lockgate.serve.monitoring import kept
from lockgate.serve.monitoring.awaited import Awaited
from lockgate.serve.monitoring.counted import Counted
from lockgate.serve.monitoring.kept import Kept, Said
from lockgate.serve.monitoring.losses import Losses
from lockgate.serve.monitoring.rows import CHUNK_BYTES, MOST_TEXT, WORTH_ROWS, Answered, Row, Waiting
from lockgate.serve.monitoring.sampling import SILENCE_SECONDS, Allowance, Apart, Sessions, Thinning
from lockgate.serve.recording.labels import Line, append_lines
from lockgate.serve.rungs.comparing import Place
from lockgate.serve.spec import Answer
from tests.support import engines, monitored
from tests.support.rungs import manifest

MODEL, OTHER = manifest("live"), manifest("candidate")


def test_a_second_has_so_many_rows_however_many_come() -> None:
    """From the second second on they are spread over it, and what bursts is cut off."""
    allowance = Allowance(100)
    first = [row for turn in range(20) for row in allowance.pick(range(50), 10 + turn / 20)]
    assert len(first) == 100
    second = [turn for turn in range(20) for _ in allowance.pick(range(50), 11 + turn / 20)]
    assert 80 <= len(second) <= 100
    assert {second.count(turn) for turn in range(18)} <= {3, 4, 5, 6, 7}
    assert len(allowance.pick(range(100_000), 13.0)) <= 100
    assert len(allowance.pick(range(100_000), 13.9)) == 0
    assert list(allowance.pick(range(3), 20.0)) == [0, 1, 2]


def test_which_rows_are_picked_is_chance() -> None:
    """One of so many, over the borders of what is handed over; of rows in a fixed order all alike."""
    apart, picked, start = Apart(), list[int](), 0
    for size in (1, 2, 3, 5, 7, 11, 3) * 1000:
        picked += [start + at for at in apart.pick(range(size), 4)]
        start += size
    assert {later - one for one, later in pairwise(picked)} == {3, 4, 5}
    assert len(picked) == pytest.approx(8000, rel=0.05)
    assert [sum(at % 8 == place for at in picked) for place in range(8)] == pytest.approx([1000] * 8, rel=0.25)
    assert list(apart.pick(range(5), 1)) == [0, 1, 2, 3, 4]


def test_a_client_counts_once_in_a_session() -> None:
    """Until it was silent for half an hour; those who came last are remembered."""
    sessions = Sessions(most=2)
    assert sessions.begins("ada", 0.0)
    assert not sessions.begins("ada", SILENCE_SECONDS - 1)
    assert not sessions.begins("ada", 2 * SILENCE_SECONDS - 2)
    assert sessions.begins("ada", 3 * SILENCE_SECONDS)
    assert [sessions.begins(name, 3 * SILENCE_SECONDS + 1) for name in ("bob", "eve", "bob", "ada")] == [
        *(True, True, False),
        True,
    ]


def test_a_sample_is_spread_over_a_life_of_any_length() -> None:
    """Never more than so many, and none from a part of it only."""
    sample = Thinning(100)
    held: list[int] = []
    for _ in range(10_000):
        number = sample.take()
        if number is not None:
            held.append(number)
        held = [one for one in held if one % sample.every == 0]
        assert len(held) <= 100
    assert held == list(range(0, 10_000, sample.every))
    assert len(held) >= 50


def test_windows_that_wait_add_up_and_their_parts_are_records() -> None:
    """What is said of all rows is said once; the entries are in order and each a good one."""
    counted = Counted(rows=7, dropped=2, seen=30, labelled=1, since=5)
    counted.add([(0, 1, [1, 2, 0]), (0, 0, [3])])
    counted.add([(0, 1, [0, 1, 4]), *((1, stream, [1]) for stream in range(MOST_CELLS))])
    parts = list(counted.parts(8))
    assert [(part.rows, part.dropped, part.seen, part.labelled) for part in parts] == [(7, 2, 30, 1), (0, 0, 0, 0)]
    assert parts[0].bins[:2] == ((0, 0, (3,)), (0, 1, (1, 3, 4)))
    assert [len(part.bins) for part in parts] == [MOST_CELLS, 2]
    for part in parts:
        WindowRecord("0" * 16, 0, 0, MODEL, "dev", "live", 0, **part._asdict())
    assert [part.bins for part in Counted(seen=9, since=5).parts(1)] == [()]


def test_counts_of_a_disk_that_failed_for_months_are_still_a_record() -> None:
    """A number that no record may have is never made."""
    counted = Counted()
    counted.add([(0, 0, [MOST_ROWS])])
    counted.add([(0, 0, [5])])
    assert counted.bins == {(0, 0): [MOST_ROWS]}


def test_a_row_is_found_in_the_request_that_it_came_with() -> None:
    """By its number over all requests; those without a record are none."""
    batches = [
        monitored.answered(1.0, 2.0, seq=4),
        monitored.answered(9.0, recorded=False),
        monitored.answered(3.0, seq=5, name="bob"),
    ]
    rows = Answered(batches)
    assert rows.total == 3
    assert [row.values for row in rows.rows(range(3))] == [(1.0,), (2.0,), (3.0,)]
    assert [row.values for row in rows.rows([1, 2])] == [(2.0,), (3.0,)]
    one, other = rows.rows([0, 1], {1})
    assert one.place is None
    assert other.place is not None
    assert (other.place.seq, other.place.row) == (4, 1)
    assert rows.begins(Sessions(), 0.0) == [0, 2]


def test_a_text_is_cut_where_no_category_is_longer() -> None:
    """Whoever sends megabytes has them looked at no longer than others."""
    (asked,), (answer,) = monitored.answered(1.0)
    text = "a" * (5 << 20)
    asked.given.values, asked.given.canonical = [(text, 7, None)], [text.encode()]
    (row,) = Answered([([asked], [answer])]).rows([0])
    assert row.values == ("a" * (MOST_TEXT + 1), 7, None)
    assert row.size == 5 << 20


def test_what_waits_is_bounded_in_rows_and_in_bytes() -> None:
    """And a chunk ends after a long row."""
    waiting, small = Waiting(), Row((1.0,), {}, 10)
    while not waiting.full:
        waiting.add(small, 0.0)
    assert len(waiting.chunk(10_000)) == 256
    waiting.add(small, 0.0)
    large = Waiting()
    for _ in range(8):
        assert not large.full
        large.add(Row(("a",), {}, 1 << 20), 0.0)
    assert large.full
    assert len(large.chunk(256)) == 1
    assert CHUNK_BYTES < 1 << 20


def test_a_few_rows_wait_for_others_and_not_for_long() -> None:
    """Counting one costs as much as counting many."""
    waiting = Waiting()
    assert not waiting.due(0.0)
    waiting.add(Row((1.0,), {}, 10), 5.0)
    assert not waiting.due(5.9)
    assert waiting.due(6.0)
    for _ in range(WORTH_ROWS - 1):
        waiting.add(Row((1.0,), {}, 10), 5.0)
    assert waiting.due(5.1)


def test_what_was_said_is_found_by_whoever_has_the_receipt(tmp_path: Path) -> None:
    """Whichever gateway kept it; a receipt that was made up opens nothing."""
    own, other = Kept(tmp_path, "a" * 16, MODEL), Kept(tmp_path, "b" * 16, OTHER)
    own.keep([Said(0, Place(5, 0, "opens"), 1.0, 2), Said(1, Place(6, 3, "more"), 0.0, 0)], 1)
    other.keep([Said(0, Place(5, 0, "opens"), 0.0, 1)], 1)
    wanted = {
        "a" * 16: [Place(5, 0, "opens"), Place(6, 3, ""), Place(6, 3, "made up"), Place(7, 0, "opens")],
        "b" * 16: [Place(5, 0, "opens")],
        "../../etc": [Place(5, 0, "opens")],
    }
    found = kept.found(tmp_path, [MODEL, OTHER], wanted)
    assert found["a" * 16] == [(MODEL, 1.0, 2), (MODEL, 0.0, 0), None, None]
    assert found["b" * 16] == [(OTHER, 0.0, 1)]
    assert found["../../etc"] == [None]
    assert kept.found(tmp_path, [MODEL], {"b" * 16: [Place(5, 0, "opens")]}) == {"b" * 16: [None]}
    own.close()
    other.close()


def test_a_file_gets_no_larger_however_long_its_gateway_lives(tmp_path: Path) -> None:
    """The sample thins out in the file as it does where it is taken."""
    file = Kept(tmp_path, "a" * 16, MODEL)
    file.keep([Said(number, Place(number, 0, ""), 1.0, 0) for number in range(8)], 1)
    file.keep([Said(8, Place(8, 0, ""), 1.0, 0)], 4)
    wanted = [Place(number, 0, "") for number in range(9)]
    found = kept.found(tmp_path, [MODEL], {"a" * 16: wanted})["a" * 16]
    assert [number for number, one in enumerate(found) if one is not None] == [0, 4, 8]
    file.close()


def test_files_of_gateways_that_are_gone_go_too(tmp_path: Path) -> None:
    """After three months, or when there are too many; nothing else is touched."""
    for number in range(kept.MOST_FILES + 3):
        path = tmp_path / f"watch-{number:016x}-{'0' * 16}.sqlite"
        path.write_bytes(b"")
        os.utime(path, (10_000_000 + number, 10_000_000 + number))
    (tmp_path / "labels.jsonl").write_bytes(b"")
    kept.clear(tmp_path, 10_000_000)
    assert len(list(tmp_path.iterdir())) == kept.MOST_FILES + 1
    assert not (tmp_path / f"watch-{2:016x}-{'0' * 16}.sqlite").exists()
    kept.clear(tmp_path, 10_000_000 + kept.MOST_DAYS * 86400 + 70)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.jsonl"]


def test_a_file_that_another_one_spoiled_says_nothing(tmp_path: Path) -> None:
    """No database, a link (nobody writes through it either), rows of other types."""
    (tmp_path / f"watch-{'a' * 16}-{MODEL[7:23]}.sqlite").write_bytes(b"no database at all, but long enough to look at")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    good = Kept(folder, "b" * 16, MODEL)
    good.keep([Said(0, Place(5, 0, ""), 1.0, 0)], 1)
    good.close()
    (link,) = folder.iterdir()
    (tmp_path / link.name).symlink_to(link)
    with pytest.raises(OSError, match="symbolic"):
        Kept(tmp_path, "b" * 16, MODEL).keep([Said(1, Place(6, 0, ""), 1.0, 0)], 1)
    odd = Kept(tmp_path, "c" * 16, MODEL)
    odd.keep([Said(0, Place(5, 0, ""), "x", 0), Said(1, Place(6, 0, ""), 1.0, 0.5)], 1)  # type: ignore[arg-type]
    wanted = {name * 16: [Place(5, 0, ""), Place(6, 0, "")] for name in "abc"}
    assert kept.found(tmp_path, [MODEL], wanted) == {name * 16: [None, None] for name in "abc"}
    odd.close()


@pytest.mark.parametrize(("label", "wrong"), [(True, False), (False, True)])
def test_a_label_falls_into_the_bin_of_right_or_wrong(label: bool, wrong: bool) -> None:
    """As the reference's rows did: right ones below the first cut of wrong ones, of which chance leaves some below it.

    What is of another class, or counted nowhere, falls into none.
    """
    plan = parse_plan(monitored.files()[OUTPUTS])
    losses = Losses(plan, engines.SERVED, 10)
    assert losses.wanted
    first = plan.streams[-1].cuts[0].values.index(1.0)
    above = 0
    for _ in range(200):
        counted = losses.count(1.0, label, 0)
        assert counted is not None
        stratum, stream, counts = counted
        assert (0, 10 + len(plan.streams) - 1, 1) == (stratum, stream, sum(counts))
        above += counts.index(1) > first
    assert (above > 100) if wrong else (above == 0)
    assert losses.count(1.0, "late", 0) is None
    assert losses.count(1.0, True, 1) is None
    assert losses.count(1.0, True, -1) is None
    assert not Losses(None, engines.SERVED, 0).wanted


def test_an_answer_without_a_receipt_has_no_rows() -> None:
    """What the policy let go without a record the log knows nothing of."""
    one = engines.asked(1.0)
    assert Answered([([one], [Answer(engines.SERVED, [{}], [b"{}"], (), "", [{}])])]).total == 0


@pytest.mark.parametrize(("begun", "expected"), [(True, 1), (False, 0)])
def test_a_label_before_the_first_look_counts(tmp_path: Path, *, begun: bool, expected: int) -> None:
    """Labels are followed from when rows are watched, not from the first look; what came before is of no row here."""

    async def scene() -> int:
        awaited = Awaited(tmp_path, "a" * 16)
        if begun:
            awaited.follow()
        awaited.keep(MODEL, [Said(0, Place(3, 0, ""), 1.0, 0)], 1)
        awaited._thread.submit(int).result()
        append_lines(tmp_path, [Line(f"{'a' * 16}.3.0", False, "lgr2", 0)])
        found = await awaited.came([MODEL])
        await awaited.close()
        return len(found)

    assert expected == asyncio.run(scene())
