"""A page of `Project.monitor()` as plain HTML for notebooks: no widgets, no scripts, no styles of our own. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from lockgate.core.moments import rfc3339
from lockgate.project.monitor_lines import ESTIMATE, counted_words
from lockgate.project.monitor_values import ModelWatch, named


def models_as_html(models: Sequence[ModelWatch], now: datetime) -> str:
    """Each model: what was compared, its alarms, how far each stream is, what its answers are worth."""
    return "".join(_model(one, now) for one in models)


def _model(one: ModelWatch, now: datetime) -> str:
    head = f"<h4>{escape(one.ref)} · {escape(one.rung)} in {escape(one.environment)}</h4>"
    if one.absent:
        return f"{head}<p>not watched: {escape(one.absent)}</p>"
    return (
        head
        + "".join(f"<p>{escape(words)}</p>" for words in counted_words(one.counted, now))
        + _table(("alarm", "log entry", "since", "what", "answered"), list(_alarms(one)))
        + _table(("watched", "kind", "log e-value", "effect, sd", "since"), list(_streams(one)))
        + _table(("worth", "share", "from", "to", "rows"), list(_worth(one)))
        + _table(("not watched", "why"), sorted(one.unwatched.items()))
    )


def _alarms(one: ModelWatch) -> Iterator[tuple[str, ...]]:
    for alarm in one.alarms:
        names = ", ".join(stream.name for stream in alarm.streams)
        yield named(alarm.digest), str(alarm.index), rfc3339(alarm.time), names, alarm.answered or "open"


def _streams(one: ModelWatch) -> Iterator[tuple[str, ...]]:
    for each in one.streams:
        near = f"{each.evidence:.2f} of {one.threshold:.2f}"
        since = "" if each.since is None else rfc3339(each.since)
        yield each.name, each.kind, near, f"{each.effect:+.2f}", since


def _worth(one: ModelWatch) -> Iterator[tuple[str, ...]]:
    if one.estimate is not None:
        yield f"accuracy ({ESTIMATE})", f"{one.estimate.accuracy:.3f}", "", "", str(one.estimate.rows)
        yield "accuracy, judged", f"{one.estimate.judged:.3f}", "", "", ""
    if one.risk is not None:
        risk = one.risk
        yield "wrong", f"{risk.wrong:.3f}", f"{risk.low:.3f}", f"{risk.high:.3f}", str(risk.labelled)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
