"""The floor: polars expressions by hand, streaming. They give a mask, and nothing about why.

python -m bench.rows_peers.floor FILE.parquet
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import polars as pl

from bench.rows_peers.measure import Outcome, run

COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"]
STATUSES = ["new", "active", "paused", "closed"]


def good() -> dict[str, pl.Expr]:
    """Per column, whether the cell is good; null where it is null and may not be.

    NaN passes `>= 0` in polars, but never an upper bound; both columns of numbers with a fraction have one.
    """
    rating = pl.col("rating")
    return {
        "id": pl.col("id") >= 1,
        "age": pl.col("age").is_between(0, 120),
        "score": (pl.col("score") >= 0) & (pl.col("score") < 1),
        "rating": rating.is_null() | rating.is_between(0, 5),
        "country": pl.col("country").is_in(COUNTRIES),
        "status": pl.col("status").is_in(STATUSES),
        "code": pl.col("code").str.contains(r"^[A-Z]{3}-[0-9]{4}$"),
        "name": pl.col("name").str.len_chars().is_between(1, 20),
        "born": pl.col("born").is_between(date(1900, 1, 1), date(2024, 12, 31)),
        "seen": pl.col("seen") >= datetime(2000, 1, 1, tzinfo=UTC),
        "active": pl.col("active").is_not_null(),
    }


def judge(path: str) -> pl.DataFrame:
    """The rows with at least one bad cell, and which cells."""
    bad = {name: ~expression.fill_null(value=False) for name, expression in good().items()}
    frame = pl.scan_parquet(path).with_row_index("row").select("row", **bad)
    return frame.filter(pl.any_horizontal(*bad)).collect(engine="streaming")


def found(frame: pl.DataFrame) -> Outcome:
    """Row numbers, and how many cells were bad."""
    cells = frame.drop("row").sum().transpose().to_series().sum()
    return Outcome(rows=sorted(frame["row"].to_list()), reasons=int(cells))


if __name__ == "__main__":
    run("floor", lambda: judge(sys.argv[1]), found)
