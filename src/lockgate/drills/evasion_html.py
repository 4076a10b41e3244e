"""What an evasion drill found, as lines for a terminal and as one page for any browser. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lockgate.core.shown import Lines, block
from lockgate.core.stats import clopper_pearson
from lockgate.drills.controls import Rules, spell
from lockgate.drills.evasion import CHANGE, SCORED, Evasion
from lockgate.drills.extraction_html import BLIND, NO_POPULATION, few, mark_of, passing, told
from lockgate.drills.flips import EARLY_LEAST, ByAttack, middle
from lockgate.drills.plots import Line, Mark, chart
from lockgate.export.drift_html import document, listing, section, table, words

NOT_SAID: Final = (
    "A row that no attack flipped was not proved robust: these are the attacks that were tried, with so many queries.",
    (
        "Each attack asks about one row as a client of its own. One that asks much else in between is seen later; who "
        "splits the queries over many keys, or moves far at each step, may not be."
    ),
    "An attacker who owns a copy of the model (see the extraction drill) attacks that, and asks only to confirm.",
    "Fields that the contract computes from others are moved with them; a distance counts the declared fields alone.",
)
"""What the figures do not say, beside them."""


def lines(found: Evasion) -> Lines:
    """For a terminal."""
    return block(_lines(found))


def page(found: Evasion) -> str:
    """The page."""
    lead = (
        f"How many queries it takes to bring {found.ref} ({found.task}, {found.environment}) to another answer about "
        f"{found.wish.rows:,} held-out rows, when {', '.join(found.wish.mutable)} may be changed."
    )
    return document(f"Evasion drill: {found.ref}", lead, _parts(found))


def _lines(found: Evasion) -> Iterator[str]:
    distance = found.wish.distance
    yield f"distances in standard deviations of {', '.join(found.wish.mutable)}; declared: {distance:g}"
    for one in found.attacks:
        yield f"  {one.attack:<14} {_worded(one, distance, found.rules)}"
        if found.watched:
            yield f"  {'':<14} {_watched(one)}"
            yield from (f"  {'':<14} {line}" for line in _late(one, distance))
        yield from (f"  {'':<14} not tested: {count} rows, {why}" for why, count in one.failures().items())
    if not found.watched:
        yield f"  {BLIND}  {NO_POPULATION}"
    yield from (f"  {line}" for line in _rules(found))
    yield f"  live: {told(found.live)}; by {found.live_attack}"
    if found.unsure:
        yield f"  {few(found.unsure, found.live, found.rules)}"


def _worded(one: ByAttack, distance: float, rules: Rules) -> str:
    if one.attack == CHANGE:
        change = middle(one.changes())
        return f"changes the answer by {change or 0:.4g} (median of {len(one.ran)} rows) within {distance:g}"
    near = one.flipped(distance)
    first, within = middle(one.flipped(None)), middle(near)
    found = f"{len(one.flipped(None))} of {len(one.ran)} rows flipped"
    if first is not None:
        found += f", the median after {first:,.0f} queries"
    found += f"; {len(near)} within {distance:g}"
    if within is not None:
        found += f", the median after {within:,.0f}: {spell(rules.seconds(within))} at the rate limit"
    return found


def _watched(one: ByAttack) -> str:
    seen = [each.seen for each in one.ran if each.seen is not None]
    found = f"seen in {len(seen)} of {len(one.ran)} rows"
    return f"{found}, the median after {middle(seen):,.0f} queries" if seen else found


def _late(one: ByAttack, distance: float) -> Iterator[str]:
    """Who came first, the flip or the control: a row that is seen after its flip is no success of any control."""
    flips = len(one.flipped(None))
    if not flips:
        return
    for near, where in ((None, "flipped"), (distance, f"flipped within {distance:g}")):
        of = len(one.flipped(near))
        if of:
            held = len(one.flipped(near, held=True))
            yield f"{where} before it was seen: {one.unseen(near)} of {of}; before it was held back: {held} of {of}"
    early = [each for each in one.ran if each.early()]
    if early:
        lost = sum(each.unseen(None) for each in early)
        yield (
            f"seen within {EARLY_LEAST} queries, or within a tenth of those to its flip if that is more: "
            f"{len(early)} of {flips}"
            + (f", and {lost} of these had flipped by then" if lost else ", each before its flip")
        )


def _rules(found: Evasion) -> Iterator[str]:
    rules = found.rules
    yield f"external clients get: {rules.form}; a suspicion is followed by: {rules.respond}, quiet {rules.quiet}"
    if rules.form in ("label", "top"):
        scored = [one.attack for one in found.attacks if one.attack in SCORED]
        if scored:
            yield f"{' and '.join(scored)} need all scores: an external client cannot carry them out here"
    took = spell(rules.seconds(found.wish.queries))
    yield f"rate limit {rules.rate:g}/s, burst {rules.burst:,}: {found.wish.queries:,} queries take {took}"


def _parts(found: Evasion) -> Iterator[str]:
    if found.missed:
        yield section("LG990: a control did not act", words(found.missed), mark="bad")
    if not found.watched:
        yield section(f"{BLIND}: no detector looks at this model", words(NO_POPULATION), mark="warn")
    flipping = [one for one in found.attacks if one.attack != CHANGE]
    if flipping:
        yield section("Flips without controls", *_flips(found, flipping, held=False))
        if found.watched:
            yield section("With the detectors, where a policy says limit", *_flips(found, flipping, held=True))
            yield section("Which came first", *_first(found, flipping), mark="warn" if _lost(found) else "")
        yield section("Attack by attack", _table(found, flipping))
    for one in found.attacks:
        if one.attack == CHANGE:
            yield section(
                "The largest change", words(_worded(one, found.wish.distance, found.rules)), _changes(found, one)
            )
    failed = [f"{one.attack}: {count} rows, {why}" for one in found.attacks for why, count in one.failures().items()]
    if failed:
        yield section("Not tested", listing(failed), mark="warn")
    passed = words(f"{told(found.live)}; by {found.live_attack}.")
    yield section("Live, under the policy in force", passed, *passing(found), mark=mark_of(found))
    yield section("Policy", listing(_rules(found)))
    yield section("What this does not say", listing(NOT_SAID))


def _flips(found: Evasion, attacks: list[ByAttack], *, held: bool) -> Iterator[str]:
    distance, most = found.wish.distance, found.wish.queries
    for near in (None, distance):
        drawn = []
        for one in attacks:
            at = one.flipped(near, held=held)
            points = [(1.0, 0.0), *((float(q), (n + 1) / max(1, len(one.ran))) for n, q in enumerate(at))]
            # Who is held back asks no more: its curve ends there.
            end = max(one.end or most, *at, 1) if held else most
            drawn.append(Line(one.attack, (*points, (float(end), points[-1][1])), steps=True))
        marks = []
        if held:
            ran = [each for one in attacks for each in one.ran]
            medians = (
                ("seen (median)", middle([each.seen for each in ran if each.seen is not None])),
                ("held back (median)", middle([each.held for each in ran if each.held is not None])),
            )
            marks = [Mark(name, at) for name, at in medians if at is not None]
        where = "at any distance" if near is None else f"within {distance:g} standard deviations"
        yield words(f"Share of rows that are flipped {where}.")
        yield chart(f"Share of rows flipped {where}", drawn, marks)


def _lost(found: Evasion) -> bool:
    """Whether any row was flipped before it was held back."""
    return any(one.flipped(None, held=True) for one in found.attacks)


def _first(found: Evasion, attacks: list[ByAttack]) -> Iterator[str]:
    yield listing([f"{one.attack}: {line}" for one in attacks for line in _late(one, found.wish.distance)])
    flips = sum(len(one.flipped(None)) for one in attacks)
    before = sum(len(one.flipped(None, held=True)) for one in attacks)
    if flips and before == flips:
        yield words(
            f"The curves with detectors are as high as those without: each of the {flips} flips came before the client "
            "would have been held back."
        )
    elif before:
        yield words(f"{before} of {flips} flips came before the client would have been held back: these it has.")


def _table(found: Evasion, attacks: list[ByAttack]) -> str:
    distance = found.wish.distance
    head = (
        "attack", "rows", "flipped", f"within {distance:g}", "95 % interval", "queries (median)", "at the rate limit",
        "seen", "seen after (median)", f"within {distance:g} before seen", f"within {distance:g} before held back",
    )  # fmt: skip
    rows = []
    for one in attacks:
        near, seen = one.flipped(distance), [each.seen for each in one.ran if each.seen is not None]
        needed, share = middle(near), clopper_pearson(len(near), len(one.ran)) if one.ran else None
        rows.append(
            (
                one.attack,
                str(len(one.ran)),
                str(len(one.flipped(None))),
                str(len(near)),
                "" if share is None else f"{share.low:.2f} to {share.high:.2f}",
                "" if needed is None else f"{needed:,.0f}",
                "" if needed is None else spell(found.rules.seconds(needed)),
                str(len(seen)) if found.watched else "not looked at",
                "" if not seen else f"{middle(seen):,.0f}",
                f"{one.unseen(distance)} of {len(near)}" if found.watched else "",
                f"{len(one.flipped(distance, held=True))} of {len(near)}" if found.watched else "",
            )
        )
    return table(head, rows, "A row is flipped when the model gives another label than for the row itself.")


def _changes(found: Evasion, one: ByAttack) -> str:
    head = ("row", "largest change", "in standard deviations of the answers", "queries")
    rows = [
        (
            str(each.row),
            f"{each.trail.change():.4g}",
            f"{each.trail.change() / (found.spread or 1.0):.2f}",
            f"{each.trail.queries:,}",
        )
        for each in one.ran
    ]
    return table(head, rows, f"Within {found.wish.distance:g} standard deviations of the declared fields.")
