"""RFC 6962 Merkle trees over SHA-256: hashes, inclusion and consistency proofs, and their checks.

Source: RFC 6962 section 2.1 for the tree and the proofs, RFC 9162 sections 2.1.3.2 and 2.1.4.2 for the
checks. A hash is 32 bytes. `D[a:b]` is the list of leaves from `a` (inclusive) to `b` (exclusive).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""Gives MTH(D[start:end]). Asked only for ranges that are a node of the tree that is being proved."""


def leaf_hash(leaf: bytes) -> bytes:
    """MTH of one leaf: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """`leaf_hash` of each: a call for each would cost a quarter more."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + leaf).digest() for leaf in leaves]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """MTH over the leaves (or over equally high subtrees, the last of which may be lower) with these hashes."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = _above(level) + odd
    return level[0]


def rows_of(hashes: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Every whole node over the leaves (or equally high subtrees) with these hashes: `rows[k][j]` is that over the
    2^k of them from number j * 2^k on. Of 256 hashes `rows[8][0]` is their root.
    """
    rows = [tuple(hashes)]
    while len(rows[-1]) > 1:
        rows.append(tuple(_above(rows[-1])))
    return rows


def root_over(rows: Sequence[Sequence[bytes]], below: bytes | None = None) -> bytes | None:
    """The root over all hashes of `rows_of`, and one lower subtree `below` after them. None over nothing at all."""
    found = below
    for row in rows:
        if len(row) % 2:
            found = row[-1] if found is None else node_hash(row[-1], found)
    return found


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The nodes over each two. Two hashes lie side by side as they are hashed: one join, instead of one a node."""
    sha256 = hashlib.sha256
    row = b"".join(level)
    pairs = range(0, len(row) - 2 * HASH_BYTES + 1, 2 * HASH_BYTES)
    return [sha256(b"\x01" + row[at : at + 2 * HASH_BYTES]).digest() for at in pairs]


def split_point(count: int) -> int:
    """The largest power of two below `count` (at least 2): where RFC 6962 cuts a tree in two."""
    return 1 << ((count - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(index, D[0:size]): from the leaf's sibling up to the root's child. Raises ValueError outside the tree."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + split_point(end - start)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """PROOF(old, D[0:new]). Empty when `old` is 0 or `new`. Raises ValueError when `old` exceeds `new`."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} is no prefix of a tree of {new}")
    if old == 0:
        return []
    start, end, path = 0, new, []
    while end != old:
        middle = start + split_point(end - start)
        if old <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    if start:
        path.append(subtree(start, end))
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with hash `leaf` stands at `index` in the tree of `size` with `root`. Raises ValueError."""
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    node, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ValueError("the proof is too long")
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            node, last = _climb(node, last)
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    if computed != root:
        raise ValueError("the proof leads to another root")


def check_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `old` leaves is a prefix of the tree of `new` leaves. Raises ValueError.

    Also raises for `old` 0: every tree begins with the empty one, so there is nothing to prove.
    """
    _check_hashes(proof)
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} is no prefix of a tree of {new} that can be proved")
    if old == new:
        if proof:
            raise ValueError("the proof is too long")
        if old_root != new_root:
            raise ValueError("two trees of the same size have different roots")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ValueError("the proof is too short")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    seen_old = seen_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ValueError("the proof is too long")
        if node & 1 or node == last:
            seen_old, seen_new = node_hash(sibling, seen_old), node_hash(sibling, seen_new)
            node, last = _climb(node, last)
        else:
            seen_new = node_hash(seen_new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    if seen_old != old_root or seen_new != new_root:
        raise ValueError("the proof leads to another root")


def _climb(node: int, last: int) -> tuple[int, int]:
    """Skip the levels on which the node has no sibling."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(found) != HASH_BYTES for found in hashes):
        raise ValueError(f"a hash has {HASH_BYTES} bytes")
