"""One prediction from its receipt, and offline proofs that something is in a log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.entries import registrations
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.log import Log
from lockgate.audit.prove import prove as prove_entry
from lockgate.core.moments import rfc3339
from lockgate.core.record_kinds import AnyRecord, FeedbackRecord, FileRecord, Of, RefusedRecord, RequestRecord
from lockgate.core.records import Receipt, commitment, committed_to, is_receipt, parse_receipt
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.project.indexed import lookup_here
from lockgate.project.payload_files import what_became
from lockgate.project.prediction_log import prediction_log
from lockgate.project.proving import open_ledger, prove_model
from lockgate.project.reports import Proof, ReceiptReport
from lockgate.project.seen_by import told
from lockgate.project.sentences import unproved
from lockgate.project.steps import Steps

if TYPE_CHECKING:
    from lockgate.audit.index.lookup import Lookup
    from lockgate.project.folder import Folder


def verify_receipt(project: Folder, token: str, *, root: str = "", record: Path | None = None) -> ReceiptReport:
    """One prediction: its record is in the signed log, its model verifies, and the record opens what was given.

    1. The token has the one form of a receipt.
    2. The prediction log verifies, under the sealer's key and the checkpoint last seen.
    3. The record with that gateway and number is in it.
    4. With `record` (a JSON file: see `_open`), the commitments open.
    5. The model that answered verifies as `verify REF` does. Who has cosigned the logs is told.
    """
    # 1.
    receipt = _parsed(token)
    # 2.
    steps = Steps()
    ledger = open_ledger(project, root, steps)
    # 3.
    with steps.step("the prediction's record in the log", "nothing is proved about this prediction"):
        log = predictions(project, ledger)
        lookup = lookup_here(project, ledger, log)
        found = lookup.find(receipt)
        if found is None:
            return _not_sealed(token, receipt.gateway, receipt.seq, lookup)
    committed = _committed(found.record, receipt)
    # 4.
    with steps.step("what the record commits to", "the file is not what was asked or answered"):
        opened = _open(found.record, receipt, committed, record) if record else {}
        if not all(opened.values()):
            raise VerificationFailed(
                "LG729",
                "the record in the log commits to something else than the file says",
                seen={"opened": opened, "log_index": found.index},
                next="give the record exactly as it was sent",
            )
    # 5.
    said = _said(found.record, receipt)
    payload = what_became(project.home, Of.by(receipt), found.record.time / 1000, ledger.statements())
    with steps.step("what witnesses have seen of the logs", "what is shown here may not be what others are shown"):
        seen = told(project, ledger, project.now())
    manifest = said.get("model")
    if manifest is None:
        return ReceiptReport(token, "sealed", found.index, said, opened, None, payload, seen)
    registration = next((one for one in registrations(ledger.statements()) if one.manifest == manifest), None)
    if registration is None:
        raise VerificationFailed(
            "LG443",
            "the prediction was made by a model that was never registered",
            seen={"manifest": manifest},
            next="lockgate log verify",
        )
    model = prove_model(ledger, registration, project.now(), revoked_fails=False, steps=steps)
    model = replace(model, not_proved=unproved(model.not_proved, seen))
    return ReceiptReport(token, "sealed", found.index, {"ref": registration.ref, **said}, opened, model, payload, seen)


def prove(project: Folder, what: str) -> Proof:
    """An offline proof for a receipt, or for a statement by digest, prefix or log index. Raises Refused, Usage."""
    ledger = project.ledger()
    if is_receipt(what):
        receipt = _parsed(what)
        log = predictions(project, ledger)
        found = lookup_here(project, ledger, log).find(receipt)
        if found is None:
            raise Refused("LG727", "this receipt's record is not sealed yet", next=f"lockgate log prove {what}")
        return Proof(
            what,
            PREDICTIONS,
            found.index,
            log.entry(found.index),
            prove_entry(log, found.index),
            log.checkpoint.origin,
        )
    log = Log.open(
        ledger.log_dir,
        public_key=ledger.roles.sealer_key(),
        origin=origin(ledger.root, EVENTS),
        seen=project.seen(ledger.root, EVENTS),
        former=ledger.former_sealers,
    )
    index = _statement_index(ledger, what)
    return _proof(what, EVENTS, log, index)


def _proof(what: str, name: str, log: Log, index: int) -> Proof:
    return Proof(what, name, index, log.entry(index), prove_entry(log, index), log.checkpoint.origin)


def predictions(project: Folder, ledger: Ledger) -> Log:
    """The log of predictions, opened under its sealer's key and the checkpoint last seen. VerificationFailed.

    In a mirror the sealer is this machine's own; LG701 where nothing was served yet.
    """
    return prediction_log(project, ledger).open(project.home / "log" / PREDICTIONS)


def _parsed(token: str) -> Receipt:
    try:
        return parse_receipt(token)
    except ValueError as error:
        raise Usage("LG728", f"{error}", seen={"receipt": token[:80]}, next="lockgate verify --help") from None


def _not_sealed(token: str, gateway: str, seq: int, lookup: Lookup) -> ReceiptReport:
    if seq < lookup.next_seq(gateway):
        raise VerificationFailed(
            "LG721",
            "the log has later records of this gateway, and not this one",
            seen={"gateway": gateway, "seq": seq},
            next="lockgate log verify",
        )
    return ReceiptReport(token, "pending", None, None, {}, None)


def _committed(record: AnyRecord, receipt: Receipt) -> dict[str, str]:
    """What the record commits to for this receipt, by name. Raises Usage LG728 when it is of no row in the record."""
    pair = committed_to(record, receipt)
    if pair is not None:
        return dict(zip(("input", "output"), pair, strict=True))
    if receipt.row == 0 and isinstance(record, RefusedRecord):
        return {"input": record.input}
    if receipt.row == 0 and isinstance(record, FeedbackRecord):
        return {"label": record.label}
    if isinstance(record, FileRecord):
        return {}
    raise Usage(
        "LG728",
        "the record in the log has no such row",
        seen={"gateway": receipt.gateway, "seq": receipt.seq, "row": receipt.row},
        next="give the receipt as it came with the answer",
    )


def _said(record: AnyRecord, receipt: Receipt) -> dict[str, object]:
    """The record in plain words, without its commitments."""
    fields = {"environment", "rung", "client", "gateway", "seq", "model", "finding", "rows", "root", "of"}
    said: dict[str, object] = {name: value for name, value in record.values().items() if name in fields}
    if isinstance(record, RequestRecord):
        said["row"] = record.first + (receipt.row or 0)
    said["kind"] = record.KIND or RequestRecord.KIND
    said["time"] = rfc3339(datetime.fromtimestamp(record.time / 1000, UTC))
    return said


def _open(record: AnyRecord, receipt: Receipt, committed: Mapping[str, str], path: Path) -> dict[str, bool]:
    """Which commitments the file opens: it holds the row itself, or {"input", "output"}, or {"label"}, or a whole
    request (`records`) or answer (`predictions`, `receipts`) as it was sent, of which this receipt has one row.
    """
    try:
        given = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Usage("LG728", f"{path} is no JSON file: {error}", next="give the record as it was sent") from None
    named = {"input": [given]}
    if isinstance(given, dict) and given and set(given) <= set(committed):
        named = {name: [value] for name, value in given.items()}
    elif isinstance(given, dict) and (wholes := _row_of(given, record, receipt)):
        named = wholes
    return {
        name: any(commitment(receipt.salt, value) == committed[name] for value in values)
        for name, values in named.items()
        if name in committed
    }


def _row_of(given: dict[str, Any], record: AnyRecord, receipt: Receipt) -> dict[str, list[Any]]:
    """What a whole request or answer has for this receipt. Where the record does not say which row, any may be it."""
    found: dict[str, list[Any]] = {}
    records, predictions, receipts = (given.get(name) for name in ("records", "predictions", "receipts"))
    if isinstance(records, list):
        at = record.first + (receipt.row or 0) if isinstance(record, RequestRecord) else None
        found["input"] = records if at is None else records[at : at + 1]
    if isinstance(predictions, list) and isinstance(receipts, list):
        found["output"] = [
            one for one, token in zip(predictions, receipts, strict=False) if token == receipt.token()
        ]  # fmt: skip
    return found


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
