"""Verification, back to the root that the user pinned. Reads everything anew; believes no index, cache or name."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import deployments
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.load import inputs_of, load_decision, refuse_revoked
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.prove import prove as prove_entry
from lockgate.audit.refs import resolve
from lockgate.audit.shelf import shelf
from lockgate.audit.stored import check_stored
from lockgate.audit.verify import full_verify
from lockgate.core.moments import rfc3339
from lockgate.core.records import PredictionRecord, commitment, parse_receipt
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.project.materialize import materialize_model
from lockgate.project.reports import EverythingReport, Link, LogsReport, ModelReport, Proof, ReceiptReport
from lockgate.project.sentences import NOT_PROVED, sentence
from lockgate.store.layout import RegistryStore
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.project.folder import Folder

DEV = "dev"


def verify_model(project: Folder, ref: str, *, root: str = "", materialize: Path | None = None) -> ModelReport:
    """Walk one model's chain.

    1. The root is the pinned one (or `root`), and the whole event log verifies under it.
    2. `ref` names one registration.
    3. Every statement that it rests on is there, by the right role, joined by digest.
    4. Manifest, files and signature in the registry are, byte for byte, what was registered.
    5. Nothing of it is revoked.
    6. Where it is live, the loader's decision holds.

    Raises VerificationFailed, Refused or Usage at the first step that fails, naming it.
    """
    # 1.
    ledger = project.ledger(root)
    # 2.
    registration = resolve(ref, ledger.statements(), DEV)
    report = _model(ledger, registration, project.now())
    if materialize is not None:
        materialize_model(registration, RegistryStore(project.home / "registry"), materialize)
        report = replace(report, materialized=str(materialize))
    return report


def verify_logs(project: Folder, *, root: str = "") -> LogsReport:
    """Read every file of both logs, replay them, check the predictions' sequence numbers. Raises VerificationFailed."""
    ledger = project.ledger(root)
    key = ledger.roles.sealer_key()
    reports, warnings = {}, []
    for name in (EVENTS, PREDICTIONS):
        folder = project.home / "log" / name
        found = full_verify(
            folder, public_key=key, origin=origin(ledger.root, name), seen=project.seen(ledger.root, name)
        )
        reports[name] = found
        warnings += list(found.reasons)
    _check_folder(project.home / "log", {EVENTS, PREDICTIONS})
    index = PredictionIndex(_predictions(project, ledger))
    refusals = index.reasons()
    if refusals:
        first = refusals[0]
        raise VerificationFailed(first.finding, first.message, seen=first.seen, next=first.next)
    files = sum(report.files for report in reports.values())
    events, predictions = (reports[name].checkpoint.size for name in (EVENTS, PREDICTIONS))
    return LogsReport(events, predictions, files, index.gateways(), tuple(warnings))


def verify_everything(project: Folder, *, root: str = "") -> EverythingReport:
    """Every file under registry and log, every statement, every model.

    1. Both logs, file by file.
    2. Every statement (the ledger does this on opening).
    3. The registry: every blob, and no file that no statement names.
    4. Each model's chain; revoked models are reported, not failed.
    5. What is live is what a loader would load.
    """
    # 1. 2.
    logs = verify_logs(project, root=root)
    ledger = project.ledger(root)
    statements = ledger.statements()
    # 3.
    registry = RegistryStore(project.home / "registry")
    blobs = registry.check(shelf(statements), [one.digest for one in statements])
    # 4.
    now = project.now()
    models = tuple(_model(ledger, one, now, revoked_fails=False) for one in registrations(statements))
    # 5.
    live = tuple(_live_lines(ledger, now))
    apart = ledger.roles.separation()
    return EverythingReport(ledger.root, logs, blobs, len(statements), models, live, apart, NOT_PROVED)


def verify_receipt(project: Folder, token: str, *, root: str = "", record: Path | None = None) -> ReceiptReport:
    """One prediction: its record is in the signed log, its model verifies, and the record opens what was given.

    1. The token has the one form of a receipt.
    2. The prediction log verifies, under the sealer's key and the checkpoint last seen.
    3. The record with that gateway and number is in it.
    4. With `record` (a JSON file with the record as sent, or {"input", "output"}), the commitments open.
    5. The model that answered verifies as `verify REF` does.
    """
    # 1.
    try:
        receipt = parse_receipt(token)
    except ValueError as error:
        raise Usage("LG728", f"{error}", seen={"receipt": token[:80]}, next="lockgate verify --help") from None
    # 2.
    ledger = project.ledger(root)
    log = _predictions(project, ledger)
    # 3.
    found = PredictionIndex(log).find(receipt)
    if found is None:
        return _not_sealed(token, receipt.gateway, receipt.seq, log)
    # 4.
    opened = _open(found.record, receipt.salt, record) if record else {}
    if not all(opened.values()):
        raise VerificationFailed(
            "LG729",
            "the record in the log commits to something else than the file says",
            seen={"opened": opened, "log_index": found.index},
            next="give the record exactly as it was sent",
        )
    # 5.
    registration = next((one for one in registrations(ledger.statements()) if one.manifest == found.record.model), None)
    if registration is None:
        raise VerificationFailed(
            "LG443",
            "the prediction was made by a model that was never registered",
            seen={"manifest": found.record.model},
            next="lockgate log verify",
        )
    said = {
        "ref": registration.ref,
        "model": found.record.model,
        "environment": found.record.environment,
        "rung": found.record.rung,
        "client": found.record.client,
        "gateway": found.record.gateway,
        "seq": found.record.seq,
        "time": rfc3339(datetime.fromtimestamp(found.record.time / 1000, UTC)),
    }
    model = _model(ledger, registration, project.now(), revoked_fails=False)
    return ReceiptReport(token, "sealed", found.index, said, opened, model)


def prove(project: Folder, what: str) -> Proof:
    """An offline proof for a receipt, or for a statement by digest, prefix or log index. Raises Refused, Usage."""
    ledger = project.ledger()
    if what.startswith("lgr1."):
        receipt = parse_receipt(what)
        log = _predictions(project, ledger)
        found = PredictionIndex(log).find(receipt)
        if found is None:
            raise Refused("LG727", "this receipt's record is not sealed yet", next=f"lockgate log prove {what}")
        return Proof(
            what,
            PREDICTIONS,
            found.index,
            log.entry(found.index),
            prove_entry(log, found.index),
            origin(ledger.root, PREDICTIONS),
        )
    log = Log.open(
        ledger.log_dir,
        public_key=ledger.roles.sealer_key(),
        origin=origin(ledger.root, EVENTS),
        seen=project.seen(ledger.root, EVENTS),
    )
    index = _statement_index(ledger, what)
    return _proof(what, EVENTS, log, index)


def _proof(what: str, name: str, log: Log, index: int) -> Proof:
    return Proof(what, name, index, log.entry(index), prove_entry(log, index), log.checkpoint.origin)


def _model(ledger: Ledger, registration: Registration, now: datetime, *, revoked_fails: bool = True) -> ModelReport:
    statements = ledger.statements()
    # 3.
    inputs = inputs_of(registration, statements)
    # 4.
    signed = check_stored(registration, RegistryStore(ledger.home / "registry"), ledger.roles)
    # 5.
    warnings: list[Reason] = []
    try:
        refuse_revoked(registration, statements)
    except Refused as revoked:
        if revoked_fails:
            raise
        warnings.append(_as_warning(revoked))
    links = [
        Link(claim, sentence(inputs[claim]), inputs[claim])
        for claim in ("ingest", "validate", "train", "judge", "scan")
    ]
    links.append(Link("register", sentence(registration.evidence), registration.evidence))
    links.append(
        Link("signature", f"model.sig over {len(signed.files)} files, read back from the registry byte for byte")
    )
    # 6.
    links += _deployments(registration, ledger, now)
    return ModelReport(
        registration.ref,
        registration.manifest,
        ledger.root,
        pins.pinned(ledger.root) is not None,
        ledger.roles.separation(),
        tuple(links),
        NOT_PROVED,
        len(statements),
        tuple(warnings),
        now,
    )


def _deployments(registration: Registration, ledger: Ledger, now: datetime) -> list[Link]:
    statements = ledger.statements()
    links = []
    for environment in dict.fromkeys(str(one.predicate.get("environment")) for one in ledger.statements("deploy")):
        current = deployments.current(environment, registration.name, statements)
        if current is None or current.manifest != registration.manifest:
            continue
        if deployments.revocation_of(registration, statements) is None:
            load_decision(statements, environment, now, name=registration.name)
        text = f"{current.rung} in {environment}, move {current.sequence}" + (
            f": {current.reason}" if current.reason else ""
        )
        links.append(Link("deploy", text, current.evidence))
    return links or [Link("deploy", "live nowhere")]


def _live_lines(ledger: Ledger, now: datetime) -> list[str]:
    statements = ledger.statements()
    lines = []
    for environment in dict.fromkeys(str(one.predicate.get("environment")) for one in ledger.statements("deploy")):
        for name in deployments.deployed_names(environment, statements):
            try:
                decision = load_decision(statements, environment, now, name=name)
                lines.append(f"{decision.name}@{decision.version} in {environment}")
            except Refused as refused:
                lines.append(f"{name} in {environment}: refused to load, {refused.finding} {refused.message}")
    return lines


def _predictions(project: Folder, ledger: Ledger) -> Log:
    return Log.open(
        project.home / "log" / PREDICTIONS,
        public_key=ledger.roles.sealer_key(),
        origin=origin(ledger.root, PREDICTIONS),
        seen=project.seen(ledger.root, PREDICTIONS),
    )


def _check_folder(folder: Path, known: set[str]) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name not in known:
            raise VerificationFailed(
                "LG709",
                "a file lies in the log folder that the log did not write",
                seen={"file": str(entry)},
                next="look at it, then move it away",
            )


def _not_sealed(token: str, gateway: str, seq: int, log: Log) -> ReceiptReport:
    index = PredictionIndex(log)
    if seq < index.next_seq(gateway):
        raise VerificationFailed(
            "LG721",
            "the log has later records of this gateway, and not this one",
            seen={"gateway": gateway, "seq": seq},
            next="lockgate log verify",
        )
    return ReceiptReport(token, "pending", None, None, {}, None)


def _open(record: PredictionRecord, salt: bytes, path: Path) -> dict[str, bool]:
    try:
        given = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Usage("LG728", f"{path} is no JSON file: {error}", next="give the record as it was sent") from None
    if isinstance(given, dict) and "input" in given and set(given) <= {"input", "output"}:
        return {name: commitment(salt, value) == getattr(record, name) for name, value in given.items()}
    if isinstance(given, dict) and isinstance(given.get("records"), list):
        # A whole request, as it was sent: the receipt belongs to one of its records.
        return {"input": any(commitment(salt, each) == record.input for each in given["records"])}
    return {"input": commitment(salt, given) == record.input}


def _statement_index(ledger: Ledger, what: str) -> int:
    digits = what.removeprefix("sha256:")
    found = [
        one.index
        for one in ledger.statements()
        if str(one.index) == what or (len(digits) >= 4 and one.digest[7:].startswith(digits))
    ]
    if len(found) != 1:
        raise Usage("LG953", f"{what!r} names {len(found)} statements", next="lockgate log show")
    return found[0]


def _as_warning(error: LockgateError) -> Reason:
    return Reason(error.finding, Level.WARN, error.message, dict(error.seen), error.next)
