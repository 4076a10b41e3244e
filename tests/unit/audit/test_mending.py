"""audit.mending and audit.folder: no repair rolls a log back, and none writes or removes anything through a link."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.damage import survey
from lockgate.audit.damage_checkpoint import Trusted
from lockgate.audit.mending import clear, mend
from lockgate.core.checkpoint import COSIGNATURE, Note, NoteSignature, VerifierKey, parse_note
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.trust.note import cosign
from tests.support.sealing import ORIGIN, PUBLIC, Fast, check, leaves, sealer

TRUSTED = Trusted(PUBLIC, ORIGIN)


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    """A log of 300 entries; beside it a copy from when it had 280, which has its note as well."""
    sealer(tmp_path / "log").append(leaves(280))
    shutil.copytree(tmp_path / "log", tmp_path / "older")
    sealer(tmp_path / "log").append(leaves(20, 280))
    return tmp_path / "log"


def _note(folder: Path) -> bytes:
    return (folder / "checkpoint").read_bytes()


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _repair(log: Path, trusted: Trusted = TRUSTED, copy: Path | None = None) -> list[str]:
    work = log.parent / "work"
    work.mkdir(exist_ok=True)
    found = survey(log, trusted, copy=copy)
    done = mend(log, found.damages, staging=work, kept=work / "kept", disk=Fast())
    return [one.file for one in done]


@pytest.mark.parametrize("seen", [None, "older"])
@pytest.mark.parametrize("damage", [b"garbage", None])
def test_an_older_copy_does_not_roll_a_log_back(seen: str | None, damage: bytes | None, log: Path) -> None:
    """The log's own checkpoint is lost and nothing newer was seen: an older one is told, and not put back."""
    sound, older = _note(log), log.parent / "older"
    (log / "checkpoint").unlink()
    if damage is not None:
        (log / "checkpoint").write_bytes(damage)
    trusted = Trusted(PUBLIC, ORIGIN, last=_note(older) if seen else None)
    found = survey(log, trusted, copy=older)
    assert [(one.file, one.content) for one in found.damages] == [("checkpoint", None)]
    assert (found.damages[0].seen["entries_here"], found.damages[0].seen["known_size"]) == (300, 280)
    assert _repair(log, trusted, older) == []
    # The positive control: a copy that is as long.
    (log / "checkpoint").write_bytes(sound)
    shutil.copytree(log, log.parent / "copy")
    (log / "checkpoint").unlink()
    assert _repair(log, trusted, log.parent / "copy") == ["checkpoint"]
    assert check(log).checkpoint.size == 300


def test_a_log_that_was_rolled_back_is_moved_on_only_to_what_is_all_there(log: Path) -> None:
    """LG707: what was seen says that entries are missing. Without them their checkpoint leaves nothing readable."""
    note, older = _note(log), log.parent / "older"
    before = _contents(older)
    seen = Trusted(PUBLIC, ORIGIN, last=note)
    (found,) = [one for one in survey(older, seen).damages if one.file == "checkpoint"]
    assert (found.finding, found.content) == ("LG707", None)
    assert "--from" in found.repair
    assert _repair(older, seen) == []
    assert before == _contents(older)
    # A copy that lost a bundle of its own cannot give all of it either.
    shutil.copytree(log, log.parent / "copy")
    (log.parent / "copy/tile/entries/001.p/44").unlink()
    assert "checkpoint" not in _repair(older, seen, log.parent / "copy")
    # The positive controls: the entries lie here and only the checkpoint is old; a whole copy.
    (log / "checkpoint").write_bytes(_note(older))
    assert _repair(log, seen) == ["checkpoint"]
    assert check(log).checkpoint.size == 300
    assert "checkpoint" in _repair(older, seen, log)
    assert check(older).checkpoint.size == 300


def test_a_fork_is_left_as_it_lies(log: Path) -> None:
    """LG708: both trees are evidence, and together they prove it; not even a whole copy is put over one of them."""
    fork = log.parent / "fork"
    sealer(fork).append([*leaves(299), b"another"])
    seen, before = Trusted(PUBLIC, ORIGIN, last=_note(log)), _contents(fork)
    for copy in (None, log):
        assert {"LG708"} == {one.finding for one in survey(fork, seen, copy=copy).damages}
        assert _repair(fork, seen, copy) == []
    assert before == _contents(fork)


def test_a_checkpoint_that_moved_on_meanwhile_is_not_written_over(log: Path) -> None:
    """Between looking and mending a writer signed a larger tree: what was found of the older one is out of date."""
    note = _note(log)
    line = parse_note(note).signatures[0].line().replace(ORIGIN, "somebody.example")
    (log / "checkpoint").write_bytes(note + line.encode() + b"\n")
    found = survey(log, TRUSTED)
    assert [one.file for one in found.damages if one.content is not None] == ["checkpoint"]
    sealer(log).append(leaves(1, 300))
    moved = _note(log)
    work = log.parent / "work"
    work.mkdir()
    assert mend(log, found.damages, staging=work, kept=work / "kept", disk=Fast()) == []
    assert moved == _note(log)


@pytest.mark.parametrize("name", ["tile", "tile/0", "tile/entries"])
def test_nothing_is_mended_through_a_link_to_a_folder(name: str, log: Path) -> None:
    """Who can write in the log's folder must not let a repair write elsewhere."""
    victim, before = log.parent / "victim", b"precious"
    for path in ("000", "0/000", "entries/000"):
        (victim / path).parent.mkdir(parents=True, exist_ok=True)
        (victim / path).write_bytes(before)
    shutil.copytree(log, log.parent / "copy")
    shutil.rmtree(log / name)
    (log / name).symlink_to(victim)
    there = _contents(victim)
    found = survey(log, TRUSTED, copy=log.parent / "copy")
    assert ("LG709", name) in {(one.finding, one.file) for one in found.damages}
    assert [one for one in _repair(log, TRUSTED, log.parent / "copy") if one.startswith(f"{name}/")] == []
    assert there == _contents(victim)
    # The positive control: with the link away, all of it comes back.
    (log / name).unlink()
    assert any(one.startswith(f"{name}/") for one in _repair(log, TRUSTED, log.parent / "copy"))
    assert check(log).checkpoint.size == 300


def test_what_is_no_file_stands_in_the_way_of_nothing_else(log: Path) -> None:
    """A folder where a tile should be stays, and is told; the tile beside it is mended all the same."""
    (log / "tile/1/000.p/1").unlink()
    (log / "tile/1/000.p/1").mkdir()
    (log / "tile/0/000").write_bytes(b"x")
    assert _repair(log) == ["tile/0/000"]
    (log / "tile/1/000.p/1").rmdir()
    assert _repair(log) == ["tile/1/000.p/1"]
    assert check(log).checkpoint.size == 300


@pytest.mark.parametrize(
    ("at", "to"),
    [
        ("tile", "tile"),
        ("tile/2", "tile/0"),
        ("tile/0/x001", "tile/0"),
        ("tile/entries/002.p", "tile/entries/001.p"),
        ("tile/0/000.p", "tile/0/001.p"),
    ],
)
def test_no_start_up_lists_or_removes_through_a_link(at: str, to: str, log: Path) -> None:
    """LG709 for writer and repair: what lies behind the link is another log's, and no left-over of this one."""
    other, path = log.parent / "other", log / at
    sealer(other).append(leaves(700))
    there = _contents(other)
    if path.exists():
        shutil.rmtree(path)
    path.symlink_to(other / to)
    for act in (lambda: sealer(log).append([]), lambda: clear(log, TRUSTED, kept=log.parent / "kept", seen=None)):
        with pytest.raises(LockgateError) as error:
            act()
        if at != "tile":
            assert ("LG709", at) == (error.value.finding, error.value.seen["file"])
        assert isinstance(error.value, VerificationFailed)
    assert there == _contents(other)
    if at != "tile":
        path.unlink()
        assert sealer(log).append([]).size == 300


def test_no_tile_is_written_through_a_link(log: Path) -> None:
    """A writer that is up makes no folder where a link lies, and writes no tile behind it."""
    victim = log.parent / "victim"
    victim.mkdir()
    writer = sealer(log)
    writer.append([])
    (log / "tile/entries/002.p").symlink_to(victim)
    with pytest.raises(LockgateError):
        writer.append(leaves(300, 300))
    assert list(victim.iterdir()) == []


def test_lines_of_witnesses_are_not_judged_where_nobody_knows_them(log: Path) -> None:
    """The event log is damaged, so that it cannot say which witnesses there are: a true line is not called forged."""
    key = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    witness = VerifierKey("witness.example/w1", key.public_key().public_bytes_raw(), COSIGNATURE)
    note = parse_note(_note(log))
    line = cosign(note.text, witness, 1_700_000_000, key.sign)
    (log / "checkpoint").write_bytes(Note(note.text, (*note.signatures, line)).encode())
    assert survey(log, Trusted(PUBLIC, ORIGIN, witnesses=None)).damages == []
    assert survey(log, Trusted(PUBLIC, ORIGIN, witnesses=[witness])).damages == []
    assert [one.finding for one in survey(log, TRUSTED).damages] == ["LG702"]
    # One that nobody can check beside it is taken off alone.
    forged = NoteSignature("somebody.example", line.key_id, line.signature)
    (log / "checkpoint").write_bytes(Note(note.text, (*note.signatures, forged, line)).encode())
    assert _repair(log, Trusted(PUBLIC, ORIGIN, witnesses=[witness])) == ["checkpoint"]
    assert _note(log) == Note(note.text, (*note.signatures, line)).encode()


def test_what_was_kept_before_is_not_written_over(log: Path) -> None:
    """A file that is mended twice within a second: what lay there first is evidence as well."""
    for what in (b"first", b"second"):
        (log / "tile/0/000").write_bytes(what)
        assert _repair(log) == ["tile/0/000"]
    kept = log.parent / "work/kept/tile/0"
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {"000": b"first", "000.again1": b"second"}
