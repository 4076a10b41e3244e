"""The page docs/threats.md, from the catalogue of threats and the drills. Written by reference.py.

Only what the catalogue says: how a threat stands is a question for one project at one moment, `lockgate threats`.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from lockgate.core.catalog.all import FINDINGS
from lockgate.drills.replays.all import DRILLS
from lockgate.drills.replays.spec import Drill
from lockgate.project.threats.catalogue import shipped
from lockgate.threats.spec import DRILL_DAYS, Catalogue, Control, Family, Threat

ROOT = Path(__file__).resolve().parents[1]
INCIDENTS = ROOT / "src" / "lockgate" / "threats" / "catalogue" / "incidents.toml"
NEEDS = {
    "always": "from the first day",
    "run": "once a model was trained",
    "deployed": "once a model was deployed",
    "served": "once a model was served",
    "imported": "once a model was imported",
}


def page() -> Iterator[str]:
    """The whole page."""
    known = shipped()
    scoped = [threat for threat in threats_of(known) if not threat.out]
    yield "# Threat model"
    yield (
        f"{len(scoped)} threats, {len(known.controls)} controls that meet them, and "
        f"{sum(len(threat.drills) for threat in scoped)} drills that attack the controls; "
        f"{len(known.threats) - len(scoped)} more that are out of scope, and why. How each of them stands in a "
        "project is computed from its signed log and its policy, never written down: `lockgate threats`. "
        "[How to read it](how-to/read-the-threat-model.md)."
    )
    yield (
        "A control is proved by a statement in the log, or, where nothing signs that it was on, by a drill alone. "
        f"A drill's result counts for {DRILL_DAYS:g} days, for the program and the policy with which it was played."
    )
    yield "## Contents"
    for family in get_args(Family):
        rows = [
            f"- [{one.id}: {one.title}](#{slug(heading(one))})" for one in threats_of(known) if one.family == family
        ]
        yield f"**{family.capitalize()}**\n\n" + "\n".join(rows)
    yield "- [Boundaries](#boundaries)\n- [Controls](#controls)\n- [Incidents](#incidents)\n- [References](#references)"
    for family in get_args(Family):
        yield f"## {family.capitalize()}"
        for threat in threats_of(known):
            if threat.family == family:
                yield from described(threat, known)
    yield from boundaries(known)
    yield from controls(known)
    yield from incidents(DRILLS.values())
    yield from references(known)


def threats_of(known: Catalogue) -> list[Threat]:
    """All threats by id."""
    return sorted(known.threats.values(), key=lambda threat: threat.id)


def described(threat: Threat, known: Catalogue) -> Iterator[str]:
    """One threat."""
    yield f"### {heading(threat)}"
    yield threat.scenario
    boundary = known.boundaries[threat.boundary]
    facts = [f"**Crosses** {boundary.title}", f"**STRIDE** {', '.join(threat.stride)}"]
    if not threat.out:
        facts += [f"**Door** `{threat.stage}`", f"**In scope** {NEEDS[threat.needs]}"]
    yield " · ".join(facts)
    if threat.out:
        yield f"**Why it is out** {threat.out}"
    else:
        yield "**Controls**\n\n" + "\n".join(
            f"- [{one}](#{one}): {known.controls[one].says}" for one in threat.controls
        )
        yield "**Drills**\n\n" + "\n".join(drill_line(one, DRILLS.get(one)) for one in threat.drills)
    if threat.references:
        yield "**See** " + "; ".join(f"{one.partition('@')[0]} {known.references[one]}" for one in threat.references)
    if threat.limit:
        yield f"**What stays** {threat.limit}"


def drill_line(name: str, drill: Drill | None) -> str:
    """One drill in a list."""
    if drill is None:
        return f"- `{name}`"
    incident = f" ([incident {drill.incident}](#incidents))" if drill.incident else ""
    limit = f" In part: {drill.limit.rstrip('.')}." if drill.limit else ""
    return f"- `{name}`: {drill.title.rstrip('.')}. Stopped as {linked(drill.finding)}{incident}.{limit}"


def boundaries(known: Catalogue) -> Iterator[str]:
    """What is crossed."""
    yield "## Boundaries"
    rows = [
        f"| {one.id} | {one.source} | {one.target} | {named(t for t in threats_of(known) if t.boundary == one.id)} |"
        for one in known.boundaries.values()
    ]
    yield "\n".join(["| boundary | from | to | threats |", "| --- | --- | --- | --- |", *rows])


def controls(known: Catalogue) -> Iterator[str]:
    """Every control, where it is and what proves it."""
    yield "## Controls"
    for control in sorted(known.controls.values(), key=lambda control: control.id):
        yield f"### {control.id}"
        lines = [
            control.says,
            f"- Meets: {named(t for t in threats_of(known) if control.id in t.controls)}",
            f"- Where: {', '.join(place(module) for module in control.modules)}",
            f"- Refuses or warns with: {', '.join(map(linked, control.findings))}",
            f"- Proved by: {proof(control)}",
        ]
        if control.rule:
            levers = ", ".join(f"`{name}`" for name in (control.rule, *control.also))
            lines.append(f"- The policy can weaken it: {levers}")
        yield lines[0] + "\n\n" + "\n".join(lines[1:])


def proof(control: Control) -> str:
    """What shows that a control was on."""
    if control.proof == "drill":
        return "its drills alone"
    age = f", no older than {control.fresh_days:g} days" if control.fresh_days else ""
    what = {
        "log": "a log that verifies",
        "policy": "a signed policy in force",
        "roles": "the roles file, and the root that is pinned here",
    }
    return f"{what.get(control.proof, f'the `{control.proof}` statement')}{age}, and its drills"


def incidents(drills: Iterable[Drill]) -> Iterator[str]:
    """The public incidents, and which drill replays which."""
    yield "## Incidents"
    yield "Public incidents that are replayed by name. The ids lead to where one can read of them."
    replayed = list(drills)
    rows = []
    for number, incident in read_incidents().items():
        names = ", ".join(f"`{drill.id}` ({drill.threat})" for drill in replayed if drill.incident == number)
        cells = [incident["title"], incident["when"], ", ".join(incident["names"]), names, incident.get("limit", "")]
        rows.append(f"| {number} | {' | '.join(cells)} |")
    head = "| # | what happened | when | read of it | drills | what the control does not do |"
    yield "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *rows])


def read_incidents() -> dict[int, dict[str, Any]]:
    """The incidents by number."""
    found = tomllib.loads(INCIDENTS.read_text(encoding="utf-8"))
    return {int(name.removeprefix("incident-")): value for name, value in found.items()}


def references(known: Catalogue) -> Iterator[str]:
    """What is referred to, and under which licence: ids and names only."""
    yield "## References"
    yield "Ids and names are theirs, the words are ours. An id is pinned to the version with which it was compared."
    for source in known.sources.values():
        yield f"### {source.title}"
        rows = []
        for one, name in source.names.items():
            naming = named(threat for threat in threats_of(known) if one in threat.references)
            rows.append(f"| {one} | {name} | {naming} |")
        table = "\n".join(["| id | name | threats |", "| --- | --- | --- |", *rows])
        yield f"<{source.url}>, {source.licence}.\n\n{table}"


def heading(threat: Threat) -> str:
    """A threat's heading."""
    return f"{threat.id}: {threat.title}"


def named(threats: Iterable[Threat]) -> str:
    """Threats by id, each a link."""
    return ", ".join(f"[{threat.id}](#{slug(heading(threat))})" for threat in threats)


def linked(finding: str) -> str:
    """A finding as a link to its entry."""
    title = FINDINGS[finding].title
    return f"[{finding}](reference/findings.md#{slug(f'{finding}: {title}')})"


def place(module: str) -> str:
    """A module as a link to its file or folder."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise AssertionError(module)
    path = Path(found.origin)
    path = path.parent if path.name == "__init__.py" else path
    inside = path.relative_to(ROOT / "src" / "lockgate").as_posix()
    return f"[{inside}](../src/lockgate/{inside})"


def slug(text: str) -> str:
    """The anchor of a heading, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
