"""What was measured -> which claims hold. Pure: results in, verdicts out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Results = Sequence[Mapping[str, Any]]
"""What one side printed in each round, first to last."""


@dataclass(frozen=True)
class Claim:
    """A number, and the bound that it has to keep. `low` and `high` are the extremes of the rounds."""

    what: str
    bound: float
    side: Literal["at most", "at least"]
    value: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the median keeps the bound."""
        return self.value <= self.bound if self.side == "at most" else self.value >= self.bound

    def as_json(self) -> dict[str, object]:
        """The claim as the result file has it."""
        rounded = {name: round(getattr(self, name), 3) for name in ("value", "low", "high")}
        return {"claim": self.what, "bound": f"{self.side} {self.bound:g}", **rounded, "holds": self.holds}


@dataclass(frozen=True)
class Measured:
    """Everything that one run of the benchmark measured, by side.

    Great Expectations ran once, and so did `large`, Lockgate on ten times the rows, and `ingested`, the making of the
    snapshot. `workers` are one and two single-threaded ones.
    """

    rows: Mapping[str, Results]
    csv: Mapping[str, Results]
    workers: Mapping[str, Results]
    large: Mapping[str, Any] | None
    ingested: Mapping[str, Any]


def claims(measured: Measured) -> list[Claim]:
    """Every claim that this run can speak of, in the order in which they are made."""
    rows, csv, workers = measured.rows, measured.csv, measured.workers
    ours, judge = rows["lockgate"], rows["pydantic"]
    found = [
        ratio("CPU against polars expressions by hand", "at most", 1.1, ours, rows["floor"], "cpu_s"),
        ratio("CPU against pandera's polars backend", "at most", 1, ours, rows["pandera"], "cpu_s"),
        ratio("memory against pandera's polars backend", "at most", 0.5, ours, rows["pandera"], "peak_rss_mb"),
        ratio("less CPU than the Pydantic row loop, times", "at least", 20, judge, ours, "cpu_s"),
    ]
    if "great_expectations" in rows:
        gx = rows["great_expectations"]
        found.append(ratio("less CPU than Great Expectations, times", "at least", 25, gx, ours, "cpu_s"))
    found.append(_none("rows judged unlike Pydantic, or for other reasons", unlike(judge[0], ours)))
    found.append(
        ratio("CSV: less CPU than the row loop, times", "at least", 5, csv["csv_loop"], csv["lockgate"], "cpu_s")
    )
    found.append(_none("CSV: rows, reasons or values unlike Pydantic's", unlike(csv["csv_loop"][0], csv["lockgate"])))
    if measured.large is not None:
        found.append(ratio("memory, ten times the rows", "at most", 1.1, [measured.large], ours, "peak_rss_mb"))
    found.append(
        ratio("throughput of two workers against one", "at least", 1.7, workers["one"], workers["two"], "wall_s")
    )
    return found


def ratio(
    what: str, side: Literal["at most", "at least"], bound: float, over: Results, under: Results, key: str
) -> Claim:
    """The median of the rounds' ratios. A side that ran once is compared with the other's median."""
    if len(over) == len(under):
        values = [a[key] / b[key] for a, b in zip(over, under, strict=True)]
    else:
        values = [statistics.median(a[key] for a in over) / statistics.median(b[key] for b in under)]
    return Claim(what, bound, side, statistics.median(values), min(values), max(values))


def missed_and_false(judge: Mapping[str, Any], side: Mapping[str, Any]) -> tuple[int, int]:
    """Rows that Pydantic refuses and the side does not, and the reverse."""
    bad, called_bad = set(judge["rows"]), set(side["rows"])
    return len(bad - called_bad), len(called_bad - bad)


def unlike(judge: Mapping[str, Any], ours: Results) -> int:
    """Rows on which our verdict is not Pydantic's; at least 1 where a reason or a value differs."""
    worst = 0
    for side in ours:
        digests = ("reasons_digest", "values_digest")
        other = any(judge[name] != side[name] for name in digests)
        worst = max(worst, sum(missed_and_false(judge, side)), int(other))
    return worst


def _none(what: str, count: int) -> Claim:
    return Claim(what, 0, "at most", count, count, count)
