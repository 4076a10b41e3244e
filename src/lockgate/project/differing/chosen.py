"""Packages, settings, split and jails: what the train statement says of how the model was made. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lockgate.pipeline.changes import flat_pair, short_value
from lockgate.project.differing.side import Side, table
from lockgate.project.differing.spec import Rows, Topic, few, pairs, plural
from lockgate.train.rules import LOCK

_MOST: Final = 30
_OWN: Final = frozenset({"data.model", "train.model"})
"""Which model a statement is about: no setting. A parameter may be called `model` too."""
_WHEEL: Final = "wheel/"


def packages(one: Side, other: Side) -> Topic:
    """The locked environment: packages that came, went, or have another version; the lock file's digest."""
    then, now = _versions(one), _versions(other)
    found = list(pairs(then, now))
    locks = [side.used("train").get(LOCK) for side in (one, other)]
    facts = {
        "locks": locks,
        "added": [name for name, before, _ in found if before is None],
        "removed": [name for name, _, after in found if after is None],
        "changed": {name: [before, after] for name, before, after in found if before and after},
    }
    if not found:
        says = f"the same {plural(len(now), 'package')}" + ("" if locks[0] == locks[1] else "; another lock file")
        return Topic("packages", same=locks[0] == locks[1], says=says, facts=facts)
    rows: Rows = (
        ("package", one.ref, other.ref),
        *((name, before or "-", after or "-") for name, before, after in found[:_MOST]),
    )
    says = f"{plural(len(found), 'package')} of {len({*then, *now})}: {few([name for name, _, _ in found])}"
    return Topic("packages", same=False, says=says, rows=rows, facts=facts)


def settings(one: Side, other: Side) -> Topic:
    """Parameters, and all else that a person chose in lockgate.toml, with both values."""
    then, now = flat_pair(_settings(one), _settings(other))
    found = [each for each in pairs(then, now) if each[0] not in _OWN]
    facts = {"differs": {name: [before, after] for name, before, after in found}}
    if not found:
        return Topic("settings", same=True, says="the same parameters and settings", facts=facts)
    rows: Rows = (
        ("setting", one.ref, other.ref),
        *((name, _shown(before), _shown(after)) for name, before, after in found[:_MOST]),
    )
    says = "; ".join(f"{name} {_shown(before)} -> {_shown(after)}" for name, before, after in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return Topic("settings", same=False, says=says + more, rows=rows, facts=facts)


def split(one: Side, other: Side) -> Topic:
    """How rows were parted, and whether the held-out ones are the same."""
    found = [table(side.build("train", "internalParameters"), "split") for side in (one, other)]
    then, now = found
    heldout = [table(each, "heldout").get("sha256") for each in found]
    facts = {"one": dict(then), "other": dict(now), "same_heldout": heldout[0] == heldout[1] and heldout[0] is not None}
    if then == now:
        rows = table(now, "heldout").get("rows")
        return Topic("split", same=True, says=f"the same {_number(rows)} held-out rows, {_how(now)}", facts=facts)
    ways = _how(now) if _how(then) == _how(now) else f"{_how(then)}, now {_how(now)}"
    counts = [[table(each, part).get("rows") for part in ("train", "heldout")] for each in found]
    rows_of = " + ".join(f"{_number(a)}" for a in counts[0]) + ", now " + " + ".join(f"{_number(a)}" for a in counts[1])
    same = "the same held-out rows" if facts["same_heldout"] else "other held-out rows"
    return Topic("split", same=False, says=f"{same}; {ways}; rows {rows_of}", facts=facts)


def jails(one: Side, other: Side) -> Topic:
    """In which isolation the user's code ran: the lowest level of each, and what made the jails."""
    found = [_jails(side) for side in (one, other)]
    facts = {"one": found[0], "other": found[1]}
    says = ", now ".join(dict.fromkeys(f"level {each['level']} ({', '.join(each['launchers'])})" for each in found))
    return Topic("jails", same=found[0] == found[1], says=says, facts=facts)


def _versions(side: Side) -> dict[str, str]:
    listed = table(side.said("train"), "buildDefinition").get("resolvedDependencies")
    found: dict[str, str] = {}
    for each in listed if isinstance(listed, list) else []:
        name = str(each.get("name", "")) if isinstance(each, Mapping) else ""
        if name.startswith(_WHEEL):
            found[name.removeprefix(_WHEEL)] = str(table(each, "annotations").get("version", "?"))
    # Where nothing is locked, what the jail's own words say is all there is.
    return found or {
        name: str(version)
        for name, version in table(side.build("train", "internalParameters"), "fit", "versions").items()
    }


def _settings(side: Side) -> dict[str, Any]:
    """By stage. Digests of code and inputs are no settings; where both data and training name a key, each has it."""
    train = {key: value for key, value in side.build("train", "externalParameters").items() if key != "closure"}
    data = dict(side.build("ingest", "externalParameters"))
    said = side.said("validate")
    rows = {key: said.get(key) for key in ("max_quarantined_share", "sensitive", "dates", "numbers") if key in said}
    limits = table(side.build("train", "internalParameters"), "limits")
    return {"data": {**data, **rows}, "train": {**train, **({"limits": dict(limits)} if limits else {})}}


def _jails(side: Side) -> dict[str, Any]:
    reports = [*table(side.build("train", "internalParameters"), "jails").values(), side.said("judge").get("jail")]
    known = [each for each in reports if isinstance(each, Mapping)]
    levels = [each["level"] for each in known if isinstance(each.get("level"), int)]
    launchers = sorted({str(each.get("launcher", "?")) for each in known})
    return {"level": min(levels, default=None), "launchers": launchers}


def _how(split: Mapping[str, Any]) -> str:
    by = f" by {split['by']}" if split.get("by") else ""
    return f"{split.get('how')} split{by}" + (f" at {split['cut']}" if split.get("cut") else "")


def _shown(value: object) -> str:
    return "not set" if value is None else short_value(value)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"
