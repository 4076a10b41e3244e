"""Kept payloads, for the holder of their key: read one back, or destroy the keys of a subject or of one record."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import read_spool
from lockgate.core.encoding import decode_exact
from lockgate.core.record_kinds import Of
from lockgate.core.records import commitment, committed_to, parse_receipt
from lockgate.errors import Refused, Unavailable, Usage, VerificationFailed
from lockgate.project.admitting import EDGE_SECRETS
from lockgate.project.receipts import predictions
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.payloads import destroy, subject_tag
from lockgate.trust import pin
from lockgate.trust._edgefile import edge_secrets
from lockgate.trust._payloadfile import payload_key

if TYPE_CHECKING:
    from lockgate.project.folder import Folder

_HEAD = form.PLACE.size + form.NONCE_BYTES


@dataclass(frozen=True)
class Payload:
    """What was asked and answered, and whether the record in the log commits to it; None while it is not sealed."""

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
    keys, body = _find(project.home / "state" / "payloads", of)
    payload = decode_exact(_opened(keys, body, key))
    receipt = parse_receipt(payload["receipt"])
    if Of.by(receipt) != of:
        raise _broken("it is of another prediction", keys)
    found = PredictionIndex(predictions(project, ledger)).find(receipt)
    if found is None:
        return Payload(payload["input"], payload["output"], None)
    committed = committed_to(found.record, receipt) or ("", "")
    for name, said in zip(("input", "output"), committed, strict=True):
        if not hmac.compare_digest(commitment(receipt.salt, payload[name]), said):
            raise _broken(f"the record in the log commits to another {name}", keys)
    return Payload(payload["input"], payload["output"], committed=True)


def erase_receipt(project: Folder, text: str) -> int:
    """Destroy the data key of one prediction's payload, and with it those of its subject in the same minute, if any.

    How many keys. Raises Refused LG670 when nothing is kept.
    """
    keys, body = _find(project.home / "state" / "payloads", place_of(text))
    return _destroyed(keys, [form.PLACE.unpack_from(body)[2]])


def erase_subject(project: Folder, value: Any) -> int:
    """Destroy every data key of a subject; how many there were. Raises Refused LG670 when there were none."""
    tag = subject_tag(edge_secrets(pin.key_folder(project.ledger().root) / EDGE_SECRETS).pseudonym, value)
    done = 0
    for keys in sorted((project.home / "state" / "payloads").glob(f"*{form.KEYS_ENDING}")):
        own = [at for at, slot in _slots(keys) if isinstance(slot, form.DataKey) and slot.subject == tag]
        done += _destroyed(keys, own) if own else 0
    if not done:
        raise _gone("nothing is kept of this subject, or its keys were destroyed before")
    return done


def _destroyed(keys: Path, slots: list[int]) -> int:
    try:
        destroy(keys, slots)
    except OSError as error:
        raise Unavailable("LG732", f"keys cannot be destroyed: {error}", next="lockgate doctor") from None
    return len(slots)


def _find(folder: Path, of: Of) -> tuple[Path, bytes]:
    """The part with a prediction's payload: its keys, and the sealed payload."""
    for data in sorted(folder.glob(f"{of.gateway}.*{form.DATA_ENDING}")):
        offset = 0
        while (part := read_spool(data, offset)).records:
            offset = part.offset
            for body in part.records:
                if len(body) > _HEAD and form.PLACE.unpack_from(body)[:2] == (of.seq, of.row):
                    return data.with_suffix(form.KEYS_ENDING), body
    raise _gone("no payload of this prediction is kept")


def _opened(keys: Path, body: bytes, private: X25519PrivateKey) -> bytes:
    """1. Its data key is there.   2. So is the key that this is wrapped under.   3. Each opens, bound to its place."""
    slots, name = dict(_slots(keys)), keys.stem
    *_, slot = form.PLACE.unpack_from(body)
    # 1.
    found = slots.get(slot)
    if found is None:
        raise _gone("the key of this payload was destroyed")
    # 2.
    sealed = slots.get(found.wrapping) if isinstance(found, form.DataKey) else None
    if not isinstance(found, form.DataKey) or not isinstance(sealed, bytes):
        raise _broken("its keys are not where they should be", keys)
    # 3.
    try:
        wrapping = form.SUITE.decrypt(sealed, private, info=form.bound(name, found.wrapping))
        key = AESGCM(wrapping).decrypt(found.nonce, found.wrapped, form.bound(name, slot))
        place, nonce = body[: form.PLACE.size], body[form.PLACE.size : _HEAD]
        return AESGCM(key).decrypt(nonce, body[_HEAD:], name.encode() + place)
    except (InvalidTag, ValueError):
        raise _broken("it does not open", keys) from None


def _slots(keys: Path) -> Iterator[tuple[int, bytes | form.DataKey | None]]:
    """The slots of a key file; the last may be half written. Raises VerificationFailed LG671."""
    try:
        data = keys.read_bytes()
        for at in range(len(data) // form.SLOT_BYTES):
            yield at, form.read_slot(data[at * form.SLOT_BYTES : (at + 1) * form.SLOT_BYTES])
    except (OSError, ValueError) as error:
        raise _broken(str(error), keys) from None


def _gone(why: str) -> Refused:
    return Refused("LG670", why, next="lockgate log payload --help")


def _broken(why: str, keys: Path) -> VerificationFailed:
    return VerificationFailed("LG671", f"a kept payload: {why}", seen={"keys": str(keys)}, next="lockgate log verify")
