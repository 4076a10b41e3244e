"""Results as plain HTML for notebooks: no widgets, no scripts, no styles of our own. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from lockgate.core.digest import short

if TYPE_CHECKING:
    from lockgate.pipeline import RunResult


def run_as_html(result: RunResult) -> str:
    """A run: its stages, the metrics with their intervals, what each environment's policy says."""
    stages = [
        (stage.name, stage.summary, short(stage.digest), "cached" if stage.cached else f"{stage.seconds:.1f} s")
        for stage in result.stages
    ]
    metrics = [(name, f"{metric['value']:.4f}", _interval(metric)) for name, metric in result.metrics.items()]
    return (
        f"<h4>{escape(result.ref)}</h4>"
        + _table(("stage", "what", "digest", "time"), stages)
        + _table(("metric", "value", "95 % interval"), metrics)
        + _table(("environment", "verdict", "finding", "what", "next"), list(_verdicts(result)))
    )


def _verdicts(result: RunResult) -> Iterator[tuple[str, ...]]:
    for environment, verdict in result.verdicts.items():
        reasons = [(one.finding, one.message, one.next) for one in verdict.reasons] or [("", "", "")]
        for number, reason in enumerate(reasons):
            yield (*((environment, verdict.result) if number == 0 else ("", "")), *reason)


def _interval(metric: dict[str, float]) -> str:
    return f"{metric['low']:.4f} to {metric['high']:.4f}" if metric.get("low") is not None else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
