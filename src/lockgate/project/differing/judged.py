"""Metrics of both judgings, and what they may be compared for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockgate.project.differing.side import Side, table
from lockgate.project.differing.spec import Rows, Topic


def metrics(one: Side, other: Side) -> Topic:
    """Each metric of both with its 95 % interval.

    On the same held-out rows the difference is the models' own. On others it is that of the rows too; then intervals
    say how far each figure may be off, and the difference is not told as a gain.
    """
    found = [table(side.said("judge"), "metrics") for side in (one, other)]
    rows_of = [side.said("judge").get("heldout") for side in (one, other)]
    same_rows = rows_of[0] is not None and rows_of[0] == rows_of[1]
    judged = [side.said("judge").get("judged") for side in (one, other)]
    names = list(dict.fromkeys([*found[1], *found[0]]))
    table_rows = [
        (
            name,
            _interval(found[0].get(name)),
            _interval(found[1].get(name)),
            _difference(name, found) if same_rows else "",
        )
        for name in names
    ]
    head = ("metric", one.ref, other.ref, *(("difference",) if same_rows else ()))
    rows: Rows = (head, *(row if same_rows else row[:3] for row in table_rows))
    same = dict(found[0]) == dict(found[1])
    facts: dict[str, Any] = {
        "same_rows": same_rows,
        "judged": judged,
        "one": {name: dict(each) for name, each in found[0].items() if isinstance(each, Mapping)},
        "other": {name: dict(each) for name, each in found[1].items() if isinstance(each, Mapping)},
    }
    if same_rows:
        times = "once" if judged[1] == 1 else f"{judged[1] if isinstance(judged[1], int) else '?'} times"
        says = f"on the same held-out rows, which were judged {times} by then"
        return Topic("metrics", same=same, says="the same figures, " + says if same else says, rows=rows, facts=facts)
    says = "on different rows: the figures are not comparable row by row"
    return Topic("metrics", same=same, says=says, rows=rows, facts=facts)


def _difference(name: str, found: list[Mapping[str, Any]]) -> str:
    before, after = (table(each, name).get("value") for each in found)
    if isinstance(before, int | float) and isinstance(after, int | float):
        return f"{after - before:+.4g}"
    return "-"


def _interval(metric: object) -> str:
    if not isinstance(metric, Mapping) or metric.get("value") is None:
        return "-"
    low, high = metric.get("low"), metric.get("high")
    return f"{metric['value']:.4g}" + (f" [{low:.4g}, {high:.4g}]" if low is not None and high is not None else "")
