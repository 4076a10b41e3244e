"""validate.jail._tally: reasons are counted by field and rule, whatever the contract's jail made of the words."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from lockgate.contract.jail.rows import DIGEST, QUARANTINE_SCHEMA, WITHHELD
from lockgate.validate.jail._tally import Tally

Reason = tuple[str, int, str | None, str | None, str | None]


def tallied(*batches: list[Reason], most_keys: int = 100) -> Tally:
    """The tally of these reasons."""
    found = Tally(most_keys=most_keys)
    for batch in batches:
        cells: Any = [
            pa.array(cells, f.type) for cells, f in zip(zip(*batch, strict=True), QUARANTINE_SCHEMA, strict=True)
        ]
        found.add(pa.RecordBatch.from_arrays(cells, schema=QUARANTINE_SCHEMA))
    return found


def test_counts_first_message_and_first_rows() -> None:
    """Commonest first; the message of the first row, and the first three rows, across batches."""
    one: list[Reason] = [
        ("a", 0, "age", "int", "first"),
        ("a", 1, "name", "text", "other"),
        ("a", 2, "age", "int", "no"),
    ]
    two: list[Reason] = [("b", row, "age", "int", "no") for row in range(4)]
    assert tallied(one, two).as_json() == [
        {
            "count": 6,
            "field": "age",
            "rule": "int",
            "message": "first",
            "rows": [{"source": "a", "row": 0}, {"source": "a", "row": 2}, {"source": "b", "row": 0}],
        },
        {"count": 1, "field": "name", "rule": "text", "message": "other", "rows": [{"source": "a", "row": 1}]},
    ]


def test_no_batch_and_an_empty_one() -> None:
    """Nothing quarantined is nothing to report."""
    empty = Tally()
    empty.add(pa.RecordBatch.from_pylist([], schema=QUARANTINE_SCHEMA))
    assert (empty.as_json(), empty.reasons, empty.folded) == ([], 0, 0)


def test_words_are_cleaned() -> None:
    """Control characters, length and nulls in words do no harm; what is the same after that is one rule."""
    found = tallied(
        [("a", 0, "x\x1b[2J", "r" * 500, "m\x07" * 9000), ("a", 1, "x\x1b[2K"[:2] + "[2J", "r" * 400, None)]
    )
    (said,) = found.as_json()
    assert (said["count"], said["field"]) == (2, "x?[2J")
    assert (len(str(said["rule"])), len(str(said["message"])) <= 600) == (100, True)
    assert tallied([("a", 0, None, None, None)]).as_json()[0]["field"] == ""


def test_a_digest_is_withheld() -> None:
    """The report does not show the digest of a single value, which the quarantine has."""
    assert tallied([("a", 0, "f", "r", DIGEST + "00")]).as_json()[0]["message"] == WITHHELD


def test_invented_rules_are_folded() -> None:
    """Of a thousand invented rules the first ten are kept, in the order of their rows; the rest is a number."""
    invented: list[Reason] = [("a", row, "f", f"rule{999 - row}", "m") for row in range(1000)]
    found = tallied(invented, invented, most_keys=10)
    assert [entry["rule"] for entry in found.as_json()] == [f"rule{number}" for number in range(990, 1000)]
    assert {entry["count"] for entry in found.as_json()} == {2}
    assert (found.reasons, found.folded) == (2000, 1980)


def test_an_honest_contract_folds_nothing() -> None:
    """As many rules as are kept are all kept."""
    found = tallied([("a", row, "f", f"rule{row}", "m") for row in range(10)], most_keys=10)
    assert (len(found.as_json()), found.folded) == (10, 0)
