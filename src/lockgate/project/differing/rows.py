"""Sources, rows, and the columns' distributions: of ingest and validate statements, report, baseline. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lockgate.contract.inputs import is_input
from lockgate.core.digest import Digest, short
from lockgate.core.statement import digest_of_resource
from lockgate.project.differing.moved import label_shares, moved
from lockgate.project.differing.side import Side, table
from lockgate.project.differing.spec import Rows, Topic, few, pairs, plural

_COUNTS: Final = ("rows", "accepted", "quarantined")
_MOST: Final = 20


def sources(one: Side, other: Side) -> Topic:
    """Which files, objects and queries the rows are from."""
    then, now = (dict(_sources(side)) for side in (one, other))
    found = list(pairs(then, now))
    facts = {
        name: [None if each is None else {"digest": each[0], "rows": each[1]} for each in (before, after)]
        for name, before, after in found
    }
    snapshots = [side.statements["ingest"].statement.subjects[0].digest for side in (one, other)]
    if not found:
        says = f"the same bytes: {few(list(now))}"
        return Topic("sources", same=True, says=says, facts={"snapshots": snapshots, "differs": {}})
    rows: Rows = (
        ("source", one.ref, other.ref),
        *((name, _source(before), _source(after)) for name, before, after in found[:_MOST]),
    )
    says = f"{plural(len(found), 'source')} of {len({*then, *now})}: {few([name for name, _, _ in found])}"
    return Topic("sources", same=False, says=says, rows=rows, facts={"snapshots": snapshots, "differs": facts})


def counted(one: Side, other: Side) -> Topic:
    """How many rows came, were accepted, and were refused by which rule."""
    then, now = ({key: side.said("validate").get(key) for key in _COUNTS} for side in (one, other))
    reasons = [_by_rule(side) for side in (one, other)]
    rules = [] if None in reasons else list(pairs(reasons[0] or {}, reasons[1] or {}))
    digests = [side.statements["validate"].statement.subjects[0].digest for side in (one, other)]
    facts: dict[str, Any] = {"one": then, "other": now, "accepted_digests": digests}
    facts["by_rule"] = None if None in reasons else {name: [before or 0, after or 0] for name, before, after in rules}
    lost = [side.ref for side, found in zip((one, other), reasons, strict=True) if found is None]
    why = (
        f"; by rule is not known: the report of {' and '.join(lost)} is not in .lockgate/data any more" if lost else ""
    )
    if digests[0] == digests[1]:
        says = f"the same {now['accepted']:,} accepted rows" if isinstance(now["accepted"], int) else "the same rows"
        return Topic("rows", same=then == now, says=says + why, facts=facts)
    shown = [(key, str(then[key]), str(now[key])) for key in _COUNTS]
    shown += [(f"refused: {name}", str(before or 0), str(after or 0)) for name, before, after in rules[:_MOST]]
    says = f"{_count(then['accepted'])} accepted, now {_count(now['accepted'])}{why}"
    return Topic("rows", same=False, says=says, rows=(("rows", one.ref, other.ref), *shown), facts=facts)


def columns(one: Side, other: Side) -> Topic:
    """Which columns' accepted values moved most, by the counts of both baselines; how often each label is."""
    digests = [side.said("validate").get("baseline") for side in (one, other)]
    if digests[0] == digests[1]:
        return Topic("columns", same=True, says="the same distributions", facts={"moved": [], "labels": None})
    found = [side.document(digest) for side, digest in zip((one, other), digests, strict=True)]
    lost = [side.ref for side, document in zip((one, other), found, strict=True) if document is None]
    if lost:
        return Topic("columns", same=None, says=f"the baseline of {' and '.join(lost)} is not here any more")
    then, now = (table(document or {}, "columns") for document in found)
    label = str(other.build("train", "externalParameters").get("label", ""))
    all_moved = moved(then, now)
    labels = label_shares(then, now, label)
    kinds = [name for name in {*then, *now} if (name in then) is not (name in now)]
    rows: Rows = (
        ("column", "moved by", one.ref, other.ref, "measured as"),
        *((each.name, f"{each.distance:.3f}", each.before, each.after, each.how) for each in all_moved[:_MOST]),
    )
    facts = {
        "moved": [each.as_json() for each in all_moved],
        "labels": labels,
        "only_in_one": sorted(name for name in kinds if name in then),
        "only_in_other": sorted(name for name in kinds if name in now),
    }
    most = f"most: {few([f'{each.name} by {each.distance:.3f}' for each in all_moved], 3)}" if all_moved else ""
    gone = f"other columns: {few(sorted(kinds))}" if kinds else ""
    says = "; ".join(part for part in (gone, most, _labels(label, labels)) if part) or "moved nowhere that was counted"
    return Topic("columns", same=False, says=says, rows=rows if all_moved else (), facts=facts)


def _sources(side: Side) -> Iterator[tuple[str, tuple[Digest, int | None]]]:
    listed = table(side.said("ingest"), "buildDefinition").get("resolvedDependencies")
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, Mapping) and not is_input(each):
            rows = table(each, "annotations").get("rows")
            yield str(each.get("name", "")), (digest_of_resource(each), rows if isinstance(rows, int) else None)


def _source(found: tuple[Digest, int | None] | None) -> str:
    if found is None:
        return "-"
    return f"{_count(found[1])} rows, {short(found[0])}"


def _by_rule(side: Side) -> dict[str, int] | None:
    report = side.document(side.said("validate").get("report"))
    listed = None if report is None else report.get("by_rule")
    if not isinstance(listed, list):
        return None
    found: dict[str, int] = {}
    for each in listed:
        if isinstance(each, Mapping) and type(each.get("count")) is int:
            name = f"{each.get('field') or '(record)'} {each.get('rule')}"
            found[name] = found.get(name, 0) + each["count"]
    return found


def _labels(label: str, shares: Mapping[str, Any] | None) -> str:
    if not shares:
        return ""
    name, (before, after) = max(shares.items(), key=lambda one: abs(one[1][0] - one[1][1]))
    return f"{label} = {name}: {before:.1%} of rows, now {after:.1%}"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"
