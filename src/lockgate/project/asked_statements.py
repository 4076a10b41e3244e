"""Which statements of the event log are about a model, a dataset, a client or a day. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from lockgate.audit import joins
from lockgate.audit.entries import Registration, registrations
from lockgate.core.digest import Digest
from lockgate.core.statement import digest_of_resource
from lockgate.errors import Usage

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

_SHORTEST = 4


def dataset(what: str, statements: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The ingest statements of a dataset: those of one snapshot, whenever it was captured.

    `what`: the log entry of one, or a unique beginning (at least 4 digits) of the digest of a statement, of the rows as
    captured, or of the rows as accepted. Raises Usage LG7052.
    """
    ingests = [one for one in statements if one.claim == "ingest"]
    digits = what.removeprefix("sha256:")
    named = {one.digest: one for one in ingests if str(one.index) == what}
    if len(digits) >= _SHORTEST and not named:
        accepted = [one for one in statements if one.claim == "validate" and _begins(one, digits)]
        captured = {joins.fact_digest(one.statement, "snapshot") for one in accepted}
        named = {
            one.digest: one
            for one in ingests
            if _begins(one, digits) or captured & {subject.digest for subject in one.statement.subjects}
        }
    snapshots = {_snapshot(one) for one in named.values()}
    if len(snapshots) != 1:
        raise Usage(
            "LG7052",
            f"{what!r} {_flaw(what, digits, len(snapshots))}",
            seen={"dataset": what, "ingest_entries": [one.index for one in ingests][-10:]},
            next="lockgate log show",
        )
    return tuple(one for one in ingests if _snapshot(one) in snapshots)


def _flaw(what: str, digits: str, found: int) -> str:
    if len(digits) < _SHORTEST and not what.isdecimal():
        return f"is too short: at least {_SHORTEST} digits of a digest, or a log entry"
    return f"names {found} datasets" if found else "names no dataset"


def trained_on(ingests: Sequence[Evidence], statements: Sequence[Evidence]) -> list[Registration]:
    """The models that were trained on a dataset."""
    own = {one.digest for one in ingests}
    return [one for one in registrations(statements) if one.inputs["ingest"] in own]


def about_model(model: Registration, statements: Sequence[Evidence]) -> set[int]:
    """The log entries of what a model rests on, and of every statement that names it or takes back one of those."""
    inputs = set(model.inputs.values())
    own = {model.manifest, model.evidence.digest}
    return {
        one.index
        for one in statements
        if one.digest in inputs | own or names(one, own) or (one.claim == "revoke" and names(one, inputs))
    }


def about_dataset(ingests: Sequence[Evidence], statements: Sequence[Evidence]) -> set[int]:
    """The log entries of a dataset's own statements, and of each that names it."""
    own = {one.digest for one in ingests} | {_snapshot(one) for one in ingests}
    return {one.index for one in statements if one.digest in own or names(one, own)}


def of_client(client: Collection[str], statements: Iterable[Evidence]) -> set[int]:
    """The log entries of statements that name a client, by name or by pseudonym."""
    return {
        one.index
        for one in statements
        if any(key == "client" and value in client for key, value in _pairs(one.predicate))
    }


def of_day(day: date, statements: Iterable[Evidence]) -> set[int]:
    """The log entries of statements that the log took on a day, UTC."""
    return {one.index for one in statements if one.time.date() == day}


def names(one: Evidence, digests: Collection[str]) -> bool:
    """Whether a subject, or any value of the predicate, is one of these digests."""
    return any(subject.digest in digests for subject in one.statement.subjects) or any(
        value in digests for _, value in _pairs(one.predicate)
    )


def _snapshot(one: Evidence) -> Digest:
    """The rows as captured."""
    return joins.subject(one.statement, "snapshot.parquet") or one.statement.subjects[0].digest


def _begins(one: Evidence, digits: str) -> bool:
    every = [one.digest, *(subject.digest for subject in one.statement.subjects)]
    return any(digest.removeprefix("sha256:").startswith(digits) for digest in every)


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    """Each text within a predicate with its key; a ResourceDescriptor's digest as one of ours."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        key, found = waiting.pop()
        if isinstance(found, str):
            yield key, found
        elif isinstance(found, Mapping):
            waiting += [(str(name), inner) for name, inner in found.items()]
            try:
                yield key, digest_of_resource(found)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
        elif isinstance(found, list | tuple):
            waiting += [(key, inner) for inner in found]
