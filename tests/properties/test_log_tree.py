"""The tree that is stored in tiles, against the plain recursive one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.audit.prove import check_proof, prove
from lockgate.audit.tiles import ENTRIES, RightEdge, Tile, parse_bundle, tiles_of
from lockgate.core.merkle import (
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
)
from tests.conformance import rfc6962
from tests.support.sealing import ORIGIN, PUBLIC, check, leaves, read, sealer

_batches = st.lists(st.integers(0, 300), min_size=1, max_size=6)


@given(st.lists(st.binary(max_size=9), max_size=40))
def test_root_is_the_recursive_definition(entries: list[bytes]) -> None:
    """`root_of` is MTH."""
    assert rfc6962.mth(entries) == root_of([leaf_hash(entry) for entry in entries])


@given(st.data(), st.integers(1, 40))
def test_proofs_are_the_recursive_definition(data: st.DataObject, size: int) -> None:
    """Our proofs are PATH and PROOF hash by hash, pass our own checks, and fail for every other leaf or tree."""
    entries = leaves(size)
    root = rfc6962.mth(entries)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))

    def subtree(start: int, end: int) -> bytes:
        return rfc6962.mth(entries[start:end])

    inclusion, consistency = inclusion_proof(index, size, subtree), consistency_proof(old, size, subtree)
    assert rfc6962.path(index, entries) == inclusion
    assert rfc6962.proof(old, entries) == consistency
    check_inclusion(leaf_hash(entries[index]), index, size, inclusion, root)
    check_consistency(old, rfc6962.mth(entries[:old]), size, root, consistency)
    for wrong in set(range(size + 1)) - {index}:
        try:
            check_inclusion(leaf_hash(entries[index]), wrong, size, inclusion, root)
        except ValueError:
            continue
        raise AssertionError(f"the proof for {index} passes for {wrong}")


@given(_batches)
def test_growth_does_not_depend_on_the_batches(batches: list[int]) -> None:
    """However entries are batched, the edge and the files that the final tree needs are the same."""
    edge, files = RightEdge(), dict[Tile, bytes]()
    for count in batches:
        start = edge.size
        edge, fresh = edge.grow(leaves(count, start))
        assert not files.keys() & {tile for tile, _ in fresh}
        files |= dict(fresh)
    total = sum(batches)
    once, at_once = RightEdge().grow(leaves(total))
    assert once == edge
    assert dict(at_once) == {tile: files[tile] for tile in tiles_of(total)}
    bundles = [parse_bundle(files[tile], tile.width) for tile in tiles_of(total) if tile.level == ENTRIES]
    assert leaves(total) == [entry for bundle in bundles for entry in bundle]
    assert edge.root == root_of([leaf_hash(entry) for entry in leaves(total)])


@settings(max_examples=25, deadline=None)
@given(_batches, st.data())
def test_a_sealed_log_reads_back(batches: list[int], data: st.DataObject) -> None:
    """Whatever the batches: the log verifies to the last byte, gives the entries back, and proves any of them."""
    with tempfile.TemporaryDirectory() as folder:
        log_dir = Path(folder) / "log"
        writer = sealer(log_dir)
        for count in batches:
            writer.append(leaves(count, writer.append([]).size))
        total = sum(batches)
        assert total == check(log_dir).checkpoint.size
        log = read(log_dir)
        assert leaves(total) == list(log.entries(0, total))
        if total:
            index = data.draw(st.integers(0, total - 1))
            proved = check_proof(prove(log, index), leaves(1, index)[0], PUBLIC, ORIGIN)
            assert (index, total) == (proved.index, proved.checkpoint.size)
