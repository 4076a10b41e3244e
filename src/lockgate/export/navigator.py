"""The threat model as a layer of the ATLAS Navigator: each technique has the colour of its worst threat. Pure.

Source: ATT&CK Navigator, layer file format 4.3, as mitre-atlas/atlas-navigator-data writes it (domain `atlas-atlas`).
Case studies, and what other catalogues name, have no place in a layer of techniques.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lockgate.core.shown import visible
from lockgate.export.threat_view import WORST_FIRST, Status, ThreatRow, ThreatView, worst

DOMAIN: Final = "atlas-atlas"
VERSIONS: Final = {"layer": "4.3", "navigator": "4.6.4"}
"""The form that ATLAS's own Navigator reads without a warning; newer ones offer to upgrade it."""

COLOURS: Final[Mapping[Status, str]] = {
    "BROKEN": "#c62828",
    "UNPROVEN": "#ef9a3c",
    "STALE": "#f4d35e",
    "ACCEPTED": "#90a4ae",
    "HELD": "#66a266",
    "OUT": "#e0e0e0",
}
SCORES: Final[Mapping[Status, int]] = {"BROKEN": 0, "UNPROVEN": 25, "STALE": 50, "ACCEPTED": 75, "HELD": 100}


def navigator_layer(view: ThreatView) -> dict[str, Any]:
    """The layer. Raises ValueError when the view refers to more than one version of ATLAS."""
    meant = _techniques(view)
    versions = sorted({version for _, version in meant})
    if len(versions) > 1:
        raise ValueError(f"several versions of ATLAS: {', '.join(versions)}")
    named = {technique: rows for (technique, _), rows in meant.items()}
    parents = {technique.rpartition(".")[0] for technique in named if technique.count(".") > 1}
    return {
        "versions": dict(VERSIONS),
        "domain": DOMAIN,
        "name": visible(f"Lockgate: {view.project}, {view.environment}"),
        "description": visible(
            f"Threats of {view.project} in {view.environment}, computed by Lockgate {view.program} at {view.time}. "
            "A technique that several threats refer to has the colour of the worst."
        ),
        "metadata": [
            *({"name": "atlas_data_version", "value": version} for version in versions),
            {"name": "time", "value": view.time},
        ],
        "techniques": [
            _technique(technique, named.get(technique, ()), open_=technique in parents)
            for technique in sorted({*named, *parents})
        ],
        "gradient": {"colors": [COLOURS["BROKEN"], COLOURS["STALE"], COLOURS["HELD"]], "minValue": 0, "maxValue": 100},
        "legendItems": [{"label": status, "color": COLOURS[status]} for status in WORST_FIRST],
        "hideDisabled": False,
    }


def encode_layer(layer: Mapping[str, Any]) -> bytes:
    """As a file, nothing but ASCII."""
    return json.dumps(layer, indent=2).encode() + b"\n"


def _techniques(view: ThreatView) -> dict[tuple[str, str], tuple[ThreatRow, ...]]:
    found: dict[tuple[str, str], tuple[ThreatRow, ...]] = {}
    for row in view.threats:
        for reference, _ in row.references:
            technique, _, version = reference.rpartition("@")
            if technique.startswith("AML.T"):
                found[technique, version] = (*found.get((technique, version), ()), row)
    return found


def _technique(technique: str, rows: tuple[ThreatRow, ...], *, open_: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"techniqueID": technique, "showSubtechniques": open_}
    if not rows:
        return entry  # it is here only to open what lies below it
    status = worst(tuple(row.status for row in rows))
    entry |= {
        "color": COLOURS[status],
        "comment": visible("; ".join(f"{row.id} {row.status}: {row.title}" for row in rows)),
        "enabled": True,
        "metadata": [{"name": row.id, "value": visible(row.why or row.status)} for row in rows],
    }
    return entry | ({"score": SCORES[status]} if status in SCORES else {})
