"""Which files a model consists of: what training captured, what validation and the judge found, and a card. Pure.

The closure is a function of verified statements alone. The same candidate and the same judgement give the same
bytes, hence the same manifest: that is how a second registration of the same model is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.audit import joins
from lockgate.core.control_words import control_line
from lockgate.core.digest import Digest, short
from lockgate.core.encoding import encode
from lockgate.core.names import check_file_name
from lockgate.core.shown import shown
from lockgate.errors import Refused, VerificationFailed
from lockgate.monitor.plan import INPUTS, OUTPUTS
from lockgate.runtime.locked import bom

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

CODE = "code/"
LOCK = "requirements.lock"
BASELINE = "baseline.json"
EVALUATION = "evaluation.json"
CARD = "README.md"


@dataclass(frozen=True)
class Closure:
    """`copied`: name -> digest of bytes that earlier stages made. `made`: name -> bytes rendered from statements."""

    copied: Mapping[str, Digest]
    made: Mapping[str, bytes]


def plan(name: str, description: str, heads: Mapping[str, Evidence]) -> Closure:
    """The closure of the candidate that `heads` (ingest, validate, train, judge; joined) speak about.

    Raises:
        Refused: LG405 no lock file pins the environment that its code needs.
        VerificationFailed: LG404 the train statement names a file twice or in an unsafe way, or captures no code;
            the validate statement names no baseline.
    """
    copied: dict[str, Digest] = dict(joins.candidate(heads["train"].statement))
    for file, digest in joins.dependencies(heads["train"].statement):
        if file.startswith(CODE) or file == LOCK:
            _check_name(file, copied, heads["train"])
            copied[file] = digest
    if not any(file.startswith(CODE) for file in copied):
        raise _incomplete(heads["train"], "it captures no code")
    if LOCK not in copied:
        raise Refused(
            "LG405",
            f"the candidate was trained in an environment that no {LOCK} pins",
            seen={"statement": heads["train"].digest},
            next=f"add {LOCK} with hashes to the project, then lockgate run",
        )
    baseline = joins.fact_digest(heads["validate"].statement, "baseline")
    if baseline is None:
        raise _incomplete(heads["validate"], "it names no baseline")
    copied[BASELINE] = baseline
    # Statements from before there were any name none, and neither do those about rows of which nothing can be watched.
    watched = {INPUTS: heads["validate"], OUTPUTS: heads["judge"]}
    plans = {file: joins.fact_digest(one.statement, "monitor") for file, one in watched.items()}
    copied |= {file: digest for file, digest in plans.items() if digest is not None}
    made = {
        EVALUATION: encode(evaluation(heads["judge"])),
        CARD: card(name, description, heads).encode(),
        bom.FILENAME: bom.document(bom.components_of(_dependencies(heads["train"]))),
    }
    return Closure(copied, made)


def _dependencies(train: Evidence) -> Iterator[tuple[str, Digest, Mapping[str, Any]]]:
    """Name, digest and annotations of what training rested on; `joins` has left out what is malformed."""
    definition = train.predicate.get("buildDefinition")
    listed = definition.get("resolvedDependencies") if isinstance(definition, Mapping) else None
    facts = {
        str(each.get("name", "")): each.get("annotations")
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, Mapping)
    }
    for name, digest in joins.dependencies(train.statement):
        found = facts.get(name)
        yield name, digest, found if isinstance(found, Mapping) else {}


def evaluation(judge: Evidence) -> dict[str, Any]:
    """The judge's facts as they stand in its statement, with that statement's digest."""
    facts = {key: value for key, value in judge.predicate.items() if key != "configuration"}
    return {"statement": judge.digest, "facts": facts}


def card(name: str, description: str, heads: Mapping[str, Evidence]) -> str:
    """A short model card: the person's words first, then facts, each with the statement that says it."""
    lines = [f"# {name}", ""]
    if description:
        lines += [" ".join(description.split()), ""]
    lines += ["Written by Lockgate from signed statements; nothing below was typed by a person.", ""]
    lines += ["| what | statement | made by |", "|---|---|---|"]
    for claim in ("ingest", "validate", "train", "judge"):
        one = heads[claim]
        lines.append(f"| {claim} | {one.digest} | role {one.role}, log entry {one.index} |")
    metrics = _metrics(heads["judge"].predicate.get("metrics"))
    if metrics:
        lines += ["", "Judged on rows that training never saw:", "", "| metric | value | interval |", "|---|---|---|"]
        lines += metrics
    lines += _screened(heads["validate"])
    told = control_line(heads["judge"].predicate)
    lines += ["", f"Doubtful rows: {_cell(told)}."] if told else []
    lines += _watched(heads)
    lines += ["", "| file | digest |", "|---|---|"]
    lines += [
        f"| {_cell(file)} | {short(digest)} |" for file, digest in joins.candidate(heads["train"].statement).items()
    ]
    return "\n".join(lines) + "\n"


def _screened(validate: Evidence) -> list[str]:
    """What the poisoning screen said; nothing where no rule was on, or in a statement from before there were any."""
    screen = validate.predicate.get("screen")
    if not isinstance(screen, Mapping) or not isinstance(screen.get("rules"), Mapping):
        return []
    flagged, good, bad = screen.get("flagged"), screen.get("good"), validate.predicate.get("marked_bad")
    ran = [_cell(rule) for rule, state in screen["rules"].items() if state == "ran"]
    said = f"{flagged} rows flagged, by the rules {', '.join(ran)}" if ran else "no rule could look"
    said += f"; {good} that they would flag are marked good" if good else ""
    said += f"; {bad} were marked bad and are left out" if bad else ""
    counted = all(type(count) is int for count in (flagged, good, bad))
    return ["", f"Screened for poisoned rows: {said}."] if counted else []


def _watched(heads: Mapping[str, Evidence]) -> list[str]:
    if "watched" not in heads["validate"].predicate:
        return []  # A statement from before: its model has the card that it had.
    said = [
        what
        for what, claim in (("what it is asked", "validate"), ("what it answers", "judge"))
        if joins.fact_digest(heads[claim].statement, "monitor") is not None
    ]
    return ["", f"Watched for drift: {' and '.join(said) or 'nothing'}."]


def _metrics(metrics: object) -> list[str]:
    if not isinstance(metrics, Mapping):
        return []
    rows = []
    for metric, found in metrics.items():
        value = found.get("value") if isinstance(found, Mapping) else found
        low, high = (found.get("low"), found.get("high")) if isinstance(found, Mapping) else (None, None)
        if isinstance(value, int | float):
            interval = (
                f"{low:.4g} to {high:.4g}" if isinstance(low, int | float) and isinstance(high, int | float) else ""
            )
            rows.append(f"| {_cell(str(metric))} | {value:.4g} | {interval} |")
    return rows


def _cell(text: str) -> str:
    """A name that others gave, as one cell of a table: it ends no cell, no line, and is no mark-up."""
    return re.sub(r"[|<>`\[\]\\]", lambda one: f"&#{ord(one[0])};", shown(text))


def _check_name(file: str, taken: Mapping[str, Digest], train: Evidence) -> None:
    try:
        check_file_name(file)
    except ValueError as error:
        raise _incomplete(train, str(error)) from None
    if file in taken:
        raise _incomplete(train, f"it names {file} twice")


def _incomplete(one: Evidence, what: str) -> VerificationFailed:
    return VerificationFailed(
        "LG404",
        f"the {one.claim} statement cannot be made into a signed closure: {what}",
        seen={"statement": one.digest, "log_index": one.index},
        next="lockgate run",
    )
