"""core.merkle: the hashes of RFC 6962, and checks that say no."""

from __future__ import annotations

import hashlib

import pytest

from lockgate.core.merkle import (
    EMPTY_ROOT,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
)

# The eight entries, and the roots of their first 1 to 8, that the tests of Certificate Transparency logs share.
ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "60" * 8)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def _subtree(start: int, end: int) -> bytes:
    return root_of(LEAVES[start:end])


def test_leaves_and_nodes_are_hashed_apart() -> None:
    """A node can never be passed off as a leaf: 0x00 and 0x01 stand before them."""
    left, right = LEAVES[:2]
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert leaf_hash(left + right) != node_hash(left, right)


def test_known_roots() -> None:
    """Roots that are published for these entries."""
    assert root_of([]) == EMPTY_ROOT
    assert root_of(LEAVES[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(LEAVES[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert root_of(LEAVES[:3]).hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"


@pytest.mark.parametrize("flaw", ["leaf", "root", "index", "size", "short", "long", "bit", "length"])
def test_inclusion_with_one_flaw_is_refused(flaw: str) -> None:
    """One thing wrong at a time, and the proof proves nothing; the flawless one passes."""
    leaf, index, size, proof, root = LEAVES[3], 3, 7, inclusion_proof(3, 7, _subtree), root_of(LEAVES[:7])
    check_inclusion(leaf, index, size, proof, root)
    match flaw:
        case "leaf":
            leaf = LEAVES[2]
        case "root":
            root = root_of(LEAVES[:6])
        case "index":
            index = 2
        case "size":
            size = 9
        case "short":
            proof = proof[:-1]
        case "long":
            proof = [*proof, proof[0]]
        case "bit":
            proof[0] = bytes([proof[0][0] ^ 1]) + proof[0][1:]
        case "length":
            proof[0] += b"\x00"
    with pytest.raises(ValueError, match=r"proof|hash|tree"):
        check_inclusion(leaf, index, size, proof, root)


@pytest.mark.parametrize("flaw", ["old", "new", "swapped", "sizes", "short", "long", "empty", "zero"])
def test_consistency_with_one_flaw_is_refused(flaw: str) -> None:
    """One thing wrong at a time; the flawless one passes."""
    old, new, proof = 3, 7, consistency_proof(3, 7, _subtree)
    old_root, new_root = root_of(LEAVES[:3]), root_of(LEAVES[:7])
    check_consistency(old, old_root, new, new_root, proof)
    match flaw:
        case "old":
            old_root = root_of(LEAVES[:2])
        case "new":
            new_root = root_of(LEAVES[:8])
        case "swapped":
            old_root, new_root = new_root, old_root
        case "sizes":
            old, new = new, old
        case "short":
            proof = proof[:-1]
        case "long":
            proof = [*proof, proof[0]]
        case "empty":
            proof = []
        case "zero":
            old = 0
    with pytest.raises(ValueError, match=r"proof|root|prefix"):
        check_consistency(old, old_root, new, new_root, proof)


def test_equal_trees_need_no_proof_and_equal_sizes_need_equal_roots() -> None:
    """The shortest fork of all: one size, two roots."""
    check_consistency(3, root_of(LEAVES[:3]), 3, root_of(LEAVES[:3]), [])
    with pytest.raises(ValueError, match="different roots"):
        check_consistency(3, root_of(LEAVES[:3]), 3, root_of(LEAVES[1:4]), [])


def test_nothing_is_proved_outside_the_tree() -> None:
    """No proof is made for a leaf that is not there, or for a larger tree as the prefix of a smaller."""
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_proof(7, 7, _subtree)
    with pytest.raises(ValueError, match="no prefix"):
        consistency_proof(8, 7, _subtree)
    assert consistency_proof(0, 7, _subtree) == []
