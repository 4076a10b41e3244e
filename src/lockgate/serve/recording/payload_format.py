"""Kept payloads as files: what a gateway writes and the key's holder reads. Keys lie apart, to be destroyed alone.

    <gateway>.<n>.data   frames of the spool, each:  place, nonce (12), AES-256-GCM(data key, payload, aad=name + place)
                         place: u64 record, u16 row, u32 slot of the data key, big-endian
    <gateway>.<n>.keys   slots of 128 bytes, the rest zeros:
                         0x01  HPKE(public key, wrapping key, info=name + slot)   X25519, HKDF-SHA256, AES-256-GCM
                         0x02  u32 slot of the wrapping key, tag of the subject (16), nonce (12),
                               AES-256-GCM(wrapping key, data key, aad=name + slot)
                         0x03  u32 days, u32 began: the first slot, how long the part is kept, and since when
                               (seconds since the epoch; 0: nobody said)
                         0x04  u32 day (since the epoch) on which the key that was here was destroyed for a person
                         0x00  destroyed, nobody says when

A payload is `{"input", "output", "receipt"}`; the receipt has the salt. `name` is the part's: `<gateway>.<n>`.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
SLOT_BYTES = 128
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
WRAPPING, DATA, KEPT, ERASED = 1, 2, 3, 4
DAY_SECONDS = 86_400
DATA_ENDING, KEYS_ENDING = ".data", ".keys"
PLACE = struct.Struct(">QHI")
_DATA_KEY = struct.Struct(f">BI{TAG_BYTES}s{NONCE_BYTES}s{KEY_BYTES + 16}s")
_WRAPPED_BYTES = 32 + KEY_BYTES + 16
NAME = re.compile(r"([0-9a-f]{16})\.(0|[1-9][0-9]{0,8})\Z")


class DataKey(NamedTuple):
    """A wrapped data key, and whose payloads it opens."""

    wrapping: int
    subject: bytes
    nonce: bytes
    wrapped: bytes


def bound(name: str, slot: int) -> bytes:
    """What a key is bound to: its part and its slot, so that it opens nowhere else."""
    return f"lockgate payload key {name} {slot}".encode()


def wrapping_slot(sealed: bytes) -> bytes:
    """A slot with a wrapping key."""
    return (bytes((WRAPPING,)) + sealed).ljust(SLOT_BYTES, b"\0")


def data_slot(key: DataKey) -> bytes:
    """A slot with a data key."""
    return _DATA_KEY.pack(DATA, *key).ljust(SLOT_BYTES, b"\0")


def kept_slot(days: int, began: int = 0) -> bytes:
    """The first slot of a part. `began`: seconds since the epoch; 0: not said, as in parts of an earlier version."""
    return (bytes((KEPT,)) + days.to_bytes(4, "big") + began.to_bytes(4, "big")).ljust(SLOT_BYTES, b"\0")


def began(slot: bytes) -> int:
    """Since when a part is kept, by its first slot; 0 where it does not say."""
    return int.from_bytes(slot[5:9], "big") if kept_days(slot) is not None else 0


def erased_slot(day: int) -> bytes:
    """What lies where a key was destroyed. `day`: since the epoch: finer, it would tell which keys went together."""
    return (bytes((ERASED,)) + day.to_bytes(4, "big")).ljust(SLOT_BYTES, b"\0")


def erased_day(slot: bytes) -> int | None:
    """The day on which a slot's key was destroyed, since the epoch; None for every other slot."""
    day = int.from_bytes(slot[1:5], "big")
    return day if slot == erased_slot(day) else None


def kept_days(slot: bytes) -> int | None:
    """For how many days a part is kept, by its first slot: none once its keys are destroyed. None: it does not say."""
    if slot == bytes(SLOT_BYTES):
        return 0
    days, since = int.from_bytes(slot[1:5], "big"), int.from_bytes(slot[5:9], "big")
    return days if slot == kept_slot(days, since) else None


def read_slot(slot: bytes) -> bytes | DataKey | None:
    """A sealed wrapping key, a data key, or None for what is no key (any more). Raises ValueError."""
    if kept_days(slot) is not None or erased_day(slot) is not None:
        return None
    if len(slot) == SLOT_BYTES and slot[0] == WRAPPING:
        return slot[1 : 1 + _WRAPPED_BYTES]
    if len(slot) == SLOT_BYTES and slot[0] == DATA:
        return DataKey(*_DATA_KEY.unpack_from(slot)[1:])
    raise ValueError("not a slot of keys")
