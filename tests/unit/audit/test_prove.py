"""audit.prove: proofs that hold offline, and nothing else that does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.audit.prove import Proof, check_proof, parse_proof, prove
from lockgate.errors import Refused, VerificationFailed
from tests.support.sealing import ORIGIN, OTHER_PUBLIC, PUBLIC, leaves, read, write

EXAMPLE = Proof(73894, (b"a" * 32, b"b" * 32), b"note\n", b"extra").encode()


@pytest.fixture
def proof(tmp_path: Path) -> bytes:
    """For entry 5 of 9."""
    write(tmp_path, leaves(9))
    return prove(read(tmp_path), 5)


LEAF = leaves(9)[5]


def _finding(proof: bytes, leaf: bytes = LEAF, key: bytes = PUBLIC, origin: str = ORIGIN) -> str:
    with pytest.raises(VerificationFailed) as error:
        check_proof(proof, leaf, key, origin)
    return error.value.finding


def test_proof_convinces_without_the_log(proof: bytes) -> None:
    """Leaf, proof file, key and name are all that it takes."""
    proved = check_proof(proof, LEAF, PUBLIC, ORIGIN)
    assert (proved.index, proved.checkpoint.size, proved.checkpoint.origin) == (5, 9, ORIGIN)
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\nindex 5\n")


def test_proof_for_another_entry_key_or_log_is_refused(proof: bytes) -> None:
    """One thing wrong at a time."""
    assert _finding(proof, leaf=leaves(9)[6]) == "LG716"
    assert _finding(proof, key=OTHER_PUBLIC) == "LG702"
    assert _finding(proof, origin="lockgate/other") == "LG702"
    assert _finding(proof.replace(b"index 5", b"index 4")) == "LG716"
    assert _finding(proof.replace(b"index 5", b"index 9")) == "LG716"
    assert _finding(proof.replace(b"\n9\n", b"\n10\n")) == "LG702"
    assert _finding(b"") == "LG715"


def test_every_flipped_bit_is_noticed(proof: bytes) -> None:
    """No bit of a proof file without extra data can change unseen."""
    for position in range(len(proof) * 8):
        changed = bytearray(proof)
        changed[position // 8] ^= 1 << position % 8
        _finding(bytes(changed))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"index 73894", b"index 073894"),
        (b"index 73894", b"index -1"),
        (b"index 73894", b"index"),
        (b"index", b"Index"),
        (b"extra ", b"extra  "),
        (b"extra ", b"extra-"),
        (b"=\n", b"\n"),
        (b"\n", b"\r\n"),
        (b"\n\nnote", b"\nnote"),
        (b"\n\nnote", b"\n" + b"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n" * 62 + b"\nnote"),
    ],
)
def test_any_other_spelling_is_refused(old: bytes, new: bytes) -> None:
    """A proof has one spelling, so that nothing hides in it."""
    assert parse_proof(EXAMPLE).extra == b"extra"
    with pytest.raises(ValueError, match=r"."):
        parse_proof(EXAMPLE.replace(old, new))


@given(st.binary(max_size=200))
@example(EXAMPLE)
@example(b"c2sp.org/tlog-proof@v1")
@example(b"c2sp.org/tlog-proof@v1\nextra YQ==\n\n")
def test_parser_raises_value_error_only(data: bytes) -> None:
    """Whatever bytes come: a proof that encodes back to them, or ValueError."""
    with suppress(ValueError):
        assert parse_proof(data).encode() == data


@pytest.mark.parametrize("index", [-1, 9])
def test_no_proof_for_an_entry_that_is_not_there(index: int, tmp_path: Path) -> None:
    """LG714."""
    write(tmp_path, leaves(9))
    with pytest.raises(Refused) as error:
        prove(read(tmp_path), index)
    assert error.value.finding == "LG714"
