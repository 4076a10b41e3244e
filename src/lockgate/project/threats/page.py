"""The table of threats for people and for machines, from what the rules found. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from lockgate.core import shown_html
from lockgate.core.moments import rfc3339
from lockgate.core.shown import Lines, block
from lockgate.export.threat_view import BoundaryView, ControlView, DrillView, ThreatRow, ThreatView
from lockgate.threats.rules import STATUSES, Shown, Stands
from lockgate.threats.spec import FAMILIES

if TYPE_CHECKING:
    from lockgate.threats.facts import Facts
    from lockgate.threats.spec import Catalogue

_WIDTH: Final = 108
MARKS: Final[Mapping[str, str]] = {
    "HELD": "✓",
    "ACCEPTED": "!",
    "STALE": "!",
    "UNPROVEN": "!",
    "BROKEN": "✗",
    "OUT": "·",
}
_UNUSED: Final = "NOT USED"
"""For people: out of a part of Lockgate that this project has not used yet, where OUT alone is out of scope."""

_STATES: Final[Mapping[str, str]] = {
    "proved": "✓",
    "inapplicable": "·",
    "stale": "!",
    "unproven": "!",
    "off": "✗",
    "broken": "✗",
}


@dataclass(frozen=True, repr=False)
class ThreatsPage(shown_html.Shown):
    """All threats of a project, or those that were asked for."""

    project: str
    root: str
    version: str
    facts: Facts
    stands: tuple[Stands, ...]
    catalogue: Catalogue

    def view(self) -> Iterator[shown_html.Part]:
        """What it shows of itself."""
        yield shown_html.Heading(self.head())
        rows = [(one.threat.id, one.status, one.threat.title, one.why) for one in self.stands]
        yield shown_html.Table([("threat", "stands", "what", "why"), *rows])
        yield shown_html.Words(self.total())
        yield shown_html.Next(self.following)

    @property
    def broken(self) -> tuple[Stands, ...]:
        """What makes the command fail."""
        return tuple(one for one in self.stands if one.status == "BROKEN")

    @property
    def counts(self) -> dict[str, int]:
        """How many threats have each status."""
        found = Counter(one.status for one in self.stands)
        return {status: found[status] for status in STATUSES}

    @property
    def following(self) -> tuple[str, ...]:
        """What to run next: what helps most of the worst ones."""
        for status in ("BROKEN", "STALE", "UNPROVEN"):
            wanted = [one.next for one in self.stands if one.status == status and one.next.startswith("lockgate ")]
            drills = [one for one in wanted if one.startswith("lockgate drill")]
            if len(drills) > 1:
                by = {"".join(one.partition(" --env ")[1:]) for one in drills}
                return (f"lockgate drill{by.pop() if len(by) == 1 else ''}",)
            if wanted:
                return (wanted[0].partition(",")[0],)
            if any(one.status == status for one in self.stands):
                return ("lockgate policy show",)  # what is to be done is to edit a file
        if len(self.stands) == 1 and self.stands[0].next:
            return (self.stands[0].next,)
        return ("lockgate status",)

    def head(self) -> str:
        """Whose table it is."""
        facts = self.facts
        what = f"{facts.model} {'live' if facts.live else 'not live'}" if facts.model else "no model yet"
        return (
            f"{self.project} · {facts.environment} · {what} · root {'pinned' if facts.pinned else 'NOT PINNED'} · "
            f"separation: {facts.separation}"
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """The table, grouped by family: a status and its line; the heading of a family has none."""
        for family in FAMILIES:
            stands = [each for each in self.stands if each.threat.family == family]
            if stands:
                yield "", family
            for one in stands:
                begin = f": {one.next}" if one.next else ""
                aside = f"  ({one.why}{begin})" if word(one) == _UNUSED else ""
                yield one.status, f"{MARKS[one.status]} {one.threat.id} {word(one):<8} {one.threat.title}{aside}"
                if one.status not in ("HELD", "OUT"):
                    yield "", f"             {one.why}"
                    yield "", f"             -> {one.next}"

    def total(self) -> str:
        """One line."""
        found = Counter(word(one) for one in self.stands)
        return " · ".join(f"{found[name]} {name}" for name in (*STATUSES[:-1], _UNUSED, STATUSES[-1]) if found[name])

    def whole(self, one: Stands) -> Lines:
        """Everything about one threat."""
        threat, boundary = one.threat, self.catalogue.boundaries[one.threat.boundary]
        lines = [
            f"{MARKS[one.status]} {threat.id} {word(one)}   {threat.title}",
            f"  {one.why}",
            *([f"  -> {one.next}"] if one.next else []),
            "",
            *_wrapped(threat.scenario),
            "",
            f"  family    {threat.family}, {threat.stage}; {', '.join(threat.stride)}",
            f"  boundary  {boundary.title}: from {boundary.source} to {boundary.target}",
        ]
        if one.controls:
            lines += ["", "  controls"]
            lines += [line for shown in one.controls for line in self._control(shown)]
            lines += ["", "  drills"]
            lines += [line for shown in one.drills for line in _shown(shown)]
        names = self.catalogue.references
        lines += ["", "  references"] if threat.references else []
        lines += [f"    {each}  {names[each]}" for each in threat.references]
        lines += ["", *_wrapped(f"what stays: {threat.limit}")] if threat.limit else []
        return block(lines)

    def _control(self, shown: Shown) -> Iterator[str]:
        control = self.catalogue.controls[shown.id]
        yield from _shown(shown)
        yield f"        {control.says}"
        if control.findings:
            yield f"        refuses or warns with {', '.join(control.findings)}"

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "project": self.project,
            "environment": self.facts.environment,
            "model": self.facts.model or None,
            "live": self.facts.live,
            "time": rfc3339(self.facts.asked.replace(microsecond=0)),
            "program": self.facts.program,
            "policy": self.facts.policy,
            "root": f"sha256:{self.root}",
            "pinned": self.facts.pinned,
            "separation": self.facts.separation,
            "alone": list(self.facts.alone),
            "threats": [_as_json(one) for one in self.stands],
            "counts": self.counts,
        }

    def exported(self) -> ThreatView:
        """What the exports take."""
        return ThreatView(
            self.project,
            self.facts.environment,
            self.version,
            rfc3339(self.facts.asked.replace(microsecond=0)),
            tuple(BoundaryView(b.id, b.title, b.source, b.target) for b in self.catalogue.boundaries.values()),
            tuple(self._row(one) for one in self.stands),
        )

    def _row(self, one: Stands) -> ThreatRow:
        threat, names = one.threat, self.catalogue.references
        return ThreatRow(
            threat.id,
            threat.title,
            threat.family,
            threat.stage,
            threat.boundary,
            threat.stride,
            threat.scenario,
            one.status,
            one.why,
            one.next,
            threat.limit,
            tuple((each, names[each]) for each in threat.references),
            tuple(
                ControlView(shown.id, self.catalogue.controls[shown.id].says, shown.state, shown.why)
                for shown in one.controls
            ),
            tuple(DrillView(shown.id, _stopped(one, shown), _moment(shown.at)) for shown in one.drills),
        )


def word(one: Stands) -> str:
    """Its status for people: what was never used is not called out of scope."""
    return _UNUSED if one.status == "OUT" and not one.threat.out else one.status


def _as_json(one: Stands) -> dict[str, Any]:
    waiver = one.accepted
    accepted = None
    if waiver is not None:
        until = rfc3339(waiver.until)
        accepted = {"until": until, "by": waiver.by, "reason": waiver.reason, "log_index": waiver.index}
    return {
        "id": one.threat.id,
        "status": one.status,
        "without_waiver": one.worst,
        "title": one.threat.title,
        "family": one.threat.family,
        "stage": one.threat.stage,
        "why": one.why,
        "next": one.next,
        "accepted": accepted,
        "controls": [
            {"id": each.id, "state": each.state, "why": each.why, "next": each.next, "log_index": each.index}
            for each in one.controls
        ],
        "drills": [
            {
                "id": each.id,
                "stopped": _stopped(one, each),
                "state": each.state,
                "why": each.why,
                "at": _moment(each.at),
                "log_index": each.index,
            }
            for each in one.drills
        ],
        "references": list(one.threat.references),
        "limit": one.threat.limit or None,
    }


def _shown(one: Shown) -> Iterator[str]:
    entry = f"   log entry {one.index}" if one.index is not None else ""
    when = f", {_moment(one.at)}" if one.at is not None else ""
    why = f": {one.why}" if one.why else ""
    yield f"    {_STATES[one.state]} {one.id:<26} {one.state}{why}{entry}{when}"
    if one.next:
        yield f"        -> {one.next}"


def _wrapped(text: str) -> list[str]:
    return wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False)


def _stopped(one: Stands, shown: Shown) -> Any:
    """True, False or "part"; None where the drill was never played, or cannot be."""
    found = (one.played or {}).get(shown.id)
    return None if found is None or found.inapplicable else found.stopped


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at.replace(microsecond=0))
