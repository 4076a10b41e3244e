"""Sample inputs for a model of which nobody has the rows: real ones that a person gave, or ones made here. In the jail.

Made rows: numbers of every magnitude, small whole numbers, boundaries, and rows in which something is missing. They ask
every branch that such numbers reach, and say nothing of texts: a model of texts needs real rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from lockgate.errors import Refused
from lockgate.runtime.serving import NULL_TIMESTAMP, Kind
from lockgate.train.foreign_facts import MADE, MISSING, MOST_GIVEN
from lockgate.train.jail import frame
from lockgate.train.jail.exporters import sizes
from lockgate.train.jail.frame import Rows

MOST_COLUMNS: Final = 100_000
LABEL: Final = "label"
_EDGES: Final = (0.0, -0.0, 0.5, 1.0, -1.0, 1e-6, -1e-6, 127.0, 255.0, 65535.0, 1e6, -1e6, 16777216.0)
GIVEN: Final = "given"
_GONE: Final[Mapping[Kind, object]] = {"string": "", "timestamp": NULL_TIMESTAMP}
_NEXT: Final = "lockgate convert IN OUT --sample rows.parquet"


@dataclass(frozen=True)
class Sampled:
    """`rows`; `made`: "made" here, and the last `missing` have missing values; or "given" by a person."""

    rows: Rows
    missing: int
    made: str

    def without_missing(self) -> Rows:
        """The rows in which nothing is missing."""
        return replace(self.rows, data=self.rows.data.iloc[: len(self.rows.data) - self.missing])


def rows_of(held: Any, sample: tuple[Path, str] | None) -> Sampled:
    """Rows for the model `held`: those of the file `sample` (its path, "parquet" or "csv"), or made ones.

    Raises Refused LG487 (nothing that predicts), LG488 (nobody knows its inputs).
    """
    if not callable(getattr(held, "predict", None)) and not sizes.is_network(held):
        raise Refused(
            "LG487",
            f"the file holds {type(held).__name__}, which is nothing that predicts",
            seen={"holds": f"{type(held).__module__}.{type(held).__qualname__}"[:120]},
            next="lockgate explain LG487",
        )
    labels = sizes.labels_of(held)
    if sample is not None:
        return Sampled(_given(*sample, labels), 0, GIVEN)
    names = sizes.names_of(held)
    if not names or len(names) > MOST_COLUMNS:
        raise Refused("LG488", "the file does not say which columns its model takes", next=_NEXT)
    return _made(names, labels)


def missing_in(rows: Rows, names: Sequence[str]) -> int:
    """In how many rows a value of these columns is missing, as `frame` writes what is missing."""
    gone = np.zeros(len(rows.data), bool)
    for name in rows.kinds.keys() & names:
        values, kind = rows.data[name], rows.kinds[name]
        if kind in _GONE:
            gone |= (values == _GONE[kind]).to_numpy(bool)
        else:
            gone |= values.isna().to_numpy(bool)
    return int(gone.sum())


def _made(names: tuple[str, ...], labels: npt.NDArray[Any]) -> Sampled:
    """The same rows for the same names, ever."""
    draw = np.random.default_rng(0)
    shape = (MADE, len(names))
    wide = draw.choice([-1.0, 1.0], shape) * 10.0 ** draw.uniform(-3, 6, shape)
    pools = [draw.normal(0, 1, shape), wide, draw.integers(-5, 100, shape).astype(float), draw.choice(_EDGES, shape)]
    chosen = draw.integers(0, len(pools), shape)
    numbers = np.choose(chosen, pools)
    missing = MISSING
    numbers[MADE - missing :][draw.random((missing, len(names))) < 0.3] = np.nan
    numbers[MADE - missing :, 0] = np.nan
    data = pd.DataFrame(dict(zip(names, numbers.T, strict=True)))
    label = _label(names)
    data[label] = np.resize(labels, len(data))
    kinds: Mapping[str, Kind] = dict.fromkeys(names, "float")
    return Sampled(Rows(data, kinds, label, _kind(labels), ()), missing, "made")


def _given(path: Path, form: str, labels: npt.NDArray[Any]) -> Rows:
    try:
        table = pq.read_table(path, use_threads=False) if form == "parquet" else pyarrow.csv.read_csv(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise Refused("LG488", f"the sample is no {form}: {str(error).splitlines()[0][:200]}", next=_NEXT) from None
    table = table.slice(0, MOST_GIVEN)
    if not len(table):
        raise Refused("LG488", "the sample has no rows", next=_NEXT)
    label = _label(tuple(table.column_names))
    return frame.from_table(table.append_column(label, pa.array(np.resize(labels, len(table)).tolist())), label)


def _label(names: tuple[str, ...]) -> str:
    label = LABEL
    while label in names:
        label += "_"
    return label


def _kind(labels: npt.NDArray[Any]) -> Kind:
    return "bool" if labels.dtype.kind == "b" else "int" if labels.dtype.kind in "iu" else _other(labels)


def _other(labels: npt.NDArray[Any]) -> Kind:
    return "float" if labels.dtype.kind == "f" else "string"
