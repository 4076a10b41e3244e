"""The threat model as a file of OWASP Threat Dragon, version 2: one diagram, one flow for each boundary. Pure.

A boundary of ours is drawn as an actor (whose trust ends), a process (what is defended), the flow between them with its
threats, and a line across it. Threat Dragon has three words for a status: HELD is "Mitigated", OUT is "NA", all others
are "Open", those that somebody accepted too. It asks for a severity, and nobody rates one here: "TBD".
Source: threat-dragon-v2.schema.json of OWASP/threat-dragon. Ids are derived from ours: one model gives one file.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lockgate.core.shown import visible
from lockgate.export.threat_view import BoundaryView, Status, ThreatRow, ThreatView

VERSION: Final = "2.0.0"
STATUSES: Final[Mapping[Status, str]] = {"HELD": "Mitigated", "OUT": "NA"}
_NAMES: Final = uuid.UUID("6b0d3a52-3a43-5c2f-9d9a-0f6d7f0f9c11")
_ROW: Final = 150
_WIDTH: Final = 220
_HEIGHT: Final = 90


def threat_dragon(view: ThreatView) -> dict[str, Any]:
    """The model. Raises ValueError when a threat crosses a boundary that the view does not have."""
    known = {boundary.id for boundary in view.boundaries}
    strange = sorted({row.boundary for row in view.threats} - known)
    if strange:
        raise ValueError(f"no such boundary: {', '.join(strange)}")
    cells = [cell for place, boundary in enumerate(view.boundaries) for cell in _cells(view, boundary, place)]
    numbers = [_number(row) for row in view.threats]
    return {
        "version": VERSION,
        "summary": {
            "title": visible(f"Lockgate: {view.project}, {view.environment}"),
            "owner": "",
            "description": visible(f"Computed by Lockgate {view.program} at {view.time}; not kept by hand."),
            "id": 0,
        },
        "detail": {
            "contributors": [],
            "diagrams": [
                {
                    "id": 0,
                    "title": "Trust boundaries",
                    "diagramType": "STRIDE",
                    "placeholder": "",
                    "thumbnail": "./public/content/images/thumbnail.stride.jpg",
                    "version": VERSION,
                    "cells": cells,
                }
            ],
            "diagramTop": 1,
            "reviewer": "",
            "threatTop": max(numbers, default=0),
        },
    }


def encode_model(model: Mapping[str, Any]) -> bytes:
    """As a file, nothing but ASCII."""
    return json.dumps(model, indent=2).encode() + b"\n"


def _cells(view: ThreatView, boundary: BoundaryView, place: int) -> Iterator[dict[str, Any]]:
    """The four shapes of one boundary, in a line of their own."""
    rows = [row for row in view.threats if row.boundary == boundary.id]
    top = 40 + place * _ROW
    source, target = _id(boundary.id, "actor"), _id(boundary.id, "process")
    is_open = any(_status(row) == "Open" for row in rows)
    yield _box("actor", source, boundary.source, 40, top)
    yield _box("process", target, boundary.target, 760, top)
    yield {
        "id": _id(boundary.id, "flow"),
        "shape": "flow",
        "zIndex": 10,
        "connector": "smooth",
        "attrs": {"line": _line("red" if is_open else "#333333") | {"targetMarker": {"name": "classic"}}},
        "labels": [{"position": 0.5, "attrs": {"label": {"text": visible(boundary.title)}}}],
        "source": {"cell": source},
        "target": {"cell": target},
        "vertices": [],
        "data": {
            "type": "tm.Flow",
            "name": visible(boundary.title),
            "description": "",
            "outOfScope": False,
            "reasonOutOfScope": "",
            "protocol": "",
            "isEncrypted": False,
            "isPublicNetwork": False,
            "isBidirectional": False,
            "isTrustBoundary": False,
            "hasOpenThreats": is_open,
            "threats": [_threat(row) for row in rows],
        },
    }
    yield {
        "id": _id(boundary.id, "boundary"),
        "shape": "trust-boundary-curve",
        "zIndex": 10,
        "connector": "smooth",
        "attrs": {"line": _line("#333333", "5 5") | {"targetMarker": {"name": ""}, "sourceMarker": {"name": ""}}},
        "source": {"x": 510, "y": top - 20},
        "target": {"x": 510, "y": top + _HEIGHT + 20},
        "vertices": [],
        "data": {
            "type": "tm.Boundary",
            "name": boundary.id,
            "description": "",
            "isTrustBoundary": True,
            "hasOpenThreats": False,
        },
    }


def _box(shape: str, id_: str, name: str, left: int, top: int) -> dict[str, Any]:
    return {
        "id": id_,
        "shape": shape,
        "zIndex": 1,
        "position": {"x": left, "y": top},
        "size": {"width": _WIDTH, "height": _HEIGHT},
        "attrs": {"text": {"text": visible(name)}, "body": _line("#333333")},
        "data": {
            "type": f"tm.{shape.capitalize()}",
            "name": visible(name),
            "description": "",
            "outOfScope": False,
            "reasonOutOfScope": "",
            "isTrustBoundary": False,
            "hasOpenThreats": False,
            "threats": [],
        },
    }


def _line(colour: str, dashes: str = "none") -> dict[str, Any]:
    return {"stroke": colour, "strokeWidth": 1.5, "strokeDasharray": dashes}


def _threat(row: ThreatRow) -> dict[str, Any]:
    parts = [
        row.scenario,
        f"Status: {row.status}. {row.why}" if row.why else f"Status: {row.status}.",
        f"Next: {row.next}" if row.next else "",
        f"What stays: {row.limit}" if row.limit else "",
        f"STRIDE: {', '.join(row.stride)}.",
        f"References: {', '.join(f'{id_} {name}' for id_, name in row.references)}." if row.references else "",
    ]
    return {
        "id": _id(row.id, "threat"),
        "number": _number(row),
        "title": visible(f"{row.id} {row.title}"),
        "status": _status(row),
        "severity": "TBD",
        "score": row.status,
        "type": row.stride[0].capitalize(),
        "modelType": "STRIDE",
        "description": "\n\n".join(visible(part) for part in parts if part),
        "mitigation": "\n".join(
            visible(f"{one.id}: {one.says} ({one.state}{f': {one.why}' if one.why else ''})") for one in row.controls
        ),
    }


def _status(row: ThreatRow) -> str:
    return STATUSES.get(row.status, "Open")


def _number(row: ThreatRow) -> int:
    return int(row.id.removeprefix("LT"))


def _id(name: str, kind: str) -> str:
    return str(uuid.uuid5(_NAMES, f"{kind}/{name}"))
