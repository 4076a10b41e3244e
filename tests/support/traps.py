"""A trap: cells about which column engines and Pydantic disagree, with what Pydantic says of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import create_model

from lockgate.contract.spec import JSON_COLUMN, SourceKind
from tests.support.contract_values import Table

NAN, INF = math.nan, math.inf
STRICT = {"strict": True}
WHOLE = pa.int64()
REAL = pa.float64()


@dataclass(frozen=True)
class Case:
    """Cells of one kind of source for a field `x`. `says`: per cell the value that Pydantic makes, or its rule."""

    name: str
    annotation: Any
    kind: SourceKind
    says: Sequence[tuple[Any, Any]]
    column: pa.DataType | None = None
    config: Mapping[str, Any] | None = None

    def model(self) -> Any:
        """The contract: `x`, and a field that is compiled."""
        config: Any = self.config
        return create_model("Case", __config__=config, x=(self.annotation, ...), calm=(int, ...))

    def table(self) -> Table:
        """Every cell twice."""
        cells = [cell for cell, _ in self.says] * 2
        if self.kind == "jsonl":
            lines = [f'{{"x": {cell}, "calm": 1}}' for cell in cells]
            return Table("jsonl", {JSON_COLUMN: pa.array(lines, pa.string())})
        calm = pa.array(["1"] * len(cells)) if self.kind == "csv" else pa.array([1] * len(cells))
        return Table(self.kind, {"x": pa.array(cells, self.column or pa.string()), "calm": calm})


class Rule(str):
    """The type of Pydantic's error, where a cell is refused."""

    __slots__ = ()


def refused(rule: str, *cells: Any) -> list[tuple[Any, Any]]:
    """These cells, each refused under `rule`."""
    return [(cell, Rule(rule)) for cell in cells]
