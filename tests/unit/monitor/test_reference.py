"""monitor.jail.reference: accepted rows in the order of time, thinned where neighbours depend on each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.errors import Refused
from lockgate.monitor.asked import Asked
from lockgate.monitor.jail import reference as making_of
from lockgate.monitor.jail.reading import column, kind_of
from lockgate.monitor.jail.reference import Made, apart, reference
from lockgate.monitor.making import DEPENDS
from lockgate.monitor.spec import MonitorSpec
from lockgate.runtime.serving import NULL_TIMESTAMP

ROWS = 12_000
MINUTE = 60_000_000


@pytest.fixture(name="draw")
def _draw() -> np.random.Generator:
    return np.random.default_rng(1)


def _made(tmp_path: Path, columns: dict[str, Any], asked: Asked = Asked(), sensitive: tuple[str, ...] = ()) -> Made:  # noqa: B008 - it is frozen
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "accepted.parquet")
    kinds = {field.name: kind_of(field.type) or "other" for field in table.schema}
    return reference(tmp_path / "accepted.parquet", kinds, sensitive, asked, seed=3)


def _dependent(draw: np.random.Generator, by: float = 0.5) -> npt.NDArray[np.float64]:
    noise, found = draw.normal(size=ROWS), np.zeros(ROWS)
    for row in range(1, ROWS):
        found[row] = by * found[row - 1] + noise[row]
    return found


def _moments(numbers: npt.NDArray[Any]) -> pa.Array[Any]:
    return pa.array(numbers * MINUTE, pa.timestamp("us"))


def test_independent_rows_are_all_taken(tmp_path: Path, draw: np.random.Generator) -> None:
    """But for the pilot; a sensitive field and one that is left out are in no plan."""
    columns = {name: draw.normal(size=ROWS) for name in ("a", "b", "c", "d")}
    made = _made(tmp_path, columns, Asked(exclude=("c",)), sensitive=("d",))
    assert made.as_json() == {"why": "", "rows": 10_800, "thinned": [], "more": 0, "dependent": []}
    assert dict(made.plan.unwatched) == {"d": "it is sensitive", "c": "lockgate.toml leaves it out"}
    assert not {"c", "d"} & {name for stream in made.plan.streams for name in stream.of}


def test_abuse_is_seen_in_what_is_not_watched_but_not_in_what_is_sensitive(
    tmp_path: Path, draw: np.random.Generator
) -> None:
    """The population has what is left out of drift, and nothing sensitive; without a plan there is none."""
    columns = {name: draw.normal(size=ROWS) for name in ("a", "b", "c", "d")}
    found = _made(tmp_path, columns, Asked(exclude=("c",)), sensitive=("d",)).plan.population
    assert found is not None
    assert [one.name for one in found.fields] == ["a", "b", "c"]
    few = _made(tmp_path, {name: column[:100] for name, column in columns.items()})
    assert few.plan.population is None


def test_rows_are_not_odd_by_what_is_not_watched_or_goes_on(tmp_path: Path, draw: np.random.Generator) -> None:
    """What lockgate.toml excludes takes no part in how odd rows are, nor what goes on with time; they stay compared."""
    columns: dict[str, Any] = {name: draw.normal(size=ROWS) for name in ("a", "b", "c", "d")}
    columns |= {"week": np.arange(ROWS) // 1000, "at": _moments(np.arange(ROWS))}
    for exclude, order, left in (((), "", "abcd"), (("d",), "at", "abc")):
        found = _made(tmp_path, columns, Asked(exclude=exclude, order=order)).plan.population
        assert found is not None
        assert found.novel is not None
        names = [one.name for one in found.fields]
        assert sorted(names) == ["a", "b", "c", "d", "week"]
        assert set(left) == {names[place] for place in found.novel.fields} - ({"week"} if not order else set())


def test_dependent_neighbours_are_thinned(tmp_path: Path, draw: np.random.Generator) -> None:
    """In the order of the files, or in that of time, whichever shows it; a stride that was set stays."""
    depends = _dependent(draw)
    assert _made(tmp_path, {"a": depends}).plan.stride in range(5, 10)
    mixed = draw.permutation(ROWS)
    shuffled = {"a": depends[mixed], "t": _moments(mixed)}
    assert _made(tmp_path, shuffled).plan.stride == 1
    found = _made(tmp_path, shuffled, Asked(order="t"))
    assert found.plan.stride in range(5, 10)
    assert (found.plan.rows, found.plan.streams[0].stride) == (ROWS - found.plan.pilot, 8)
    assert 0.85 < (sum(found.plan.streams[0].cuts[0].balls) - 1) * 8 / found.plan.rows < 1.15
    assert found.as_json()["thinned"] == [["a", 8]]
    assert _made(tmp_path, {"a": depends}, Asked(stride=3)).plan.stride == 3


def test_a_stream_is_thinned_by_itself(tmp_path: Path, draw: np.random.Generator) -> None:
    """Beside one whose neighbours depend the others count every row; one that goes on is not watched, and named."""
    columns = {"a": draw.normal(size=ROWS), "b": _dependent(draw), "c": np.arange(ROWS) + draw.normal(size=ROWS)}
    made = _made(tmp_path, {**columns, "t": _moments(np.arange(ROWS))}, Asked(order="t"))
    strides = {stream.name: stream.stride for stream in made.plan.streams}
    assert (strides["a"], strides["b"] in (8, 16), "c" in strides) == (1, True, False)
    assert made.plan.unwatched["c"] == DEPENDS
    said = made.as_json()
    assert (said["thinned"][0][1], "c" in said["dependent"]) == (made.plan.stride, True)
    for stream in made.plan.streams:
        rows = sum(stream.cuts[0].balls) - 1
        assert 0.8 < rows * stream.stride / made.plan.rows < 1.2


def test_of_a_large_file_more_than_a_first_look_is_taken(
    tmp_path: Path, draw: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer rows say what the streams are, and where neighbours are alike; counted are all that there is room for."""
    monkeypatch.setattr(making_of, "_FIRST_ROWS", 1_000)
    plan = _made(tmp_path, {"a": draw.normal(size=ROWS)}).plan
    assert plan.rows + plan.pilot == ROWS


def test_of_many_rows_each_stride_has_its_own(draw: np.random.Generator) -> None:
    """As many rows for each, so far apart; of few rows all."""
    ordered = draw.permutation(50_000)
    places, steps = apart(ordered, {1, 8, 0}, 4_000, draw)
    assert {stride: len(rows) for stride, rows in steps.items()} == {1: 2_000, 8: 2_000}
    where = np.argsort(ordered)[places]
    assert np.diff(where[steps[8]]).min() >= 6
    places, steps = apart(ordered, {1, 8}, 50_000, draw)
    assert (len(places), len(steps[1])) == (50_000, 50_000)


def test_a_sorted_file_says_nothing_of_time(tmp_path: Path, draw: np.random.Generator) -> None:
    """Its neighbours are alike at any distance: no row is left out. By time, that is a reason to watch nothing."""
    columns = {"a": np.sort(draw.normal(size=ROWS)), "t": _moments(np.arange(ROWS))}
    made = _made(tmp_path, columns)
    assert (made.why, [(one.name, one.stride) for one in made.plan.streams]) == ("", [("a", 1)])
    assert "depend on each other" in _made(tmp_path, columns, Asked(order="t")).why


def test_what_the_hour_explains_is_no_dependence(tmp_path: Path, draw: np.random.Generator) -> None:
    """Neighbours of one hour are alike; within the hour they are not."""
    minutes = np.arange(ROWS)
    columns = {"a": np.sin(minutes / 1440 * 2 * np.pi) * 2 + draw.normal(size=ROWS), "t": _moments(minutes)}
    assert "depend on each other" in _made(tmp_path, columns, Asked(order="t")).why
    made = _made(tmp_path, columns, Asked(strata=("hour",), time="t", order="t"))
    assert (made.why, len(made.plan.strata.names)) == ("", 24)
    assert made.plan.stride <= 2


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(exclude=("gone",)), "exclude names 'gone'"),
        (Asked(strata=("hour",), time="a"), "time = 'a' is no field of kind timestamp"),
        (Asked(strata=("weekday",), time="gone"), "time = 'gone'"),
        (Asked(strata=("site",), site="a"), "site = 'a' is no field of kind string"),
        (Asked(strata=("site",), site="town"), "site = 'town' is sensitive"),
    ],
    ids=str,
)
def test_settings_that_name_what_is_not_there_are_refused(
    tmp_path: Path, draw: np.random.Generator, asked: Asked, says: str
) -> None:
    """LG229, with the setting and what it names."""
    with pytest.raises(Refused) as no:
        _made(tmp_path, {"a": draw.normal(size=10), "town": ["x"] * 10}, asked, sensitive=("town",))
    assert no.value.finding == "LG229"
    assert says in no.value.message


def test_too_few_rows_are_said(tmp_path: Path) -> None:
    """And rows of which nothing can be watched."""
    assert _made(tmp_path, {"a": np.zeros(0)}).why == "there are 0 accepted rows: 400 are needed"
    assert _made(tmp_path, {"a": [f"text {row}" for row in range(500)]}).why == "none of the fields can be watched"


def test_arrow_columns_are_read_as_the_gateway_reads_rows() -> None:
    """Null is NaN, None or the smallest moment; dictionaries are what they stand for; other kinds are said."""
    table = pa.table(
        {
            "f": pa.array([1, None], pa.int32()),
            "b": pa.array([True, None]),
            "s": pa.array(["x", None]).dictionary_encode(),
            "t": pa.array([1, None], pa.timestamp("ms", "UTC")),
            "o": pa.array([[1], None]),
        }
    )
    kinds = {field.name: kind_of(field.type) for field in table.schema}
    assert kinds == {"f": "int", "b": "bool", "s": None, "t": "timestamp", "o": None}
    found = {name: column(table.column(name), kind) for name, kind in (kinds | {"s": "string"}).items() if kind}
    assert [found["f"][0], found["b"][0]] == [1.0, 1.0]
    assert np.isnan([found["f"][1], found["b"][1]]).all()
    assert (found["s"].tolist(), found["t"].tolist()) == (["x", None], [1000, NULL_TIMESTAMP])


def test_what_was_asked_reads_back() -> None:
    """As a jail is told it; the time of the rows comes before that of the strata."""
    asked = Asked.of(MonitorSpec(("hour", "site"), "t", "town", exclude=("a",), stride=2), "ordered")
    assert asked == Asked(("hour", "site"), "t", "town", ("a",), 2, "ordered")
    assert Asked.read(asked.as_json()) == asked
    assert Asked.of(MonitorSpec(("hour",), "t"), "").order == "t"
