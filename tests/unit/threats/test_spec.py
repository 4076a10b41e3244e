"""threats.spec: the catalogue is read whole or not at all, and what is wrong is named with its file and line."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lockgate.errors import Usage
from lockgate.threats.spec import read_catalogue

THREAT = """
[LT01]
title = "rows are poisoned"
family = "data poisoning"
stage = "validate"
scenario = "somebody adds rows"
boundary = "data-files"
stride = ["tampering"]
references = ["AML.T0020@5.6.0"]
controls = ["screen-rows"]
drills = ["poisoned-labels"]
needs = "run"
limit = "clean labels"
"""
CONTROL = """
[screen-rows]
says = "rows are screened"
modules = ["lockgate.validate.screen"]
findings = ["LG455"]
proof = "validate"
fresh_days = 90
rule = "screen"
"""
BOUNDARY = '[data-files]\ntitle = "data"\nfrom = "outside"\nto = "the project"\n'
REFERENCES = (
    '[atlas]\ntitle = "ATLAS"\nlicence = "Apache-2.0"\nsource = "https://atlas.mitre.org"\n'
    '[atlas.names]\n"AML.T0020@5.6.0" = "Poison Training Data"\n'
)
GOOD: Mapping[str, str] = {
    "threats": THREAT,
    "controls": CONTROL,
    "boundaries": BOUNDARY,
    "references": REFERENCES,
}


def _read(**changes: str) -> object:
    return read_catalogue(**{kind: {f"{kind}.toml": text} for kind, text in {**GOOD, **changes}.items()})


def test_a_catalogue() -> None:
    """What stands in the files, typed; threats in the order of their ids, over several files."""
    second = THREAT.replace("LT01", "LT00")
    found = read_catalogue(
        threats={"a.toml": THREAT, "b.toml": second},
        controls={"c.toml": CONTROL},
        boundaries={"d.toml": BOUNDARY},
        references={"e.toml": REFERENCES},
    )
    assert list(found.threats) == ["LT00", "LT01"]
    assert found.threats["LT01"].controls == ("screen-rows",)
    assert (found.controls["screen-rows"].fresh_days, found.controls["screen-rows"].rule) == (90, "screen")
    assert found.boundaries["data-files"].source == "outside"
    assert found.references == {"AML.T0020@5.6.0": "Poison Training Data"}


@pytest.mark.parametrize(
    ("kind", "old", "new", "says"),
    [
        ("threats", "[LT01]", "[LT01]\ncolour = 1", "threats.toml:3: unknown key LT01.colour"),
        ("threats", "title", "titel", "threats.toml:2: LT01.title is missing"),
        ("threats", '"data poisoning"', '"bad luck"', "threats.toml:4: LT01.family expects"),
        ("threats", "[LT01]", "[LT1]", "LT1 is not an id here"),
        ("threats", "screen-rows", "screen-cows", "LT01: no controls screen-cows"),
        ("threats", "AML.T0020@5.6.0", "AML.T0021@5.6.0", "LT01: no references AML.T0021@5.6.0"),
        ("threats", "AML.T0020@5.6.0", "AML.T0020", "references expects"),
        ("threats", '"data-files"', '"sea"', "LT01: no boundary sea"),
        ("threats", '["poisoned-labels"]', "[]", "LT01 has no control, or no drill"),
        ("threats", 'needs = "run"', 'out = "too hard"', "LT01 is out of scope, and has controls or drills"),
        ("threats", 'needs = "run"', 'needs = "luck"', "LT01.needs expects"),
        ("threats", 'stride = ["tampering"]', "stride = []", "LT01.stride expects"),
        ("threats", "[LT01]", "[LT01", "threats.toml:2"),
        ("controls", "LG455", "LX455", "controls.toml:5: screen-rows.findings expects"),
        ("controls", '"validate"\n', '"hope"\n', "screen-rows.proof expects"),
        ("controls", '"screen"\n', '"mood"\n', "screen-rows.rule expects"),
        ("controls", "90", "0", "screen-rows.fresh_days expects"),
        ("controls", "lockgate.validate.screen", "os.path", "screen-rows.modules expects"),
        ("boundaries", "from", "form", "data-files.from is missing"),
        ("references", "licence", "license", "atlas.licence is missing"),
    ],
)
def test_what_is_wrong_is_named(kind: str, old: str, new: str, says: str) -> None:
    """An unknown key, a word that is none, a name of nothing: LG9010, with file and line."""
    text = GOOD[kind]
    assert old in text
    with pytest.raises(Usage) as caught:
        _read(**{kind: text.replace(old, new)})
    assert (caught.value.finding, says in caught.value.message) == ("LG9010", True), caught.value.message
    assert _read()


def test_an_id_stands_once() -> None:
    """Also over several files."""
    with pytest.raises(Usage, match=r"b\.toml:2: LT01 stands twice"):
        read_catalogue(
            threats={"a.toml": THREAT, "b.toml": THREAT},
            controls={"c.toml": CONTROL},
            boundaries={"d.toml": BOUNDARY},
            references={"e.toml": REFERENCES},
        )
