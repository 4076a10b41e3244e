"""SARIF 2.1.0: what is written is in form, and nothing that others named steers anything.

The official schema is not part of any package here: `FORM` is its part for what we write, closed where the schema is
open, so that a field which SARIF does not know cannot be written unseen.
"""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from lockgate.export.sarif import Notice, Result, encode_sarif, sarif, uri_of


def _closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


TEXT = _closed({"text": {"type": "string", "minLength": 1}})
URI = {"type": "string", "pattern": r"^(file:///)?[A-Za-z0-9._~%/-]+$"}
PLACE = _closed(
    {"artifactLocation": _closed({"uri": URI})},
    region=_closed({"byteOffset": {"type": "integer", "minimum": 0}, "byteLength": {"type": "integer", "minimum": 0}}),
)
LOCATIONS = {"type": "array", "items": _closed({"physicalLocation": PLACE}), "minItems": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = _closed(
    {"id": {"type": "string"}},
    shortDescription=TEXT,
    fullDescription=TEXT,
    help=TEXT,
    defaultConfiguration=_closed({"level": LEVEL}),
)
DRIVER = _closed(
    {"name": {"type": "string"}},
    semanticVersion={"type": "string"},
    rules={"type": "array", "items": RULE, "uniqueItems": True},
)
INVOCATION = _closed(
    {"executionSuccessful": {"type": "boolean"}},
    exitCode={"type": "integer"},
    toolExecutionNotifications={
        "type": "array",
        "items": _closed({"message": TEXT}, level=LEVEL, locations=LOCATIONS),
    },
)
RESULT = _closed(
    {"message": TEXT},
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    locations=LOCATIONS,
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
)
FORM = _closed(
    {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": _closed(
                {"tool": _closed({"driver": DRIVER})},
                invocations={"type": "array", "items": INVOCATION},
                columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                results={"type": "array", "items": RESULT},
            ),
        },
    },
    **{"$schema": {"type": "string", "format": "uri"}},
)


def test_a_run_is_in_form_and_its_rules_are_those_of_its_results() -> None:
    """Each rule once, from the catalogue; each result points to its rule; an offset is a region."""
    results = [
        Result("LG470", "a zip too", "b.safetensors", "ab" * 32, 17),
        Result("LG410", "a pickle", "a.pkl"),
        Result("LG470", "again", "/abs/c"),
    ]
    document = sarif(results, [Notice("link", "not looked at")], version="1.0.0", exit_code=1, complete=True)
    jsonschema.validate(document, FORM)
    run = document["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["LG410", "LG470"]
    assert [one["ruleIndex"] for one in run["results"]] == [1, 0, 1]
    regions = [one["locations"][0]["physicalLocation"].get("region") for one in run["results"]]
    assert regions == [{"byteOffset": 17, "byteLength": 0}, None, None]
    assert run["invocations"][0]["exitCode"] == 1
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "not looked at"


def test_nothing_to_tell_is_in_form_too() -> None:
    """No result, no rule."""
    jsonschema.validate(sarif([], [], version="1.0.0", exit_code=0, complete=True), FORM)


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./a/b c.onnx", "a/b%20c.onnx"),
        ("a:b", "a%3Ab"),
        ("\x1b[2J\n", "%1B%5B2J%0A"),
        ("\udcff", "%FF"),
        ("/x/ü", "file:///x/%C3%BC"),
    ],
)
def test_a_name_of_any_bytes_is_one_uri(path: str, uri: str) -> None:
    """Percent-encoded byte for byte: no scheme, no line, no escape sequence of the name's own."""
    assert uri == uri_of(path)


def test_the_file_is_ascii_and_messages_are_one_visible_line() -> None:
    """What a file says about itself cannot steer whoever prints the report."""
    result = Result("LG410", "evil \x1b[2J\nline " + "x" * 1000, "a")
    data = encode_sarif(sarif([result], [], version="1.0.0", exit_code=1, complete=True))
    assert data.isascii()
    assert b"\x1b" not in data
    text = json.loads(data)["runs"][0]["results"][0]["message"]["text"]
    assert (text.isprintable(), len(text) < 400) == (True, True)
