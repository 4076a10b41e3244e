"""Two files compared, as one page for any browser. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lockgate.core.shown import shown
from lockgate.export.drift_html import document, histogram, listing, section, table, track, words
from lockgate.monitor.plan import Stream
from lockgate.monitor.replay import Standing, e_value, expected, together
from lockgate.project.compared_lines import Told, little, premises, promise, ranked, why_little
from lockgate.project.standalone_monitor import Compared

MOST_DRAWN: Final = 24
"""Streams that are drawn; all are in the table."""


def page(compared: Compared) -> str:
    """The page."""
    before, after = map(shown, compared.names)
    rows = compared.replay.read.rows
    lead = f"{rows:,} rows of {after}, in their order, against {compared.replay.reference_rows:,} rows of {before}."
    return document(f"Drift: {after} against {before}", lead, _parts(compared))


def _parts(compared: Compared) -> Iterator[str]:
    read, alarms, changes = compared.replay.read, compared.replay.alarms, compared.replay.changes
    if alarms:
        said = [f"row {alarm.row:,}: {', '.join(map(shown, alarm.streams))}" for alarm in alarms]
        yield section("LG629: rows do not come as the reference's did", listing(said), mark="bad")
    elif compared.replay.enough:
        yield section("No alarm", words(f"{read.counted:,} rows were compared."), mark="ok")
    if not compared.replay.enough:
        yield section(f"LG976: {little(compared)}", words(why_little(compared)), mark="bad")
    if changes:
        said = [f"{shown(one.column)}: {shown(one.words)}" for one in changes]
        yield section("LG979: columns changed", listing(said), mark="bad")
    order = ranked(compared)
    for told in [each for each in order if each[0].alarm is not None][:MOST_DRAWN]:
        yield _stream(told, compared.replay.threshold)
    yield section("All streams", _table(order, compared.replay.threshold))
    yield section("What this says", words(promise(compared)), words(_MEANING), listing(premises(compared)))
    if compared.plan.unwatched:
        rows = [(shown(name), shown(why)) for name, why in sorted(compared.plan.unwatched.items())]
        yield section("Not compared", table(("column", "why"), rows))


_MEANING: Final = (
    "An e-value of 1,000 is as rare, without a change, as one in a thousand at most, however often one looks. The "
    "reference is known as well as its own rows allow, and no better. Of a pair and of projections it is told that "
    "columns together behave otherwise; which ones, the columns say themselves."
)


def _stream(told: Told, threshold: float) -> str:
    standing, stream, labels = told
    since = f", since row {standing.since:,}" if standing.since is not None else ""
    lead = f"{standing.effect:+.2f} sd, e-value {e_value(standing.log_e)}{since}"
    drawing = histogram(stream.name, labels, expected(stream.cuts, standing.current), together(standing.current))
    return section(
        shown(stream.name),
        words(lead),
        listing(map(shown, standing.advice)),
        track(shown(stream.name), standing.track, threshold),
        drawing,
    )


def _table(order: list[Told], threshold: float) -> str:
    head = ("stream", "kind", "alarm", "log e-value", "effect", "since")
    return table(head, [_row(standing, stream) for standing, stream, _ in order], f"An alarm from {threshold:.1f} on")


def _row(standing: Standing, stream: Stream) -> tuple[str, ...]:
    return (
        shown(stream.name),
        stream.kind,
        "" if standing.alarm is None else f"row {standing.alarm:,}",
        f"{standing.log_e:.1f}",
        f"{standing.effect:+.2f} sd",
        "" if standing.since is None else f"row {standing.since:,}",
    )
