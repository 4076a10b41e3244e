"""What the jail of a model file says of its conversion, read on the launcher's side. Pure.

All of it is the word of a program that nobody knows: numbers are in the range that an honest conversion could give, and
texts are short and cannot steer a terminal. That does not make any of it true.
"""

from __future__ import annotations

from typing import Any, Final

from lockgate.contract.findings import clean
from lockgate.runtime.serving import TASKS
from lockgate.train.parity import facts_of

MADE: Final = 1000
MISSING: Final = 100
"""Made rows, and how many of them miss something: a model that takes none such is asked about the others."""
MOST_GIVEN: Final = 10_000
"""Rows of a sample that are asked about."""
_KEYS: Final = {"estimator", "task", "features", "serving", "compared", "versions", "warnings"}
_MOST_WARNINGS: Final = 5
_MADE: Final = ((MADE, MISSING), (MADE - MISSING, 0))


def read(facts: object, *, given: bool) -> dict[str, Any]:
    """What converted.json says; `given`: a person gave rows to compare on. Raises ValueError."""
    if not isinstance(facts, dict) or set(facts) != _KEYS or facts["task"] not in TASKS:
        raise ValueError(f"converted.json has exactly {', '.join(sorted(_KEYS))}")
    if not isinstance(facts["estimator"], str) or not isinstance(facts["serving"], dict):
        raise ValueError("estimator or serving are not in form")
    for name, values in (("features", facts["features"]), ("warnings", facts["warnings"])):
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"{name} are not texts")
    if not isinstance(facts["versions"], dict) or not all(isinstance(one, str) for one in facts["versions"].values()):
        raise ValueError("versions are not texts")
    return {
        **facts,
        "estimator": clean(facts["estimator"], 200),
        "compared": _compared(facts["compared"], given=given),
        "warnings": [clean(warning, 200) for warning in facts["warnings"][:_MOST_WARNINGS]],
    }


def _compared(compared: object, *, given: bool) -> dict[str, Any]:
    if not isinstance(compared, dict) or not {"rows", "missing", "sample"} <= set(compared):
        raise ValueError("compared has rows, missing and sample")
    if compared["sample"] != ("given" if given else "made"):
        raise ValueError("it was compared on other rows than it was given")
    rows, missing = compared["rows"], compared["missing"]
    if type(rows) is not int or type(missing) is not int:
        raise ValueError("a count is none")
    if not (0 < rows <= MOST_GIVEN and 0 <= missing <= rows if given else (rows, missing) in _MADE):
        raise ValueError("it was compared on more rows than there are")
    rest = {name: value for name, value in compared.items() if name not in ("missing", "sample")}
    return {**facts_of(rest, rows=rows), "missing": missing, "sample": compared["sample"]}
