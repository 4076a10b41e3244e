"""pandera's polars backend, lazy: all errors of all rows.

python -m bench.rows_peers.pandera_polars FILE.parquet
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import pandera.polars as pa  # type: ignore[import-not-found]  # in an environment of its own
import polars as pl
from pandera.errors import SchemaErrors  # type: ignore[import-not-found]

from bench.rows_peers.measure import Outcome, run

COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"]
STATUSES = ["new", "active", "paused", "closed"]

SCHEMA = pa.DataFrameSchema(
    {
        "id": pa.Column(pl.Int64, pa.Check.ge(1)),
        "age": pa.Column(pl.Int64, pa.Check.in_range(0, 120)),
        "score": pa.Column(pl.Float64, pa.Check.in_range(0, 1, include_max=False)),
        "rating": pa.Column(pl.Float64, pa.Check.in_range(0, 5), nullable=True),
        "reading": pa.Column(pl.Float64, nullable=True),
        "country": pa.Column(pl.String, pa.Check.isin(COUNTRIES)),
        "status": pa.Column(pl.String, pa.Check.isin(STATUSES)),
        "code": pa.Column(pl.String, pa.Check.str_matches(r"^[A-Z]{3}-[0-9]{4}$")),
        "name": pa.Column(pl.String, pa.Check.str_length(1, 20)),
        "born": pa.Column(pl.Date, pa.Check.in_range(date(1900, 1, 1), date(2024, 12, 31))),
        "seen": pa.Column(pl.Datetime("us", "UTC"), pa.Check.ge(datetime(2000, 1, 1, tzinfo=UTC))),
        "active": pa.Column(pl.Boolean),
    }
)


def judge(path: str) -> pl.DataFrame:
    """What pandera says of each failure. A lazy frame would have only its schema checked, so the file is read whole."""
    try:
        SCHEMA.validate(pl.read_parquet(path), lazy=True)
    except SchemaErrors as errors:
        failures: pl.DataFrame = errors.failure_cases
        return failures
    return pl.DataFrame(schema={"index": pl.Int64, "column": pl.String})


def found(failures: pl.DataFrame) -> Outcome:
    """Row numbers, and how many (row, column) pairs."""
    pairs = failures.select("index", "column").drop_nulls().unique()
    return Outcome(rows=sorted(pairs["index"].unique().to_list()), reasons=pairs.height)


if __name__ == "__main__":
    run("pandera", lambda: judge(sys.argv[1]), found)
