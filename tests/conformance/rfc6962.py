"""An independent verifier of tlog-proof files, written from RFC 6962, C2SP tlog-proof, tlog-checkpoint and signed-note.

It shares no line with Lockgate: the standard library and the `cryptography` package only. The tree functions
follow the recursive definitions of RFC 6962 section 2.1 letter by letter and are slow.

    python rfc6962.py PROOF LEAF VKEY     exit 0 and the index, or exit 3
"""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def split(n: int) -> int:
    """Let k be the largest power of two smaller than n (i.e., k < n <= 2k)."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: list[bytes]) -> bytes:
    """Section 2.1: the Merkle Tree Hash of the list of entries."""
    if not d:
        return hashlib.sha256().digest()
    if len(d) == 1:
        return hashlib.sha256(b"\x00" + d[0]).digest()
    k = split(len(d))
    return hashlib.sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: list[bytes]) -> list[bytes]:
    """Section 2.1.1: the Merkle audit path for the (m+1)th entry."""
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: list[bytes]) -> list[bytes]:
    """Section 2.1.2: the Merkle consistency proof for a previous tree of m entries."""
    return subproof(m, d, whole=True)


def subproof(m: int, d: list[bytes], *, whole: bool) -> list[bytes]:
    """Section 2.1.2: SUBPROOF(m, D[n], b)."""
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole=whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], whole=False), mth(d[:k])]


def root_from_path(leaf: bytes, m: int, n: int, hashes: list[bytes]) -> bytes:
    """The root that an audit path for leaf m of n leads to: PATH, read backwards."""
    if n == 1:
        if hashes:
            raise ValueError("hashes left over")
        return hashlib.sha256(b"\x00" + leaf).digest()
    if not hashes:
        raise ValueError("a hash is missing")
    k = split(n)
    last = hashes[-1]
    if len(last) != 32:
        raise ValueError("not a hash")
    if m < k:
        return hashlib.sha256(b"\x01" + root_from_path(leaf, m, k, hashes[:-1]) + last).digest()
    return hashlib.sha256(b"\x01" + last + root_from_path(leaf, m - k, n - k, hashes[:-1])).digest()


def verify(proof_file: bytes, leaf: bytes, vkey: str) -> int:
    """The index at which `leaf` stands in the log whose key is `vkey`. Raises ValueError."""
    name, key_id, key = vkey.split("+", 2)
    typed = base64.b64decode(key, validate=True)
    if hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8] != key_id or typed[0] != 1:
        raise ValueError("not an Ed25519 verifier key")
    head, note = proof_file.decode().split("\n\n", 1)
    header, *lines = head.split("\n")
    if header != "c2sp.org/tlog-proof@v1":
        raise ValueError("not a tlog-proof")
    if lines[0].startswith("extra "):
        del lines[0]
    word, index = lines.pop(0).split(" ")
    if word != "index" or str(int(index)) != index:
        raise ValueError("no index")
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    verified = False
    for line in signatures.removesuffix("\n").split("\n"):
        dash, signer, blob = line.split(" ")
        signature = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(typed[1:]).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise ValueError("bad signature") from None
            verified = True
    if not verified:
        raise ValueError("not signed by the log")
    origin, size, root, *_ = text.split("\n")
    if origin != name:
        raise ValueError("another log")
    if not 0 <= int(index) < int(size):
        raise ValueError("not in the tree")
    hashes = [base64.b64decode(line, validate=True) for line in lines]
    if root_from_path(leaf, int(index), int(size), hashes) != base64.b64decode(root, validate=True):
        raise ValueError("another root")
    return int(index)


def main(arguments: list[str]) -> int:
    """The command line."""
    proof_file, leaf, vkey = arguments
    try:
        print(verify(Path(proof_file).read_bytes(), Path(leaf).read_bytes(), Path(vkey).read_text("utf-8").strip()))  # noqa: T201
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
