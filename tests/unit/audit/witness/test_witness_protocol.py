"""audit.witness.protocol: every answer that C2SP tlog-witness names, from values alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.audit.witness.protocol import (
    MOST_BODY,
    Accepted,
    Refusal,
    Request,
    decide,
    origin_of,
)
from lockgate.core.checkpoint import Checkpoint, Note, NoteSignature, VerifierKey, parse_note
from lockgate.core.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of
from lockgate.trust.note import sign_note
from tests.support.sealing import KEY, ORIGIN, OTHER_KEY, OTHER_PUBLIC, PUBLIC, leaves
from tests.support.witnesses import LOG

LEAVES = [leaf_hash(one) for one in leaves(40)]
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()  # noqa: E501 - the example of tlog-witness.md, as it stands there


def _root(size: int, hashes: list[bytes] = LEAVES) -> bytes:
    return root_of(hashes[:size]) if size else EMPTY_ROOT


def _checkpoint(size: int, hashes: list[bytes] = LEAVES) -> Checkpoint:
    return Checkpoint(ORIGIN, size, _root(size, hashes))


def _note(checkpoint: Checkpoint) -> bytes:
    return sign_note(checkpoint.text(), checkpoint.origin, PUBLIC, KEY.sign)


def _request(old: int, size: int, hashes: list[bytes] = LEAVES) -> Request:
    proof = consistency_proof(old, size, lambda a, b: root_of(hashes[a:b])) if old <= size else []
    return Request(old, tuple(proof), _note(_checkpoint(size, hashes)))


def _asked(request: Request, last: Checkpoint | None, keys: tuple[VerifierKey, ...] = (LOG,)) -> Accepted | Refusal:
    found = origin_of(request.encode())
    if isinstance(found, Refusal):
        return found
    return decide(*found, {ORIGIN: keys}, last)


def _status(request: Request, last: Checkpoint | None) -> int:
    found = _asked(request, last)
    return 200 if isinstance(found, Accepted) else found.status


def test_the_example_of_the_specification_is_read() -> None:
    """Old size, four hashes, a checkpoint with two signatures; written again it is the same bytes."""
    request = Request.parse(EXAMPLE)
    assert (request.old, len(request.proof)) == (20852014, 4)
    assert request.encode() == EXAMPLE
    found = origin_of(EXAMPLE)
    assert not isinstance(found, Refusal)
    verdict = decide(*found, {ORIGIN: (LOG,)}, None)
    assert isinstance(verdict, Refusal)
    assert verdict.status == 404


@given(st.integers(0, 40), st.integers(0, 40))
def test_every_step_forward_is_cosigned(old: int, more: int) -> None:
    """From any size to any larger one, or the same, also 0; the record that follows is the new checkpoint."""
    size = min(40, old + more)
    found = _asked(_request(old, size), _checkpoint(old) if old else None)
    assert isinstance(found, Accepted)
    assert found.checkpoint == _checkpoint(size)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 39))
def test_no_other_tree_is_ever_cosigned(old: int, size: int, changed: int) -> None:
    """A log with another entry among those that were cosigned, whatever proof it makes: 409 or 422, never 200."""
    changed %= old
    other = [*LEAVES[:changed], leaf_hash(b"another"), *LEAVES[changed + 1 :]]
    for claimed in {old, size}:
        if claimed <= size:
            assert _status(replace(_request(claimed, size, other), old=claimed), _checkpoint(old)) in {409, 422}


@pytest.mark.parametrize(
    ("request_", "last", "status"),
    [
        (_request(0, 5), None, 200),
        (_request(0, 0), None, 200),
        (_request(5, 5), _checkpoint(5), 200),
        (replace(_request(0, 5), old=6), _checkpoint(6), 400),
        (_request(0, 9), _checkpoint(5), 409),
        (_request(4, 9), _checkpoint(5), 409),
        (_request(0, 3), _checkpoint(5), 409),
        (_request(3, 3), _checkpoint(5), 409),
        (_request(5, 9), None, 409),
        (replace(_request(5, 9), proof=()), _checkpoint(5), 422),
        (replace(_request(5, 9), proof=(bytes(32),) * 3), _checkpoint(5), 422),
        (replace(_request(5, 5), proof=(bytes(32),)), _checkpoint(5), 422),
        (replace(_request(0, 9), proof=(bytes(32),)), None, 422),
        (Request(0, (), _note(Checkpoint(ORIGIN, 0, bytes(32)))), None, 422),
        (_request(5, 5, LEAVES[::-1]), _checkpoint(5), 409),
    ],
)
def test_statuses(request_: Request, last: Checkpoint | None, status: int) -> None:
    """One row for each sentence of the specification."""
    assert _status(request_, last) == status


def test_a_conflict_names_the_size_that_was_cosigned() -> None:
    """In the form that a client reads: decimal, newline, its own content type."""
    found = _asked(_request(0, 9), _checkpoint(5))
    assert isinstance(found, Refusal)
    assert (found.body, found.content_type, found.forked) == (b"5\n", "text/x.tlog.size", False)


def test_two_trees_of_one_size_are_called_a_fork() -> None:
    """No honest log signs both: whichever old size comes with it."""
    for old in (5, 0):
        found = _asked(replace(_request(5, 5, LEAVES[::-1]), old=old), _checkpoint(5))
        assert isinstance(found, Refusal)
        assert (found.status, found.forked) == (409, True)


def test_only_known_keys_of_the_origin_count() -> None:
    """403 without one, with another key, with a forged line; lines of strangers are ignored and not kept."""
    request = _request(0, 5)
    note = parse_note(request.note)
    stranger = NoteSignature("witness.example/w1", b"abcd", bytes(72))
    forged = NoteSignature(ORIGIN, LOG.key_id, OTHER_KEY.sign(note.text))
    by_other = sign_note(note.text, ORIGIN, OTHER_PUBLIC, OTHER_KEY.sign)
    for lines in ((stranger,), (*note.signatures, forged), parse_note(by_other).signatures):
        asked = replace(request, note=Note(note.text, lines).encode())
        assert _status(asked, None) == 403
    found = _asked(replace(request, note=Note(note.text, (stranger, *note.signatures)).encode()), None)
    assert isinstance(found, Accepted)
    assert found.note == note


def test_a_log_may_have_two_keys_for_a_while() -> None:
    """After a rotation the new key is told to the witness beside the old one."""
    note = sign_note(_checkpoint(5).text(), ORIGIN, OTHER_PUBLIC, OTHER_KEY.sign)
    keys = (LOG, VerifierKey(ORIGIN, OTHER_PUBLIC))
    assert isinstance(_asked(Request(0, (), note), None, keys), Accepted)
    found = _asked(Request(0, (), note), None)
    assert isinstance(found, Refusal)
    assert found.status == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"",
        lambda body: body.replace(b"old ", b"old  "),
        lambda body: body.replace(b"old 3", b"old 03"),
        lambda body: body.replace(b"old 3", b"old -3"),
        lambda body: body.replace(b"old 3", b"old 9223372036854775808"),
        lambda body: body.replace(b"old 3\n", b"old 3\r\n"),
        lambda body: body.replace(b"=\n\n", b"=\n", 1),
        lambda body: body.replace(b"=\n\n", b"\n\n", 1),
        lambda body: body.replace(b"old 3\n", b"old 3\n" + b"A" * 40 + b"AAA=\n" * 1 + b"AAAA\n"),
        lambda body: body.replace(b"old 3\n", b"old 3\n" + (b"A" * 43 + b"=\n") * 62),
        lambda body: body.replace(b"\n9\n", b"\n09\n"),
        lambda body: body[:-1],
        lambda body: body + b"x" * MOST_BODY,
        lambda body: body.replace("\N{EM DASH}".encode(), b"-"),
    ],
)
def test_what_is_no_request_is_400(change: object) -> None:
    """Each part in its one spelling; at most 63 hashes; bounded."""
    body = _request(3, 9).encode()
    assert not isinstance(origin_of(body), Refusal)
    changed = change(body)  # type: ignore[operator]
    assert changed != body
    found = origin_of(changed)
    assert isinstance(found, Refusal)
    assert found.status == 400


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_in_order(data: bytes) -> None:
    """Nothing escapes as another exception."""
    for body in (data, b"old 0\n\n" + data, b"old 3\n" + data):
        found = origin_of(body)
        assert isinstance(found, Refusal)
        assert found.status == 400
