"""The shell of validate: verify what ingest signed, judge in jails, decide, store, sign."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import randbits
from typing import TYPE_CHECKING, Any

from lockgate.audit.joins import subject
from lockgate.audit.mark_files import mark_files
from lockgate.audit.marks import marks_in_force
from lockgate.contract.closure import Closure, capture_code
from lockgate.contract.spec import ACCEPTED, PLAN, QUARANTINE
from lockgate.core.digest import Digest, hex_of
from lockgate.core.screen import bits_of
from lockgate.core.verdict import Verdict
from lockgate.errors import Refused, VerificationFailed
from lockgate.monitor.plan import INPUTS
from lockgate.validate import rules, screened
from lockgate.validate.examine import BASELINE, Examined, Question, examine
from lockgate.validate.open_ends import open_ends
from lockgate.validate.screen.account import ROWS
from lockgate.validate.screening import Looked, Rows, look
from lockgate.validate.spec import Marked, ValidateResult, ValidateSpec

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.sandbox.report import JailReport

REPORT = "report.json"
_PRIVATE = 0o400
_MAX_MANIFEST = 64 << 20


def run(workplace: Workplace, spec: ValidateSpec) -> ValidateResult:
    """Judge the snapshot at the head of ingest by the project's contract.

    1. The ingester signed a snapshot and its manifest.   2. The bytes in the data store are the signed ones, and so are
    those of the rows that approvers marked.   3. The code is captured by digest.   4. One jail judges and counts,
    others answer for the contract's code: every row is accepted or quarantined, and a row marked bad is quarantined.
    5. Another jail looks for poisoned rows among the accepted ones.   6. Snapshot and marked rows are still the signed
    ones.   7. Results are stored write-once, for this user only.   8. The policy's share decides.   9. The validator
    signs the statement: FAILED, where a rule of the screen that is enforced found something.   10. Then it is refused.

    Raises Refused LG201 (nothing ingested), LG203, LG204, LG212, LG213, LG229, LG240, LG241, and what the screen found
    (LG214, LG231 to LG236); Usage LG205 to LG211 (the contract), LG239; VerificationFailed LG202, LG802, LG805 (the
    snapshot, a mark).
    """
    head = workplace.head("ingest")
    if head is None:
        raise Refused("LG201", "nothing was ingested yet", next="lockgate ingest")
    signed = _signed(head)  # 1
    files = _manifest(workplace.data.read(signed.manifest, _MAX_MANIFEST), head)
    names = [file["name"] for file in files]
    workplace.data.check(signed.snapshot)  # 2
    marks = _marks(workplace)
    earlier = [one.predicate for one in workplace.said("validate")]
    seed = screened.seed_of(earlier, signed.snapshot, randbits(48))
    with workplace.scratch() as scratch:
        closure = capture_code(workplace.root, spec.code, spec.contract_file, scratch / "code")  # 3
        question = Question(
            snapshot=workplace.data.path(signed.snapshot),
            files=files,
            closure=closure,
            contract_file=spec.contract_file,
            model=spec.model,
            label=spec.label,
            sensitive=spec.sensitive,
            dates=spec.dates,
            numbers=spec.numbers,
            key=secrets.token_bytes(32),
            # Of the rows themselves: whoever writes them does not know which ones will be looked at.
            monitor=(spec.monitor, int(hex_of(signed.snapshot)[:12], 16)),
            marks=marks,
        )
        examined = examine(question, workplace.python(), scratch)  # 4
        looked = _look(spec, question, examined, seed, scratch)  # 5
        workplace.data.check(signed.snapshot)  # 6
        _marks(workplace)
        decided = rules.decide(
            examined.reckoning, examined.table, max_share=spec.max_quarantined_share, enforce=spec.enforce
        )
        found = screened.reasons(looked.account, spec.screen, names, screened.before(earlier)) if looked else ()
        noted = (
            *screened.unreadable([marks[place].statement for place in examined.account.unreadable]),
            *open_ends(examined.plan, examined.table),
            *rules.monitoring(examined.account.monitor, spec.monitor.stride),
        )
        verdict = Verdict((*decided.reasons, *found, *noted))
        details = _report(spec, examined, verdict, closure, signed.snapshot, looked, names)
        stored = _store(workplace, examined, details, looked)  # 7
    _refuse(decided, workplace.data.path(stored[QUARANTINE]))  # 8
    evidence = workplace.record(
        "validator",
        rules.statement(
            spec,
            examined.account,
            verdict,
            files=stored,
            snapshot=signed.snapshot,
            ingest=head.digest,
            contract=closure.digest_of(spec.contract_file),
            closure=closure.digest,
            jails={name: report.as_json() for name, report in _jails(examined, looked).items()},
            time=workplace.now(),
            screen=screened.facts(looked.account, spec.screen, names, seed) if looked else None,
            marks=marks,
        ),
    )  # 9
    screened.refuse(found)  # 10
    return ValidateResult(
        snapshot=signed.snapshot,
        accepted=stored[ACCEPTED],
        quarantine=stored[QUARANTINE],
        baseline=stored[BASELINE],
        plan=stored[PLAN],
        report=stored[REPORT],
        monitor=stored.get(INPUTS),
        reckoning=examined.reckoning,
        table=examined.table,
        details=details,
        evidence=evidence,
        screen=stored.get(ROWS),
    )


def _marks(workplace: Workplace) -> tuple[Marked, ...]:
    """The rows that approvers marked, each file found to be the signed one. Raises VerificationFailed LG802, LG805."""
    said = marks_in_force(workplace.ledger.statements(), workplace.model)
    paths = mark_files(said, workplace.data)
    return tuple(
        Marked(one.word, path, one.evidence.digest, bits_of(one.findings))
        for one, path in zip(said, paths, strict=True)
    )


def _look(spec: ValidateSpec, question: Question, examined: Examined, seed: int, scratch: Path) -> Looked | None:
    """What the screen saw; None where no rule is on, or there is no row."""
    if not spec.screen.rules or not examined.reckoning.accepted:
        return None
    unreadable = examined.account.unreadable
    return look(
        Rows(
            path=examined.files[ACCEPTED],
            count=examined.reckoning.accepted,
            table=examined.table,
            label=spec.label,
            sensitive=spec.sensitive,
            files=question.files,
            seed=seed,
            marks=[mark for place, mark in enumerate(question.marks) if place not in unreadable],
        ),
        spec.screen,
        scratch,
    )


def _jails(examined: Examined, looked: Looked | None) -> dict[str, JailReport]:
    return {**examined.jails, **({"screen": looked.report} if looked else {})}


@dataclass(frozen=True)
class _Signed:
    snapshot: Digest
    manifest: Digest


def _signed(head: Evidence) -> _Signed:
    snapshot = subject(head.statement, "snapshot.parquet")
    manifest = subject(head.statement, "manifest.json")
    if snapshot is None or manifest is None:
        raise _malformed(head, "it names no snapshot and manifest")
    return _Signed(snapshot, manifest)


def _manifest(data: bytes, head: Evidence) -> list[dict[str, Any]]:
    try:
        return rules.manifest_files(data)
    except ValueError as error:
        raise _malformed(head, str(error)) from None


def _malformed(head: Evidence, why: str) -> VerificationFailed:
    return VerificationFailed(
        "LG202",
        f"the ingest statement is not one that Lockgate makes: {why}",
        seen={"statement": head.digest, "entry": head.index},
        next="lockgate ingest",
    )


def _report(
    spec: ValidateSpec,
    examined: Examined,
    verdict: Verdict,
    closure: Closure,
    snapshot: Digest,
    looked: Looked | None,
    names: Sequence[str],
) -> dict[str, Any]:
    contract = {
        "reference": spec.reference,
        "digest": closure.digest_of(spec.contract_file),
        "closure": closure.digest,
        "files": [list(entry) for entry in closure.files],
    }
    screen = screened.details(looked.account, names) if looked else None
    return rules.report(examined.account, verdict, contract=contract, snapshot=snapshot, screen=screen)


def _store(
    workplace: Workplace, examined: Examined, details: Mapping[str, Any], looked: Looked | None
) -> dict[str, Digest]:
    stored = {REPORT: workplace.data.put(rules.encode_report(details), mode=_PRIVATE)}
    for name, path in {**examined.files, **({ROWS: looked.rows} if looked else {})}.items():
        with path.open("rb") as file:
            stored[name] = workplace.data.put(file, mode=_PRIVATE)
    return stored


def _refuse(verdict: Verdict, quarantine: Path) -> None:
    if not verdict.passed:
        reason = verdict.refusals[0]
        seen = {**reason.seen, "quarantine": str(quarantine)}
        raise Refused(reason.finding, reason.message, seen=seen, next=reason.next)
