"""What came of drills as SARIF 2.1.0, for code hosts. Pure.

A drill is a rule, and one that was not stopped is a result of it: a code host takes rule and place for the identity of
an alert, so that several drills of one run are several alerts, and one that is stopped later closes its own.
Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.core.shown import visible
from lockgate.export.sarif import SCHEMA, VERSION, uri_of


@dataclass(frozen=True)
class NotStopped:
    """A drill that was not stopped. `why`: in a sentence; `limit`: what its control does not do at its best."""

    id: str
    threat: str
    title: str
    finding: str
    why: str
    limit: str = ""


def drills_sarif(
    results: Sequence[NotStopped],
    inapplicable: Sequence[tuple[str, str]],
    *,
    version: str,
    environment: str,
    place: str,
    exit_code: int,
) -> dict[str, Any]:
    """One run.

    `inapplicable`: drills that the project has nothing for, and why; `environment`: whose rules were to stop them;
    `place`: where results point to, relative to the repository.
    """
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "lockgate drill",
                "semanticVersion": version,
                "rules": [_rule(one) for one in results],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": exit_code,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": visible(f"{name} does not apply: {why}")}}
                    for name, why in inapplicable
                ],
            }
        ],
        # A code host takes it for the category, so that no environment overwrites another.
        "automationDetails": {"id": f"lockgate-drill/{environment}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, index, environment, place) for index, one in enumerate(results)],
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _rule(one: NotStopped) -> dict[str, Any]:
    limit = f" What stays: {one.limit}." if one.limit else ""
    return {
        "id": one.id,
        "shortDescription": {"text": visible(f"an attacker {one.title}")},
        "help": {"text": visible(f"lockgate drill {one.id}; lockgate explain {one.finding}.{limit}")},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", one.threat]},
    }


def _result(one: NotStopped, index: int, environment: str, place: str) -> dict[str, Any]:
    return {
        "ruleId": one.id,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": visible(f"{one.threat} {one.id}: an attacker {one.title}: {one.why}")},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri_of(place)}, "region": {"startLine": 1}}}],
        "partialFingerprints": {"drill/v1": f"{one.id}:{environment}"},
    }
