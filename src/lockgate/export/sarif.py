"""Findings as SARIF 2.1.0, for code hosts and editors. Pure.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0. Paths become relative URI references, percent-encoded
byte for byte, so that a name of any bytes is one and nothing in it is anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from lockgate.core.catalog.all import FINDINGS
from lockgate.core.shown import shown

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
VERSION: Final = "2.1.0"

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Result:
    """One finding about one file. `offset`: the first byte that is not accounted for; None where none can be named."""

    finding: str
    message: str
    path: str
    sha256: str = ""
    offset: int | None = None
    level: Level = "error"


@dataclass(frozen=True)
class Notice:
    """Something that was not looked at, and why."""

    path: str
    message: str
    level: Level = "warning"


def sarif(
    results: Sequence[Result], notices: Sequence[Notice], *, version: str, exit_code: int, complete: bool
) -> dict[str, Any]:
    """One run. `complete`: the tool came to its end; `exit_code` is that of the command."""
    ids = sorted({one.finding for one in results})
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "lockgate",
                "semanticVersion": version,
                "rules": [_rule(finding) for finding in ids],
            }
        },
        "invocations": [
            {
                "executionSuccessful": complete,
                "exitCode": exit_code,
                "toolExecutionNotifications": [_notification(one) for one in notices],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, ids.index(one.finding)) for one in results],
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def encode_sarif(document: Mapping[str, Any]) -> bytes:
    """As a file. Nothing but ASCII: what others named their files cannot steer whoever prints it."""
    return json.dumps(document, indent=2).encode() + b"\n"


def _rule(finding: str) -> dict[str, Any]:
    known = FINDINGS[finding]
    return {
        "id": finding,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.why},
        "help": {"text": known.do},
        "defaultConfiguration": {"level": "error"},
    }


def _result(one: Result, rule: int) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri_of(one.path)}}
    if one.offset is not None:
        physical["region"] = {"byteOffset": one.offset, "byteLength": 0}
    found: dict[str, Any] = {
        "ruleId": one.finding,
        "ruleIndex": rule,
        "level": one.level,
        "message": {"text": shown(one.message)},
        "locations": [{"physicalLocation": physical}],
    }
    if one.sha256:
        # A later run about the same bytes is about the same result, wherever they lie.
        found["partialFingerprints"] = {"sha256/v1": f"{one.finding}:{one.sha256}"}
    return found


def _notification(one: Notice) -> dict[str, Any]:
    return {
        "level": one.level,
        "message": {"text": shown(one.message)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri_of(one.path)}}}],
    }


def uri_of(path: str) -> str:
    """A path as a URI reference; absolute ones begin with `file://`."""
    coded = quote(path.removeprefix("./").encode("utf-8", "surrogateescape"), safe="/")
    return f"file://{coded}" if coded.startswith("/") else coded
