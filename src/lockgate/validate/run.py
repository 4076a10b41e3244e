"""The shell of validate: verify what ingest signed, judge in jails, decide, store, sign."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.joins import subject
from lockgate.contract.closure import Closure, capture_code
from lockgate.contract.spec import ACCEPTED, PLAN, QUARANTINE
from lockgate.core.digest import Digest, hex_of
from lockgate.core.verdict import Verdict
from lockgate.errors import Refused, VerificationFailed
from lockgate.monitor.plan import INPUTS
from lockgate.validate import rules
from lockgate.validate.examine import BASELINE, Examined, Question, examine
from lockgate.validate.open_ends import open_ends
from lockgate.validate.spec import ValidateResult, ValidateSpec

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace

REPORT = "report.json"
_PRIVATE = 0o400
_MAX_MANIFEST = 64 << 20


def run(workplace: Workplace, spec: ValidateSpec) -> ValidateResult:
    """Judge the snapshot at the head of ingest by the project's contract.

    1. The ingester signed a snapshot and its manifest.   2. The bytes in the data store are the signed ones.
    3. The code is captured by digest.   4. One jail judges and counts, others answer for the contract's code: every
    row is accepted or quarantined.   5. The snapshot is still the signed one.   6. Results are stored write-once,
    the quarantine for this user only.   7. The policy's share decides.   8. The validator signs the statement.

    Raises Refused LG201 (nothing ingested), LG203, LG204, LG212, LG213, LG229, Usage LG205 to LG211 (the contract),
    VerificationFailed LG202, LG802, LG805 (the snapshot).
    """
    head = workplace.head("ingest")
    if head is None:
        raise Refused("LG201", "nothing was ingested yet", next="lockgate ingest")
    signed = _signed(head)  # 1
    files = _manifest(workplace.data.read(signed.manifest, _MAX_MANIFEST), head)
    workplace.data.check(signed.snapshot)  # 2
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
            key=secrets.token_bytes(32),
            # Of the rows themselves: whoever writes them does not know which ones will be looked at.
            monitor=(spec.monitor, int(hex_of(signed.snapshot)[:12], 16)),
        )
        examined = examine(question, workplace.python(), scratch)  # 4
        workplace.data.check(signed.snapshot)  # 5
        decided = rules.decide(
            examined.reckoning, examined.table, max_share=spec.max_quarantined_share, enforce=spec.enforce
        )
        noted = (
            *open_ends(examined.plan, examined.table),
            *rules.monitoring(examined.account.monitor, spec.monitor.stride),
        )
        verdict = Verdict((*decided.reasons, *noted))
        details = _report(spec, examined, verdict, closure, signed.snapshot)
        stored = _store(workplace, examined, details)  # 6
    _refuse(verdict, workplace.data.path(stored[QUARANTINE]))  # 7
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
            jails={name: report.as_json() for name, report in examined.jails.items()},
            time=workplace.now(),
        ),
    )  # 8
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
    )


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
    spec: ValidateSpec, examined: Examined, verdict: Verdict, closure: Closure, snapshot: Digest
) -> dict[str, Any]:
    contract = {
        "reference": spec.reference,
        "digest": closure.digest_of(spec.contract_file),
        "closure": closure.digest,
        "files": [list(entry) for entry in closure.files],
    }
    return rules.report(examined.account, verdict, contract=contract, snapshot=snapshot)


def _store(workplace: Workplace, examined: Examined, details: Mapping[str, Any]) -> dict[str, Digest]:
    stored = {REPORT: workplace.data.put(rules.encode_report(details), mode=_PRIVATE)}
    for name, path in examined.files.items():
        with path.open("rb") as file:
            stored[name] = workplace.data.put(file, mode=_PRIVATE)
    return stored


def _refuse(verdict: Verdict, quarantine: Path) -> None:
    if not verdict.passed:
        reason = verdict.refusals[0]
        seen = {**reason.seen, "quarantine": str(quarantine)}
        raise Refused(reason.finding, reason.message, seen=seen, next=reason.next)
