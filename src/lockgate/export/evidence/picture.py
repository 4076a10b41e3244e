"""The picture: six boxes, what happened in each, who signed it and when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lockgate.export.evidence.cites import Cites, signed
from lockgate.export.evidence.facts import jails_of
from lockgate.export.evidence.html import Markup, boxes
from lockgate.export.evidence.words import count, many, moment

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case

Box = tuple[str, Sequence[str]]


def picture(case: Case, cites: Cites) -> Markup:
    """The boxes of a model; of one that was made elsewhere only those that there are."""
    if case.imported is not None:
        return boxes([_imported(case, cites), _placed(case, cites), _answering(case, cites)])
    return boxes(
        [
            _ingested(case, cites),
            _validated(case, cites),
            _trained(case, cites),
            _registered(case, cites),
            _placed(case, cites),
            _answering(case, cites),
        ]
    )


def field(value: Any, *path: str) -> Any:
    """A nested field, or None."""
    for key in path:
        value = value.get(key) if hasattr(value, "get") else None
    return value


def sources(case: Case) -> list[dict[str, Any]]:
    """Name, digest and annotations of each source that was taken in."""
    found = field(case.chain["ingest"].predicate, "buildDefinition", "resolvedDependencies")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _ingested(case: Case, cites: Cites) -> Box:
    one, listed = case.chain["ingest"], sources(case)
    rows = [found for each in listed if type(found := field(each, "annotations", "rows")) is int]
    what = f"{many(len(listed), 'source')} with {count(sum(rows))} rows" if rows else many(len(listed), "source")
    said = f"{what} taken in; each is known by a fingerprint of its bytes, so that no row can change unseen."
    return "Data ingestion", (said, signed(one), cites.of(one))


def _validated(case: Case, cites: Cites) -> Box:
    one = case.chain["validate"]
    kept, refused = (count(one.predicate.get(name)) for name in ("accepted", "quarantined"))
    said = f"Every row was checked against a contract that people wrote: {kept} were kept, {refused} set aside."
    return "Validation", (said, signed(one), cites.of(one))


def _trained(case: Case, cites: Cites) -> Box:
    train, judge = case.chain["train"], case.chain["judge"]
    level = min((each["level"] for each in jails_of(train).values() if type(each.get("level")) is int), default=None)
    shut = f"shut in at level {level} of 3" if level is not None else "shut in"
    said = f"The program that learns ran {shut}, without network or keys. It was judged on rows that it never saw."
    return "Sandboxed training", (said, signed(train), cites.of(train), signed(judge), cites.of(judge))


def _registered(case: Case, cites: Cites) -> Box:
    one = case.chain["register"]
    said = f"The model with its contract and papers was closed as {case.ref}: every file of it by fingerprint, signed."
    return "Signed model artifact", (said, signed(one), cites.of(one))


def _imported(case: Case, cites: Cites) -> Box:
    one = case.chain["import"]
    who = case.imported.person if case.imported else "somebody"
    said = (
        f"This model was made elsewhere and brought in as {case.ref}; {who} vouched for its bytes. How it was made is "
        "not known here."
    )
    return "Import", (said, signed(one), cites.of(one), cites.of(case.chain["scan"]))


def _placed(case: Case, cites: Cites) -> Box:
    moves = case.of("deploy")
    about = [one for one in moves if one.predicate.get("manifest") == case.manifest]
    if not about:
        return "Staged deployment", ("It was put into service nowhere.",)
    last = about[-1]
    where = str(last.predicate.get("environment"))
    rung = last.predicate.get("rung")
    said = f"Put into service in signed steps: {many(len(about), 'step')}, the last one to {rung} in {where}."
    return "Staged deployment", (said, signed(last), cites.of(last))


def _answering(case: Case, cites: Cites) -> Box:
    if case.predictions is None:
        return "Monitored inference", ("No record of answers is in this archive.",)
    found = case.samples
    entries = many(case.predictions.size, "entry", "entries")
    said = f"The log of answers has {entries}; {count(found.of_model)} of those looked at are answers by this model."
    last = f"The newest of them is of {moment(found.chosen[-1].time)}." if found.chosen else ""
    return "Monitored inference", (said, last, cites.files("log/predictions/checkpoint"))
