"""The decisions of validate as functions of values: the counts, the verdict, the report, the statement. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.contract.findings import clean
from lockgate.contract.spec import ACCEPTED, PLAN, QUARANTINE, FieldTable, parse_table
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import Statement, Subject, resource, test_result
from lockgate.core.verdict import Level, Reason, Verdict
from lockgate.monitor.plan import INPUTS
from lockgate.validate.advice import advised
from lockgate.validate.screen.account import ROWS
from lockgate.validate.spec import Marked, Reckoning, ValidateSpec

CONTRACT_FINDINGS = frozenset({*(f"LG{number}" for number in range(205, 213)), "LG117", "LG218", "LG221"})
"""What the jail with the user's contract may complain of."""

CHECK_FINDINGS = frozenset({"LG117", "LG212", "LG213", "LG229"})
"""What the jail that judges and counts may complain of."""

_SUBJECTS = (ACCEPTED, QUARANTINE, "baseline.json", PLAN, "report.json", INPUTS, ROWS)

_MOST_NAMED, _MOST_THINNED = 3, 20
_LISTED = ("thinned", "dependent")


@dataclass(frozen=True)
class Watched:
    """Of monitor.json: why nothing is watched ("" where something is), and its rows.

    `thinned`: streams of which one of so many rows is counted, most thinned first; `more`: how many others.
    `dependent`: what is not watched, since neighbours depend on each other at any distance.
    """

    why: str
    rows: int
    thinned: tuple[tuple[str, int], ...] = ()
    more: int = 0
    dependent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """check.json. `monitor`: of the plan of what is watched, None where none was asked for.

    `paths`: how many rows the plan accepted, how many more by single cells, how many as whole records.

    `explain`: why records go to Python as they are, or "", and per field how it is judged and what that cost.
    `respelled`: cells that `[data] dates` turned into ISO 8601. `marked`: rows that the contract accepted and a person
    had marked bad; they are quarantined. `unreadable`: places of marks on rows of other fields.
    """

    table: FieldTable
    versions: Mapping[str, str]
    plan: Digest
    paths: Mapping[str, int]
    explain: Mapping[str, Any]
    respelled: int
    reckoning: Reckoning
    monitor: Watched | None = None
    marked: int = 0
    unreadable: tuple[int, ...] = ()


def read_check(data: bytes, rows: int, marks: int = 0) -> Checked:
    """check.json of the jail that judged a snapshot of `rows`, with `marks`. Raises ValueError unless it adds up."""
    value = decode_exact(data)
    keys = {"table", "versions", "plan", "paths", "explain", "respelled", "reckoning", "monitor"}
    keys |= {"marked", "unreadable"}
    if not isinstance(value, dict) or set(value) != keys or type(value["respelled"]) is not int:
        raise ValueError("check.json is not in form")
    versions, paths = value["versions"], value["paths"]
    if not all(isinstance(value[name], dict) for name in ("versions", "paths", "explain", "reckoning")):
        raise ValueError("a part of check.json is not an object")
    if not all(isinstance(text, str) and len(text) < 100 and text.isprintable() for text in versions.values()):
        raise ValueError("versions are short texts")
    if set(paths) != {"compiled", "cells", "records"} or not all(type(n) is int and n >= 0 for n in paths.values()):
        raise ValueError("the three ways are counted in whole numbers")
    if sum(paths.values()) != rows:
        raise ValueError(f"{sum(paths.values())} rows went one of three ways, of {rows}")
    reckoning = _reckoning(value["reckoning"], rows)
    marked, unreadable = value["marked"], value["unreadable"]
    if type(marked) is not int or not 0 <= marked <= (reckoning.quarantined if marks else 0):
        raise ValueError("rows were marked bad by nobody, or are not quarantined")
    if not isinstance(unreadable, list) or not all(type(place) is int for place in unreadable):
        raise ValueError("the places of marks are whole numbers")
    if unreadable != [place for place in range(marks) if place in unreadable]:
        raise ValueError("a mark that could not be read is one of those that were given")
    return Checked(
        table=parse_table(value["table"]),
        versions=versions,
        plan=Digest(value["plan"]),
        paths=paths,
        explain=value["explain"],
        respelled=value["respelled"],
        reckoning=reckoning,
        monitor=None if value["monitor"] is None else read_watched(value["monitor"], reckoning.accepted),
        marked=marked,
        unreadable=tuple(unreadable),
    )


def read_watched(value: Any, rows: int) -> Watched:
    """What check.json says of monitor.json, which is of some of `rows`. Raises ValueError unless it is in form."""
    keys = {"why", "rows", "thinned", "more", "dependent"}
    if not isinstance(value, dict) or set(value) != keys or not all(isinstance(value[key], list) for key in _LISTED):
        raise ValueError("what is said of monitor.json is not in form")
    if not all(isinstance(text, str) for text in (value["why"], *value["dependent"])):
        raise ValueError("why something is not watched is a text")
    if not all(isinstance(one, list) and [*map(type, one)] == [str, int] for one in value["thinned"]):
        raise ValueError("a stream that is thinned has a name and a stride")
    if not all(type(value[key]) is int and value[key] >= 0 for key in ("rows", "more")) or value["rows"] > rows:
        raise ValueError("monitor.json is of rows that are not there")
    thinned = tuple((clean(name, 100), stride) for name, stride in value["thinned"][:_MOST_THINNED])
    dependent = tuple(clean(name, 100) for name in value["dependent"][:_MOST_THINNED])
    return Watched(clean(value["why"], 300), value["rows"], thinned, value["more"], dependent)


def _reckoning(value: Any, rows: int) -> Reckoning:
    keys = {"rows", "accepted", "quarantined", "by_rule", "rules", "folded", "by_source"}
    if not isinstance(value, dict) or set(value) != keys:
        raise ValueError("the reckoning is not in form")
    counts = [value[name] for name in ("rows", "accepted", "quarantined", "rules", "folded")]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("counts are whole numbers")
    if counts[0] != rows or counts[1] + counts[2] != rows:
        raise ValueError(f"{counts[1]} accepted and {counts[2]} quarantined rows are not {rows}")
    by_rule, by_source = tuple(value["by_rule"]), tuple(value["by_source"])
    return Reckoning(rows, counts[1], counts[2], by_rule, counts[3], by_source, folded=counts[4])


def decide(reckoning: Reckoning, table: FieldTable, *, max_share: float, enforce: bool) -> Verdict:
    """Whether these rows may reach training."""
    reasons = []
    if not reckoning.accepted:
        reasons.append(
            Reason(
                "LG204",
                Level.REFUSE,
                f"the contract accepts none of {reckoning.rows} rows",
                {"rows": reckoning.rows, "commonest": _commonest(reckoning)},
                "look at the report: the contract and the data do not mean the same columns",
            )
        )
    elif reckoning.share > max_share:
        reasons.append(
            Reason(
                "LG203",
                Level.REFUSE if enforce else Level.WARN,
                f"{reckoning.quarantined} of {reckoning.rows} rows ({reckoning.share:.2%}) are quarantined; "
                f"the policy allows {max_share:.2%}",
                {"share": round(reckoning.share, 6), "allowed": max_share, "commonest": _commonest(reckoning)},
                "mend the data or the contract, or raise max_quarantined_share in policy.toml and sign it",
            )
        )
    raised = sum(entry["count"] for entry in reckoning.by_rule if entry["rule"] == "lockgate_raised")
    if raised:
        reasons.append(
            Reason(
                "LG215",
                Level.WARN,
                f"the contract's own code failed on {raised} rows",
                {"rows": raised},
                "raise ValueError in a validator where a value is to be refused",
            )
        )
    unusable = [field.name for field in table.columns if field.kind == "other"]
    if unusable:
        reasons.append(
            Reason(
                "LG217",
                Level.NOTE,
                f"{', '.join(unusable[:5])}: kept as JSON text, cannot be given to a model",
                {"fields": unusable},
                "add a computed_field that makes a number, a text or a time of it",
            )
        )
    return Verdict(tuple(reasons))


def monitoring(watched: Watched | None, stride: int = 0) -> tuple[Reason, ...]:
    """What a person should know of the plan of what is watched. `stride`: that somebody said; 0: nobody did."""
    if watched is not None and watched.why:
        return (
            Reason(
                "LG228",
                Level.NOTE,
                f"what the model will be asked cannot be watched for drift: {watched.why}",
                {},
                "give more rows; where time explains it, set [monitor] strata and time",
            ),
        )
    if watched is not None and not stride and (watched.thinned or watched.dependent):
        told = [f"every {ordinal(stride)} row of {name}" for name, stride in watched.thinned[:_MOST_NAMED]]
        more = len(watched.thinned) - len(told) + watched.more
        counted = [f"it counts {', '.join(told)}{f' and {more} more streams' if more else ''}"] if told else []
        left = [f"not watched: {', '.join(watched.dependent[:_MOST_NAMED])}"] if watched.dependent else []
        return (
            Reason(
                "LG230",
                Level.NOTE,
                f"neighbouring rows depend on each other: {'; '.join([*counted, *left])}",
                {"thinned": dict(watched.thinned), "unwatched": list(watched.dependent), "rows": watched.rows},
                "lockgate.toml: [monitor] exclude what goes on or comes in seasons; strata, where hour, weekday or "
                "site explain it",
            ),
        )
    return ()


def ordinal(number: int) -> str:
    """1st, 2nd, 11th."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ends.get(number % 10, 'th')}"


def report(
    checked: Checked,
    verdict: Verdict,
    *,
    contract: Mapping[str, Any],
    snapshot: Digest,
    screen: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """report.json as a value. `screen`: `screened.details`; None where no rule was on."""
    reckoning, table = checked.reckoning, checked.table
    labels = {field.name for field in table.fields if field.label}
    rules = advised(reckoning.by_rule, checked.explain["fields"], labels)
    return {
        "v": 1,
        "rows": reckoning.rows,
        "accepted": reckoning.accepted,
        "quarantined": reckoning.quarantined,
        "share": round(reckoning.share, 9),
        "by_rule": rules,
        "rules": reckoning.rules,
        "folded": reckoning.folded,
        "by_source": list(reckoning.by_source),
        "contract": dict(contract),
        "versions": dict(checked.versions),
        "plan": checked.plan,
        "paths": dict(checked.paths),
        "explain": dict(checked.explain),
        "respelled": checked.respelled,
        "snapshot": snapshot,
        "table": table.as_json(),
        "result": verdict.result,
        "findings": [reason.as_json() for reason in verdict.reasons],
        **({"screen": dict(screen)} if screen is not None else {}),
    }


def statement(
    spec: ValidateSpec,
    checked: Checked,
    verdict: Verdict,
    *,
    files: Mapping[str, Digest],
    snapshot: Digest,
    ingest: Digest,
    contract: Digest,
    closure: Digest,
    jails: Mapping[str, object],
    time: datetime,
    screen: Mapping[str, Any] | None = None,
    marks: Sequence[Marked] = (),
) -> Statement:
    """The validator's test result. `files`: digests of what validate gives, by name.

    `screen`: `screened.facts`; `marks`: what was said of single rows, and is in force.
    """
    reckoning = checked.reckoning
    passed = ["every row is accepted or quarantined", "at least one row is accepted"]
    over = any(reason.finding == "LG203" for reason in verdict.reasons)
    (passed if not over else []).append("the quarantined share is within the policy")
    return test_result(
        "validate",
        [Subject(name, files[name]) for name in _SUBJECTS if name in files],
        verdict.result,
        rules=contract,
        configuration=[resource("closure", closure)],
        passed=passed,
        warned=[reason.finding for reason in verdict.reasons if reason.level is Level.WARN],
        failed=[reason.finding for reason in verdict.refusals],
        time=rfc3339(time),
        rows=reckoning.rows,
        accepted=reckoning.accepted,
        quarantined=reckoning.quarantined,
        max_quarantined_share=spec.max_quarantined_share,
        snapshot=snapshot,
        ingest=ingest,
        contract=resource(spec.reference, contract),
        label=spec.label,
        sensitive=list(spec.sensitive),
        dates=spec.dates,
        **({"numbers": spec.numbers} if spec.numbers else {}),
        respelled=checked.respelled,
        closure=closure,
        lock=spec.lock,
        baseline=files["baseline.json"],
        monitor=files.get(INPUTS),
        watched=spec.monitor.as_json(),
        screen=screen,
        marks=[each.statement for place, each in enumerate(marks) if place not in checked.unreadable],
        marks_left=[marks[place].statement for place in checked.unreadable],
        marks_left_bad=sum(marks[place].word == "bad" for place in checked.unreadable),
        marked_bad=checked.marked,
        report=files["report.json"],
        plan=files[PLAN],
        paths=dict(checked.paths),
        versions=dict(checked.versions),
        jails=dict(jails),
    )


def manifest_files(data: bytes) -> list[dict[str, Any]]:
    """Name and rows of each file in an ingest manifest. Raises ValueError."""
    value = decode_exact(data)
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(files, list) or not files:
        raise ValueError("a manifest lists files")
    found = []
    for entry in files:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or type(entry.get("rows")) is not int:
            raise ValueError("a manifest's file has a name and rows")
        found.append({"name": entry["name"], "rows": entry["rows"]})
    return found


def encode_report(value: Mapping[str, Any]) -> bytes:
    """The bytes of report.json."""
    return encode(dict(value))


def _commonest(reckoning: Reckoning, most: int = 3) -> list[str]:
    entries: Sequence[Mapping[str, Any]] = reckoning.by_rule[:most]
    return [f"{entry['count']} x {entry['field'] or 'record'}: {entry['rule']}" for entry in entries]
