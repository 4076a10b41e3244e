"""`lockgate monitor --html`: the page as one file for any browser, with what the terminal shows, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lockgate.core.moments import rfc3339
from lockgate.export import drift_html as html
from lockgate.project.monitor_lines import ESTIMATE, counted_words, late_words, promise_words, to_draw
from lockgate.project.monitor_page import NOTHING, MonitorPage
from lockgate.project.monitor_values import AlarmView, ModelWatch, named
from lockgate.store.files import atomic_write

MOST_DRAWN = 12
"""Streams that are drawn for each model, the farthest first."""


def write_page(page: MonitorPage, out: str | Path) -> None:
    """Write `page` to the file `out`, whole or not at all. Raises OSError."""
    atomic_write(Path(out), page_as_document(page).encode())


def page_as_document(page: MonitorPage) -> str:
    """One HTML document that loads nothing. Pure."""
    lead = f"{rfc3339(page.time)}, {page.size:,} entries of the log of predictions"
    parts = [_model(one, page) for one in page.models] or [html.words(page.absent or NOTHING)]
    return html.document("lockgate monitor", lead, parts)


def _model(one: ModelWatch, page: MonitorPage) -> str:
    heading = f"{one.ref}, {one.rung} in {one.environment}"
    if one.absent:
        return html.section(heading, html.words(f"not watched: {one.absent}"), mark="warn")
    mark: html.Mark = "bad" if one.open_alarms else "warn" if _noted(one) else "ok"
    return html.section(heading, *_parts(one, page), mark=mark)


def _noted(one: ModelWatch) -> bool:
    return bool(one.notices or one.little or one.refused or one.late)


def _parts(one: ModelWatch, page: MonitorPage) -> Iterator[str]:
    for words in (*counted_words(one.counted, page.time), promise_words(one)):
        yield html.words(words)
    if one.little:
        yield html.words(f"LG697: little or nothing is compared: {one.little}")
    for why in one.refused:
        yield html.words(f"LG774: {why}")
    if one.late:
        yield html.words(late_words(one))
    for alarm in one.alarms:
        yield from _alarm(alarm)
    head = ("what", "kind", "log e-value", "alarms at", "effect, sd", "since")
    yield html.table(head, [_row(one, place) for place in range(len(one.streams))])
    for each in one.streams[:MOST_DRAWN]:
        yield html.histogram(each.name, each.shown.labels, each.shown.reference, each.shown.current)
    yield from _worth(one)
    if one.unwatched:
        yield html.table(("not watched", "why"), sorted(one.unwatched.items()))


def _row(one: ModelWatch, place: int) -> tuple[str, ...]:
    each = one.streams[place]
    since = "" if each.since is None else rfc3339(each.since)
    return each.name, each.kind, f"{each.evidence:.2f}", f"{one.threshold:.2f}", f"{each.effect:+.2f}", since


def _alarm(alarm: AlarmView) -> Iterator[str]:
    names = ", ".join(stream.name for stream in alarm.streams)
    state = alarm.answered or ("open; by policy: rollback, NOT done" if alarm.undone else "open")
    yield html.words(f"Alarm {named(alarm.digest)} of {rfc3339(alarm.time)}, log entry {alarm.index}: {names}; {state}")
    if alarm.open:
        for each in to_draw(alarm):
            yield html.histogram(each.name, each.shown.labels, each.shown.reference, each.shown.current)


def _worth(one: ModelWatch) -> Iterator[str]:
    if one.estimate is not None:
        about = f"{one.estimate.accuracy:.3f} by the scores of {one.estimate.rows:,} rows ({ESTIMATE})"
        yield html.words(f"Accuracy {about}; judged {one.estimate.judged:.3f}")
    if one.risk is not None:
        bounds = f"{one.risk.low:.3f} to {one.risk.high:.3f}"
        yield html.words(f"Wrong {one.risk.wrong:.3f}, {bounds} (95 %, for all times), {one.risk.labelled:,} labels")
