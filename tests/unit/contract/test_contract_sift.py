"""contract.jail.sift and what carries it: what a plan makes of rows is the same here, as bytes, and from a worker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from lockgate.contract.jail import sifter
from lockgate.contract.jail._carried import WorkerUnfit, pack_sifted, read_sifted
from lockgate.contract.jail.bind import Binding
from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.compile import compile_plan
from lockgate.contract.jail.engine import Engine
from lockgate.contract.jail.rows import Secrecy, Verdicts
from lockgate.contract.jail.sift import Sieve, Sifted, prepared, sift, sift_here
from lockgate.contract.jail.sifter import said_versions, sift_unit
from lockgate.contract.jail.snapshot import Snapshot, Unit
from lockgate.contract.plan import Plan
from lockgate.contract.spec import ROW
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import decode
from lockgate.core.wire import PREFIX, WireError, pack
from tests.support.verdicts import LocalTruth, compare, judge, snapshot

WHEN = datetime(2024, 2, 29, 12, tzinfo=UTC)


def _shouted(value: str) -> str:
    if value == "bad":
        raise ValueError("bad")
    return value.upper()


class Row(BaseModel):
    """Compiled fields, a default, and one that only Python knows."""

    number: int = Field(ge=0)
    word: Annotated[str, AfterValidator(_shouted)]
    day: date | None = None
    more: float = 0.5


class Loud(BaseModel):
    """No field is compiled."""

    word: Annotated[str, BeforeValidator(lambda value: str(value).upper())]
    more: float = 0.5


TABLES: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "texts": (
        "csv",
        {"number": ["1", "-1", "x", "4"], "word": ["a", "b", "c", "bad"], "day": ["29.02.2024", None, "1.2.24", None]},
    ),
    "typed": ("parquet", {"number": [1, -1, 3, 4], "word": ["a", "b", None, "bad"], "day": [date(2024, 2, 29)] * 4}),
    "read by pyarrow": (
        "parquet",
        {
            "number": [1, -1, 3, 4],
            "word": pa.array(["a", "b", "é", "bad"]),
            "day": pa.array([WHEN] * 4, pa.timestamp("us", "Europe/Paris")),
        },
    ),
    "all good": ("parquet", {"number": [1, 2], "word": ["a", "b"]}),
}


@pytest.fixture(name="path", params=TABLES)
def _path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    kind, columns = TABLES[request.param]
    return snapshot(tmp_path / "snapshot.parquet", kind, columns)


def _plan() -> Plan:
    return compile_plan(Row, field_table(Row, None))


def _one(path: Path) -> tuple[Sifted, Binding, pa.Schema, Unit]:
    opened = Snapshot(path)
    binding = prepared(opened, _plan(), "%d.%m.%Y")
    unit = next(opened.units())
    return sift(binding, opened.read(unit), unit.rows), binding, opened.schema, unit


def _asked(path: Path, digest: Digest, *, plan: bytes | None = None, versions: str = "") -> bytes:
    given = plan or _plan().encode()
    return sift_unit(given, str(path), digest, 0, 1, "%d.%m.%Y", versions or said_versions())


def _said(data: bytes) -> dict[str, Any]:
    head, _ = PREFIX.unpack(data[: PREFIX.size])
    found: dict[str, Any] = decode(data[PREFIX.size : PREFIX.size + head])
    return found


def _verdicts(path: Path, sieve: Sieve) -> tuple[list[Verdicts], Engine]:
    table, opened = field_table(Row, None), Snapshot(path)
    truth = LocalTruth(Row, table, _plan(), opened.kind, Secrecy())
    engine = Engine(opened, _plan(), table, truth, "%d.%m.%Y", sieve)
    return list(engine.verdicts()), engine


def test_carried_as_bytes_nothing_changes(path: Path) -> None:
    """Values, the rest, what is sure of it and its records are the same after a journey."""
    sifted, binding, schema, unit = _one(path)
    found = read_sifted(pack_sifted(sifted), binding, schema, unit)
    assert sifted.values.equals(found.values, null_equal=True)
    assert sifted.rest.equals(found.rest, null_equal=True)
    assert sifted.sure.equals(found.sure)
    assert sifted.raw.equals(found.raw)
    assert (unit.rows, sifted.respelled) == (found.of, found.respelled)


def test_a_worker_gives_the_same_verdicts(path: Path) -> None:
    """Verdicts, the three ways and the respelled cells are those of the single process."""
    digest = digest_of(path.read_bytes())

    def sieve(opened: Snapshot, binding: Binding) -> Iterator[Sifted]:
        for unit in opened.units():
            yield read_sifted(_asked(path, digest), binding, opened.schema, unit)

    (expected, alone), (found, spread) = _verdicts(path, sift_here), _verdicts(path, sieve)
    assert expected == found
    assert alone.paths == spread.paths
    assert alone.respelled == spread.respelled
    assert (alone.explain(), alone.binding) == (spread.explain(), alone.binding)


def test_rows_are_seen_where_no_field_is_compiled() -> None:
    """A plan that accepts nothing has as many rows as the file."""
    found = judge(Loud, "csv", {"word": ["a", "b", "c"]})
    compare(Loud, "csv", [{"word": word} for word in "abc"], found)
    assert found.accepted.column(ROW).to_pylist() == [0, 1, 2]


def test_a_worker_with_other_versions_refuses(tmp_path: Path) -> None:
    """Versions, and the very code, are compared before anything is read; the same ones pass."""
    path = snapshot(tmp_path / "s.parquet", *TABLES["typed"])
    digest = digest_of(path.read_bytes())
    other = said_versions().replace('"polars":"', '"polars":"9.')
    said = _said(_asked(tmp_path / "nowhere", digest, versions=other))
    assert (said["op"], said["why"]) == ("unfit", "versions")
    assert other == said["seen"]["asked"]
    assert _said(_asked(path, digest))["op"] == "sifted"


def test_the_code_is_one_of_the_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two machines with the same version number and different code are different."""
    room = tmp_path / "lockgate" / "contract"
    room.mkdir(parents=True)
    (room / "one.py").write_text("x = 1\n")
    monkeypatch.setattr("lockgate.__file__", str(room.parent / "__init__.py"))
    before = sifter._code()
    (room / "one.py").write_text("x = 2\n")
    assert before != sifter._code()


def test_another_snapshot_is_not_sifted(tmp_path: Path) -> None:
    """Other bytes than those of the digest, a link, and no file at all are refused."""
    path = snapshot(tmp_path / "s.parquet", *TABLES["typed"])
    digest = digest_of(path.read_bytes() + b"x")
    link = tmp_path / "link.parquet"
    link.symlink_to(path)
    for place in (path, link, tmp_path / "missing", tmp_path):
        assert _said(_asked(place, digest))["why"] == "snapshot"


def test_what_was_verified_is_what_is_used(tmp_path: Path) -> None:
    """A file that is changed in place after it was verified changes nothing, although its descriptor is the same."""
    path = snapshot(tmp_path / "s.parquet", *TABLES["typed"])
    digest = digest_of(path.read_bytes())
    before = _asked(path, digest)
    with path.open("r+b") as file:
        file.write(b"\0" * os.path.getsize(path))
    assert before == _asked(path, digest)
    sifter._held.clear()
    assert _said(_asked(path, digest))["why"] == "snapshot"


def test_a_plan_in_another_spelling_is_refused(tmp_path: Path) -> None:
    """The plan has one spelling; a blank more, or one field more, is no plan."""
    path = snapshot(tmp_path / "s.parquet", *TABLES["typed"])
    digest, plan = digest_of(path.read_bytes()), _plan().encode()
    for other in (plan.replace(b'{"', b'{ "', 1), plan.replace(b'{"', b'{"a":1,"', 1), b"x"):
        assert _said(_asked(path, digest, plan=other))["why"] == "failed"
    assert _said(_asked(path, digest, plan=plan))["op"] == "sifted"


def _other_kind(sifted: Sifted) -> Sifted:
    return replace(sifted, values=sifted.values.with_columns(pl.col("number").cast(pl.Float64)))


def _other_rows(sifted: Sifted) -> Sifted:
    return replace(sifted, rest=sifted.rest.with_columns(pl.col(ROW) + 1))


LIES: Mapping[str, Callable[[Sifted], Sifted]] = {
    "a row is missing": lambda sifted: replace(
        sifted, rest=sifted.rest[1:], sure=sifted.sure[1:], raw=sifted.raw.slice(1)
    ),
    "another type": _other_kind,
    "another order of columns": lambda sifted: replace(sifted, rest=sifted.rest.select(sorted(sifted.rest.columns))),
    "a column more": lambda sifted: replace(sifted, rest=sifted.rest.with_columns(pl.lit(1).alias("x"))),
    "records of other rows": _other_rows,
    "unsure whether it is sure": lambda sifted: replace(
        sifted, sure=sifted.sure.with_columns(pl.lit(None, pl.Boolean).alias("number"))
    ),
    "fewer answers than rows": lambda sifted: replace(sifted, sure=sifted.sure[:1]),
    "records without a column": lambda sifted: replace(sifted, raw=sifted.raw.drop_columns(["word"])),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_out_of_form_is_refused(tmp_path: Path, lie: str) -> None:
    """Each way in which a worker could answer something else than was asked is noticed; the honest answer is taken."""
    sifted, binding, schema, unit = _one(snapshot(tmp_path / "s.parquet", *TABLES["typed"]))
    assert read_sifted(pack_sifted(sifted), binding, schema, unit).of == 4
    with pytest.raises(WireError):
        read_sifted(pack_sifted(LIES[lie](sifted)), binding, schema, unit)


def test_bytes_out_of_form_are_refused(tmp_path: Path) -> None:
    """Cut short, too long, no bytes at all, another frame, and a text that is not UTF-8 are not read."""
    sifted, binding, schema, unit = _one(snapshot(tmp_path / "s.parquet", *TABLES["typed"]))
    good = pack_sifted(sifted)
    header, payload = _said(good), good[PREFIX.size + PREFIX.unpack(good[: PREFIX.size])[0] :]
    assert b"bad" in payload
    bad = [
        *(good[:-1], good + b"x", good[:5], b"", "text", None),
        pack({"op": "cells"}, payload),
        pack({**header, "parts": header["parts"][:3]}, payload),
        pack({**header, "parts": [header["parts"][0] + 1, *header["parts"][1:]]}, payload),
        pack({**header, "respelled": -1}, payload),
        pack(header, payload.replace(b"bad", b"b\xffd")),
        pack({"op": "unfit", "why": 1, "seen": {}}),
    ]
    for data in bad:
        with pytest.raises(WireError):
            read_sifted(data, binding, schema, unit)
    with pytest.raises(WorkerUnfit):
        read_sifted(pack({"op": "unfit", "why": "snapshot", "seen": {}}), binding, schema, unit)


def test_several_row_groups_are_one_unit(tmp_path: Path) -> None:
    """A unit of groups in the middle of a file has the rows of these groups."""
    path = snapshot(tmp_path / "s.parquet", "parquet", {"number": list(range(40)), "word": ["a"] * 40})
    table = pq.read_table(path)
    pq.write_table(table, path, row_group_size=10)
    opened = Snapshot(path)
    binding = prepared(opened, _plan(), "")
    groups = Unit(10, 20, (1, 2))
    digest = digest_of(path.read_bytes())
    data = sift_unit(_plan().encode(), str(path), digest, 1, 2, "", said_versions())
    found = read_sifted(data, binding, opened.schema, groups)
    assert found.rest[ROW].to_list() == list(range(10, 30))
