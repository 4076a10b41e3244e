"""The catalogue of threats, and everything that it speaks of: drills, controls, modules, findings, references, doors.

`flaws` compares them; each kind of flaw is shown by a catalogue with that flaw in it.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from lockgate.core.catalog.all import FINDINGS
from lockgate.drills.replays.all import DRILLS
from lockgate.drills.replays.spec import Drill
from lockgate.project.threats.catalogue import shipped
from lockgate.threats.spec import STAGES, Catalogue, Family

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "lockgate"
VECTORS = ROOT / "tests" / "vectors"
INCIDENTS = SOURCE / "threats" / "catalogue" / "incidents.toml"
DOORS = tuple(stage for stage in STAGES if stage != "platform")


@cache
def published() -> dict[str, str]:
    """`id@version` -> name, of all that the vectors hold."""

    def read(path: str, *keys: str) -> dict[str, str]:
        document = json.loads((VECTORS / path).read_text(encoding="utf-8"))
        return {name: title for key in keys for name, title in document[key].items()}

    atlas = read("mitre-atlas/techniques.json", "techniques", "case_studies")
    below = {name: f"{atlas[name.rpartition('.')[0]]}: {title}" for name, title in atlas.items() if name.count(".") > 1}
    sources = {
        "5.6.0": atlas | below,
        "cosai": read("cosai/risks.json", "risks"),
        "2023": read("owasp-ml-top-10/ids.json", "ids"),
        "2025": read("nist-ai-100-2/ids.json", "ids"),
    }
    return {f"{name}@{version}": title for version, names in sources.items() for name, title in names.items()}


def told_at(door: str) -> set[str]:
    """The threats that a door's line names."""
    text = ast.get_docstring(ast.parse((SOURCE / door / "__init__.py").read_text(encoding="utf-8"))) or ""
    return {found for line in text.splitlines() if line.startswith("Threats:") for found in re.findall(r"LT\d\d", line)}


def flaws(known: Catalogue, played: Mapping[str, Drill], doors: Mapping[str, set[str]]) -> Iterator[str]:
    """Whatever does not fit, in words."""
    for threat in known.threats.values():
        yield from (f"{threat.id}: no drill {name}" for name in threat.drills if name not in played)
        yield from (f"{threat.id}: a drill of another threat, {n}" for n in threat.drills if _of(played, n, threat.id))
        yield from (f"{threat.id}: no reference {one}" for one in threat.references if one not in published())
    named = {name for threat in known.threats.values() for name in threat.drills}
    for drill in played.values():
        yield from [f"{drill.id}: no threat names it"] * (drill.id not in named)
        if drill.threat not in known.threats or drill.control not in known.threats[drill.threat].controls:
            yield f"{drill.id}: {drill.control} is no control of {drill.threat}"
        elif drill.finding not in known.controls[drill.control].findings:
            yield f"{drill.id}: {drill.control} does not refuse with {drill.finding}"
    meeting = {name for threat in known.threats.values() for name in threat.controls}
    attacked = {drill.control for drill in played.values()}
    for control in known.controls.values():
        yield from [f"{control.id}: meets no threat"] * (control.id not in meeting)
        yield from [f"{control.id}: no drill attacks it"] * (control.id not in attacked)
        yield from [f"{control.id}: refuses with nothing"] * (not control.findings)
        yield from (f"{control.id}: no finding {one}" for one in control.findings if one not in FINDINGS)
        yield from (f"{control.id}: no module {one}" for one in control.modules if not _is_module(one))
    used = {one for threat in known.threats.values() for one in threat.references}
    for one, name in known.references.items():
        yield from [f"{one}: nothing refers to it"] * (one not in used)
        yield from [f"{one}: is not called {name}"] * (published().get(one) != name)
    for door, told in doors.items():
        here = {threat.id for threat in known.threats.values() if threat.stage == door}
        yield from (f"{door}: its door does not name {one}" for one in sorted(here - told))
        yield from (f"{door}: its door names {one}" for one in sorted(told - here))
    crossed = {threat.boundary for threat in known.threats.values()}
    yield from (f"{one}: nothing crosses it" for one in known.boundaries if one not in crossed)


def _of(played: Mapping[str, Drill], name: str, threat: str) -> bool:
    return name in played and played[name].threat != threat


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def doors() -> dict[str, set[str]]:
    """What every door names."""
    return {door: told_at(door) for door in DOORS}


def without(drill: str) -> Callable[[Catalogue], tuple[Catalogue, Mapping[str, Drill]]]:
    """The same catalogue, and that drill left out."""
    return lambda known: (known, {name: one for name, one in DRILLS.items() if name != drill})


def with_threat(name: str, **changed: object) -> Callable[[Catalogue], tuple[Catalogue, Mapping[str, Drill]]]:
    """One threat otherwise."""
    return lambda known: (
        replace(known, threats={**known.threats, name: replace(known.threats[name], **changed)}),  # type: ignore[arg-type]
        DRILLS,
    )


def with_control(name: str, **changed: object) -> Callable[[Catalogue], tuple[Catalogue, Mapping[str, Drill]]]:
    """One control otherwise."""
    return lambda known: (
        replace(known, controls={**known.controls, name: replace(known.controls[name], **changed)}),  # type: ignore[arg-type]
        DRILLS,
    )


def test_everything_that_the_catalogue_speaks_of_is_there() -> None:
    """No threat without a drill, no drill without a threat, no control without a module, no dead reference."""
    assert list(flaws(shipped(), DRILLS, doors())) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("edited-log"), "LT18: no drill edited-log"),
        (without("poisoned-labels"), "LT01: no drill poisoned-labels"),
        (with_threat("LT18", drills=("truncated-log",)), "edited-log: no threat names it"),
        (with_threat("LT18", drills=("forked-log",)), "LT18: a drill of another threat, forked-log"),
        (with_threat("LT18", controls=("fresh-log",)), "edited-log: sealed-log is no control of LT18"),
        (with_threat("LT18", stage="trust"), "audit: its door names LT18"),
        (with_threat("LT18", stage="trust"), "trust: its door does not name LT18"),
        (with_threat("LT18", references=("AML.T9999@5.6.0",)), "LT18: no reference AML.T9999@5.6.0"),
        (with_threat("LT18", references=("AML.T0107@5.0.1",)), "LT18: no reference AML.T0107@5.0.1"),
        (with_threat("LT26", boundary="log"), "serving-jail: nothing crosses it"),
        (
            with_control("sealed-log", modules=("lockgate.audit.nowhere",)),
            "sealed-log: no module lockgate.audit.nowhere",
        ),
        (with_control("sealed-log", modules=("lockgate.nowhere.x",)), "sealed-log: no module lockgate.nowhere.x"),
        (with_control("sealed-log", findings=("LG9999",)), "sealed-log: no finding LG9999"),
        (with_control("sealed-log", findings=()), "sealed-log: refuses with nothing"),
    ],
)
def test_a_flaw_is_noticed(change: Callable[[Catalogue], tuple[Catalogue, Mapping[str, Drill]]], told: str) -> None:
    """Positive control: each kind of flaw is told."""
    known, drills = change(shipped())
    assert told in set(flaws(known, drills, doors())) - set(flaws(shipped(), DRILLS, doors()))


def test_a_name_that_is_not_theirs_is_noticed() -> None:
    """Positive control: a reference under a wrong name, and one that nothing refers to, are told."""
    known = shipped()
    atlas = known.sources["atlas"]
    wrong = replace(atlas, names={**atlas.names, "AML.T0020@5.6.0": "Poison Bread", "AML.T0000@5.6.0": "x"})
    found = set(flaws(replace(known, sources={**known.sources, "atlas": wrong}), DRILLS, doors()))
    assert {"AML.T0020@5.6.0: is not called Poison Bread", "AML.T0000@5.6.0: nothing refers to it"} <= found


def test_ids_are_gapless_and_every_family_has_threats() -> None:
    """LT01 to LT30, none left out; the four threats of the design and the evidence beneath them each have some."""
    known = shipped()
    assert [f"LT{n:02d}" for n in range(1, len(known.threats) + 1)] == sorted(known.threats)
    assert {threat.family for threat in known.threats.values()} == set(get_args(Family))
    assert {"LT28", "LT29", "LT30"} == {threat.id for threat in known.threats.values() if threat.out}


def test_every_threat_in_scope_says_what_stays() -> None:
    """No control is told as if it left nothing: each threat has its honest limit."""
    assert [threat.id for threat in shipped().threats.values() if not threat.out and not threat.limit] == []


def test_texts_are_one_line_each() -> None:
    """What is shown in tables, in SARIF and on a terminal has no line break and no doubled blank in it."""
    threats = [text for one in shipped().threats.values() for text in (one.scenario, one.limit, one.out, one.title)]
    controls = [one.says for one in shipped().controls.values()]
    assert [text for text in (*threats, *controls) if text != " ".join(text.split())] == []


def test_twenty_incidents_are_drills() -> None:
    """Each public incident of the list is replayed by at least one drill, and no drill names another."""
    listed = {int(name.removeprefix("incident-")) for name in tomllib.loads(INCIDENTS.read_text(encoding="utf-8"))}
    assert set(range(1, 21)) == listed
    assert listed == {drill.incident for drill in DRILLS.values() if drill.incident is not None}


def test_there_are_forty_drills() -> None:
    """At least forty attacks, each under its own id."""
    assert len(DRILLS) >= 40
