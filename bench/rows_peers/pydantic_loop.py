"""The loop that most people write: pyarrow's batches as dicts, `model_validate` on each. It also judges the others.

python -m bench.rows_peers.pydantic_loop FILE.parquet
"""

from __future__ import annotations

import sys

import pyarrow.parquet as pq
from pydantic import ValidationError

from bench.rows_contract import Reading
from bench.rows_peers.measure import Outcome, Reason, reasons_digest, run

BATCH = 65_536


def judge(path: str) -> list[Reason]:
    """Why each bad row is bad. The good ones are dropped at once: keeping them would cost the loop more."""
    reasons: list[Reason] = []
    number = -1
    for batch in pq.ParquetFile(path).iter_batches(BATCH):
        for row in batch.to_pylist():
            number += 1
            try:
                Reading.model_validate(row)
            except ValidationError as error:
                reasons += [
                    (number, ".".join(map(str, entry["loc"])), entry["type"])
                    for entry in error.errors(include_url=False)
                ]
    return reasons


def found(reasons: list[Reason]) -> Outcome:
    """Row numbers, and Pydantic's reasons."""
    pairs = {(row, path) for row, path, _ in reasons}
    return Outcome(sorted({row for row, _ in pairs}), len(pairs), reasons_digest(reasons))


if __name__ == "__main__":
    run("pydantic", lambda: judge(sys.argv[1]), found)
