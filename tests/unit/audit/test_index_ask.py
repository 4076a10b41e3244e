"""audit.index.ask and engine: the segments answer as the entries do, and DuckDB sees nothing else."""

from __future__ import annotations

import socket
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.audit.index.ask import Filter, counted, labelled, places
from lockgate.audit.index.engine import engine
from lockgate.audit.index.store import FEW, Index, Place
from lockgate.core.digest import digest_of
from tests.support.indexed import ADA, BOB, HOUR, NOON, ONE, TWO, WIDTH, entries, indexed, place
from tests.support.sealing import read

_COUNT = WIDTH * 3 + 7
_EXAMPLES = (settings.default.max_examples if settings.default is not None else 100) // 4
"""Each makes a database."""
_KINDS = ("predictions", "refused", "feedback", "file", "observed", "suspicion", "window", "unrecorded")
_times = st.none() | st.integers(-2, _COUNT + 2).map(lambda hour: NOON + hour * HOUR)
_models = st.none() | st.lists(st.sampled_from([ONE, TWO, digest_of(b"no")]), max_size=2).map(tuple)
_filters = st.builds(
    Filter,
    models=_models,
    client=st.sampled_from(["", ADA, BOB, "0" * 16]),
    environment=st.sampled_from(["", "dev", "none"]),
    since=_times,
    until=_times,
    kinds=st.lists(st.sampled_from(_KINDS), max_size=3).map(tuple),
)


@pytest.fixture(scope="module", name="both", params=[1, FEW], ids=["tail-as-segment", "tail-by-entry"])
def _both(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[Index, Index]:
    """The same log, among its entries some that are no records: with segments, and without."""
    folder = tmp_path_factory.mktemp("both")
    some = entries(_COUNT)
    some[3] = some[40] = some[-2] = b"garbage"
    segments = indexed(folder, some, few=request.param)
    return segments, Index(Place(folder / "none", folder / "none.index", 1 << 12), read(folder / "log"))


@settings(max_examples=_EXAMPLES)
@given(_filters, st.booleans())
def test_segments_count_as_entries_do(both: tuple[Index, Index], asked: Filter, clients: bool) -> None:
    """Whatever is asked: DuckDB over the segments, and Python over the entries."""
    segments, plain = both
    assert (len(segments.segments), len(plain.segments)) == (3, 0)
    assert counted(plain, asked, clients=clients) == counted(segments, asked, clients=clients)


@settings(max_examples=_EXAMPLES)
@given(_filters, st.integers(1, 60))
def test_segments_have_the_places_that_entries_have(both: tuple[Index, Index], asked: Filter, most: int) -> None:
    """The newest ones, in the log's order."""
    segments, plain = both
    assert places(plain, asked, most) == places(segments, asked, most)


@settings(max_examples=_EXAMPLES)
@given(_filters)
def test_labels_are_found_across_segments(both: tuple[Index, Index], asked: Filter) -> None:
    """A label and its prediction lie anywhere."""
    segments, plain = both
    assert labelled(plain, asked) == labelled(segments, asked)


def test_there_is_something_to_find(both: tuple[Index, Index]) -> None:
    """The three above would hold for an index that says nothing."""
    segments, _ = both
    assert sum(one.entries for one in counted(segments, Filter()).values()) == _COUNT
    assert labelled(segments, Filter(models=(ONE,))) > 0
    assert len(places(segments, Filter(client=ADA), 5)) == 5


def test_a_value_is_no_part_of_a_query(both: tuple[Index, Index]) -> None:
    """Words of SQL in what is asked are a value like others."""
    for text in ("' OR 1=1 --", "x'); DROP TABLE told; --", "\x00", "é" * 40):
        for asked in (Filter(client=text), Filter(environment=text), Filter(models=(text,)), Filter(kinds=(text,))):
            assert counted(both[0], asked) == {}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_text('http://127.0.0.1:{port}/x')",
        "SET enable_external_access = true",
        "SET memory_limit = '64GB'",
        "SET allowed_paths = ['{file}']",
        "CREATE PERSISTENT SECRET s (TYPE s3)",
    ],
)
def test_the_engine_reaches_no_file_and_no_network(query: str, tmp_path: Path) -> None:
    """Neither to read nor to write, nor to load an extension, nor to be let out. What it is handed it reads."""
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    with socket.create_server(("127.0.0.1", 0)) as server, engine() as asking:
        server.settimeout(0.05)
        words = query.format(file=file, folder=tmp_path, port=server.getsockname()[1])
        with pytest.raises(duckdb.Error):
            asking.do(words)
        with pytest.raises(TimeoutError):
            server.accept()
    assert [file] == sorted(tmp_path.iterdir())


def test_the_engine_reads_what_it_is_handed(both: tuple[Index, Index]) -> None:
    """The positive control: bytes, by no name."""
    with engine() as asking:
        found = asking.run(
            [both[0].data(0), both[0].data(2)], "SELECT count(*), min(index), max(index) FROM read_parquet(?)"
        )
    assert found == [(2 * WIDTH, 0, 3 * WIDTH - 1)]


def test_without_sealed_memory_it_reads_a_folder_of_its_own(
    both: tuple[Index, Index], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the kernel has none, as on a Mac: the same answers, nothing else to be seen, and nothing is left."""
    place = tmp_path / "it's temporary"
    place.mkdir()
    expected = counted(both[0], Filter(client=ADA))
    monkeypatch.delattr("os.memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert expected == counted(both[0], Filter(client=ADA))
    with engine() as asking, pytest.raises(duckdb.Error):
        asking.do("SELECT * FROM read_text(?)", str(tmp_path / "test"))
    assert list(place.iterdir()) == []


def test_segments_of_other_times_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the manifest says of times and numbers spares reading."""
    index = indexed(tmp_path, entries(WIDTH * 4))
    opened: list[int] = []
    real = index.data

    def data(number: int) -> bytes:
        opened.append(number)
        return real(number)

    monkeypatch.setattr(index, "data", data)
    day = Filter(since=NOON + (WIDTH + 2) * HOUR, until=NOON + (WIDTH + 9) * HOUR)
    assert 7 <= sum(one.entries for one in counted(index, day).values()) <= 8
    assert opened == [1]
    assert place(tmp_path) == index.place
