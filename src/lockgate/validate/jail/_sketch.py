"""What one column looks like, in numbers that merge: two halves of a table give the sum of their sketches.

Quantiles come from a histogram with logarithmic bins (as DDSketch, Masson et al. 2019): each is within 1 % of the
true value. Frequent values are exact while a column has at most `MOST_VALUES` different ones.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its stubs do not know that a function of an array gives an array

ACCURACY = 0.01
MOST_VALUES = 4096
SHOWN_VALUES = 100
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG = math.log(_GAMMA)
_MOST_EXPONENT = 709.0


@dataclass
class Sketch:
    """Counts of one column. `kind` is that of the field table."""

    kind: str
    sensitive: bool = False
    count: int = 0
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    total: float = 0.0
    least: float | int | None = None
    most: float | int | None = None
    bins: Counter[int] = field(default_factory=Counter)
    negative: Counter[int] = field(default_factory=Counter)
    zeros: int = 0
    values: Counter[Any] | None = field(default_factory=Counter)

    def add(self, array: pa.Array[Any]) -> None:
        """Take one batch of the column."""
        self.count += len(array)
        self.nulls += array.null_count
        if self.sensitive:
            return
        present = array.drop_null()
        if self.kind == "timestamp":
            self._range(present.cast(pa.int64()))
        elif self.kind in ("float", "int"):
            self._numbers(present)
        if self.kind in ("int", "bool", "string") and self.values is not None:
            self.values.update({entry["values"]: entry["counts"] for entry in pc.value_counts(present).to_pylist()})
            if len(self.values) > MOST_VALUES:
                self.values = None

    def as_json(self) -> dict[str, object]:
        """The sketch as baseline.json carries it: the mergeable counts, and what follows from them."""
        said: dict[str, object] = {"kind": self.kind, "count": self.count, "nulls": self.nulls}
        if self.sensitive:
            return {**said, "sensitive": True}
        if self.kind in ("float", "int", "timestamp"):
            said |= {"min": self.least, "max": self.most}
        if self.kind in ("float", "int"):
            said |= self._as_numbers()
        if self.kind in ("int", "bool", "string") and self.values is None:
            said |= {"distinct": None, "top": []}
        elif self.kind in ("int", "bool", "string") and self.values is not None:
            shown = sorted(self.values.items(), key=lambda entry: (-entry[1], str(entry[0])))[:SHOWN_VALUES]
            said |= {"distinct": len(self.values), "top": [{"value": v, "count": n} for v, n in shown]}
        return said

    def _as_numbers(self) -> dict[str, object]:
        finite = sum(self.bins.values()) + sum(self.negative.values()) + self.zeros
        histogram = {
            "accuracy": ACCURACY,
            "zero": self.zeros,
            "positive": {str(key): self.bins[key] for key in sorted(self.bins)},
            "negative": {str(key): self.negative[key] for key in sorted(self.negative)},
        }
        return {
            "nan": self.nan,
            "infinite": self.infinite,
            "sum": self.total if math.isfinite(self.total) else None,
            "mean": self.total / finite if finite and math.isfinite(self.total) else None,
            "quantiles": {str(share): self.quantile(share) for share in QUANTILES} if finite else {},
            "histogram": histogram,
        }

    def quantile(self, share: float) -> float | None:
        """The value below which `share` of the finite values lie, within 1 %; None without values."""
        places = [(-self._middle(key), self.negative[key]) for key in sorted(self.negative, reverse=True)]
        places += [(0.0, self.zeros), *((self._middle(key), self.bins[key]) for key in sorted(self.bins))]
        wanted = share * (sum(number for _, number in places) - 1)
        seen = 0
        for value, number in places:
            seen += number
            if seen > wanted:
                low = value if self.least is None else max(value, self.least)
                return low if self.most is None else min(low, self.most)
        return None

    @staticmethod
    def _middle(key: int) -> float:
        return 2 / (_GAMMA + 1) * math.exp(min(key * _LOG, _MOST_EXPONENT))

    def _numbers(self, present: pa.Array[Any]) -> None:
        if self.kind == "float":
            self.nan += _count(pc.is_nan(present))
            self.infinite += _count(pc.is_inf(present))
            present = present.filter(pc.is_finite(present))
        self._range(present)
        numbers = present.cast(pa.float64(), safe=False)
        if len(numbers):
            self.total += pc.sum(numbers).as_py()
        self.zeros += _count(pc.equal(numbers, 0.0))
        self.bins += self._binned(numbers.filter(pc.greater(numbers, 0.0)))
        self.negative += self._binned(pc.negate(numbers.filter(pc.less(numbers, 0.0))))

    @staticmethod
    def _binned(numbers: pa.Array[Any]) -> Counter[int]:
        keys = pc.ceil(pc.divide(pc.ln(numbers), _LOG)).cast(pa.int64())
        return Counter({entry["values"]: entry["counts"] for entry in pc.value_counts(keys).to_pylist()})

    def _range(self, present: pa.Array[Any]) -> None:
        if len(present):
            found = pc.min_max(present).as_py()
            self.least = found["min"] if self.least is None else min(self.least, found["min"])
            self.most = found["max"] if self.most is None else max(self.most, found["max"])


def _count(mask: pa.Array[Any]) -> int:
    return int(pc.sum(mask).as_py() or 0)
