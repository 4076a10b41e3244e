"""ingest.run in the real jail: what is kept of each kind of file, and that bad input leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lockgate.contract import sources
from lockgate.core.digest import Digest, digest_of
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.ingest.run import run
from lockgate.ingest.spec import IngestSpec, Source
from lockgate.store import files
from tests.support.sources import CSV, SourceProject, parquet

PARQUET = parquet({"distance": [1400, 1416], "carrier": ["UA", "AA"], "late": [True, False]})
LINES = '{"distance": 1400, "carrier": "UA"}\n{"distance": 1416, "carrier": "AA"}\n'
TWELVE = "a,b\n" + "".join(f"{number},x\n" for number in range(12))


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceProject:
    return SourceProject(tmp_path, monkeypatch)


@dataclass(frozen=True)
class Bad:
    """Files that must be refused: with which finding, and what the person is shown."""

    finding: str
    files: dict[str, bytes | str]
    pattern: str = "data/*"
    options: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, object] = field(default_factory=dict)
    says: str = ""
    kind: type[LockgateError] = Refused


def _truncated(data: bytes, keep: int) -> bytes:
    return data[:keep]


BAD = {
    "no match": Bad("LG101", {}, says="no file matches data/*"),
    "missing file": Bad("LG102", {}, pattern="data/flights.csv", says="no such file"),
    "empty file": Bad("LG103", {"data/a.csv": b""}, seen={"file": "data/a.csv", "bytes": 0}),
    "only a header": Bad("LG104", {"data/a.csv": "a,b\n"}),
    "only line ends": Bad("LG104", {"data/a.csv": "\n\n\n"}),
    "Parquet without rows": Bad("LG104", {"data/a.parquet": parquet({"a": pa.array([], pa.int64())})}),
    "not Parquet": Bad("LG106", {"data/a.parquet": "a,b\n1,2\n"}, seen={"declared": "parquet", "found": "csv"}),
    "CSV that is Parquet": Bad("LG106", {"data/a.csv": PARQUET}, seen={"found": "parquet"}),
    "CSV that is JSON Lines": Bad("LG106", {"data/a.csv": LINES}, seen={"found": "jsonl"}),
    "gzip": Bad("LG106", {"data/a.csv": b"\x1f\x8b\x08\0rest"}, says="gzip"),
    "pickle": Bad("LG106", {"data/a.csv": b"\x80\x04\x95\x10\0\0\0\0\0\0\0."}, says="pickle"),
    "JSON array": Bad("LG106", {"data/a.jsonl": '[{"a": 1}]'}, says="array"),
    "zero bytes": Bad("LG106", {"data/a.csv": b"a,b\n1,\0\n"}, seen={"byte": 6}),
    "bad encoding": Bad(
        "LG107", {"data/a.csv": b"town\nUlm\nK\xf6ln\n"}, seen={"byte": 10, "line": 3, "value": "0xf6"}
    ),
    "bad encoding far into the file": Bad(
        "LG107", {"data/a.csv": b"town\n" + b"Ulm\n" * 400_000 + b"\xff\n"}, seen={"byte": 1_600_005, "line": 400_002}
    ),
    "bad encoding in JSON Lines": Bad("LG107", {"data/a.jsonl": b'{"town": "K\xf6ln"}\n'}, seen={"byte": 11}),
    "UTF-16": Bad("LG107", {"data/a.csv": "a,b\n1,2\n".encode("utf-16")}, says="utf-16"),
    "truncated Parquet": Bad("LG108", {"data/a.parquet": _truncated(PARQUET, len(PARQUET) // 2)}, says="cut short"),
    "Parquet with a broken footer": Bad("LG108", {"data/a.parquet": b"PAR1" + b"\x15\x04" * 20 + b"PAR1"}),
    "Parquet with a broken page": Bad("LG108", {"data/a.parquet": PARQUET[:8] + b"\xff" * 60 + PARQUET[68:]}),
    "unclosed quote": Bad(
        "LG109", {"data/a.csv": 'a,b\n1,"x"\n2,"y\n3,z\n'}, seen={"file": "data/a.csv", "line": 3}, says="never closes"
    ),
    "text after a quote": Bad("LG109", {"data/a.csv": 'a,b\n1,"x"y\n'}, seen={"line": 2}),
    "a long row": Bad("LG110", {"data/a.csv": "a,b\n1,2\n3,4,5\n"}, seen={"line": 3, "expected": 2, "found": 3}),
    "a short row": Bad("LG110", {"data/a.csv": "a,b\n1,2\n3\n"}, seen={"line": 3, "expected": 2, "found": 1}),
    "duplicate CSV columns": Bad("LG111", {"data/a.csv": "a,b,a\n1,2,3\n"}, seen={"columns": ["a"]}),
    "duplicate Parquet columns": Bad(
        "LG111", {"data/a.parquet": parquet(pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]))}
    ),
    "forged bookkeeping": Bad("LG112", {"data/a.csv": "a,__row__\n1,7\n"}, seen={"columns": ["__row__"]}),
    "forged source in Parquet": Bad("LG112", {"data/a.parquet": parquet({"a": [1], "__source__": [0]})}),
    "other columns": Bad(
        "LG113", {"data/a.csv": "a,b\n1,2\n", "data/b.csv": "a,c\n1,2\n"}, says="lacks the column 'b'"
    ),
    "one column more": Bad("LG113", {"data/a.csv": "a\n1\n", "data/b.csv": "a,c\n1,2\n"}, says="has the column 'c'"),
    "other types": Bad(
        "LG113",
        {"data/a.parquet": parquet({"a": [1]}), "data/b.parquet": parquet({"a": ["1"]})},
        seen={"column": "a", "found": "string", "expected": "int64"},
    ),
    "other formats": Bad("LG113", {"data/a.csv": "a\n1\n", "data/b.parquet": parquet({"a": [1]})}),
    "an endless line": Bad("LG114", {"data/a.jsonl": '{"a": "' + "x" * (9 << 20) + '"}\n'}),
    "unknown encoding": Bad("LG116", {"data/a.csv": CSV}, options={"encoding": "klingon"}, kind=Usage),
    "no text encoding": Bad("LG116", {"data/a.csv": CSV}, options={"encoding": "base64"}, kind=Usage),
    "two delimiters": Bad("LG116", {"data/a.csv": CSV}, options={"delimiter": ";;"}, kind=Usage),
    "changed pin": Bad("LG120", {"data/a.csv": CSV}, options={"pins": {"data/a.csv": digest_of(b"other")}}),
    "pin of nothing": Bad("LG121", {"data/a.csv": CSV}, options={"pins": {"data/b.csv": digest_of(b"other")}}),
}


OF_THE_SAME_FINDING = (
    "only line ends",
    "CSV that is JSON Lines",
    "gzip",
    "JSON array",
    "bad encoding in JSON Lines",
    "Parquet with a broken footer",
    "text after a quote",
    "a short row",
    "forged source in Parquet",
    "one column more",
    "other formats",
)
"""Others of the same finding go through the jail by day; these do so by night."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly) if name in OF_THE_SAME_FINDING else name for name in BAD]
)
def test_bad_input(place: SourceProject, name: str) -> None:
    """Each bad input gets its finding with file, place and a next step; nothing is registered or left behind."""
    bad = BAD[name]
    for file, content in bad.files.items():
        place.write(file, content)
    with pytest.raises(bad.kind) as caught:
        place.ingest(bad.pattern, **bad.options)
    error = caught.value
    assert error.finding == bad.finding, error
    assert bad.says in error.message
    assert bad.seen.items() <= error.seen.items()
    assert error.next
    assert place.claims() == ["roles", "policy"]
    assert place.left_over() == []


def test_a_link_is_not_followed(place: SourceProject) -> None:
    """A symbolic link as a source is LG118, even to a good file; the file itself is read."""
    place.write("real.csv", CSV)
    (place.root / "link.csv").symlink_to("real.csv")
    with pytest.raises(Refused) as caught:
        place.ingest("link.csv")
    assert caught.value.finding == "LG118"
    with pytest.raises(Refused):
        place.ingest("*.csv")
    assert place.claims() == ["roles", "policy"]
    assert place.ingest("real.csv").rows == 3


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
def test_only_regular_files(place: SourceProject, make: Callable[[Path], None]) -> None:
    """A pipe or a folder called a source is LG102, at once: nobody waits for a writer."""
    make(place.root / "data.csv")
    with pytest.raises(Refused) as caught:
        place.ingest("data.csv")
    assert caught.value.finding == "LG102"


@pytest.mark.parametrize("change", ["grow", "rewrite"])
def test_a_file_that_changes_while_it_is_read(
    place: SourceProject, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """A digest never names a mixture of two versions: LG105, whether the file grew or was rewritten in place."""
    path = place.write("a.csv", CSV)
    copy = files.write_all

    def meanwhile(target: int, piece: bytes) -> None:
        copy(target, piece)
        if change == "grow":
            with path.open("a") as file:
                file.write("1,UA,true\n")
        else:
            path.write_text(CSV.replace("1400", "1401"))
            os.utime(path, ns=(1, 1))

    with monkeypatch.context() as patch:
        patch.setattr(sources, "write_all", meanwhile)
        with pytest.raises(Refused) as caught:
            place.ingest("a.csv")
    assert caught.value.finding == "LG105"
    assert (place.claims(), place.left_over()) == (["roles", "policy"], [])
    assert place.ingest("a.csv").rows >= 3


def test_a_full_disk_registers_nothing(place: SourceProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills while the source is copied is exit code 4, and the next try works."""
    place.write("a.csv", CSV)

    def full(target: int, piece: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sources, "write_all", full)
        with pytest.raises(LockgateError) as caught:
            place.ingest("a.csv")
    assert caught.value.exit_code == 4
    assert (place.claims(), place.left_over()) == (["roles", "policy"], [])
    assert place.ingest("a.csv").rows == 3


def test_csv_is_kept_cell_by_cell(place: SourceProject) -> None:
    """Every cell as written; only an unquoted null spelling is null; rows are numbered from zero in each file."""
    place.write("a.csv", 'a,b\n 1 ,"x,\ny"\nNA,\n"",""\n')
    place.write("b.csv", "\ufeffb,a\r\nü,007\r\n\r\n1e3,NA\r\n")
    found = place.ingest("*.csv", null=("", "NA"))
    table = place.table(found.snapshot)
    assert table["a"].to_pylist() == [" 1 ", None, "", "007", None]
    assert table["b"].to_pylist() == ["x,\ny", None, "", "ü", "1e3"]
    assert table["__source__"].to_pylist() == [0, 0, 0, 1, 1]
    assert table["__row__"].to_pylist() == [0, 1, 2, 0, 1]
    assert table.schema.metadata[b"lockgate.kind"] == b"csv"
    assert {str(column.type) for column in table.select(["a", "b"]).columns} == {"string"}


def test_other_encodings_and_delimiters(place: SourceProject) -> None:
    """What the person declares is what is read."""
    place.write("a.csv", "town;n\nKöln;1\n".encode("cp1252"))
    found = place.ingest("a.csv", encoding="cp1252", delimiter=";")
    assert place.table(found.snapshot)["town"].to_pylist() == ["Köln"]


def test_json_lines_are_kept_verbatim(place: SourceProject) -> None:
    """Each line is one text, blanks and broken lines too: Pydantic decides, and rows are line numbers."""
    place.write("a.jsonl", '{"a": 1.10}\r\n\n{"a":\n{"a": 2}')
    table = place.table(place.ingest("a.jsonl").snapshot)
    assert table["json"].to_pylist() == ['{"a": 1.10}', "", '{"a":', '{"a": 2}']
    assert table["__row__"].to_pylist() == [0, 1, 2, 3]


def test_parquet_keeps_its_types(place: SourceProject) -> None:
    """Types, nulls and NaN stay; dictionaries are undone; a column of nulls takes its type from the other file."""
    coded = pa.array(["x", None]).dictionary_encode()
    first = {"a": pa.array([1.5, float("nan")]), "b": coded, "c": pa.nulls(2), "d": pa.array([date(2013, 1, 1), None])}
    second = {"d": pa.array([date(2013, 2, 1)]), "c": [7], "b": ["y"], "a": pa.array([None], pa.float64())}
    place.write("a.parquet", parquet(first))
    place.write("b.parquet", parquet(second))
    table = place.table(place.ingest("*.parquet").snapshot)
    assert [str(field.type) for field in table.schema] == ["double", "string", "int64", "date32[day]", "int32", "int64"]
    assert str(table["a"].to_pylist()) == "[1.5, nan, None]"
    assert table["b"].to_pylist() == ["x", None, "y"]
    assert table["c"].to_pylist() == [None, None, 7]


def test_what_is_signed(place: SourceProject) -> None:
    """The ingester signs snapshot and manifest, and as dependencies each file with digest, rows and size."""
    place.write("data/a.csv", CSV)
    place.write(
        "data/b.csv",
        TWELVE.replace("a,b", "distance,carrier", 1).replace("\n", ",true\n").replace("r,true", "r,late", 1),
    )
    found = place.ingest("data/*.csv", pins={"data/a.csv": digest_of(CSV.encode())})
    assert (found.rows, [file.rows for file in found.files]) == (15, [3, 12])
    assert (found.evidence.claim, found.evidence.role) == ("ingest", "ingester")
    subjects = {one.name: one.digest for one in found.evidence.statement.subjects}
    assert subjects == {"snapshot.parquet": found.snapshot, "manifest.json": found.manifest}
    listed = place.json(found.manifest)
    assert (listed["kind"], listed["rows"]) == ("csv", 15)
    assert listed["files"][0] == {
        "name": "data/a.csv",
        "sha256": digest_of(CSV.encode()),
        "bytes": len(CSV),
        "rows": 3,
        "format": "csv",
    }
    definition = found.evidence.predicate["buildDefinition"]
    assert definition["resolvedDependencies"][0]["annotations"] == {"rows": 3, "bytes": len(CSV), "format": "csv"}
    assert definition["internalParameters"]["jail"]["level"] == 3
    assert place.claims() == ["roles", "policy", "ingest"]


def test_same_files_same_snapshot(place: SourceProject) -> None:
    """The snapshot is a function of the files' bytes."""
    place.write("a.csv", CSV)
    assert place.ingest("a.csv").snapshot == place.ingest("a.csv").snapshot


def test_a_source_pinned_by_itself(place: SourceProject) -> None:
    """A source's own digest is a pin too; on a glob of several files it is LG121."""
    place.write("data/a.csv", CSV)
    workplace = place.project.workplace()

    def pinned(pattern: str, digest: Digest) -> IngestSpec:
        return IngestSpec((Source(pattern, sha256=digest),))

    assert run(workplace, pinned("data/*.csv", digest_of(CSV.encode()))).rows == 3
    with pytest.raises(Refused) as caught:
        run(workplace, pinned("data/a.csv", digest_of(b"other")))
    assert caught.value.finding == "LG120"
    place.write("data/b.csv", CSV)
    with pytest.raises(Refused) as caught:
        run(workplace, pinned("data/*.csv", digest_of(CSV.encode())))
    assert caught.value.finding == "LG121"
