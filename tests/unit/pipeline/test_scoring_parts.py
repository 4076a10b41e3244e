"""Scoring a file, part by part and without a jail: columns, rows, the layout of the file, the check of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.contract.jail.stream import pieces, table
from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.core.row_tree import Roots, Tree, check_of, row_leaf, row_salt, source_leaf
from lockgate.core.table import pack_table, unpack_table
from lockgate.core.wire import Column
from lockgate.errors import Usage, VerificationFailed
from lockgate.pipeline.scoring.layout import Reading, columns, schema_of
from lockgate.pipeline.scoring.proved import Told, check_rows, check_told, read_told
from lockgate.pipeline.scoring.rows import inputs, packed
from lockgate.pipeline.scoring.writing import _cell
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.serve.output import shape
from lockgate.serve.spec import OutputRule

INPUT = (Input("x", ("x",), "float32"),)
WIDE = ServingSpec(
    "binary",
    "y",
    (False, True),
    (
        Field("x", "float"),
        Field("n", "int"),
        Field("f", "bool"),
        Field("größe", "string"),
        Field("t", "timestamp"),
    ),
    INPUT,
    "label",
    "scores",
    None,
)
CLASSES = ("a", "b", "")
TEXTS = ServingSpec("multiclass", "y", CLASSES, (Field("x", "float"),), INPUT, "label", "scores", None)
NUMBERS = ServingSpec("regression", "y", None, (Field("x", "float"),), INPUT, None, None, "value")
SALT = bytes(range(32))

floats = st.floats(allow_nan=False, allow_infinity=False)
records = st.fixed_dictionaries(
    {
        "x": st.none() | st.floats(),
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.booleans(),
        "größe": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        "t": st.none() | st.integers(-(2**55), 2**55),
    }
)
TYPES = {"x": pa.float64(), "n": pa.int64(), "f": pa.bool_(), "größe": pa.string(), "t": pa.timestamp("us")}


def _batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Accepted rows as validate writes them."""
    return pa.RecordBatch.from_arrays(
        [pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()], names=list(TYPES)
    )


def _sent(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    header, payload = table(_batch(rows))
    return unpack_table(WIDE.field_types, header, payload)


@given(st.lists(records, min_size=1, max_size=20))
def test_a_table_is_the_gateways(rows: list[dict[str, Any]]) -> None:
    """What the jail sends and the worker gets: the same bytes as the gateway makes of the same values, one by one."""
    values = [[row[name] for row in rows] for name, _ in WIDE.field_types]
    made = pack_table(WIDE.field_types, values, len(rows))
    assert made == table(_batch(rows)) == packed(_sent(rows))


@given(st.lists(records, min_size=1, max_size=20))
def test_an_input_is_exact_json(rows: list[dict[str, Any]]) -> None:
    """What the record commits to is the one accepted encoding of the row; NaN and the infinities are texts."""
    words = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    said = [{**row, "x": words.get(str(row["x"]), row["x"])} for row in rows]
    assert list(map(encode, said)) == list(inputs(_sent(rows)))


def test_a_heavy_batch_is_cut() -> None:
    """Every row once, in order; a single row is never cut."""
    batch = pa.RecordBatch.from_pydict({"text": ["x" * 1000] * 9})
    cut = list(pieces(batch, 2500))
    assert [each.num_rows for each in cut] == [2, 2, 2, 1, 2]
    assert pa.Table.from_batches(cut).equals(pa.Table.from_batches([batch]))
    assert [each.num_rows for each in pieces(batch, 1)] == [1] * 9


rules = st.builds(
    OutputRule,
    st.sampled_from(["full", "rounded", "top", "label"]),
    st.integers(0, 6),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.3, 1.0]),
)
scored = st.fixed_dictionaries(
    {"label": st.sampled_from(CLASSES), "scores": st.fixed_dictionaries(dict.fromkeys(CLASSES, floats))}
)
numbered = st.fixed_dictionaries({"value": floats})


def _read(batch: pa.RecordBatch, spec: ServingSpec, *, as_csv: bool) -> list[tuple[int, Mapping[str, Any], str]]:
    rows: Any = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    if as_csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_cell(cell) for cell in row] for row in rows)
        rows = csv.reader(io.StringIO(text.getvalue(), newline=""))
    reading = Reading(batch.schema.names, spec)
    return [reading.row(row) for row in rows]


@given(st.data(), rules, st.sampled_from([TEXTS, NUMBERS]), st.booleans())
def test_what_is_written_is_read_back(data: st.DataObject, rule: OutputRule, spec: ServingSpec, as_csv: bool) -> None:
    """Under every output policy, in both forms: the very prediction that was committed to."""
    drawn: list[dict[str, Any]] = data.draw(st.lists(numbered if spec is NUMBERS else scored, min_size=1, max_size=8))
    made = [shape(each, rule, spec.task) for each in drawn]
    batch = columns(schema_of(spec, rule), range(5, 5 + len(made)), made, ["0" * 16] * len(made))
    found = _read(batch, spec, as_csv=as_csv)
    assert [(5 + place, encode(dict(each))) for place, each in enumerate(made)] == [
        (number, encode(dict(each))) for number, each, _ in found
    ]


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (["row", "label", "check"], [["1", "c", "00"], ["-1", "a", "00"], ["1.0", "a", "00"], ["9" * 30, "a", "0"]]),
        (["row", "label", "check"], [[True, "a", "00"], [None, "a", "00"], [1, None, "00"], [1, "a", None]]),
        (["row", "label", "abstained", "check"], [["1", "a", "true", "0"], ["1", "", "maybe", "0"]]),
        (["row", "label", "score.a", "score.b", "score.", "check"], [["1", "a", "x", "", "", "0"]]),
    ],
)
def test_a_row_that_no_prediction_can_be_made_of(names: list[str], cells: list[list[Any]]) -> None:
    """Is refused, whatever it holds."""
    reading = Reading(names, TEXTS)
    for row in cells:
        with pytest.raises(ValueError, match=r"\w"):
            reading.row(row)


@pytest.mark.parametrize(
    "names", [[], ["row", "check"], ["row", "value", "check"], ["row", "label", "score.a", "check"]]
)
def test_other_columns_are_no_predictions(names: list[str]) -> None:
    """Of another model, or of none."""
    with pytest.raises(ValueError, match="not those of predictions"):
        Reading(names, TEXTS)


Row = tuple[int, Mapping[str, Any], str]


def _recorded(count: int = 5) -> tuple[list[Row], Told]:
    rows: list[Row] = []
    tree = Tree()
    for number in range(0, 2 * count, 2):
        answer = {"label": CLASSES[number % 3]}
        leaf = row_leaf(row_salt(SALT, number), number, encode(answer))
        tree.add(leaf)
        rows.append((number, answer, check_of(leaf)))
    told = Told("lgr1", Roots(source_leaf(SALT, digest_of(b"in")), b"i" * 32, tree.root), digest_of(b"in"))
    return rows, told


def test_untouched_rows_are_proved() -> None:
    """The honest case, with and without the file that was scored."""
    rows, told = _recorded()
    check_told(told, SALT, told.roots.root, None)
    check_told(told, SALT, told.roots.root, digest_of(b"in"))
    check_rows(iter(rows), told, SALT, len(rows))


def _changed(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    number, _, check = rows[2]
    other = rows[3]
    yield "row 4 is not", [*rows[:2], (number, {"label": "a"}, check), *rows[3:]]
    yield "row 4 is not", [*rows[:2], (number, {"label": "a"}, other[2]), *rows[3:]]
    yield "row 4 is not", [*rows[:2], (number, rows[2][1], "0" * 16), *rows[3:]]
    yield "row 5 is not", [*rows[:2], (5, rows[2][1], check), *rows[3:]]
    yield "left out", rows[:-1]
    yield "left out", [*rows[:2], *rows[3:]]
    yield "put in", [*rows, rows[0]]
    yield "moved", [rows[1], rows[0], *rows[2:]]


def test_whatever_is_changed_in_the_rows_is_refused() -> None:
    """A value, a check, a number: by row. A row too few, too many, in another place: as such."""
    rows, told = _recorded()
    for says, changed in _changed(rows):
        with pytest.raises(VerificationFailed) as caught:
            check_rows(iter(changed), told, SALT, len(rows))
        assert (caught.value.finding, says in caught.value.message) == ("LG678", True), (says, caught.value.message)


def test_a_forged_check_does_not_help() -> None:
    """Whoever holds the receipt can make the check of a changed row; the root in the log he cannot."""
    rows, told = _recorded()
    leaf = row_leaf(row_salt(SALT, 4), 4, encode({"label": "a"}))
    forged = [*rows[:2], (4, {"label": "a"}, check_of(leaf)), *rows[3:]]
    with pytest.raises(VerificationFailed, match="in another order"):
        check_rows(iter(forged), told, SALT, len(rows))


def test_another_receipts_file_is_refused() -> None:
    """Each of its three parts, and the file that was scored."""
    _, told = _recorded()
    root, parts = told.roots.root, vars(told.roots)
    for name in parts:
        with pytest.raises(VerificationFailed, match="not the one that was written with"):
            check_told(Told("lgr1", Roots(**{**parts, name: b"x" * 32}), told.file), SALT, root, None)
    with pytest.raises(VerificationFailed, match="another file was scored"):
        check_told(told, SALT, root, digest_of(b"other"))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"v":1}', b"\xff", b'{"v":1,"receipt":"a","source":"zz"}'])
def test_a_malformed_receipts_file_is_a_wrong_call(data: bytes) -> None:
    """Never a traceback."""
    with pytest.raises(Usage) as caught:
        read_told(data)
    assert caught.value.finding == "LG679"
