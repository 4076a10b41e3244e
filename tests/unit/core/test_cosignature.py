"""core.cosignature and trust.note: C2SP tlog-cosignature, in its one spelling, signed and verified."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.checkpoint import COSIGNATURE, ED25519, Note, VerifierKey, parse_note, parse_vkey
from lockgate.core.cosignature import MAX_TIME, Cosignature, message, parse_lines
from lockgate.trust.note import check_cosignature, cosign, sign_note, verify_cosignature
from tests.support.sealing import KEY, OTHER_KEY, OTHER_PUBLIC, PUBLIC

EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
""".encode()  # noqa: E501 - the example of tlog-cosignature.md, as it stands there
SIGNED = b"""cosignature/v1
time 1679315147
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""
ANSWER = """— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
— witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
""".encode()  # noqa: E501 - the example of tlog-witness.md
NAME = "witness.example/w1"
TEXT = b"log.example\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
OWN = VerifierKey(NAME, PUBLIC, COSIGNATURE)
NOTE = sign_note(TEXT, "log.example", OTHER_PUBLIC, OTHER_KEY.sign)


def test_the_example_of_the_specification_is_read() -> None:
    """Time, signed message and both lines, as the text beside the example says."""
    note = parse_note(EXAMPLE)
    found = Cosignature.parse(note.signatures[1].signature)
    assert found.time == 1679315147
    assert message(note.text, found.time) == SIGNED
    assert note.signatures[1].signature == found.encode()
    assert [note.signatures[1].name] == ["witness.example.com/w1"]


def test_the_example_answer_of_a_witness_is_read() -> None:
    """Three lines, two of one name: which of them count is said by keys alone."""
    lines = parse_lines(ANSWER)
    assert [line.name for line in lines] == ["witness.example/w1", "witness.example/w1", "witness.example/w2"]


@given(st.integers(0, MAX_TIME), st.binary(min_size=64, max_size=64))
def test_a_cosignature_has_one_spelling(time: int, signature: bytes) -> None:
    """What is written is read back; 72 bytes."""
    data = Cosignature(time, signature).encode()
    assert len(data) == 72
    assert Cosignature(time, signature) == Cosignature.parse(data)


@pytest.mark.parametrize("data", [b"", bytes(71), bytes(73), b"\x80" + bytes(71)])
def test_what_is_no_cosignature_is_refused(data: bytes) -> None:
    """Short, long, and a time from 2^63 on."""
    with pytest.raises(ValueError, match=r"."):
        Cosignature.parse(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"no line\n", ANSWER[:-1], ANSWER + b"\n", b"\n" + ANSWER, ANSWER + b"\n" + ANSWER, ANSWER * 30],
)
def test_what_are_no_lines_is_refused(data: bytes) -> None:
    """Nothing, a blank, words, a cut line, an empty line at the end, before and between, too many."""
    with pytest.raises(ValueError, match=r"."):
        parse_lines(data)


def test_a_cosigned_note_tells_when() -> None:
    """The positive control, beside the log's own line; the newest of two counts."""
    lines = (*parse_note(NOTE).signatures, cosign(TEXT, OWN, 7, KEY.sign), cosign(TEXT, OWN, 9, KEY.sign))
    assert verify_cosignature(Note(TEXT, lines).encode(), OWN) == 9
    assert verify_cosignature(NOTE, OWN) is None


def test_other_keys_do_not_count() -> None:
    """Another key under our name, our key under another name, our key as a log's own: skipped, not refused."""
    note = Note(TEXT, (*parse_note(NOTE).signatures, cosign(TEXT, OWN, 7, KEY.sign))).encode()
    for other in (
        VerifierKey(NAME, OTHER_PUBLIC, COSIGNATURE),
        VerifierKey("witness.example/w2", PUBLIC, COSIGNATURE),
        VerifierKey(NAME, PUBLIC),
    ):
        assert verify_cosignature(note, other) is None


def test_a_forged_line_refuses_the_note() -> None:
    """Our name and id over another time, another tree, or by another key: somebody forged it."""
    good = cosign(TEXT, OWN, 7, KEY.sign)
    later = Cosignature(8, good.signature[8:]).encode()
    for line in (
        type(good)(NAME, OWN.key_id, later),
        cosign(TEXT.replace(b"5", b"6"), OWN, 7, KEY.sign),
        cosign(TEXT, OWN, 7, OTHER_KEY.sign),
    ):
        note = Note(TEXT, (*parse_note(NOTE).signatures, good, line)).encode()
        with pytest.raises(ValueError, match="does not verify"):
            verify_cosignature(note, OWN)


def test_a_line_is_checked_for_the_key_that_it_names() -> None:
    """Another name, another id, or a key of the other kind: no cosignature by it, whatever its bytes verify with."""
    line = cosign(TEXT, OWN, 7, KEY.sign)
    assert check_cosignature(line, TEXT, OWN) == 7
    for key in (VerifierKey("other", PUBLIC, COSIGNATURE), VerifierKey(NAME, PUBLIC)):
        with pytest.raises(ValueError, match="no cosignature by"):
            check_cosignature(line, TEXT, key)
    with pytest.raises(ValueError, match="no cosignature by"):
        check_cosignature(type(line)(NAME, b"abcd", line.signature), TEXT, OWN)


def test_a_plain_signature_is_no_cosignature() -> None:
    """The message has a header of its own: what a key signed as a log's line cannot be passed off as a cosignature."""
    plain = KEY.sign(TEXT)
    line = type(cosign(TEXT, OWN, 7, KEY.sign))(NAME, OWN.key_id, Cosignature(7, plain).encode())
    with pytest.raises(ValueError, match="does not verify"):
        check_cosignature(line, TEXT, OWN)


def test_vkeys_are_read_by_their_type() -> None:
    """A log's key is not taken for a witness's, nor the other way round."""
    log = VerifierKey(NAME, PUBLIC)
    assert parse_vkey(OWN.line(), COSIGNATURE) == OWN
    assert log == parse_vkey(log.line())
    assert log.key_id != OWN.key_id
    for line, kind in ((log.line(), COSIGNATURE), (OWN.line(), ED25519)):
        with pytest.raises(ValueError, match="not a"):
            parse_vkey(line, kind)
