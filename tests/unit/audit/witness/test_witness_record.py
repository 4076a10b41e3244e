"""audit.witness.record, key and server's decision: what was cosigned is on the disk before anybody has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lockgate.audit.witness.key import open_key
from lockgate.audit.witness.protocol import Request
from lockgate.audit.witness.record import Record
from lockgate.core.checkpoint import MAX_SIGNATURES, Checkpoint, Note, parse_note
from lockgate.core.cosignature import parse_lines
from lockgate.core.merkle import consistency_proof, leaf_hash, root_of
from lockgate.errors import Refused, Unavailable, Usage
from lockgate.trust.note import check_cosignature, sign_note
from tests.support.sealing import KEY, ORIGIN, PUBLIC, Fast, leaves
from tests.support.witnesses import NAME, key_of, witness_in

LEAVES = [leaf_hash(one) for one in leaves(20)]


def _body(old: int, size: int, hashes: list[bytes] = LEAVES) -> bytes:
    text = Checkpoint(ORIGIN, size, root_of(hashes[:size])).text()
    proof = tuple(consistency_proof(old, size, lambda a, b: root_of(hashes[a:b])))
    return Request(old, proof, sign_note(text, ORIGIN, PUBLIC, KEY.sign)).encode()


def test_a_cosignature_is_kept_and_told(tmp_path: Path) -> None:
    """It verifies with the witness's key, says the time, and the record holds that tree."""
    witness, told = witness_in(tmp_path, now=lambda: 1234.9)
    status, body, _ = witness.add_checkpoint(_body(0, 5))
    assert status == 200
    (line,) = parse_lines(body)
    assert (
        check_cosignature(line, Request.parse(_body(0, 5)).note.partition(b"\n\n")[0] + b"\n", key_of().verifier)
        == 1234
    )
    assert [(one.status, one.size) for one in told] == [(200, 5)]


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """Another process on the same record refuses what the first would: fork, rollback; and takes what goes on."""
    witness, _ = witness_in(tmp_path)
    witness.add_checkpoint(_body(0, 9))
    witness._record.close()
    again, told = witness_in(tmp_path, fresh=False)
    assert again.add_checkpoint(_body(0, 9))[:2] == (409, b"9\n")
    assert again.add_checkpoint(_body(5, 8))[:2] == (409, b"9\n")
    assert again.add_checkpoint(_body(9, 12, LEAVES[1:]))[0] == 422
    assert again.add_checkpoint(_body(9, 9, LEAVES[1:]))[0] == 409
    assert [one.forked for one in told] == [False, False, False, True]
    assert again.add_checkpoint(_body(9, 12))[0] == 200


def test_a_line_that_is_repeated_fills_no_record(tmp_path: Path) -> None:
    """Anybody may repeat a log's own line as often as a note holds lines: after a restart the witness still goes on."""
    witness, _ = witness_in(tmp_path)
    request = Request.parse(_body(0, 5))
    note = parse_note(request.note)
    full = Note(note.text, note.signatures * MAX_SIGNATURES).encode()
    assert witness.add_checkpoint(Request(0, (), full).encode())[0] == 200
    witness._record.close()
    again, _ = witness_in(tmp_path, fresh=False)
    assert again.add_checkpoint(_body(5, 9))[0] == 200


def test_nothing_is_kept_that_cannot_be_read_back(tmp_path: Path) -> None:
    """Whatever is wrong with it: what was kept before stays, and counts."""
    witness, _ = witness_in(tmp_path)
    witness.add_checkpoint(_body(0, 5))
    note = parse_note(Request.parse(_body(0, 9)).note)
    full = Note(note.text, note.signatures * (MAX_SIGNATURES + 1))
    with pytest.raises(Refused, match="read back"):
        witness._record.keep(Checkpoint(ORIGIN, 9, root_of(LEAVES[:9])), full)
    assert witness.add_checkpoint(_body(5, 9))[0] == 200


def test_a_forks_two_checkpoints_are_kept(tmp_path: Path) -> None:
    """Both, as the log signed them: it cannot deny either. Once for each size."""
    witness, _ = witness_in(tmp_path)
    witness.add_checkpoint(_body(0, 9))
    for _ in range(3):
        witness.add_checkpoint(_body(9, 9, LEAVES[1:]))
    (kept,) = (tmp_path / "forks").iterdir()
    texts = [root_of(hashes[:9]) for hashes in (LEAVES, LEAVES[1:])]
    for root in texts:
        assert Checkpoint(ORIGIN, 9, root).text() in kept.read_bytes()


def test_nothing_is_answered_that_is_not_kept(tmp_path: Path) -> None:
    """A disk that fails: no cosignature leaves, and afterwards the witness goes on from what it had."""

    class Full(Fast):
        broken = False

        def replace(self, source: Path, target: Path) -> None:
            if self.broken:
                raise OSError(28, "no space left")
            super().replace(source, target)

    disk = Full()
    witness, told = witness_in(tmp_path)
    witness._record._disk = disk
    assert witness.add_checkpoint(_body(0, 5))[0] == 200
    disk.broken = True
    status, body, _ = witness.add_checkpoint(_body(5, 9))
    assert status == 500
    assert "\N{EM DASH}".encode() not in body
    assert "LG713" in told[-1].why
    disk.broken = False
    assert witness.add_checkpoint(_body(9, 12))[:2] == (409, b"5\n")
    assert witness.add_checkpoint(_body(5, 12))[0] == 200


def test_time_never_goes_back(tmp_path: Path) -> None:
    """A clock behind the cosignature before: nothing is signed, also after a restart."""
    clock = [2000.0]
    witness, _ = witness_in(tmp_path, now=lambda: clock[0])
    assert witness.add_checkpoint(_body(0, 5))[0] == 200
    witness._record.close()
    clock[0] = 1999.0
    again, told = witness_in(tmp_path, now=lambda: clock[0], fresh=False)
    assert again.add_checkpoint(_body(5, 9))[0] == 503
    assert "clock" in told[-1].why
    clock[0] = 2000.5
    assert again.add_checkpoint(_body(5, 9))[0] == 200


def test_two_processes_are_not_one_witness(tmp_path: Path) -> None:
    """The second one is refused while the first runs."""
    witness_in(tmp_path)
    with pytest.raises(Refused) as caught:
        witness_in(tmp_path, fresh=False)
    assert caught.value.finding == "LG7015"


def test_a_used_key_without_its_record_is_refused(tmp_path: Path) -> None:
    """Or with another's: it could cosign a second tree of a log."""
    vkey = key_of().verifier.line()
    for fresh, owner in ((False, ""), (False, "other"), (True, "other")):
        folder = tmp_path / f"{fresh}{owner}"
        if owner:
            Record(folder, key_of(2).verifier.line(), fresh_key=True).close()
        with pytest.raises(Refused) as caught:
            Record(folder, vkey, fresh_key=fresh)
        assert caught.value.finding == "LG7015"
    Record(tmp_path / "good", vkey, fresh_key=True).close()
    Record(tmp_path / "good", vkey, fresh_key=False).close()


def test_a_damaged_record_cosigns_nothing(tmp_path: Path) -> None:
    """It does not count as none."""
    witness, told = witness_in(tmp_path)
    witness.add_checkpoint(_body(0, 9))
    (place,) = (tmp_path / "logs").iterdir()
    place.write_bytes(b"damaged")
    witness._record._last.clear()
    assert witness.add_checkpoint(_body(0, 5))[0] == 500
    assert "LG7015" in told[-1].why


def test_a_record_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "state").write_text("x")
    with pytest.raises(Unavailable) as caught:
        Record(tmp_path / "state", "v", fresh_key=True)
    assert caught.value.finding == "LG713"


def test_the_key_is_made_once_and_cosigns_only(tmp_path: Path) -> None:
    """0600; the same at the next start; it signs no text that is no checkpoint, and shows nothing of itself."""
    place = tmp_path / "keys" / "witness.key"
    key, fresh = open_key(place, NAME)
    again, second = open_key(place, NAME)
    assert (fresh, second) == (True, False)
    assert again.verifier == key.verifier
    assert os.stat(place).st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="checkpoint"):
        key.cosign(Note(b"some other text\n", ()), 1)
    note = parse_note(sign_note(Checkpoint(ORIGIN, 1, bytes(32)).text(), ORIGIN, PUBLIC, KEY.sign))
    assert check_cosignature(key.cosign(note, 5), note.text, key.verifier) == 5
    assert "PRIVATE" not in repr(key)


def test_a_key_with_a_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made with one, opened with it from the environment, and with another not at all."""
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_KEY", "correct horse")
    place = tmp_path / "witness.key"
    key, _ = open_key(place, NAME, passphrase=lambda: b"correct horse")
    assert b"ENCRYPTED" in place.read_bytes()
    assert open_key(place, NAME)[0].verifier == key.verifier
    monkeypatch.setenv("LOCKGATE_PASSPHRASE_KEY", "wrong")
    with pytest.raises(Usage) as caught:
        open_key(place, NAME)
    assert caught.value.finding == "LG871"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_no_note_can_bear_is_refused(name: str, tmp_path: Path) -> None:
    """Before a key is made."""
    with pytest.raises(Usage) as caught:
        open_key(tmp_path / "witness.key", name)
    assert caught.value.finding == "LG940"
    assert not (tmp_path / "witness.key").exists()
