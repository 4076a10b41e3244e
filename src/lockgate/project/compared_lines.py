"""Two files compared, in lines for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lockgate.core.shown import shown
from lockgate.monitor.plan import MOST_CHOSEN, Stream
from lockgate.monitor.replay import Standing, e_value, expected, together
from lockgate.project.monitor_plots import bar, histogram
from lockgate.project.standalone_monitor import Compared

MOST_DRAWN: Final = 3
"""Streams that are drawn; the others are in the table."""
MOST_STREAMS: Final = 12
MOST_NAMED: Final = 8

_WIDTH: Final = 28
_JOINT: Final = ("pair", "projection")
_ASCII: Final = str.maketrans(
    {
        "█": "#",
        "▏": " ",
        "▎": " ",
        "▍": "-",
        "▌": "-",
        "▋": "=",
        "▊": "=",
        "▉": "#",
        "·": ".",
        "\N{MULTIPLICATION SIGN}": "x",
        "✗": "x",
    }
)

Told = tuple[Standing, Stream, Sequence[str]]
"""A stream, how it stood, and the words of its bins."""


def plain(text: str) -> str:
    """`text` for a terminal that shows ASCII only; what has no likeness becomes `?`."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def lines(compared: Compared) -> Iterator[str]:
    """All of it."""
    yield from _read_lines(compared)
    for change in compared.replay.changes[:MOST_STREAMS]:
        yield f"✗ LG979 {shown(change.column)}: {shown(change.words)}"
    if (more := len(compared.replay.changes) - MOST_STREAMS) > 0:
        yield f"✗ LG979 {more} more changed columns (--json has them)"
    yield from _alarm_lines(compared)
    yield from _stream_lines(compared)
    yield from _unwatched_lines(compared)


def ranked(compared: Compared) -> list[Told]:
    """Streams with an alarm first, of those the columns themselves first; within each the strongest."""
    every = zip(compared.replay.streams, compared.plan.streams, compared.labels, strict=True)
    return sorted(every, key=_rank)


def _rank(told: Told) -> tuple[bool, bool, float]:
    standing, stream, _ = told
    return standing.alarm is None, stream.kind in _JOINT, -standing.log_e


def premises(compared: Compared) -> Iterator[str]:
    """How the rows were taken, and what may be wrong with that."""
    read, plan = compared.replay.read, compared.plan
    chosen = "said" if compared.wish.stride else "chosen"
    taken = "each row" if read.stride == 1 else f"of each stream up to 1 row in {read.stride} ({chosen})"
    strata = f"; within each {' and '.join(plan.strata.by)}, {len(plan.strata.names)} strata" if plan.strata.by else ""
    yield f"taken: {taken}{strata}"
    if read.dependent:
        yield f"neighbours depend on each other, most in {', '.join(map(shown, read.dependent))}"
    if read.dropped:
        yield f"{read.dropped:,} rows were left out, since neighbours depended on each other in every stream"
    if read.blind:
        yield f"{read.blind} of {len(plan.streams)} streams counted 1 row in {MOST_CHOSEN} or fewer: they say little"
    if read.elsewhere:
        yield f"{read.elsewhere:,} rows were left out, since the columns that say their stratum are not there"
    if read.sorted:
        names = ", ".join(map(shown, read.sorted[:MOST_NAMED]))
        yield f"sorted by {names}: rows in this order cannot be compared; --exclude it, or give them as they came"


def little(compared: Compared) -> str:
    """How little was compared."""
    if not compared.replay.read.counted:
        return "nothing was compared"
    return "most rows were not compared" if not compared.replay.read.enough else "most streams were not compared"


def why_little(compared: Compared) -> str:
    """Why hardly a row was compared, and what to do."""
    read = compared.replay.read
    if read.elsewhere > read.dropped:
        return "the columns that say their stratum are not there"
    worst = f" (most in {', '.join(map(shown, read.dependent))})" if read.dependent else ""
    return (
        f"rows are like their neighbours{worst}, also {read.stride} rows apart. Leave columns that go on or come in "
        "seasons out (--exclude), compare within seasons (--strata hour --time COLUMN), or take one in N (--stride N)"
    )


def promise(compared: Compared) -> str:
    """What an alarm means."""
    wish = compared.wish
    band = f"; differences up to {wish.band:g} sd allowed" if wish.band else ""
    return (
        f"{len(compared.plan.streams)} streams; chance of ever a false alarm {wish.false_alarms * 100:g} %: "
        f"an e-value of {e_value(compared.replay.threshold)}{band}"
    )


def _read_lines(compared: Compared) -> Iterator[str]:
    read, plan = compared.replay.read, compared.plan
    before, after = map(shown, compared.names)
    yield f"reference  {before}: {compared.replay.reference_rows:,} rows, {plan.rows:,} of them compared with"
    yield f"replayed   {after}: {read.rows:,} rows, {read.counted:,} compared in {read.windows:,} windows"
    for line in premises(compared):
        yield f"           {line}"
    yield f"           {promise(compared)}"
    if not compared.replay.enough:
        yield f"✗ LG976 {little(compared).upper()}: {why_little(compared)}"


def _alarm_lines(compared: Compared) -> Iterator[str]:
    for alarm in compared.replay.alarms[:MOST_STREAMS]:
        names = ", ".join(map(shown, alarm.streams[:MOST_NAMED]))
        more = f" and {len(alarm.streams) - MOST_NAMED} more" if len(alarm.streams) > MOST_NAMED else ""
        yield f"✗ LG629 ALARM at row {alarm.row:,}: {names}{more}"
    if (rest := len(compared.replay.alarms) - MOST_STREAMS) > 0:
        yield f"✗ LG629 {rest} more, later (--json has them)"
    alarmed = [told for told in ranked(compared) if told[0].alarm is not None]
    # Of columns together a person sees little in a picture; where none moved by itself, they are all there is.
    alone = [told for told in alarmed if told[1].kind not in _JOINT]
    for told in (alone or alarmed)[:MOST_DRAWN]:
        yield ""
        yield from drawn(*told)
    if not compared.replay.alarms:
        yield "no alarm, but see above" if not compared.replay.enough else "no alarm"


def drawn(standing: Standing, stream: Stream, labels: Sequence[str]) -> Iterator[str]:
    """One stream: how strong, since when, what may have happened, and both histograms."""
    since = f"   since row {standing.since:,}" if standing.since is not None else ""
    yield f"  {shown(stream.name)}   {standing.effect:+.2f} sd   e-value {e_value(standing.log_e)}{since}"
    for each in standing.advice:
        yield f"    {shown(each)}"
    counts = together(standing.current)
    for line in histogram(labels, expected(stream.cuts, standing.current), counts):
        yield f"      {line}"


def _stream_lines(compared: Compared) -> Iterator[str]:
    yield ""
    rows = ranked(compared)
    width = min(_WIDTH, max(len(shown(stream.name)) for _, stream, _ in rows))
    for standing, stream, _ in rows[:MOST_STREAMS]:
        near = f"{max(standing.log_e, 0.0):7.1f} of {compared.replay.threshold:.1f}"
        name = shown(stream.name)[:width].ljust(width)
        since = f"since row {standing.since:,}" if standing.since is not None and standing.alarm is not None else ""
        filled = bar(standing.log_e, compared.replay.threshold)
        yield f"  {name}  {filled}  {near}  {standing.effect:+.2f} sd  {since}".rstrip()
    if len(rows) > MOST_STREAMS:
        yield f"  {len(rows) - MOST_STREAMS} more, all below (--json has them)"


def _unwatched_lines(compared: Compared) -> Iterator[str]:
    listed = sorted(compared.plan.unwatched.items())
    for name, why in listed[:MOST_NAMED]:
        yield f"  not watched  {shown(name)}: {shown(why)}"
    if len(listed) > MOST_NAMED:
        yield f"  not watched  {len(listed) - MOST_NAMED} more (--json has them)"
