"""Two files compared: silent where nothing happened, and the right names where something did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lockgate.errors import Refused, Usage
from lockgate.monitor.dependence import Thinner
from lockgate.monitor.jail import _looks
from lockgate.monitor.jail._sources import Sample
from lockgate.monitor.replay import Wish
from tests.support.replayed import BEFORE, ROWS, WISH, Happening, changed, named, orders, replayed, write


@pytest.fixture(scope="module", name="before")
def _before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("reference") / "before.parquet", orders(ROWS, 1))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_nothing_happened(before: Path, tmp_path: Path, suffix: str) -> None:
    """Rows that are drawn alike alarm nobody, whatever the format; each is read and compared."""
    after = write(tmp_path / f"after.{suffix}", changed("nothing"))
    _, found = replayed(before, after)
    assert (found.alarms, found.changes) == ((), ())
    assert (found.read.rows, found.read.counted, found.read.dropped, found.read.stride) == (ROWS, ROWS, 0, 1)


@pytest.mark.parametrize(
    ("what", "stream", "words"),
    [
        ("shift", "amount", "the median is 11.5"),
        ("unit", "price", "times: did the unit change?"),
        ("constant", "grade", "became constant: 2"),
        ("mix", "colour", ""),
        ("new", "colour", "new category: violet "),
        ("missing", "price", "more are missing: 30"),
        ("apart", "amount × extra", "amount and extra do not go together as they did"),  # noqa: RUF001
    ],
)
def test_what_happened_is_named(before: Path, tmp_path: Path, what: Happening, stream: str, words: str) -> None:
    """The first alarm comes after the change, soon, and names the stream; the words say what happened."""
    plan, found = replayed(before, write(tmp_path / "after.parquet", changed(what)))
    first = found.alarms[0]
    assert BEFORE <= first.row < BEFORE + 1_000
    assert stream in first.streams
    standing = named(plan, found)[stream]
    assert standing.alarm == first.row
    assert standing.since is not None
    assert standing.since <= first.row
    assert any(words in one for one in standing.advice) or not words
    assert standing.track[-1][0] == ROWS - 1


def test_what_did_not_happen_is_not_named(before: Path, tmp_path: Path) -> None:
    """A column that stayed as it was has no alarm while another does."""
    plan, found = replayed(before, write(tmp_path / "after.parquet", changed("mix")))
    assert [stream.name for stream, one in zip(plan.streams, found.streams, strict=True) if one.alarm] == ["colour"]


def test_the_same_files_give_the_same_answer(before: Path, tmp_path: Path) -> None:
    """Chance is drawn from the files: a second run says the same, to the byte."""
    after = write(tmp_path / "after.parquet", changed("shift"))
    one, other = replayed(before, after), replayed(before, after)
    assert (one[0].encode(), one[1].encode()) == (other[0].encode(), other[1].encode())


def test_a_band_allows_small_differences(before: Path, tmp_path: Path) -> None:
    """What is smaller than the band is no alarm, and what is larger still is."""
    after = write(tmp_path / "after.parquet", changed("shift"))
    allowed = replace(WISH, band=1.0, exclude=("extra",))
    assert replayed(before, after, allowed)[1].alarms == ()
    assert replayed(before, after, replace(allowed, band=0.2))[1].alarms[0].streams == ("amount",)


def series(path: Path, rows: int, correlation: float, seed: int) -> Path:
    """Three columns, each normal with variance 1, of which a row is like the one before it."""
    steps = np.random.default_rng(seed).normal(size=(rows, 3))
    for row in range(1, rows):
        steps[row] = correlation * steps[row - 1] + (1 - correlation**2) ** 0.5 * steps[row]
    return write(path, pa.table({f"x{place}": pa.array(steps[:, place]) for place in range(3)}))


def test_dependent_rows_are_thinned(tmp_path: Path) -> None:
    """Where the reference's neighbours depend on each other, a stream counts one row in so many of both files."""
    files = series(tmp_path / "a.parquet", 20_000, 0.9, 5), series(tmp_path / "b.parquet", 20_000, 0.9, 6)
    plan, found = replayed(*files, Wish(window=200))
    assert plan.stride > 10
    assert found.read.stride >= plan.stride
    for stream, one in zip(plan.streams, found.streams, strict=True):
        assert 80 < sum(stream.cuts[0].balls) < 1.3 * 20_000 / stream.stride
        assert 0 <= sum(sum(counts) for counts in one.current) < 1.3 * 20_000 / stream.stride
    assert found.read.dependent
    assert found.alarms == ()


@pytest.mark.parametrize("judged", [True, False])
def test_dependent_rows_of_the_replay_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged: bool) -> None:
    """Where only the replayed rows depend, they are left out, and nobody is alarmed; unjudged they would alarm."""
    if not judged:
        monkeypatch.setattr(Thinner, "window", lambda _, bins: bins)
    files = series(tmp_path / "a.parquet", 5_000, 0.0, 5), series(tmp_path / "b.parquet", 20_000, 0.9, 6)
    plan, found = replayed(*files, WISH)
    assert (plan.stride, found.alarms == ()) == (1, judged)
    assert (found.read.dropped > 0) is judged


def test_an_alarm_is_shown_as_it_was(before: Path, tmp_path: Path) -> None:
    """A shift that is over by the end of the file: its size and counts are those of the alarm, not of the last rows."""
    after = pa.concat_tables([orders(1000, 2), orders(1000, 3, "shift"), orders(6000, 4)])
    plan, found = replayed(before, write(tmp_path / "after.parquet", after))
    standing = named(plan, found)["amount"]
    assert standing.alarm is not None
    assert standing.alarm < 2000
    assert standing.log_e >= found.threshold
    assert standing.effect > 0.3
    assert sum(map(sum, standing.current)) <= 1000


def test_a_sorted_file_is_no_alarm(before: Path, tmp_path: Path) -> None:
    """Rows in the order of a value are not as they came: it is left out, and named; what lies beside it is compared."""
    after = write(tmp_path / "after.parquet", orders(ROWS + 10, 3).sort_by("amount"))
    plan, found = replayed(before, after, replace(WISH, window=200, stride=1))
    assert (found.alarms, found.read.sorted) == ((), ("amount",))
    assert found.read.counted == ROWS
    for stream, one in zip(plan.streams, found.streams, strict=True):
        if "amount" in stream.of:
            assert sum(map(sum, one.current)) == 0
    assert sum(map(sum, named(plan, found)["colour"].current)) > 0


def test_without_the_look_at_the_order_it_would_be(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positive control: the first window of a sorted file lies all in one bin, where no dependence shows."""
    monkeypatch.setattr(_looks, "LEAST_STEPS", ROWS)
    after = write(tmp_path / "after.parquet", orders(ROWS, 3).sort_by("amount"))
    assert "amount" in replayed(before, after, replace(WISH, window=200))[1].alarms[0].streams


def test_strata_keep_seasons_quiet(tmp_path: Path) -> None:
    """A file with more nights than the reference alarms; compared hour by hour it does not."""
    drawn = np.random.default_rng(6)

    def day(hours: list[int]) -> pa.Table:
        chosen = drawn.choice(hours, 4_000)
        moments = [f"2026-03-01T{hour:02d}:30:00" for hour in chosen.tolist()]
        return pa.table({"at": moments, "load": pa.array(chosen * 3.0 + drawn.normal(size=4_000))})

    before, after = write(tmp_path / "a.csv", day([1, 2, 13])), write(tmp_path / "b.csv", day([1, 2, 2, 2, 13]))
    apart = replace(WISH, strata=("hour",), time="at")
    assert replayed(before, after)[1].alarms != ()
    plan, found = replayed(before, after, apart)
    assert plan.strata.names == ("01", "02", "13")
    assert (found.alarms, found.read.counted) == ((), 4_000)


def test_changed_columns_are_told(before: Path, tmp_path: Path) -> None:
    """One that is gone, one that is new, one of another type; the others are compared as ever."""
    table = changed("mix").drop_columns(["amount"]).append_column("more", pa.array([1.0] * ROWS))
    grades = pa.array([str(one) for one in table["grade"].to_pylist()])
    table = table.set_column(table.schema.get_field_index("grade"), "grade", grades)
    _, found = replayed(before, write(tmp_path / "after.parquet", table))
    assert [(one.column, one.what) for one in found.changes] == [
        ("amount", "missing"),
        ("grade", "type"),
        ("more", "added"),
    ]
    assert found.alarms[0].streams == ("colour",)
    _, left_out = replayed(before, tmp_path / "after.parquet", replace(WISH, exclude=("amount", "grade", "colour")))
    assert [one.column for one in left_out.changes] == ["more"]
    assert left_out.alarms == ()


def test_cells_that_are_no_numbers_are_told(before: Path, tmp_path: Path) -> None:
    """A text file's cells that are nothing of their column's kind are counted, told, and missing."""
    after = write(tmp_path / "after.csv", changed("nothing"))
    lines = after.read_text().splitlines()
    at = lines[0].replace('"', "").split(",").index("price")
    for row in np.random.default_rng(7).choice(np.arange(BEFORE, ROWS), 1_500, replace=False).tolist():
        cells = lines[row].split(",")
        lines[row] = ",".join([*cells[:at], "n/a", *cells[at + 1 :]])
    after.write_text("\n".join(lines) + "\n")
    plan, found = replayed(before, after)
    assert [(one.column, one.what) for one in found.changes] == [("price", "text")]
    assert found.changes[0].words.startswith("1,500 cells (25 %) are no number")
    assert any(one.startswith("more are missing") for one in named(plan, found)["price"].advice)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish(exclude=("nope",)), "--exclude nope"),
        (Wish(strata=("hour",)), "--time"),
        (Wish(strata=("weekday",), time="amount"), "--time amount"),
        (Wish(strata=("site",), site="price"), "--site price"),
    ],
)
def test_a_wish_that_the_file_cannot_fill(before: Path, wish: Wish, why: str) -> None:
    """A column that is not there, or says no hour and no site, is named."""
    with pytest.raises(Usage, match=why) as refused:
        replayed(before, before, wish)
    assert refused.value.finding == "LG975"


def test_a_site_is_a_column(before: Path) -> None:
    """Positive control: a column of texts, or of whole numbers, is a site."""
    assert replayed(before, before, replace(WISH, strata=("site",), site="colour"))[0].strata.by == ("site",)


def test_too_few_rows_are_no_reference(before: Path, tmp_path: Path) -> None:
    """Of 399 rows nobody can say how the next ones should come; of 400 somebody can."""
    with pytest.raises(Refused) as refused:
        replayed(write(tmp_path / "few.parquet", orders(399, 1)), before)
    assert refused.value.finding == "LG976"
    assert replayed(write(tmp_path / "enough.parquet", orders(400, 1)), before)[1].read.counted == ROWS


@pytest.mark.parametrize("line", ["[1]", "nonsense", '{"amount": "\\ud800"}', '{"a":' * 100_000])
def test_a_line_that_is_no_object(before: Path, tmp_path: Path, line: str) -> None:
    """The line is named, whatever is wrong with it."""
    after = write(tmp_path / "after.jsonl", orders(500, 2))
    after.write_text(after.read_text() + line + "\n")
    with pytest.raises(Refused, match=r"line 501 of after\.jsonl") as refused:
        replayed(before, after)
    assert refused.value.finding == "LG977"


def test_no_rows_at_all(before: Path, tmp_path: Path) -> None:
    """A file without a row is refused, on either side."""
    empty = write(tmp_path / "empty.parquet", orders(10, 2).slice(0, 0))
    for files in ((before, empty), (empty, before)):
        with pytest.raises(Refused) as refused:
            replayed(*files)
        assert refused.value.finding in ("LG104", "LG976")


def test_a_sample_is_of_all_rows_alike() -> None:
    """Of many rows so many are kept, in their order, from the whole file, and as many for each stride."""
    sample = Sample(1_000, {1, 8}, np.random.default_rng(1))
    for start in range(0, 70_000, 1_234):
        rows = np.arange(start, min(start + 1_234, 70_000))
        sample.add(pa.record_batch({"row": pa.array(rows)}))
    kept = sample.table()["row"].to_numpy()
    steps = sample.steps()
    assert (sample.rows, {stride: len(places) for stride, places in steps.items()}) == (70_000, {1: 500, 8: 500})
    assert (np.diff(kept) > 0).all()
    assert np.diff(kept[steps[8]]).min() >= 6
    for places in steps.values():
        # The mean of 500 of 70,000: within four standard errors.
        assert abs(kept[places].mean() - 35_000) < 4 * 20_207 / 500**0.5
