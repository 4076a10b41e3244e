"""What a file of predictions commits to, row by row, under one Merkle root. Pure.

    salt         32 random bytes, in the file's receipt
    row salt     HMAC-SHA256(salt, "row " || number)                             opens one row, and tells of no other
    leaf         number (8 bytes, big-endian) || row salt || exact JSON          of the row's input, of its output
    source       HMAC-SHA256(salt, "source " || digest of the file that was scored)

    root = node(node(leaf(source), tree of the inputs), tree of the outputs)     hashes and trees of RFC 6962
    check        the first 8 bytes of an output's leaf hash: stands in the file, to find a row that was changed

Inputs and outputs are trees of their own: a file of predictions is checked without the data that it was made from. A
leaf's 32 bytes of salt hide what it says from whoever sees its hash.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from lockgate.core.digest import Digest
from lockgate.core.merkle import EMPTY_ROOT, leaf_hash, node_hash
from lockgate.core.records import SALT_BYTES

CHECK_BYTES: Final = 8
MAX_ROW: Final = (1 << 53) - 1


@dataclass
class Tree:
    """The root of leaves that come one after another. Holds one hash for each height, and no leaf."""

    size: int = 0
    _peaks: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        """Take the next leaf's hash."""
        count = self.size
        while count & 1:
            leaf = hashlib.sha256(b"\x01" + self._peaks.pop() + leaf).digest()
            count >>= 1
        self._peaks.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """MTH over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


@dataclass(frozen=True)
class Roots:
    """The three parts of a file's root, 32 bytes each."""

    source: bytes
    inputs: bytes
    outputs: bytes

    @property
    def root(self) -> str:
        """What the log's record holds, in hex."""
        return node_hash(node_hash(self.source, self.inputs), self.outputs).hex()


def source_leaf(salt: bytes, digest: Digest) -> bytes:
    """The hash that binds the file that was scored."""
    return leaf_hash(hmac.digest(_checked(salt), b"source " + digest.encode(), "sha256"))


def row_salt(salt: bytes, row: int) -> bytes:
    """The salt of one row."""
    return hmac.digest(_checked(salt), b"row %d" % row, "sha256")


def row_leaf(salt: bytes, row: int, value: bytes) -> bytes:
    """The leaf hash of `value` (exact JSON) in row `row`, under that row's own salt (32 bytes)."""
    return hashlib.sha256(b"\x00%b%b%b" % (row.to_bytes(8, "big"), salt, value)).digest()


def check_of(leaf: bytes) -> str:
    """What stands in the file for an output's leaf."""
    return leaf[:CHECK_BYTES].hex()


def _checked(salt: bytes) -> bytes:
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return salt
