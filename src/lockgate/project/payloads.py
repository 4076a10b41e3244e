"""Kept payloads, for the holder of their key: read one back."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lockgate.core.encoding import decode_exact
from lockgate.core.record_kinds import Of
from lockgate.core.records import commitment, committed_to, parse_receipt
from lockgate.errors import Refused, Usage
from lockgate.project.indexed import lookup_here
from lockgate.project.payload_files import Part, bodies, broken, parts
from lockgate.project.payload_files import read as read_slot
from lockgate.project.prediction_log import log_here
from lockgate.serve.recording import payload_format as form
from lockgate.trust import pin
from lockgate.trust._payloadfile import payload_key

if TYPE_CHECKING:
    from lockgate.project.folder import Folder

_HEAD = form.PLACE.size + form.NONCE_BYTES


@dataclass(frozen=True)
class Payload:
    """What was asked and answered, and whether the record in the log commits to it; None while it is not sealed.

    Also None in a mirror whose records are sealed elsewhere: its log is there.
    """

    input: Any
    output: Any
    committed: bool | None


def place_of(text: str) -> Of:
    """A prediction by its receipt, or by `<gateway>.<seq>.<row>`, as labels name it. Raises Usage LG728."""
    try:
        gateway, seq, row = text.split(".")
        of = Of(gateway, int(seq), int(row))
        if of.is_good() and text == f"{gateway}.{of.seq}.{of.row}":
            return of
    except ValueError:
        pass
    try:
        return Of.by(parse_receipt(text))
    except ValueError as error:
        raise Usage("LG728", f"{error}", seen={"receipt": text[:80]}, next="lockgate log payload --help") from None


def read(project: Folder, text: str) -> Payload:
    """A kept payload, opened with the project's payload key and compared with the record in the log.

    Raises Refused LG670 when none is kept or its key was destroyed; VerificationFailed LG671 when it does not open or
    is not what the record commits to, LG669 for the key.
    """
    of = place_of(text)
    ledger = project.ledger()
    key = payload_key(pin.key_folder(ledger.root), make=False)
    keys, body = find(project.home / "state" / "payloads", of)
    payload = decode_exact(_opened(keys, body, key))
    receipt = parse_receipt(payload["receipt"])
    if Of.by(receipt) != of:
        raise broken("it is of another prediction", keys)
    log = log_here(project, ledger)
    found = None if log is None else lookup_here(project, ledger, log).find(receipt)
    if found is None:
        return Payload(payload["input"], payload["output"], None)
    committed = committed_to(found.record, receipt) or ("", "")
    for name, said in zip(("input", "output"), committed, strict=True):
        if not hmac.compare_digest(commitment(receipt.salt, payload[name]), said):
            raise broken(f"the record in the log commits to another {name}", keys)
    return Payload(payload["input"], payload["output"], committed=True)


def find(folder: Path, of: Of) -> tuple[Path, bytes]:
    """The part with a prediction's payload: its keys, and the sealed payload. Raises Refused LG670."""
    for data in sorted(folder.glob(f"{of.gateway}.*{form.DATA_ENDING}")):
        for body in bodies(data):
            if form.PLACE.unpack_from(body)[:2] == (of.seq, of.row):
                return data.with_suffix(form.KEYS_ENDING), body
    raise gone("no payload of this prediction is kept")


def _opened(keys: Path, body: bytes, private: X25519PrivateKey) -> bytes:
    """1. Its data key is there.   2. So is the key that this is wrapped under.   3. Each opens, bound to its place."""
    slots = {at: read_slot(keys, slot) for at, slot in enumerate(_part(keys).slots)}
    name = keys.stem
    *_, slot = form.PLACE.unpack_from(body)
    # 1.
    found = slots.get(slot)
    if found is None:
        raise gone("the key of this payload was destroyed")
    # 2.
    sealed = slots.get(found.wrapping) if isinstance(found, form.DataKey) else None
    if not isinstance(found, form.DataKey) or not isinstance(sealed, bytes):
        raise broken("its keys are not where they should be", keys)
    # 3.
    try:
        wrapping = form.SUITE.decrypt(sealed, private, info=form.bound(name, found.wrapping))
        key = AESGCM(wrapping).decrypt(found.nonce, found.wrapped, form.bound(name, slot))
        place, nonce = body[: form.PLACE.size], body[form.PLACE.size : _HEAD]
        return AESGCM(key).decrypt(nonce, body[_HEAD:], name.encode() + place)
    except (InvalidTag, ValueError):
        raise broken("it does not open", keys) from None


def _part(keys: Path) -> Part:
    try:
        return next(one for one in parts(keys.parent, keys.stem.partition(".")[0]) if one.keys == keys)
    except (OSError, StopIteration):
        raise broken("its keys are gone", keys) from None


def gone(why: str, *, next: str = "lockgate log verify   # tells what was kept too long", **seen: object) -> Refused:  # noqa: A002 - as every error has it
    """Nothing to read, or nothing to erase."""
    return Refused("LG670", why, seen=seen, next=next)
