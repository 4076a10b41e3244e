"""core.row_tree: one root over a file's rows, in a memory that does not grow with them."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from lockgate.core.digest import digest_of
from lockgate.core.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of
from lockgate.core.row_tree import Roots, Tree, check_of, row_leaf, row_salt, source_leaf

SALT = bytes(range(32))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 31, 64, 100])
def test_the_root_is_that_of_the_whole_list(count: int) -> None:
    """RFC 6962's, for every number of leaves."""
    hashes = [leaf_hash(bytes([number])) for number in range(count)]
    tree = Tree()
    for each in hashes:
        tree.add(each)
    assert root_of(hashes) == tree.root
    assert tree.size == count
    assert len(tree._peaks) == count.bit_count()


def test_an_empty_tree_has_the_empty_root() -> None:
    """Of no leaf."""
    assert Tree().root == EMPTY_ROOT


def test_a_leaf_is_what_is_drawn() -> None:
    """The row's number, its own salt, its value."""
    salt = row_salt(SALT, 7)
    assert salt == hmac.new(SALT, b"row 7", hashlib.sha256).digest()
    made = leaf_hash((7).to_bytes(8, "big") + salt + b'{"label":true}')
    assert row_leaf(salt, 7, b'{"label":true}') == made
    assert check_of(made) == made.hex()[:16]


def test_everything_changes_the_root() -> None:
    """Source, inputs, outputs, number of a row, value, salt: each is bound."""
    digest = digest_of(b"a")
    roots = Roots(source_leaf(SALT, digest), b"i" * 32, b"o" * 32)
    assert roots.root == node_hash(node_hash(roots.source, roots.inputs), roots.outputs).hex()
    others = [
        Roots(source_leaf(SALT, digest_of(b"b")), roots.inputs, roots.outputs),
        Roots(source_leaf(SALT[::-1], digest), roots.inputs, roots.outputs),
        Roots(roots.source, roots.outputs, roots.inputs),
        Roots(roots.inputs, roots.source, roots.outputs),
    ]
    assert len({each.root for each in (roots, *others)}) == 5
    leaves = {row_leaf(row_salt(SALT, row), row, value) for row in (1, 2) for value in (b"1", b"2")}
    assert len(leaves) == 4
    with pytest.raises(ValueError, match="32 bytes"):
        row_salt(b"short", 1)
