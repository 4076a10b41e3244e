"""What the logs have about a thing, as lines and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockgate.audit.index.ask import Count, Key
from lockgate.core.digest import parse_digest, short
from lockgate.core.moments import rfc3339
from lockgate.core.record_kinds import AnyRecord
from lockgate.project.asked import Told, day_of, moment_of
from lockgate.project.who_served import named_model

STATEMENTS = ("index", "time", "claim", "role", "person", "statement")
GROUPS = ("day", "kind", "environment", "rung", "model", "finding", "records", "rows")
NEWEST = ("entry", "time", "kind", "model", "rung", "client", "says")

_COMMITMENTS = frozenset({"input", "output", "inputs", "outputs", "label", "root"})
_TOLD_BESIDE = frozenset({"log_index", "kind", "time", "model", "rung", "client", "bins", "first", "base"})
_MOST_SAID = 60


def title(told: Told) -> str:
    """What was asked, in one line."""
    one = told.question
    parts = [
        f"model {told.models[0]}" if one.model and told.models else f"model {one.model}" if one.model else "",
        f"dataset {one.dataset}" if one.dataset else "",
        f"client {one.client}" if one.client else "",
        f"day {one.day} (UTC)" if one.day else "",
    ]
    return "about " + ", ".join(part for part in parts if part)


def statement_rows(told: Told) -> list[tuple[str, ...]]:
    """The newest statements, oldest first."""
    return [
        (str(one.index), rfc3339(one.time), one.claim, one.role, one.person, short(one.digest))
        for one in told.statements[-told.question.limit :]
    ]


def group_rows(told: Told) -> list[tuple[str, ...]]:
    """The newest groups, oldest first."""
    rows: list[tuple[str, ...]] = []
    for key, count in told.groups[-told.question.limit :]:
        model = _model(key.model, told)
        said = (str(day_of(key.day)), key.kind or "no record", key.environment, key.rung, model, key.finding)
        rows.append((*said, f"{count.entries:,}", f"{count.rows:,}"))
    return rows


def newest_rows(told: Told) -> list[tuple[str, ...]]:
    """The newest records, as they were read from the log."""
    rows: list[tuple[str, ...]] = []
    for place, one in told.newest:
        when, model = rfc3339(moment_of(one.time)), _model(str(getattr(one, "model", "")), told)
        rung = str(getattr(one, "rung", ""))
        rows.append((str(place), when, one.KIND or "predictions", model, rung, _client(one, told), _says(one)))
    return rows


def summary(told: Told) -> list[str]:
    """What there is of predictions, in a few lines."""
    if told.absent:
        return [told.absent]
    total = told.total
    if total is None:
        nothing = "no record of a prediction is about it, as far as it is sealed"
        return [told.stranger, nothing] if told.stranger else [nothing]
    clock = f"{rfc3339(moment_of(total.first))} to {rfc3339(moment_of(total.last))}, by the clocks of the gateways"
    lines = [f"{total.entries:,} records, {total.rows:,} rows answered: {clock}"]
    if told.models is not None and told.question.dataset:
        lines.append(f"by the models that were trained on it: {', '.join(told.models) or 'none'}")
    if told.labels is not None:
        lines.append(f"labels that were told of them: {told.labels:,}")
    if told.counted_by:
        lines.append(told.counted_by)
    return lines


def as_json(told: Told) -> Mapping[str, Any]:
    """For `--json`: every statement and group, and the newest records."""
    one, total = told.question, told.total
    return {
        "about": {"model": one.model, "client": one.client, "dataset": one.dataset, "day": one.day and str(one.day)},
        "models": None if told.models is None else list(told.models),
        "entries": [
            {"index": e.index, "time": rfc3339(e.time), "claim": e.claim, "role": e.role, "person": e.person}
            | {"statement": e.digest, "subjects": [s.digest for s in e.statement.subjects]}
            for e in told.statements
        ],
        "predictions": {
            "total": None if total is None else _count(total),
            "labels": told.labels,
            "groups": [_group(key, count, told) for key, count in told.groups],
            "newest": [_record(place, record) for place, record in told.newest],
            "counted_by": told.counted_by or None,
            "absent": told.absent or None,
            "stranger": told.stranger or None,
        },
    }


def _group(key: Key, count: Count, told: Told) -> dict[str, Any]:
    model = _model(key.model, told) or None
    said = {"day": str(day_of(key.day)), "kind": key.kind, "model": key.model or None, "ref": model}
    return said | {"environment": key.environment, "rung": key.rung, "finding": key.finding or None, **_count(count)}


def _record(place: int, record: AnyRecord) -> dict[str, Any]:
    """Without its commitments: they say nothing without their salts, and a proof has them all."""
    values = record.values()
    said = {name: value for name, value in values.items() if name not in _COMMITMENTS}
    if "inputs" in values:
        said["rows"] = len(list(values["inputs"]))  # type: ignore[call-overload]
    return {"log_index": place, "kind": record.KIND or "predictions", **said}


def _count(count: Count) -> dict[str, Any]:
    return {
        "records": count.entries,
        "rows": count.rows,
        "first": rfc3339(moment_of(count.first)),
        "last": rfc3339(moment_of(count.last)),
        "log_entries": [count.lowest, count.highest],
    }


def _model(manifest: str, told: Told) -> str:
    return named_model(parse_digest(manifest), told.refs or {}) if manifest else ""


def _client(record: AnyRecord, told: Told) -> str:
    client = str(getattr(record, "client", ""))
    name = told.names.name(client) if told.names and client else ""
    return f"{name} ({client})" if name else client


def _says(record: AnyRecord) -> str:
    """What else the record has, in a few words."""
    said = {name: value for name, value in _record(0, record).items() if name not in _TOLD_BESIDE}
    text = ", ".join(f"{name} {_plain(value)}" for name, value in said.items())
    return text if len(text) <= _MOST_SAID else text[: _MOST_SAID - 3] + "..."


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={inner}" for key, inner in value.items())
    return str(value)
