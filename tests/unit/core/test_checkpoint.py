"""core.checkpoint: notes, checkpoints and verifier keys have one spelling each."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.core.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    Note,
    NoteSignature,
    VerifierKey,
    from_base64,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    to_base64,
)

ROOT = to_base64(bytes(32))
SIGNATURE = NoteSignature("log.example", b"abcd", bytes(64))
NOTE = Note(b"text\n\nmore\n", (SIGNATURE, NoteSignature("witness.example", b"efgh", b"x"))).encode()
VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


def test_note_is_cut_at_the_last_blank_line() -> None:
    """A text may hold blank lines; what is signed ends before the last one."""
    note = parse_note(NOTE)
    assert note.text == b"text\n\nmore\n"
    assert [s.name for s in note.signatures] == ["log.example", "witness.example"]
    assert note.encode() == NOTE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"\n\n" + NOTE.split(b"\n\n")[-1],
        NOTE[:-1],
        NOTE + b"\n",
        NOTE.replace(b"\n", b"\r\n"),
        NOTE.replace(b"more", b"mo\x00re"),
        NOTE.replace(b"more", b"mo\xffre"),
        NOTE.replace("\u2014".encode(), b"-"),
        NOTE.replace(b"log.example", b"log+example"),
        NOTE.replace(b"log.example", "log\u00a0example".encode()),
        NOTE.replace(b"log.example ", b"log.example  "),
        NOTE.replace(b"=\n", b"\n"),
        NOTE.replace(b"AAA=\n", b"AAB=\n"),
        "text\n\n\u2014 a YWJjZA==\n".encode(),
        b"text\n\n" + (SIGNATURE.line() + "\n").encode() * 65,
        b"x" * (1 << 18) + NOTE,
    ],
)
def test_any_other_spelling_of_a_note_is_refused(data: bytes) -> None:
    """Two byte strings never mean one note."""
    with pytest.raises(ValueError, match=r"."):
        parse_note(data)


def test_checkpoint_round_trip() -> None:
    """Text and value say the same, also with extension lines and the largest size."""
    for checkpoint in (Checkpoint("o", 0, bytes(32)), Checkpoint("o p", MAX_SIZE, b"r" * 32, ("one", "two"))):
        assert parse_checkpoint(checkpoint.text()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        f"o\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n1 \n{ROOT}\n",
        f"o\n\u0661\n{ROOT}\n",
        f"o\n{MAX_SIZE + 1}\n{ROOT}\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{to_base64(bytes(31))}\n",
        f"o\n1\n{ROOT}\n\nextension\n",
        f"o\n1\n{ROOT}\n\n",
        f"o\r\n1\n{ROOT}\n",
    ],
)
def test_any_other_spelling_of_a_checkpoint_is_refused(text: str) -> None:
    """One size, one root, one way to write them."""
    with pytest.raises(ValueError, match=r"."):
        parse_checkpoint(text.encode())


def test_checkpoint_that_would_be_read_otherwise_is_not_written() -> None:
    """An origin with a line break would move every line after it."""
    with pytest.raises(ValueError, match=r"."):
        Checkpoint("o\n5", 0, bytes(32)).text()


def test_vkey_of_the_published_log() -> None:
    """Key id and spelling as another implementation computed them."""
    key = parse_vkey(VKEY)
    assert (key.name, key.key_id.hex(), len(key.public_key)) == ("example.com/log/testdata", "33d7b496", 32)
    assert key.line() == VKEY
    assert VerifierKey("other", key.public_key).key_id != key.key_id


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a",
        "a+b",
        VKEY + "\n",
        VKEY.replace("33d7b496", "33D7B496"),
        VKEY.replace("33d7b496", "33d7b497"),
        VKEY[:-4],
        "+" + VKEY,
        VKEY.replace("+AeHT", "+BOHT"),
        VKEY.replace("log/", "log "),
    ],
)
def test_any_other_spelling_of_a_vkey_is_refused(line: str) -> None:
    """Another id, another type, another length, another name: another key."""
    with pytest.raises(ValueError, match=r"."):
        parse_vkey(line)


@given(st.binary(max_size=200))
@example(NOTE)
@example(Checkpoint("o", 5, bytes(32)).text())
@example(VKEY.encode())
def test_parsers_raise_value_error_only(data: bytes) -> None:
    """Whatever bytes come: a value that encodes back to them, or ValueError."""
    for read, written in (
        (parse_note, lambda note: note.encode()),
        (parse_checkpoint, lambda checkpoint: checkpoint.text()),
        (lambda d: parse_vkey(d.decode()), lambda key: key.line().encode()),
        (lambda d: from_base64(d.decode()), lambda d: to_base64(d).encode()),
    ):
        try:
            value = read(data)
        except ValueError:
            continue
        assert written(value) == data


@given(st.data())
def test_no_flipped_bit_of_a_note_goes_unnoticed(data: st.DataObject) -> None:
    """A note with one bit changed is refused, or is a note with another text or other signatures."""
    position = data.draw(st.integers(0, len(NOTE) - 1))
    changed = bytearray(NOTE)
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        note = parse_note(bytes(changed))
    except ValueError:
        return
    assert note != parse_note(NOTE)
