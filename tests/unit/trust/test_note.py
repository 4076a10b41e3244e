"""trust.note: a note's text comes out only under the right key."""

from __future__ import annotations

import pytest

from lockgate.core.checkpoint import Note, NoteSignature, VerifierKey, parse_note
from lockgate.trust.note import sign_note, verify_note
from tests.support.sealing import KEY, OTHER_KEY, OTHER_PUBLIC, PUBLIC

NAME = "log.example"
TEXT = b"log.example\n5\n"
NOTE = sign_note(TEXT, NAME, PUBLIC, KEY.sign)


def test_signed_note_gives_its_text() -> None:
    """The positive control."""
    assert verify_note(NOTE, NAME, PUBLIC) == TEXT


def test_lines_of_unknown_keys_are_skipped() -> None:
    """C2SP signed-note: a witness's line, or one with our name and another id, does not disturb."""
    stranger = NoteSignature(NAME, b"0000", bytes(64))
    note = Note(TEXT, (stranger, *parse_note(NOTE).signatures)).encode()
    assert verify_note(note, NAME, PUBLIC) == TEXT


@pytest.mark.parametrize(("name", "public"), [("other.example", PUBLIC), (NAME, OTHER_PUBLIC)])
def test_note_by_nobody_known_is_refused(name: str, public: bytes) -> None:
    """Another name or another key: no signature counts."""
    with pytest.raises(ValueError, match="no signature by"):
        verify_note(NOTE, name, public)


def test_signature_that_does_not_verify_refuses_the_note_even_beside_a_good_one() -> None:
    """Our key's id over other bytes: somebody forged it."""
    forged = NoteSignature(NAME, VerifierKey(NAME, PUBLIC).key_id, OTHER_KEY.sign(TEXT))
    note = Note(TEXT, (*parse_note(NOTE).signatures, forged)).encode()
    with pytest.raises(ValueError, match="does not verify"):
        verify_note(note, NAME, PUBLIC)
    with pytest.raises(ValueError, match="does not verify"):
        verify_note(NOTE.replace(b"5\n", b"6\n"), NAME, PUBLIC)


def test_signing_with_another_key_is_noticed_at_once() -> None:
    """What readers would refuse never leaves the signer."""
    with pytest.raises(ValueError, match="does not verify"):
        sign_note(TEXT, NAME, PUBLIC, OTHER_KEY.sign)


@pytest.mark.parametrize("text", [b"", b"no newline", b"bell\x07\n", b"\xff\n"])
def test_text_that_is_no_note_is_not_signed(text: bytes) -> None:
    """Every note that is written can be read."""
    with pytest.raises(ValueError, match=r"."):
        sign_note(text, NAME, PUBLIC, KEY.sign)


def test_every_flipped_bit_is_noticed() -> None:
    """No bit of a note can change unseen."""
    for position in range(len(NOTE) * 8):
        changed = bytearray(NOTE)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(ValueError, match=r"."):
            verify_note(bytes(changed), NAME, PUBLIC)
