"""Accepted rows as the screen sees them: a `Table`, and where each of its rows stands in the file.

Classes are what a label of texts or booleans says, or of at most twenty different whole numbers; every other number is
the value of a regression. Rows without a label are left out, and of more rows than fit a sample is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.contract.findings import clean
from lockgate.contract.spec import ROW, SOURCE, ContractField, FieldTable
from lockgate.errors import Usage
from lockgate.validate.jail._coding import coded, parts, texts
from lockgate.validate.jail._vectors import MOST_NUMBERS, Vectors, vectors
from lockgate.validate.screen.spec import Task
from lockgate.validate.screen.table import Column, Floats, Ints, Table

MOST_ROWS, MOST_CELLS = 500_000, 20_000_000
"""Of the rows that are looked at: how many, and how many times the columns."""

MOST_CLASSES = 20
"""A whole number with more different values than this is a quantity."""

_MOST_ORIGIN = 100


@dataclass(frozen=True)
class Wanted:
    """How the file is to be read. `sources`: the names of the files, by number; `origin`: a field, "" for the files."""

    fields: FieldTable
    label: str
    sensitive: Collection[str]
    origin: str
    sources: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Accepted:
    """`table` is None where there is nothing to learn, and `why` says so. `places`: of its rows, in the file.

    `note`: what of them no rule sees; `width`: what is seen in another form.
    """

    table: Table | None
    why: str
    places: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    note: str = ""
    width: str = ""


def read(path: Path, wanted: Wanted) -> Accepted:
    """The rows of `path`. Raises Usage LG239 when `origin` cannot tell the rows apart."""
    _check_origin(wanted)
    label = next((one for one in wanted.fields.fields if one.name == wanted.label), None)
    if label is None or label.kind == "other":
        return Accepted(None, "the label is no class and no number")
    found = _column(path, label.name)
    known = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    if label.kind == "float":
        known = known[np.isfinite(_numbers(found)[known])]
    if not len(known):
        return Accepted(None, "no row has a label")
    places = _some(known, wanted)
    words, classes, task = _label(found.take(pa.array(places)), label, hidden=label.name in wanted.sensitive)
    del found
    origin, origins = _origin(path, wanted, places)
    lists = _lists(path, wanted, places)
    table = Table(
        columns=tuple(_input(path, one, places, wanted) for one in wanted.fields.inputs),
        label=words,
        classes=classes,
        task=task,
        origin=origin,
        origins=origins,
        seed=wanted.seed,
        label_name=clean(label.name, _MOST_ORIGIN),
        embeddings=lists.values,
    )
    return Accepted(table, "", places, lists.note, lists.width)


def _check_origin(wanted: Wanted) -> None:
    fields = {one.name: one for one in wanted.fields.columns}
    one = fields.get(wanted.origin)
    if wanted.origin and (one is None or one.label or one.kind not in ("string", "int", "bool")):
        raise Usage(
            "LG239",
            f"[screen] origin = {clean(wanted.origin, _MOST_ORIGIN)!r} is no text or whole number that the rows have "
            "beside their label",
            seen={"fields": [name for name, each in fields.items() if not each.label][:20]},
            next="edit lockgate.toml: [screen] origin",
        )


def _some(known: Ints, wanted: Wanted) -> Ints:
    most = min(MOST_ROWS, MOST_CELLS // max(1, len(wanted.fields.inputs)))
    if len(known) <= most:
        return known
    drawn = np.random.default_rng([wanted.seed, *b"rows"]).choice(known, most, replace=False)
    return np.sort(drawn)


def _label(found: Any, label: ContractField, *, hidden: bool) -> tuple[npt.NDArray[Any], tuple[str, ...], Task]:
    coded = _encoded(found) if label.kind in ("string", "bool", "int") else None
    if coded is None or (label.kind == "int" and len(coded.dictionary) > MOST_CLASSES):
        return _numbers(found), (), "regression"
    values = coded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=lambda at: values[at])
    rank = np.argsort(np.array(order, np.int64))
    names = [f"class {number + 1}" if hidden else clean(str(values[at]), 60) for number, at in enumerate(order)]
    task: Task = "binary" if len(values) <= 2 else "multiclass"
    return rank[coded.indices.to_numpy()].astype(np.int64), tuple(names), task


def _origin(path: Path, wanted: Wanted, places: Ints) -> tuple[Ints, tuple[str, ...]]:
    if not wanted.origin:
        return _column(path, SOURCE).take(pa.array(places)).to_numpy().astype(np.int64), wanted.sources
    codes, words = coded(texts(path, wanted.origin, places, wanted.seed), least=1)
    missing = np.isnan(codes)
    hidden = wanted.origin in wanted.sensitive
    names = [f"source {n + 1}" if hidden else clean(word, _MOST_ORIGIN) for n, word in enumerate(words)]
    return np.where(missing, len(names), codes).astype(np.int64), (*names, *(("(none)",) if missing.any() else ()))


def _input(path: Path, one: ContractField, places: Ints, wanted: Wanted) -> Column:
    hidden = one.name in wanted.sensitive
    name = clean(one.name, _MOST_ORIGIN)
    if one.kind == "string":
        codes, words = coded(texts(path, one.name, places, wanted.seed))
        return Column(name, one.kind, codes, words, hidden)
    return Column(name, one.kind, _numbers(_column(path, one.name).take(pa.array(places))), (), hidden)


def _encoded(found: Any) -> Any:
    """One dictionary for all rows; texts beyond 2 GiB need the large type."""
    whole = found.cast(pa.large_string()) if pa.types.is_string(found.type) else found
    return whole.combine_chunks().dictionary_encode()


def _numbers(found: Any) -> Floats:
    """As floating-point numbers; moments as microseconds; NaN where there is none."""
    if pa.types.is_timestamp(found.type):
        found = found.cast(pa.int64())
    elif pa.types.is_boolean(found.type):
        found = found.cast(pa.int8())
    return np.asarray(found.cast(pa.float64(), safe=False).to_numpy(), np.float64)


def _lists(path: Path, wanted: Wanted, places: Ints) -> Vectors:
    """Of fields that are kept as JSON those that hold equally many numbers in most rows, side by side."""

    def given(name: str) -> Iterator[str | None]:
        return (text for part in parts(path, name, places) for text in part.to_pylist())

    def draw(what: str) -> np.random.Generator:
        return np.random.default_rng([wanted.seed, *what.encode()])

    fields = {
        one.name: partial(given, one.name)
        for one in wanted.fields.columns
        if one.kind == "other" and not one.label and one.name not in wanted.sensitive
    }
    return vectors(fields, len(places), max(1, min(MOST_NUMBERS, MOST_CELLS // len(places))), draw)


def _column(path: Path, name: str) -> Any:
    return pq.read_table(path, columns=[name], use_threads=False).column(0)


def bookkeeping(path: Path) -> tuple[Any, Any]:
    """File and row of every accepted row."""
    return _column(path, SOURCE), _column(path, ROW)
