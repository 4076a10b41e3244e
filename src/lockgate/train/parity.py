"""What comparing an estimator with its graph says, read and judged on the launcher's side. Pure.

    facts      {"rows", "tolerance", "beyond", "share", "explained", "worst": {"row", "difference"}}
    judged     + "metric": {"name", "estimator", "graph", "change", "apart"}
    statement  {"judged": judged}, or {"judged": null, "why": text}

All of it is a claim of jails in which the user's code ran. Of the rows there is a place and a difference, and no value:
a statement is for everybody, and only the person at work sees the worst row (`Refused.seen`, `--json`). Numbers are in
their range and of six digits, and what can be computed here is: 64 bits of the code's choice could hold a row's value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from lockgate.contract.findings import clean
from lockgate.core.encoding import decode_exact
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused

PARITY: Final = "parity.json"
ESTIMATOR: Final = "estimator.joblib"
METRICS: Final = ("roc_auc", "accuracy", "mae")
TOLERANCES: Final = (1e-5, 1e-4)
MANY: Final = 0.1
"""Explained rows, as a share of all, of which a person is told."""
_FACTS = {"rows", "tolerance", "beyond", "share", "explained", "worst"}
_METRIC = {"name", "estimator", "graph", "change", "apart"}
_MOST = 1e300
_MOST_SHOWN = 12


def facts_of(found: object, *, rows: int) -> dict[str, Any]:
    """The facts of a comparison of `rows` rows. Raises ValueError unless they are numbers, in range."""
    if not isinstance(found, dict) or set(found) != _FACTS:
        raise ValueError(f"parity has exactly {', '.join(sorted(_FACTS))}")
    beyond, explained, worst = found["beyond"], found["explained"], found["worst"]
    counts = (found["rows"], beyond, explained)
    if any(type(count) is not int for count in counts) or not 0 <= explained <= beyond <= rows == found["rows"]:
        raise ValueError("parity counts other rows than there are")
    if not isinstance(worst, dict) or set(worst) != {"row", "difference"} or type(worst["row"]) is not int:
        raise ValueError("parity names no worst row")
    difference = worst["difference"]
    if not 0 <= worst["row"] < rows or not _number(difference) or not 0 <= difference <= _MOST:
        raise ValueError("parity has a number that is none")
    if found["tolerance"] not in TOLERANCES or found["share"] != round(beyond / rows, 9):
        raise ValueError("parity has another tolerance, or a share that is not that of its counts")
    return {
        **found,
        "tolerance": float(found["tolerance"]),
        "share": float(found["share"]),
        "worst": {"row": worst["row"], "difference": _short(difference)},
    }


def part_of(change: float, before: float) -> float:
    """`change` as a part of what was before; of nothing, any change is the whole."""
    return change / before if before else float(change != 0)


def _metric_of(found: object) -> dict[str, Any]:
    """The metric of both, its change computed anew. Raises ValueError when it is not in form."""
    if not isinstance(found, dict) or set(found) != _METRIC or found["name"] not in METRICS:
        raise ValueError("the metric is not in form")
    if not all(_number(found[key]) for key in _METRIC - {"name"}):
        raise ValueError("the metric has a number that is none")
    is_error = found["name"] == "mae"
    before, after, apart = (_short(found[key]) for key in ("estimator", "graph", "apart"))
    most = (_MOST, _MOST, _MOST) if is_error else (1, 1, 0)
    if not all(0 <= each <= bound for each, bound in zip((before, after, apart), most, strict=True)):
        raise ValueError("the metric has a number out of its range")
    change = part_of(after - before, before) if is_error else after - before
    return {
        "name": found["name"],
        "estimator": before,
        "graph": after,
        "change": _short(min(change, _MOST)),
        "apart": apart,
    }


def read(data: bytes, rows: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The parity jail's parity.json about the held-out `rows`: facts, and the worst row. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"facts", "record"} or not isinstance(value["facts"], dict):
        raise ValueError(f"{PARITY} has exactly facts and record")
    facts = dict(value["facts"])
    metric = _metric_of(facts.pop("metric", None))
    facts = facts_of(facts, rows=rows)
    record = value["record"]
    if not isinstance(record, dict) or not all(isinstance(each, str) for each in record.values()):
        raise ValueError("the record is not in form")
    shown = list(record.items())[:_MOST_SHOWN]
    return {**facts, "metric": metric}, {clean(name, 80): clean(text, 80) for name, text in shown}


def refuse(judged: Mapping[str, Any], record: Mapping[str, str], *, share: float, metric: float) -> None:
    """Whether the held-out rows speak against the conversion.

    Raises Refused LG313 where more than `share` of them are beyond the tolerance and nothing explains it, LG383 where
    the judge's leading metric of graph and estimator are further apart than `metric`, or the answers themselves.
    """
    rows, left, worst = judged["rows"], judged["beyond"] - judged["explained"], judged["worst"]
    seen = {"explained_by_32_bits": judged["explained"], "row": worst["row"], "record": dict(record)}
    if left > share * rows:
        raise Refused(
            "LG313",
            f"the ONNX model disagrees with the estimator in {left:,} of {rows:,} held-out rows "
            f"(worst: {worst['difference']:.3g} in row {worst['row']}; tolerance {judged['tolerance']:g})",
            seen={"share": f"{left / rows:.6g}", "limit": f"{share:g}", **seen},
            next="lockgate explain LG313",
        )
    found = judged["metric"]
    if abs(found["change"]) > metric:
        raise Refused(
            "LG383",
            f"the ONNX model is another than the estimator: {found['name']} is {found['estimator']:.6g} of the "
            f"estimator and {found['graph']:.6g} of the graph",
            seen={"change": f"{found['change']:.6g}", "limit": f"{metric:g}", "beyond": judged["beyond"], **seen},
            next="lockgate explain LG383",
        )
    if found["apart"] > metric:
        raise Refused(
            "LG383",
            f"the ONNX model is another than the estimator: without the outliers their answers differ by "
            f"{found['apart']:.3g} of the estimator's error",
            seen={"apart": f"{found['apart']:.6g}", "limit": f"{metric:g}", "beyond": judged["beyond"], **seen},
            next="lockgate explain LG383",
        )


def many(judged: Mapping[str, Any]) -> tuple[Reason, ...]:
    """What a person should know where 32 bits are the excuse of very many rows, and the metric bears it."""
    if judged["explained"] <= MANY * judged["rows"]:
        return ()
    return (
        Reason(
            "LG383",
            Level.WARN,
            f"in {judged['explained']:,} of {judged['rows']:,} held-out rows the ONNX model answers otherwise than the "
            "estimator, because it counts in 32 bits where a field needs more",
            {"explained_by_32_bits": judged["explained"], "rows": judged["rows"]},
            "lockgate explain LG383",
        ),
    )


def unmade(told: str) -> Reason:
    """What a person should know where the held-out rows were not compared. `told`: why, maybe in a jail's words."""
    return Reason(
        "LG384",
        Level.WARN,
        f"graph and estimator are compared on the training rows only: {told}",
        {"why": told},
        "lockgate explain LG384",
    )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
