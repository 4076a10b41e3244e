"""Accepted rows as training, parity check and judge see them: one frame, one meaning of null. Runs in the jail.

Null is written as io.json's table says (`runtime.serving`): NaN in numbers and booleans, "" in text, -2**63 in a
timestamp. So what a model learned about a missing value is what it meets when it serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.contract.spec import BOOKKEEPING, FieldTable, parse_table
from lockgate.core.encoding import decode_exact
from lockgate.errors import Refused
from lockgate.monitor.jail.reading import kind_of
from lockgate.runtime.serving import NULL_TIMESTAMP, Kind

FIELDS_KEY = b"lockgate.fields"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """A table of rows.

    Attributes:
        data: one column per field that a model can use, in the contract's order, and the label.
        kinds: field -> kind, without the label.
        label: the label's name.
        label_kind: its kind.
        left_out: fields that no model can use: nested, binary, or computed from the label.
    """

    data: pd.DataFrame
    kinds: Mapping[str, Kind]
    label: str
    label_kind: Kind
    left_out: tuple[str, ...]

    def columns(self) -> dict[str, Array]:
        """The fields as `Model.predict` takes them."""
        return {
            name: self.data[name].to_numpy(object if kind == "string" else None) for name, kind in self.kinds.items()
        }


def read(path: Path, label: str) -> Rows:
    """Read rows written by validate or by the split. Raises Refused LG303 (no such label, or one no model predicts)."""
    return from_table(pq.read_table(path, use_threads=False), label)


def from_table(table: pa.Table, label: str) -> Rows:
    """As `read`, from a table."""
    declared = declared_fields(table.schema)
    kinds: dict[str, Kind] = {}
    left_out = []
    for field in table.schema:
        if field.name in BOOKKEEPING:
            continue
        kind = kind_of(field.type)
        if kind is None or (field.name in declared and field.name != label):
            left_out.append(field.name)
        else:
            kinds[field.name] = kind
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
    return Rows(data, kinds, label, label_kind, tuple(left_out))


def declared_fields(schema: pa.Schema) -> set[str]:
    """The columns that the contract's own table says no model may use: of kind `other`, or made from the label."""
    held = (schema.metadata or {}).get(FIELDS_KEY)
    if held is None:
        return set()
    table: FieldTable = parse_table(decode_exact(held))
    return {field.name for field in table.columns if field.label or field.kind == "other"}


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
