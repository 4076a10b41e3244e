"""What the exporter counted, read or measured himself; nothing but his word stands behind it, and each file says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lockgate.audit.cosigned import heartbeat
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.errors import LockgateError
from lockgate.export.evidence.facts import empty
from lockgate.export.evidence.mappings import as_json
from lockgate.export.evidence.spec import Case, Item, Matrix
from lockgate.export.evidence.tlog_policy import quorum

if TYPE_CHECKING:
    from lockgate.project.folder import Folder
    from lockgate.project.monitor_values import ModelWatch

_SAID = "the exporter's word; nothing signed says so"


def reports(project: Folder, case: Case) -> tuple[Case, list[Item]]:
    """The case with what was measured, and the files that hold it."""
    monitored = _monitored(project, case)
    case = replace(case, monitored=monitored)
    return case, [
        _item("report/monitoring.json", "how far what it is asked has moved from its reference", monitored),
        _item("access-matrix.json", "who could do what: calls that were made, and their answers", _matrix(case.matrix)),
        _item(
            "mapping.json",
            "MITRE ATLAS, NIST SP 800-218A, EU AI Act: what is here, and what is not",
            as_json(empty(case)),
        ),
        *_facts(case),
    ]


def _facts(case: Case) -> Iterator[Item]:
    if case.refusals is not None:
        reasons = {"by_rule": list(case.refusals), "from": case.chain["validate"].index}
        yield _item("facts/quarantine-reasons.json", "how many rows were refused by which rule", reasons)
    yield _item("facts/retention.json", "how long what is kept, by the policy in force", _retention(case))
    yield _item("facts/separation.json", "how far the roles are in different hands", {"words": case.separation})
    witnesses = {
        "demanded": quorum(case),
        "named": {name: one.key.line() for name, one in case.policy.witnesses.items()},
        "events": {name: _moment(seconds) for name, seconds in sorted(case.witnesses.items())},
        "heartbeat": _moment(heartbeat(case.events.note, case.events.origin, case.events.public_key)),
    }
    yield _item("facts/witnesses.json", "who outside has seen this log, and when", witnesses)


def _retention(case: Case) -> Mapping[str, Any]:
    return {
        "environments": {
            name: {
                "payload_days": one.serve.payload_days,
                "label_days": one.serve.label_days,
                "record_days": one.serve.record_days,
            }
            for name, one in sorted(case.policy.environments.items())
        },
        "log": "no entry of either log is ever removed by Lockgate",
    }


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else rfc3339(datetime.fromtimestamp(seconds, UTC))


def _matrix(matrix: Matrix | None) -> Mapping[str, Any]:
    if matrix is None:
        return {"attempts": []}
    return {
        "tried": rfc3339(matrix.time),
        "denied": matrix.denied,
        "attempts": [{**vars(one), "holds": one.holds} for one in matrix.attempts],
    }


def _monitored(project: Folder, case: Case) -> Mapping[str, Any]:
    """What the monitors say of this model: no bins, whose edges are values; no clients. Why not, where they cannot."""
    from lockgate.project.watched_models import Watching

    try:
        page = Watching(project).look()
    except LockgateError as error:
        return {"models": [], "absent": f"{error.finding}: {error.message}"}
    watched = [_watched(one) for one in page.models if one.manifest == case.manifest]
    return {"models": watched, "absent": page.absent or None, "log_size": page.size, "time": rfc3339(page.time)}


def _watched(one: ModelWatch) -> dict[str, Any]:
    """The numbers of one model in one environment."""
    return {
        "environment": one.environment,
        "rung": one.rung,
        "counted": one.counted.as_json(),
        "reference_rows": one.reference_rows,
        "false_alarms": one.false_alarms,
        "band": one.band,
        "threshold": one.threshold,
        "streams": [
            {"name": each.name, "kind": each.kind, "log_e": each.evidence, "effect": each.effect, "alarm": each.alarm}
            for each in one.streams
        ],
        "alarms": [{"log_index": each.index, "answered": each.answered or None} for each in one.alarms],
        "absent": one.absent or None,
        "little": one.little or None,
    }


def _item(path: str, what: str, value: Mapping[str, Any]) -> Item:
    return Item(path, encode({"v": 1, "said_by": _SAID, **value}), what, "none")
