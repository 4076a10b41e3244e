"""More published vectors: the worked examples of C2SP and of Go's notes, and consistency of subtrees from 0 on."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from lockgate.audit.witness.protocol import Request
from lockgate.core.checkpoint import COSIGNATURE, ED25519, parse_checkpoint, parse_note, parse_vkey
from lockgate.core.cosignature import Cosignature, message, parse_lines
from lockgate.core.merkle import check_consistency
from lockgate.trust.note import verify_note

VECTORS = Path(__file__).parents[1] / "vectors"
C2SP = VECTORS / "c2sp"
SUBTREES = VECTORS / "merkle" / "testdata" / "subtreeconsistency"
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_a_note_of_go_verifies() -> None:
    """Another implementation's key and note: the signature is good, and not over any other text."""
    key, note = parse_vkey(GO_KEY), (C2SP / "go-note.txt").read_bytes()
    assert verify_note(note, key.name, key.public_key).startswith(b"If you think cryptography is the answer")
    with pytest.raises(ValueError, match="does not verify"):
        verify_note(note.replace(b"answer", b"Answer"), key.name, key.public_key)


@pytest.mark.parametrize("name", ["signed-note.txt", "cosigned-checkpoint.txt", "go-note.txt"])
def test_each_published_note_is_the_one_spelling(name: str) -> None:
    """What others write is read, and written the same."""
    data = (C2SP / name).read_bytes()
    assert data == parse_note(data).encode()


def test_the_published_cosignature_is_read() -> None:
    """C2SP tlog-cosignature: a time before the signature, and the message that its text shows."""
    note = parse_note((C2SP / "cosigned-checkpoint.txt").read_bytes())
    assert [line.name for line in note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    found = Cosignature.parse(note.signatures[1].signature)
    assert found.time == 1_679_315_147
    assert note.signatures[1].signature == found.encode()
    shown = (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert shown == message(note.text, found.time)


def test_the_published_request_and_answer_of_a_witness_are_read() -> None:
    """C2SP tlog-witness: the request's four hashes and two signatures, and the answer's three lines."""
    body = (C2SP / "add-checkpoint.txt").read_bytes()
    request = Request.parse(body)
    assert body == request.encode()
    assert (request.old, len(request.proof)) == (20_852_014, 4)
    note = parse_note(request.note)
    assert parse_checkpoint(note.text).size == 20_852_163
    assert len(note.signatures) == 2
    lines = parse_lines((C2SP / "cosignatures.txt").read_bytes())
    assert [line.name for line in lines] == ["witness.example/w1", "witness.example/w1", "witness.example/w2"]
    assert {len(line.signature) for line in lines} == {72}, "random bytes: their times are none"


def test_a_key_of_one_kind_is_none_of_another() -> None:
    """The type byte is in the key, and in its id: a log's key is no witness's."""
    assert parse_vkey(GO_KEY, ED25519).line() == GO_KEY
    with pytest.raises(ValueError, match="key"):
        parse_vkey(GO_KEY, COSIGNATURE)


def test_consistency_of_subtrees_that_begin_at_0() -> None:
    """100 vectors: a subtree from 0 on is a tree. Good ones of an empty one prove nothing, and are not taken."""
    played = 0
    for path in sorted(SUBTREES.rglob("*.json")):
        v = json.loads(path.read_text("utf-8"))
        if v["start"] or not (v["end"] or v["wantErr"]):
            continue
        played += 1
        roots = [base64.b64decode(v[name] or "") for name in ("root1", "root2")]
        proof = [base64.b64decode(one) for one in v["proof"] or []]
        try:
            check_consistency(v["end"], roots[0], v["size"], roots[1], proof)
        except ValueError:
            assert v["wantErr"], path.name
        else:
            assert not v["wantErr"], path.name
    assert played == 100
