"""Questions about how the model was made: data, rows refused, training, quality, attacks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from lockgate.core.control_words import control_line
from lockgate.core.digest import short
from lockgate.core.robustness_words import robustness_line
from lockgate.export.evidence import words
from lockgate.export.evidence.cites import Cites, signed
from lockgate.export.evidence.facts import jails_of
from lockgate.export.evidence.html import Markup, heading, link, listing, paragraph, table
from lockgate.export.evidence.picture import field, sources

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case

_MOST: Final = 40
_SCREEN: Final[Mapping[str, str]] = {
    "conflicts": "equal rows with different answers",
    "duplicates": "rows that are there twice",
    "near_duplicates": "rows that are almost there twice",
    "labels": "answers that the rest of the data makes unlikely",
    "triggers": "a rare value that always comes with the same answer",
    "sources": "one source that is unlike the others",
    "spectral": "a group of rows that stands apart",
}


def made(case: Case, cites: Cites) -> Iterator[Markup]:
    """The questions in their order."""
    if case.imported is not None:
        yield from _brought(case, cites)
        return
    for ask in (_data, _refused, _screened, _trained, _good, _attacked, _inside):
        yield from ask(case, cites)


def _brought(case: Case, cites: Cites) -> Iterator[Markup]:
    one = case.imported
    if one is None:
        return
    yield heading("Where does it come from?", 3)
    who = f"{one.person} vouched for its bytes ({'on a terminal' if one.how == 'terminal' else 'by giving its digest'})"
    bore = f"the files bore a signature by key {one.signer.keyid[:12]}" if one.signer else "nobody had signed the files"
    yield paragraph(f"It is a {one.kind} called {one.origin}. {who}; {bore}.", cites.of(one.evidence))
    yield paragraph(
        "Its data, its training and its quality are not known here: nothing about them is proved.", mark="warn"
    )


def _data(case: Case, cites: Cites) -> Iterator[Markup]:
    one, found = case.chain["ingest"], sources(case)
    yield heading("What data did it learn from?", 3)
    yield paragraph(
        f"{words.many(len(found), 'source')}, taken in on {words.moment(one.time)}. Each is named by a digest: a "
        "fingerprint of all its bytes, and nobody knows how to make other bytes that have it.",
        cites.of(one),
        cites.files("facts/sources.json"),
    )
    rows = [
        (str(each.get("name", "")), words.count(field(each, "annotations", "rows")), _digest(each))
        for each in found[:_MOST]
    ]
    yield table(("source", "rows", "digest"), rows)
    if len(found) > _MOST:
        yield paragraph(f"and {len(found) - _MOST:,} more, in facts/sources.json.")


def _digest(resource: Mapping[str, Any]) -> str:
    digits = field(resource, "digest", "sha256")
    return short(f"sha256:{digits}") if isinstance(digits, str) else ""


def _refused(case: Case, cites: Cites) -> Iterator[Markup]:
    one = case.chain["validate"]
    rows, kept, refused = (one.predicate.get(name) for name in ("rows", "accepted", "quarantined"))
    yield heading("How many rows were refused, and why?", 3)
    part = words.share(refused, rows)
    yield paragraph(
        f"Of {words.count(rows)} rows {words.count(kept)} were kept and {words.count(refused)} set aside"
        f"{f' ({part})' if part else ''}. Here are counts only; the rows are with the owner.",
        cites.of(one),
    )
    if case.refusals is None:
        yield paragraph("Why, is in a report that is not on the exporter's machine any more; its digest is signed.")
        return
    counted = [
        (str(each["rule"]), str(each["field"]) or "the whole row", words.count(each["rows"]))
        for each in case.refusals[:_MOST]
    ]
    yield table(("rule that was broken", "field", "rows"), counted, "counted by the exporter from the signed report")


def _screened(case: Case, cites: Cites) -> Iterator[Markup]:
    one = case.chain["validate"]
    screen = one.predicate.get("screen")
    yield heading("Was the data looked at for poison?", 3)
    rules = field(screen, "rules")
    if not isinstance(rules, Mapping):
        yield paragraph("No: the screen did not run.", cites.of(one), mark="warn")
        return
    ran = [_SCREEN.get(str(name), str(name)) for name, state in sorted(rules.items()) if state == "ran"]
    absent = [_SCREEN.get(str(name), str(name)) for name, state in sorted(rules.items()) if state != "ran"]
    looked, flagged, good = (field(screen, name) for name in ("looked", "flagged", "good"))
    yield paragraph(
        f"{words.count(looked)} rows were looked at; {words.count(flagged)} were found doubtful."
        + (
            f" {words.count(good)} more would be, but a person had looked at them and marked them as good."
            if good
            else ""
        ),
        cites.of(one),
        cites.files("facts/screen.json"),
    )
    yield paragraph(f"Looked for: {'; '.join(ran)}." if ran else "No rule of the screen could look.")
    yield paragraph(f"The screen did not look for: {'; '.join(absent)}." if absent else "")
    marks = [each for each in case.statements if each.claim == "mark"]
    if marks:
        said = f"Persons marked rows {words.many(len(marks), 'time')} in this project."
        yield paragraph(said, cites.of(*marks[-3:]), cites.files("facts/marks.json"))


def _trained(case: Case, cites: Cites) -> Iterator[Markup]:
    one = case.chain["train"]
    inside = field(one.predicate, "buildDefinition", "internalParameters")
    yield heading("Who trained it, where, and shut in how?", 3)
    yield paragraph(signed(one), cites.of(one), cites.files("facts/training.json"))
    rows = []
    for jail, report in jails_of(one).items():
        probes = [each for each in report.get("probes") or () if isinstance(each, Mapping)]
        held = sum(1 for each in probes if each.get("holds") is True)
        rows.append((jail, str(report.get("level")), str(report.get("launcher")), f"{held} of {len(probes)}"))
    yield paragraph(
        "The code that learns is not trusted. It ran in a jail: it saw its data and nothing else, no network, no keys, "
        "not the rows that it is judged on. Before the code was started, a first process inside tried the walls:"
    )
    yield table(("jail", "level (3 is best)", "made by", "walls that held"), rows)
    denied = field(inside, "denied")
    number = len(denied) if isinstance(denied, list) else 0
    yield paragraph(
        f"While it ran, {words.many(number, 'attempt')} to get out {'was' if number == 1 else 'were'} seen and denied."
        if number
        else "While it ran, no attempt to get out was seen.",
        mark="warn" if number else "",
    )
    split = field(inside, "split")
    held, trained = field(split, "heldout", "rows"), field(split, "train", "rows")
    if type(held) is int:
        how = {"time": "the newest", "group": "whole groups", "hash": "drawn by chance"}.get(str(field(split, "how")))
        yield paragraph(
            f"It learned from {words.count(trained)} rows; {words.count(held)} were held back to judge it"
            f"{f' ({how})' if how else ''}."
        )


def _good(case: Case, cites: Cites) -> Iterator[Markup]:
    one = case.chain["judge"]
    times = one.predicate.get("judged")
    yield heading("How good is it?", 3)
    again = f" These rows were used to judge {words.count(times)} times" if type(times) is int and times > 1 else ""
    often = f";{again.lower()}: the more often, the less they show" if again else ""
    yield paragraph(
        f"It was judged on {words.count(one.predicate.get('rows'))} rows that training could not open{often}.",
        cites.of(one),
        cites.files("facts/judge.json"),
    )
    yield listing(words.metrics(one.predicate.get("metrics")))
    slices = one.predicate.get("slices")
    if isinstance(slices, list) and slices:
        fields = sorted({str(field(each, "field")) for each in slices})
        said = f"It was also judged on {words.many(len(slices), 'part')} of these rows, by {', '.join(fields)}"
        yield paragraph(f"{said}: the statement has each of them.")
    yield paragraph(f"Doubtful rows: {told}." if (told := control_line(one.predicate)) else "")
    yield paragraph("Whether that is good enough for a use, these numbers do not say.")


def _attacked(case: Case, cites: Cites) -> Iterator[Markup]:
    one = case.chain["judge"]
    yield heading("Was it attacked, and how did it hold?", 3)
    told = robustness_line(one.predicate)
    if not told:
        yield paragraph("No attack on its inputs was tried, as far as the statement says.", cites.of(one), mark="warn")
        return
    yield paragraph(f"In one line, for people who know the terms: {told}.", cites.of(one))
    yield paragraph(
        "An attack changes a row a little and asks again, until the answer flips. sd is a standard deviation: how far "
        "the values of a field usually lie apart.",
        cites.files("facts/robustness.json"),
    )


def _inside(case: Case, cites: Cites) -> Iterator[Markup]:  # noqa: ARG001 - as its neighbours
    yield heading("What is in it?", 3)
    papers = {
        "bom.cdx.json": "its bill of materials: data, code, packages and licences",
        "README.md": "its card, with the words of its makers apart",
        "evaluation.json": "how it was judged",
    }
    files = [one.name for one in case.registration.files] if case.registration else []
    known = [f"{link(f'model/{name}', name)}: {what}" for name, what in papers.items() if name in files]
    yield listing(Markup(each) for each in known)
    if case.without:
        yield paragraph("Signed files that are not here, but named by digest in what is signed:")
        yield listing(f"{file.name}: {why}" for file, why in case.without[:_MOST])
