"""Which files a model consists of: what training captured, what validation and the judge found, and a card. Pure.

The closure is a function of verified statements alone. The same candidate and the same judgement give the same
bytes, hence the same manifest: that is how a second registration of the same model is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockgate.audit import joins
from lockgate.core.digest import Digest
from lockgate.core.encoding import encode
from lockgate.core.names import check_file_name
from lockgate.errors import Refused, VerificationFailed
from lockgate.monitor.plan import INPUTS, OUTPUTS
from lockgate.register import card, mlbom
from lockgate.runtime.locked import bom

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.register.spec import RegisterSpec

CODE = "code/"
LOCK = "requirements.lock"
BASELINE = "baseline.json"
EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class Closure:
    """`copied`: name -> digest of bytes that earlier stages made. `made`: name -> bytes rendered from statements."""

    copied: Mapping[str, Digest]
    made: Mapping[str, bytes]


def plan(spec: RegisterSpec, heads: Mapping[str, Evidence]) -> Closure:
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
        card.FILENAME: card.card(spec.name, spec.words, heads).encode(),
        bom.FILENAME: mlbom.document(spec.name, spec.words, heads),
    }
    return Closure(copied, made)


def evaluation(judge: Evidence) -> dict[str, Any]:
    """The judge's facts as they stand in its statement, with that statement's digest."""
    facts = {key: value for key, value in judge.predicate.items() if key != "configuration"}
    return {"statement": judge.digest, "facts": facts}


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
