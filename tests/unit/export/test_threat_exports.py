"""The threat model for other tools: SARIF, a layer of the ATLAS Navigator, a model of Threat Dragon.

The schemas of SARIF and of Threat Dragon (its descriptions left out) are vectors. `SARIF` is the part that we write,
closed, so that a code host gets nothing unseen. The layer format is published as prose: `LAYER` is that prose, closed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.export.navigator import COLOURS, encode_layer, navigator_layer
from lockgate.export.threat_dragon import encode_model, threat_dragon
from lockgate.export.threat_view import (
    WORST_FIRST,
    BoundaryView,
    ControlView,
    DrillView,
    Status,
    ThreatRow,
    ThreatView,
    worst,
)
from lockgate.export.threats_sarif import encode_sarif, threats_sarif

VECTORS = Path(__file__).resolve().parents[2] / "vectors"


def _closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def _many(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


WORD: dict[str, Any] = {"type": "string", "minLength": 1}
FLAG: dict[str, Any] = {"type": "boolean"}
COLOUR = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
NOTED = _many(_closed({"name": WORD, "value": WORD}))
TECHNIQUE = _closed(
    {"techniqueID": {"type": "string", "pattern": r"^AML\.T\d{4}(\.\d{3})?$"}},
    comment=WORD,
    enabled=FLAG,
    score={"type": "number"},
    color=COLOUR,
    metadata=NOTED,
    showSubtechniques=FLAG,
)
LAYER = _closed(
    {"name": WORD, "domain": {"const": "atlas-atlas"}},
    versions=_closed({"navigator": {"const": "4.6.4"}, "layer": {"const": "4.3"}}),
    description=WORD,
    hideDisabled=FLAG,
    techniques=_many(TECHNIQUE),
    gradient=_closed(
        {
            "colors": _many(COLOUR, minItems=2),
            "minValue": {"type": "number"},
            "maxValue": {"type": "number"},
        }
    ),
    legendItems=_many(_closed({"label": WORD, "color": COLOUR})),
    metadata=NOTED,
)

TEXT = _closed({"text": WORD})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = _closed(
    {"id": WORD},
    shortDescription=TEXT,
    fullDescription=TEXT,
    help=TEXT,
    defaultConfiguration=_closed({"level": LEVEL}),
    properties=_closed({"tags": _many(WORD, uniqueItems=True)}),
)
PLACE = _closed(
    {"artifactLocation": _closed({"uri": {"type": "string", "pattern": "^[A-Za-z0-9._~%/-]+$"}})},
    region=_closed({"startLine": {"type": "integer", "minimum": 1}}),
)
RESULT = _closed(
    {"message": TEXT},
    ruleId=WORD,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    locations=_many(_closed({"physicalLocation": PLACE}), minItems=1),
    partialFingerprints={"type": "object", "additionalProperties": WORD},
    suppressions=_many(_closed({"kind": {"enum": ["inSource", "external"]}}, justification=WORD), minItems=1),
)
RUN = _closed(
    {"tool": _closed({"driver": _closed({"name": WORD}, semanticVersion=WORD, rules=_many(RULE))})},
    invocations=_many(_closed({"executionSuccessful": FLAG}, exitCode={"type": "integer"})),
    automationDetails=_closed({"id": {"type": "string", "pattern": "^lockgate-threats/[^/]+/$"}}),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results=_many(RESULT),
)
SARIF = _closed({"version": {"const": "2.1.0"}, "runs": _many(RUN)}, **{"$schema": {"type": "string", "format": "uri"}})
DRAGON: dict[str, Any] = json.loads(
    (VECTORS / "threat-dragon" / "threat-dragon-v2.schema.json").read_text(encoding="utf-8")
)


OFFICIAL = json.loads((VECTORS / "sarif" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
IN_SARIF, IN_OFFICIAL, IN_LAYER, IN_DRAGON = map(jsonschema.Draft202012Validator, (SARIF, OFFICIAL, LAYER, DRAGON))
_CELL = DRAGON["properties"]["detail"]["properties"]["diagrams"]["items"]["properties"]["cells"]["items"]
IN_THREATS = jsonschema.Draft202012Validator(_CELL["properties"]["threats"])


def row(number: int, status: Status, *references: str, boundary: str = "log", **changed: Any) -> ThreatRow:
    """A threat with a little of everything."""
    base = ThreatRow(
        id=f"LT{number:02d}",
        title=f"threat {number}",
        family="evidence",
        stage="audit",
        boundary=boundary,
        stride=("information disclosure", "tampering"),
        scenario="Somebody does something.",
        status=status,
        why="a reason",
        next="lockgate drill",
        limit="something",
        references=tuple((one, "its name") for one in references),
        controls=(ControlView("sealed-log", "It is sealed.", "proved", "entry 4"),),
        drills=(DrillView("edited-log", stopped=True, at="2026-11-27T00:00:00Z"),),
    )
    return replace(base, **changed)


def view(*rows: ThreatRow) -> ThreatView:
    """A project with these threats."""
    boundaries = (
        BoundaryView("log", "the log", "the disk", "a reader"),
        BoundaryView("outside", "around", "root", "all"),
    )
    return ThreatView("churn", "prod", "1.0.0", "2026-11-27T00:00:00Z", boundaries, rows)


ALL = view(*(row(n, status, "AML.T0107@5.6.0") for n, status in enumerate(get_args(Status), start=1)))

TEXTS = st.text(max_size=30)
ROWS = st.builds(
    row,
    st.integers(1, 30),
    st.sampled_from(get_args(Status)),
    st.sampled_from(["AML.T0020@5.6.0", "AML.T0024.002@5.6.0", "AML.CS0015@5.6.0", "ML01@2023"]),
    boundary=st.sampled_from(["log", "outside"]),
    why=TEXTS,
    next=TEXTS,
    limit=TEXTS,
    scenario=st.text(min_size=1, max_size=30),
    title=st.text(min_size=1, max_size=30),
)
VIEWS = st.lists(ROWS, max_size=4, unique_by=lambda one: one.id).map(lambda rows: view(*rows))


@given(VIEWS)
def test_sarif_is_in_form_whatever_others_wrote(some: ThreatView) -> None:
    """Whatever stands in a waiver's reason, the file is in form and nothing in it steers a terminal."""
    document = threats_sarif(some, exit_code=1)
    IN_SARIF.validate(document)
    IN_OFFICIAL.validate(document)
    assert json.loads(encode_sarif(document)) == document
    assert all(result["message"]["text"].isprintable() for result in document["runs"][0]["results"])


def test_sarif_tells_what_does_not_hold() -> None:
    """BROKEN is an error, STALE and UNPROVEN warnings, ACCEPTED a suppressed note; HELD and OUT are no results."""
    run = threats_sarif(ALL, exit_code=1)["runs"][0]
    status = {one.id: one.status for one in ALL.threats}
    levels = {status[result["ruleId"]]: result["level"] for result in run["results"]}
    assert levels == {"BROKEN": "error", "UNPROVEN": "warning", "STALE": "warning", "ACCEPTED": "note"}
    suppressed = {status[result["ruleId"]]: result.get("suppressions") for result in run["results"]}
    assert suppressed["ACCEPTED"] == [{"kind": "external", "justification": "a reason"}]
    assert {name for name, found in suppressed.items() if found} == {"ACCEPTED"}
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [result["ruleId"] for result in run["results"]]
    assert [result["ruleIndex"] for result in run["results"]] == list(range(len(run["results"])))


def test_a_result_of_sarif_stays_the_same_one() -> None:
    """The fingerprint is that of the threat in the environment: another reason or status is the same alert."""
    first = threats_sarif(view(row(14, "BROKEN")), exit_code=1)["runs"][0]["results"][0]
    later = threats_sarif(view(row(14, "STALE", why="older")), exit_code=0)["runs"][0]["results"][0]
    other = threats_sarif(replace(view(row(14, "BROKEN")), environment="dev"), exit_code=1)["runs"][0]["results"][0]
    assert first["partialFingerprints"] == later["partialFingerprints"] == {"threat/v1": "LT14:prod"}
    assert first["partialFingerprints"] != other["partialFingerprints"]
    assert threats_sarif(ALL, exit_code=1)["runs"][0]["automationDetails"] == {
        "id": f"lockgate-threats/{ALL.environment}/"
    }
    assert first["message"]["text"] == "threat 14 is BROKEN: a reason. lockgate drill"


@given(VIEWS)
def test_a_layer_is_in_form_whatever_others_wrote(some: ThreatView) -> None:
    """A layer has techniques of ATLAS and nothing of the other catalogues; an unknown member would be refused here."""
    layer = navigator_layer(some)
    IN_LAYER.validate(layer)
    assert json.loads(encode_layer(layer)) == layer


def test_a_technique_has_the_colour_of_its_worst_threat() -> None:
    """Two threats, one of them broken, one technique: it is not shown as held."""
    layer = navigator_layer(
        view(
            row(1, "HELD", "AML.T0020@5.6.0", "AML.CS0015@5.6.0", "ML02@2023"),
            row(2, "BROKEN", "AML.T0020@5.6.0"),
            row(3, "HELD", "AML.T0024.002@5.6.0"),
            row(28, "OUT", "AML.T0112@5.6.0"),
        )
    )
    entries = {entry["techniqueID"]: entry for entry in layer["techniques"]}
    assert list(entries) == ["AML.T0020", "AML.T0024", "AML.T0024.002", "AML.T0112"]
    assert (COLOURS["BROKEN"], 0) == (entries["AML.T0020"]["color"], entries["AML.T0020"]["score"])
    assert entries["AML.T0020"]["comment"] == "LT01 HELD: threat 1; LT02 BROKEN: threat 2"
    assert (COLOURS["HELD"], 100) == (entries["AML.T0024.002"]["color"], entries["AML.T0024.002"]["score"])
    assert entries["AML.T0024"] == {"techniqueID": "AML.T0024", "showSubtechniques": True}
    assert "score" not in entries["AML.T0112"]
    assert {"name": "atlas_data_version", "value": "5.6.0"} in layer["metadata"]


def test_a_layer_is_of_one_version_of_atlas() -> None:
    """Ids of two versions in one layer would be read as one: refused."""
    with pytest.raises(ValueError, match="several versions"):
        navigator_layer(view(row(1, "HELD", "AML.T0020@5.6.0"), row(2, "HELD", "AML.T0020@5.0.1")))


@given(VIEWS)
def test_a_dragons_model_keeps_its_schema_whatever_others_wrote(some: ThreatView) -> None:
    """The file is in the form that Threat Dragon publishes, its threats too; every threat is drawn exactly once."""
    model = threat_dragon(some)
    IN_DRAGON.validate(model)
    cells = model["detail"]["diagrams"][0]["cells"]
    drawn = [one for cell in cells for one in cell["data"].get("threats", [])]
    IN_THREATS.validate(drawn)
    assert sorted(int(one.id[2:]) for one in some.threats) == sorted(one["number"] for one in drawn)
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert json.loads(encode_model(model)) == model


def test_a_dragons_model_says_what_is_open() -> None:
    """Only HELD is mitigated; an accepted risk is open. A flow is red when one of its threats is open."""
    model = threat_dragon(replace(ALL, threats=(*ALL.threats, row(30, "HELD", boundary="outside"))))
    flows = {cell["data"]["name"]: cell for cell in model["detail"]["diagrams"][0]["cells"] if cell["shape"] == "flow"}
    status = {one["score"]: one["status"] for one in flows["the log"]["data"]["threats"]}
    opened = {"BROKEN", "UNPROVEN", "STALE", "ACCEPTED"}
    assert {**dict.fromkeys(opened, "Open"), "HELD": "Mitigated", "OUT": "NA"} == status
    assert (flows["the log"]["data"]["hasOpenThreats"], flows["around"]["data"]["hasOpenThreats"]) == (True, False)
    assert {"Information disclosure"} == {one["type"] for one in flows["the log"]["data"]["threats"]}
    assert model["detail"]["threatTop"] == 30
    assert threat_dragon(ALL) == threat_dragon(ALL)


def test_a_threat_on_no_boundary_is_not_lost() -> None:
    """A threat that would be drawn nowhere is an error, not a file without it."""
    with pytest.raises(ValueError, match="no such boundary: nowhere"):
        threat_dragon(view(row(1, "BROKEN", boundary="nowhere")))


@pytest.mark.parametrize(
    ("form", "document", "path"),
    [
        (IN_SARIF, threats_sarif(ALL, exit_code=1), ("runs", 0, "results", 0, "message")),
        (IN_OFFICIAL, threats_sarif(ALL, exit_code=1), ("runs", 0, "results", 0, "message")),
        (IN_LAYER, navigator_layer(ALL), ("techniques", 0, "techniqueID")),
        (IN_DRAGON, threat_dragon(ALL), ("detail", "threatTop")),
        (IN_DRAGON, threat_dragon(ALL), ("detail", "diagrams", 0, "cells", 0, "zIndex")),
    ],
)
def test_a_form_refuses_what_lacks_a_member(form: Any, document: Any, path: tuple[Any, ...]) -> None:
    """Positive control: the schemas see a file that lacks what a reader needs."""
    form.validate(document)
    broken = json.loads(json.dumps(document))
    place = broken
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    with pytest.raises(jsonschema.ValidationError):
        form.validate(broken)


def test_the_worst_is_the_worst() -> None:
    """BROKEN outdoes everything, and OUT says least."""
    assert worst(("HELD", "BROKEN", "STALE")) == "BROKEN"
    assert worst(("OUT", "HELD")) == "HELD"
    assert set(WORST_FIRST) == set(get_args(Status))
