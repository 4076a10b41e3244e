"""One prediction from its receipt, and offline proofs that something is in a log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.entries import registrations
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.prove import prove as prove_entry
from lockgate.core.moments import rfc3339
from lockgate.core.records import PredictionRecord, commitment, parse_receipt
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.project.prediction_log import prediction_log
from lockgate.project.proving import open_ledger, prove_model
from lockgate.project.reports import Proof, ReceiptReport
from lockgate.project.steps import Steps

if TYPE_CHECKING:
    from lockgate.project.folder import Folder


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
    steps = Steps()
    ledger = open_ledger(project, root, steps)
    # 3.
    with steps.step("the prediction's record in the log", "nothing is proved about this prediction"):
        log = predictions(project, ledger)
        found = PredictionIndex(log).find(receipt)
        if found is None:
            return _not_sealed(token, receipt.gateway, receipt.seq, log)
    # 4.
    with steps.step("what the record commits to", "the file is not what was asked or answered"):
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
    model = prove_model(ledger, registration, project.now(), revoked_fails=False, steps=steps)
    return ReceiptReport(token, "sealed", found.index, said, opened, model)


def prove(project: Folder, what: str) -> Proof:
    """An offline proof for a receipt, or for a statement by digest, prefix or log index. Raises Refused, Usage."""
    ledger = project.ledger()
    if what.startswith("lgr1."):
        receipt = parse_receipt(what)
        log = predictions(project, ledger)
        found = PredictionIndex(log).find(receipt)
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
