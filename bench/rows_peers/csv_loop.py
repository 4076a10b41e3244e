"""The same loop over a CSV file: the standard library's reader, an empty cell as None, `model_validate` on each record.

python -m bench.rows_peers.csv_loop FILE.csv
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from pydantic import ValidationError

from bench.rows_contract import Reading
from bench.rows_peers.measure import Outcome, Reason, reasons_digest, run, values_digest


def judge(path: str) -> tuple[list[Reading], list[Reason]]:
    """The accepted rows, and why each other row is bad."""
    accepted: list[Reading] = []
    reasons: list[Reason] = []
    with Path(path).open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        names = next(reader)
        for number, cells in enumerate(reader):
            record = {name: cell or None for name, cell in zip(names, cells, strict=True)}
            try:
                accepted.append(Reading.model_validate(record))
            except ValidationError as error:
                reasons += [
                    (number, ".".join(map(str, entry["loc"])), entry["type"])
                    for entry in error.errors(include_url=False)
                ]
    return accepted, reasons


def found(result: tuple[list[Reading], list[Reason]]) -> Outcome:
    """Row numbers, Pydantic's reasons, and the values it made of the texts."""
    accepted, reasons = result
    pairs = {(row, path) for row, path, _ in reasons}
    values = values_digest(list(row.__dict__.values()) for row in accepted)
    return Outcome(sorted({row for row, _ in pairs}), len(pairs), reasons_digest(reasons), values)


if __name__ == "__main__":
    run("csv_loop", lambda: judge(sys.argv[1]), found)
