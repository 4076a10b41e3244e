"""What an extraction drill found, as lines for a terminal and as one page for any browser. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from lockgate.core.shown import Lines, block
from lockgate.drills.controls import Rules, Stream, spell
from lockgate.drills.extraction import MADE_UP, NATURAL, Extraction, Suggestion
from lockgate.drills.fidelity import Curve
from lockgate.drills.plots import Line, Mark, chart
from lockgate.drills.site import CLUSTER, Live
from lockgate.export.drift_html import document, listing, section, table, words
from lockgate.serve.abuse.waiting import WORTH_ROWS, WORTH_SECONDS

if TYPE_CHECKING:
    from lockgate.drills.evasion import Evasion

NOT_SAID: Final = (
    "Natural queries look like a customer's: no detector sees them, and only a leak budget bounds them.",
    "The copy is learned by two untuned learners, and the better one counts: a patient attacker gets more.",
    (
        "Made-up rows are drawn field by field over what the gateway says that it takes. Who has some real rows makes "
        "better ones, up to natural ones."
    ),
    (
        "One client asks. Who splits the queries over many keys without a common organisation, address or "
        "neighbourhood, slowly enough, has a budget with each."
    ),
    "Held-out rows stand for what an attacker may own. Who owns nothing like them is nearer to the made-up curve.",
)
"""What the figures do not say, beside them."""
BLIND: Final = "LG994"
NO_POPULATION: Final = (
    "It was registered without a population: nobody is suspected, and there is no leak budget, whatever the policy "
    "says."
)


def lines(found: Extraction) -> Lines:
    """For a terminal."""
    return block(_lines(found))


def page(found: Extraction) -> str:
    """The page."""
    lead = (
        f"How good a copy of {found.ref} ({found.task}, {found.environment}) becomes by asking it, measured on "
        f"{found.held:,} held-out rows that were not asked about. {_base(found)}"
    )
    return document(f"Extraction drill: {found.ref}", lead, _parts(found))


def _lines(found: Extraction) -> Iterator[str]:
    yield f"{_measure(found)} on {found.held:,} held-out rows. {_base(found)}"
    if found.goal != found.wish.fidelity:
        yield f"  {found.wish.fidelity:g} is hardly more: what must not come about is taken to be {found.goal:.3g}"
    for curve in found.curves:
        last = curve.points[-1] if curve.points else None
        if last is not None:
            reached = curve.queries_for(found.goal)
            cost = f", {last.euros:,.2f} EUR" if last.euros is not None else ""
            yield (
                f"  {curve.source:<8} {curve.form:<8} {last.fidelity.value:.3f} after {last.queries:,} queries{cost}; "
                f"{found.goal:.3g} {'is not reached' if reached is None else f'after {reached:,} at most'}"
            )
    for source, stream in found.streams.items():
        yield f"  {source:<8} {seen(stream)}"
    if not found.streams:
        yield f"  {BLIND}  {NO_POPULATION}"
    yield from (f"  {line}" for line in _rules(found.rules, found.wish.queries))
    yield from (f"  {line}" for line in _suggested(found.suggestion, found.goal))
    yield f"  live: {told(found.live)}"
    if found.unsure:
        yield f"  {few(found.unsure, found.live, found.rules)}"


def seen(stream: Stream) -> str:
    """What the detectors made of one stream."""
    if not stream.seen:
        return f"seen by no detector in {stream.rows:,} queries"
    rules = ", ".join(f"{rule} after {after:,}" for rule, after in sorted(stream.seen.items(), key=lambda one: one[1]))
    return f"seen: {rules}" + (f"; 429 from {stream.held:,} on where the policy says limit" if stream.held else "")


def few(unsure: str, live: Live, rules: Rules) -> str:
    """That a live pass was too short to say something, and what would do."""
    return (
        f"too few queries to tell {unsure}: a gateway looks at {WORTH_ROWS} rows at a time or at what waits for "
        f"{WORTH_SECONDS:g} s, and takes {rules.steps} looks for all that the policy says; --queries "
        f"{live.wanted(rules)} should do"
    )


def passing(found: Extraction | Evasion) -> list[str]:
    """What a live pass was too short for, for a page."""
    return [words(few(found.unsure, found.live, found.rules))] if found.unsure else []


def mark_of(found: Extraction | Evasion) -> Literal["", "warn", "ok"]:
    """How a live pass ended: green only where the gateway noticed, and all that was due was seen."""
    if found.unsure:
        return "warn"
    return "ok" if found.live.recorded and not found.missed else ""


def told(live: Live) -> str:
    """What the gateway did in the live pass."""
    parts = [f"{live.asked:,} queries as an external client"]
    if live.held is not None:
        parts.append(f"429 {live.finding} after {live.held:,}")
    if live.coarse is not None:
        parts.append(f"the label alone from {live.coarse:,} on")
    if live.records:
        rules = ", ".join(dict.fromkeys(_told(one) for one in live.records))
        parts.append(f"{len(live.records)} suspicion records in the copy's log: {rules}")
    elif live.expected[0] is None:
        parts.append("no suspicion recorded, and none expected")
    else:
        parts.append(f"no suspicion recorded, though one was expected after {live.expected[0]:,}")
    return "; ".join(parts)


def _told(record: Mapping[str, Any]) -> str:
    together = ", together with the drill's own client that asked the same before" * (record.get("scope") == CLUSTER)
    return f"{record['rule']} (level {record['level']}{together})"


def _rules(rules: Rules, queries: int) -> Iterator[str]:
    yield f"external clients get: {rules.form}; a suspicion is followed by: {rules.respond}, quiet {rules.quiet}"
    took = spell(rules.seconds(queries))
    yield f"rate limit {rules.rate:g}/s, burst {rules.burst:,}: {queries:,} queries take {took}"
    caps = ", ".join(
        f"{name} {cap:,} bits" for name, cap in (("leak_day", rules.leak_day), ("leak_life", rules.leak_life)) if cap
    )
    yield f"leak budget in force: {caps or 'none'}"


def _suggested(suggestion: Suggestion | None, fidelity: float) -> Iterator[str]:
    if suggestion is None:
        yield "no leak budget can be priced here"
    elif suggestion.leak_life is None:
        yield f"no cap follows: natural queries reached no fidelity of {fidelity:.3g}; drill with more --queries"
    else:
        yield f"suggested, to keep a copy of natural rows below {fidelity:.3g}:"
        yield f"    leak_day = {suggestion.leak_day}"
        yield f"    leak_life = {suggestion.leak_life}"
        yield (
            f"an honest client (rows like the held-out ones, {suggestion.bits_a_row:.2f} bits each) may then ask "
            f"{suggestion.rows(suggestion.leak_day) or 0:,} rows a day, "
            f"and {suggestion.rows(suggestion.leak_life) or 0:,} for ever"
        )


def _parts(found: Extraction) -> Iterator[str]:
    if found.missed:
        yield section("LG990: a control did not act", words(found.missed), mark="bad")
    if not found.streams:
        yield section(f"{BLIND}: no detector looks at this model", words(NO_POPULATION), mark="warn")
    for source in (NATURAL, MADE_UP):
        curves = [one for one in found.curves if one.source == source and one.points]
        if curves:
            yield section(f"Queries: {source}", *_drawn(found, source, curves))
    yield section("Live, under the policy in force", words(told(found.live)), *passing(found), mark=mark_of(found))
    yield section("Policy", listing(_rules(found.rules, found.wish.queries)))
    yield section("A leak budget", listing(_suggested(found.suggestion, found.goal)))
    yield section("What this does not say", listing(NOT_SAID))


def _drawn(found: Extraction, source: str, curves: list[Curve]) -> Iterator[str]:
    stream = found.streams.get(source)
    marks = [Mark(f"seen ({rule})", after) for rule, after in stream.seen.items()] if stream else []
    if stream is not None and stream.held is not None:
        marks.append(Mark("429 where policy limits", stream.held))
    marks += [Mark(name, at) for name, at in _capped(found, source) if at is not None]
    low = 0.0 if found.task == "regression" else math.floor(10 * min(found.base, 0.9)) / 10
    yield chart(
        f"{_measure(found)} against queries, {source}",
        [Line(one.form, tuple((p.queries, p.fidelity.value) for p in one.points)) for one in curves],
        marks,
        low=low,
    )
    if stream is not None:
        yield words(seen(stream))
    for name, at in _capped(found, source):
        yield words(f"{name}: {'not reached in this drill' if at is None else f'used up after {at:,} queries'}")
    head = ("form", "queries", _measure(found), "95 % interval", "bits", "EUR", "time at the rate limit")
    yield table(head, [_row(found.rules, one, number) for one in curves for number in range(len(one.points))])


def _capped(found: Extraction, source: str) -> Iterator[tuple[str, int | None]]:
    """After how many queries each cap, in force or suggested, is used up."""
    stream = found.streams.get(source)
    if stream is None:
        return
    bits = stream.bits(found.rules.form)
    advised = found.suggestion
    caps = [("leak_day", found.rules.leak_day), ("leak_life", found.rules.leak_life)]
    caps += (
        [("suggested leak_day", advised.leak_day or 0), ("suggested leak_life", advised.leak_life or 0)]
        if advised
        else []
    )
    for name, cap in caps:
        if cap:
            at = int((bits < cap).sum())
            yield name, at + 1 if at < len(bits) else None


def _row(rules: Rules, curve: Curve, number: int) -> tuple[str, ...]:
    point = curve.points[number]
    low, high = point.fidelity.low, point.fidelity.high
    return (
        curve.form,
        f"{point.queries:,}",
        f"{point.fidelity.value:.3f}",
        "" if low is None or high is None else f"{low:.3f} to {high:.3f}",
        "" if point.bits is None else f"{point.bits:,.0f}",
        "" if point.euros is None else f"{point.euros:,.2f}",
        spell(rules.seconds(point.queries)),
    )


def _measure(found: Extraction) -> str:
    return "explained variance" if found.task == "regression" else "fidelity"


def _base(found: Extraction) -> str:
    return "" if found.task == "regression" else f"Always the commonest label agrees in {found.base:.3f}."
