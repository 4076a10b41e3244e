"""Great Expectations on a pandas frame, with the result format that names each row.

python -m bench.rows_peers.great_expectations_pandas FILE.parquet
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "False"

import great_expectations as gx  # type: ignore[import-not-found]  # in an environment of its own
import great_expectations.expectations as gxe  # type: ignore[import-not-found]
import pandas as pd

from bench.rows_peers.measure import Outcome, run

COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"]
STATUSES = ["new", "active", "paused", "closed"]
REQUIRED = ["id", "age", "score", "country", "status", "code", "name", "born", "seen", "active"]


def expectations() -> list[Any]:
    """The contract in Great Expectations' words."""
    between = gxe.ExpectColumnValuesToBeBetween
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in REQUIRED),
        between(column="id", min_value=1),
        between(column="age", min_value=0, max_value=120),
        between(column="score", min_value=0, max_value=1, strict_max=True),
        between(column="rating", min_value=0, max_value=5),
        gxe.ExpectColumnValuesToBeInSet(column="country", value_set=COUNTRIES),
        gxe.ExpectColumnValuesToBeInSet(column="status", value_set=STATUSES),
        gxe.ExpectColumnValuesToMatchRegex(column="code", regex=r"^[A-Z]{3}-[0-9]{4}$"),
        gxe.ExpectColumnValueLengthsToBeBetween(column="name", min_value=1, max_value=20),
        between(column="born", min_value=date(1900, 1, 1), max_value=date(2024, 12, 31)),
        between(column="seen", min_value=datetime(2000, 1, 1, tzinfo=UTC)),
    ]


def judge(path: str) -> Any:
    """Great Expectations' own result, one entry per expectation."""
    frame = pd.read_parquet(path)
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    definition = asset.add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite(name="rows", expectations=expectations())
    batch = definition.get_batch({"dataframe": frame})
    return batch.validate(suite, result_format={"result_format": "COMPLETE", "include_unexpected_rows": False})


def found(result: Any) -> Outcome:
    """Row numbers, and how many (row, column) pairs. An expectation that could not be evaluated stops the run."""
    pairs: set[tuple[int, str]] = set()
    for entry in result.results:
        if entry.exception_info.get("raised_exception"):
            sys.exit(f"Great Expectations could not evaluate {entry.expectation_config}: {entry.exception_info}")
        column = entry.expectation_config.kwargs["column"]
        pairs |= {(int(row), column) for row in entry.result.get("unexpected_index_list") or []}
    return Outcome(sorted({row for row, _ in pairs}), len(pairs))


if __name__ == "__main__":
    run("great_expectations", lambda: judge(sys.argv[1]), found)
