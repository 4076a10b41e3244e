"""`lockgate monitor` in lines for a terminal. Pure.

A line is a mark and a text: what the mark is in a colour, the command decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, Literal

from lockgate.core.moments import age, rfc3339
from lockgate.core.shown import shown
from lockgate.project.monitor_plots import bar, histogram
from lockgate.project.monitor_values import AlarmView, Counted, ModelWatch, StreamAlarm, StreamWatch, named

Mark = Literal["head", "plain", "bad", "warn", "dim"]
Line = tuple[Mark, str]

MOST_STREAMS: Final = 10
LEAST_STREAMS: Final = 5
"""Streams that are shown even where nothing speaks for a change."""
MOST_OF_AN_ALARM: Final = 2
"""Streams of an alarm that are drawn; the others are named."""
_JOINT: Final = frozenset({"pair", "projection"})
LEAST_EVIDENCE: Final = 2.0
"""Where less speaks for a change, its size and its time are those of chance, and are not told."""
MOST_UNWATCHED: Final = 8
MOST_REFUSED: Final = 3
ESTIMATE: Final = "an estimate: it sees only part of a loss"


def model_lines(one: ModelWatch, now: datetime) -> Iterator[Line]:
    """One model: what is counted, its alarms, the streams that are farthest, what its answers are worth; at the end
    the histograms, which take most room.
    """
    yield "head", f"{one.ref} · {one.rung} in {one.environment}"
    if one.absent:
        yield "warn", f"  not watched: {one.absent}"
        return
    for words in (*counted_words(one.counted, now), promise_words(one)):
        yield "dim", f"  {words}"
    if one.little:
        yield "warn", f"  ! LG697 little or nothing is compared: {one.little}"
    if one.late:
        yield "warn", f"  ! {late_words(one)}"
    for alarm in one.alarms:
        yield _alarm_line(alarm, now)
    yield from _stream_lines(one)
    yield from _worth_lines(one)
    if one.notices:
        names = ", ".join(shown(each.name) for each in one.notices[:MOST_STREAMS])
        yield "warn", f"  ! an early notice, no alarm: something began lately in {names}"
    for why in one.refused[:MOST_REFUSED]:
        yield "warn", f"  ! LG774 {why}"
    yield from _unwatched_lines(one)
    for alarm in one.open_alarms:
        for stream in to_draw(alarm):
            yield from drawn(stream)


def counted_words(counted: Counted, now: datetime) -> tuple[str, ...]:
    """How much was compared, and how it was taken; of what was answered."""
    if not counted.windows:
        return ("no row was counted yet, as far as it is sealed",)
    newest = f", the newest {age(counted.newest, now)} ago" if counted.newest is not None else ""
    taken = "each row" if counted.stride == 1 else f"of streams whose neighbours depend up to 1 row in {counted.stride}"
    parts = [
        f"of {counted.seen:,} answered",
        f"{counted.dropped:,} dropped, for neighbours depend on each other in each stream" if counted.dropped else "",
        f"by {' and '.join(counted.by)}, {counted.strata} strata" if counted.by else "",
        f"{counted.labelled:,} labels" if counted.labelled else "",
    ]
    first = f"{counted.rows:,} rows compared in {counted.windows:,} windows{newest}: {taken}"
    return first, "; ".join(part for part in parts if part)


def promise_words(one: ModelWatch) -> str:
    """With what it is compared, and what the test promises."""
    against = f"its {one.reference_rows:,} reference rows"
    if one.accepted:
        against = f"{one.reference_rows:,} rows that were accepted"
    if one.life:
        against += f", a new life by log entry {one.life}"
    band = f"; up to {one.band:g} sd allowed" if one.band else ""
    return f"against {against}; {one.false_alarms * 100:g} % chance of ever a false alarm{band}"


def late_words(one: ModelWatch) -> str:
    """Of rows that count for nothing any more."""
    return f"LG699 {one.late:,} rows were counted in a life that was over: a gateway does not see the event log grow"


def _alarm_line(alarm: AlarmView, now: datetime) -> Line:
    name = named(alarm.digest)
    if alarm.answered:
        return "dim", f"  · alarm {name} of {age(alarm.time, now)} ago: {shown(alarm.answered)}"
    names = ", ".join(shown(each.name) for each in alarm.streams)
    did = "" if alarm.action == "tell" else f"; by policy: {shown(alarm.action)}{', NOT done' * alarm.undone}"
    return "bad", f"  ✗ ALARM {name}, open for {age(alarm.time, now)} (log entry {alarm.index}): {names}{did}"


def to_draw(alarm: AlarmView) -> tuple[StreamAlarm, ...]:
    """The strongest ones, fields and answers before what is computed of several fields: it means little by itself."""
    return tuple(sorted(alarm.streams, key=lambda each: each.kind in _JOINT)[:MOST_OF_AN_ALARM])


def drawn(stream: StreamAlarm) -> Iterator[Line]:
    """One stream of an alarm: how strong, since when, and both histograms."""
    since = f", since {rfc3339(stream.since)}" if stream.since is not None else ""
    power = f"e-value 1e{stream.log_e / _LOG10:.0f}"
    yield "bad", f"  {shown(stream.name)}   {stream.effect:+.2f} sd, {power}{since}"
    for line in histogram(stream.shown.labels, stream.shown.reference, stream.shown.current):
        yield "plain", f"    {line}"


_LOG10: Final = 2.302585092994046


def _stream_lines(one: ModelWatch) -> Iterator[Line]:
    told = [each for place, each in enumerate(one.streams) if each.evidence > 0 or place < LEAST_STREAMS]
    streams = told[:MOST_STREAMS]
    if not streams:
        return
    width = min(32, max(len(shown(each.name)) for each in streams))
    for each in streams:
        mark: Mark = "bad" if each.alarm else "warn" if each.notice else "plain"
        yield mark, f"  {_stream_words(each, width, one.threshold)}"
    if rest := len(one.streams) - len(streams) + one.more:
        yield "dim", f"  {rest} more, all below (--json has them)"


def _stream_words(each: StreamWatch, width: int, threshold: float) -> str:
    name = shown(each.name)[:width].ljust(width)
    # Below an e-value of 1 there is nothing to see: it says how well the reference fits.
    near = f"{max(each.evidence, 0.0):5.1f} of {threshold:.1f}"
    since = f"  since {rfc3339(each.since)}" if each.since is not None else ""
    how = f"  {each.effect:+.2f} sd{since}" if each.evidence >= LEAST_EVIDENCE else ""
    return f"{name}  {bar(each.evidence, threshold)}  {near}{how}"


def _worth_lines(one: ModelWatch) -> Iterator[Line]:
    if one.estimate is not None:
        each = one.estimate
        yield "plain", f"  accuracy     {each.accuracy:.3f} by the scores, judged {each.judged:.3f} ({ESTIMATE})"
    if one.risk is not None:
        risk = one.risk
        bounds = f"[{risk.low:.3f}, {risk.high:.3f}]"
        of = f"of {risk.labelled:,} labelled rows (95 %, for all times at once)"
        yield "plain", f"  wrong        {risk.wrong:.3f} {bounds} {of}"


def _unwatched_lines(one: ModelWatch) -> Iterator[Line]:
    listed: Sequence[tuple[str, str]] = sorted(one.unwatched.items())
    for name, why in listed[:MOST_UNWATCHED]:
        yield "dim", f"  not watched  {shown(name)}: {shown(why)}"
    if len(listed) > MOST_UNWATCHED:
        yield "dim", f"  not watched  {len(listed) - MOST_UNWATCHED} more (--json has them)"
