"""The threat model as SARIF 2.1.0, for code hosts. Pure.

A threat is a rule; one that does not hold is a result, at the project's lockgate.toml, since a code host wants a place.
BROKEN is an error, STALE and UNPROVEN are warnings, ACCEPTED is a note under a suppression: somebody signed for it.
What is HELD or OUT gives no result. The fingerprint is of threat and environment, so that a later run closes it.
Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lockgate.core.shown import visible
from lockgate.export.sarif import SCHEMA, VERSION, encode_sarif, uri_of
from lockgate.export.threat_view import Status, ThreatRow, ThreatView

__all__ = ["encode_sarif", "threats_sarif"]

LEVELS: Final[Mapping[Status, str]] = {
    "BROKEN": "error",
    "UNPROVEN": "warning",
    "STALE": "warning",
    "ACCEPTED": "note",
}
"""The statuses that give a result."""


def threats_sarif(view: ThreatView, *, exit_code: int, place: str = "lockgate.toml") -> dict[str, Any]:
    """One run. `exit_code`: that of the command; `place`: where results point to, relative to the repository."""
    told = [row for row in view.threats if row.status in LEVELS]
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "lockgate threats",
                "semanticVersion": view.program,
                "rules": [_rule(row) for row in told],
            }
        },
        "invocations": [{"executionSuccessful": True, "exitCode": exit_code}],
        # A code host takes it for the category, so that no environment overwrites another.
        "automationDetails": {"id": f"lockgate-threats/{view.environment}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(row, index, view, place) for index, row in enumerate(told)],
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _rule(row: ThreatRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "shortDescription": {"text": visible(row.title)},
        "fullDescription": {"text": visible(row.scenario)},
        "help": {"text": visible(f"What stays: {row.limit}" if row.limit else f"lockgate threats {row.id}")},
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["security", row.family, *(reference for reference, _ in row.references)]},
    }


def _result(row: ThreatRow, index: int, view: ThreatView, place: str) -> dict[str, Any]:
    text = ". ".join(part.rstrip(".") for part in (f"{row.title} is {row.status}: {row.why}", row.next) if part)
    found: dict[str, Any] = {
        "ruleId": row.id,
        "ruleIndex": index,
        "level": LEVELS[row.status],
        "message": {"text": visible(text)},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": uri_of(place)}, "region": {"startLine": 1}}},
        ],
        "partialFingerprints": {"threat/v1": f"{row.id}:{view.environment}"},
    }
    if row.status == "ACCEPTED":
        found["suppressions"] = [{"kind": "external", "justification": visible(row.why) or "a signed waiver"}]
    return found
