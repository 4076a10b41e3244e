"""Accepted rows as training, parity check and judge see them: one frame, one meaning of null. Runs in the jail.

Null is written as io.json's table says (`runtime.serving`): NaN in numbers and booleans, "" in text, -2**63 in a
timestamp. So what a model learned about a missing value is what it meets when it serves.

With a features.py the columns are those that it made (`train.jail.featured`), and the contract's fields are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.contract.spec import BOOKKEEPING, ContractField, parse_table
from lockgate.core.encoding import decode_exact
from lockgate.errors import Refused
from lockgate.monitor.jail.reading import kind_of
from lockgate.runtime.serving import NULL_TIMESTAMP, FeatureSpec, Field, Kind, ServingSpec

FIELDS_KEY = b"lockgate.fields"

Array = npt.NDArray[Any]

_MADE: Mapping[Kind, tuple[pa.DataType, ...]] = {
    "float": (pa.float64(),),
    "int": (pa.int64(), pa.float64()),
    "bool": (pa.bool_(), pa.float64()),
    "string": (pa.string(),),
    "timestamp": (pa.int64(),),
}
"""How Arrow holds a feature of each kind: a null is NaN, so that a whole number or a boolean may be a float."""


@dataclass(frozen=True)
class Rows:
    """A table of rows.

    Attributes:
        data: one column per field that a model can use, in the contract's order, and the label; or, with features,
            one column per column that they made, and the label.
        kinds: column -> kind, without the label.
        label: the label's name.
        label_kind: its kind.
        left_out: fields that no model can use: nested, binary, or computed from the label.
        fields: field -> kind, without the label: those of `kinds`, unless these are made of them.
        nullable: numbers and booleans among the fields that may be null.
        features: what made the columns; None where they are the contract's fields.
        cost: what making them takes, as fit.json has it.
    """

    data: pd.DataFrame
    kinds: Mapping[str, Kind]
    label: str
    label_kind: Kind
    left_out: tuple[str, ...]
    fields: Mapping[str, Kind] = field(default_factory=dict)
    nullable: tuple[str, ...] = ()
    features: FeatureSpec | None = None
    cost: Mapping[str, Any] | None = None

    def columns(self) -> dict[str, Array]:
        """The fields as `Model.predict` takes them."""
        return {
            name: self.data[name].to_numpy(object if kind == "string" else None) for name, kind in self.kinds.items()
        }

    def served(self, spec: ServingSpec) -> ServingSpec:
        """`spec`, of a model of these columns, as io.json says it: what a record gives, and what makes the columns."""
        if self.features is None:
            return spec
        fields = tuple(Field(name, kind) for name, kind in self.fields.items())
        return replace(spec, fields=fields, features=self.features)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of several tables of the same columns, one after the other."""
    return replace(parts[0], data=pd.concat([part.data for part in parts], ignore_index=True))


def read(path: Path, label: str) -> Rows:
    """Read rows written by validate or by the split. Raises Refused LG303 (no such label, or one no model predicts)."""
    return from_table(pq.read_table(path, use_threads=False), label)


def from_table(table: pa.Table, label: str) -> Rows:
    """As `read`, from a table."""
    declared = declared_fields(table.schema)
    kinds: dict[str, Kind] = {}
    left_out = []
    for column in table.schema:
        if column.name in BOOKKEEPING:
            continue
        kind = kind_of(column.type)
        if kind is None or (column.name in declared and column.name != label):
            left_out.append(column.name)
        else:
            kinds[column.name] = kind
    if label not in kinds:
        raise Refused(
            "LG303",
            f"the label {label!r} is no field of the accepted rows that a model can predict",
            seen={"fields": list(kinds)[:20]},
            next="edit lockgate.toml: [data] label",
        )
    data = pd.DataFrame({name: _values(table.column(name), kind) for name, kind in kinds.items()})
    data[label] = _label(table.column(label), kinds[label], label)
    label_kind = kinds.pop(label)
    nullable = _nullable(table, kinds)
    return Rows(data, kinds, label, label_kind, tuple(left_out), fields=kinds, nullable=nullable)


def fields_of(table: pa.Table, spec: ServingSpec) -> dict[str, Array]:
    """The fields of `spec` as its features take them, from rows without a label. Raises ValueError."""
    columns: dict[str, Array] = {}
    for each in spec.fields:
        if each.name not in table.column_names or kind_of(table.schema.field(each.name).type) != each.kind:
            raise ValueError(f"the rows have no {each.name!r} of kind {each.kind}")
        values = pd.Series(_values(table.column(each.name), each.kind))
        columns[each.name] = values.to_numpy(object if each.kind == "string" else None)
    return columns


def features_of(table: pa.Table, spec: ServingSpec) -> dict[str, Array]:
    """What features() made, as the model takes it, from a jail with the user's code. Raises ValueError.

    Each column is there, no other, of its kind, without a null of Arrow's and without an infinite number.
    """
    columns = spec.features.columns if spec.features else ()
    if table.column_names != [each.name for each in columns]:
        raise ValueError("the features have other columns than io.json says")
    found: dict[str, Array] = {}
    for each, column in zip(columns, table.columns, strict=True):
        if column.null_count or column.type not in _MADE[each.kind]:
            raise ValueError(f"the feature {each.name!r} is {column.type}, and io.json says {each.kind}")
        values = pd.Series(column.to_pandas()).to_numpy(object if each.kind == "string" else None)
        if column.type == pa.float64() and np.isinf(values).any():
            raise ValueError(f"the feature {each.name!r} is not finite")
        found[each.name] = values
    return found


def featured(rows: Rows, features: FeatureSpec, columns: Mapping[str, Array]) -> Rows:
    """`rows` with `columns`, which `features` made of their fields."""
    data = pd.DataFrame(dict(columns))
    data[rows.label] = rows.data[rows.label].to_numpy()
    return replace(rows, data=data, kinds={each.name: each.kind for each in features.columns}, features=features)


def declared_fields(schema: pa.Schema) -> set[str]:
    """The columns that the contract's own table says no model may use: of kind `other`, or made from the label."""
    return {each.name for each in _declared(schema) if each.label or each.kind == "other"}


def _declared(schema: pa.Schema) -> tuple[ContractField, ...]:
    """The contract's own table of its columns, where the rows carry one."""
    held = (schema.metadata or {}).get(FIELDS_KEY)
    return () if held is None else parse_table(decode_exact(held)).columns


def _nullable(table: pa.Table, kinds: Mapping[str, Kind]) -> tuple[str, ...]:
    """By the contract's word, or because one is null."""
    optional = {each.name for each in _declared(table.schema) if each.optional}
    able = (name for name, kind in kinds.items() if kind in ("int", "bool"))
    return tuple(name for name in able if name in optional or table.column(name).null_count)


def _values(column: pa.ChunkedArray[Any], kind: Kind) -> Any:
    if kind == "string":
        texts: Any = pc.fill_null(cast("Any", column.cast(pa.string())), "")
        return texts.to_pandas()
    if kind == "timestamp":
        moments = column.cast(pa.timestamp("us", "UTC" if getattr(column.type, "tz", None) else None), safe=False)
        counted: Any = pc.fill_null(cast("Any", moments.cast(pa.int64())), NULL_TIMESTAMP)
        return counted.to_numpy()
    if kind == "float" or (column.null_count and kind == "int"):
        return column.cast(pa.float64(), safe=False).to_numpy()
    if kind == "bool":
        if not column.null_count:
            return column.to_numpy()
        return column.cast(pa.int8()).cast(pa.float64()).to_numpy()
    return column.cast(pa.int64()).to_numpy()


def _label(column: pa.ChunkedArray[Any], kind: Kind, label: str) -> Any:
    if column.null_count:
        raise Refused(
            "LG303",
            f"{column.null_count} of {len(column)} accepted rows have no {label!r} to learn from",
            seen={"rows": len(column), "without_label": column.null_count},
            next="make the label a required field of the contract, so that such rows are quarantined",
        )
    if kind == "timestamp":
        raise Refused("LG303", f"the label {label!r} is a point in time", next="predict a number, a boolean or a text")
    values = _values(column, kind)
    if kind == "float" and not np.isfinite(np.asarray(values)).all():
        raise Refused(
            "LG303", f"the label {label!r} has values that are not finite", next="refuse them in the contract"
        )
    return values
