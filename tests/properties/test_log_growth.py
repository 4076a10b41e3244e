"""A log on the disk, grown in any batches with restarts between, against the plain recursive tree of RFC 6962."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.audit.tiles import ENTRIES, RightEdge, parse_bundle, parse_hashes, tiles_of
from lockgate.core.merkle import check_consistency, check_inclusion, consistency_proof, inclusion_proof, leaf_hash
from tests.conformance import rfc6962
from tests.support.sealing import leaves, read, sealer

_batches = st.lists(st.sampled_from([0, 1, 2, 3, 7, 60, 255, 256, 257]), min_size=1, max_size=4)


@settings(max_examples=20, deadline=None)
@given(_batches, st.data())
def test_files_and_proofs_are_those_of_the_recursive_tree(batches: list[int], data: st.DataObject) -> None:
    """A new writer for each batch. Every tile is MTH of its leaves; proofs of any two sizes are PATH and PROOF."""
    with tempfile.TemporaryDirectory() as folder:
        log_dir, total = Path(folder) / "log", 0
        for count in batches:
            assert sealer(log_dir).append(leaves(count, total)).size == total + count
            total += count
        entries, log = leaves(total), read(log_dir)
        assert rfc6962.mth(entries) == log.root
        for tile in tiles_of(total):
            content = (log_dir / tile.path).read_bytes()
            if tile.level == ENTRIES:
                start = tile.index * 256
                assert entries[start : start + tile.width] == parse_bundle(content, tile.width)
                continue
            span = 256**tile.level
            first = tile.index * 256 * span
            expected = [rfc6962.mth(entries[first + i * span : first + (i + 1) * span]) for i in range(tile.width)]
            assert expected == list(parse_hashes(content, tile.width))
        if not total:
            return
        old, index = data.draw(st.integers(1, total)), data.draw(st.integers(0, total - 1))
        small = data.draw(st.integers(index + 1, total))
        root = rfc6962.mth(entries[:small])
        path = inclusion_proof(index, small, log.subtree)
        assert rfc6962.path(index, entries[:small]) == path
        check_inclusion(leaf_hash(entries[index]), index, small, path, root)
        proof = consistency_proof(old, total, log.subtree)
        assert rfc6962.proof(old, entries) == proof
        check_consistency(old, rfc6962.mth(entries[:old]), total, log.root, proof)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 700), st.lists(st.integers(1, 300), min_size=1, max_size=3))
def test_an_edge_that_was_read_back_grows_as_one_that_was_kept(size: int, batches: list[int]) -> None:
    """Restart: what is read from the files is the edge that the writer had, and it writes the same files from there."""
    kept, _ = RightEdge().grow(leaves(size))
    with tempfile.TemporaryDirectory() as folder:
        sealer(Path(folder) / "log").append(leaves(size))
        found = read(Path(folder) / "log").with_bundle()
    assert kept == found
    for count in batches:
        fresh = leaves(count, kept.size)
        kept, files = kept.grow(fresh)
        found, others = found.grow(fresh)
        assert (kept, files) == (found, others)
