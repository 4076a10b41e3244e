"""Our proofs, checked by a verifier that shares no code with us, and the other way round."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.audit.prove import prove
from lockgate.core.checkpoint import VerifierKey
from lockgate.core.merkle import check_consistency, check_inclusion, leaf_hash
from tests.conformance import rfc6962
from tests.support.sealing import ORIGIN, OTHER_PUBLIC, PUBLIC, leaves, read, write

VKEY = VerifierKey(ORIGIN, PUBLIC).line()


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 600])
def test_independent_verifier_accepts_our_proofs(size: int, tmp_path: Path) -> None:
    """Every kind of place in a tree: the proof convinces a verifier written from the specifications."""
    write(tmp_path / "log", leaves(size))
    log = read(tmp_path / "log")
    assert log.root == rfc6962.mth(leaves(size))
    for index in {0, size // 2, size - 1}:
        assert index == rfc6962.verify(prove(log, index), log.entry(index), VKEY)


def test_independent_verifier_refuses_another_leaf_and_another_key(tmp_path: Path) -> None:
    """Beside it: the same proof for another entry, or under another key, convinces nobody."""
    write(tmp_path / "log", leaves(9))
    log = read(tmp_path / "log")
    with pytest.raises(ValueError, match="another root"):
        rfc6962.verify(prove(log, 3), log.entry(4), VKEY)
    with pytest.raises(ValueError, match="not signed"):
        rfc6962.verify(prove(log, 3), log.entry(3), VerifierKey(ORIGIN, OTHER_PUBLIC).line())


def test_independent_verifier_as_a_command(tmp_path: Path) -> None:
    """A stranger needs one file, the proof, the entry and the log's public key file."""
    write(tmp_path / "log", leaves(9))
    log = read(tmp_path / "log")
    (tmp_path / "proof").write_bytes(prove(log, 5))
    (tmp_path / "leaf").write_bytes(log.entry(5))
    command = [sys.executable, "-I", rfc6962.__file__, "proof", "leaf", "log/log.vkey"]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout == "5\n"
    (tmp_path / "leaf").write_bytes(log.entry(6))
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 3


@pytest.mark.parametrize("size", [1, 2, 7, 8, 21])
def test_we_accept_the_proofs_of_the_recursive_definition(size: int) -> None:
    """RFC 6962's own PATH and PROOF, computed recursively, satisfy our checks."""
    entries = leaves(size)
    root = rfc6962.mth(entries)
    for index in range(size):
        check_inclusion(leaf_hash(entries[index]), index, size, rfc6962.path(index, entries), root)
    for old in range(1, size + 1):
        check_consistency(old, rfc6962.mth(entries[:old]), size, root, rfc6962.proof(old, entries))
