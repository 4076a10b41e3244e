"""What a run shows of itself, in a notebook and in plain Python (`core.shown_html`). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lockgate.core.digest import short
from lockgate.core.shown_html import Heading, Next, Part, Table
from lockgate.core.verdict import Verdict

if TYPE_CHECKING:
    from lockgate.pipeline import RunResult, StageDone


def run_view(result: RunResult) -> Iterator[Part]:
    """A run: its stages, the metrics beside those of the live model, what each environment's policy says."""
    yield Heading(result.ref)
    yield Table([("stage", "what", "digest", "time"), *(_stage(stage) for stage in result.stages)])
    is_live = result.live == result.ref
    yield metrics_table(result.metrics, (not is_live and result.live_metrics) or {}, result.live)
    yield verdict_table(result.verdicts)
    yield Next(
        ("lockgate serve" if is_live else f"lockgate deploy {result.ref} --env dev", f"lockgate verify {result.ref}")
    )


def stage_view(stage: StageDone) -> Iterator[Part]:
    """One stage: what it made, and what it has to say."""
    yield Table([("stage", "what", "digest", "time"), _stage(stage)])
    if stage.reasons:
        rows = [(reason.finding, reason.message, reason.next) for reason in stage.reasons]
        yield Table([("finding", "what", "next"), *rows])


def metrics_table(metrics: Mapping[str, Any], other: Mapping[str, Any], beside: str) -> Table:
    """Metrics with their intervals; those of another model beside them, where there are any."""
    head = ("metric", "value", "95 % interval", *((beside, "95 % interval") if other else ()))
    rows = [
        (name, *_value(metric), *(_value(other[name]) if name in other else ("", "") if other else ()))
        for name, metric in metrics.items()
    ]
    return Table([head, *rows])


def verdict_table(verdicts: Mapping[str, Verdict]) -> Table:
    """What each environment's policy says, a line for each reason."""
    return Table([("environment", "verdict", "finding", "what", "next"), *_verdicts(verdicts)])


def _stage(stage: StageDone) -> tuple[str, ...]:
    return stage.name, stage.summary, short(stage.digest), "cached" if stage.cached else f"{stage.seconds:.1f} s"


def _verdicts(verdicts: Mapping[str, Verdict]) -> Iterator[tuple[str, ...]]:
    for environment, verdict in verdicts.items():
        reasons = [(one.finding, one.message, one.next) for one in verdict.reasons] or [("", "", "")]
        for number, reason in enumerate(reasons):
            yield (*((environment, verdict.result) if number == 0 else ("", "")), *reason)


def _value(metric: Mapping[str, Any]) -> tuple[str, str]:
    low, high = metric.get("low"), metric.get("high")
    return f"{metric['value']:.4g}", "" if low is None else f"{low:.4g} to {high:.4g}"
