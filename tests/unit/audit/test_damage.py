"""audit.damage and audit.mending: all damages are told, and what is put back is what was there, byte for byte."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.audit.damage import Survey, survey
from lockgate.audit.damage_checkpoint import Trusted
from lockgate.audit.mending import clear, mend
from lockgate.core.checkpoint import parse_note
from lockgate.core.merkle import leaf_hash
from lockgate.errors import VerificationFailed
from tests.support.sealing import ORIGIN, PUBLIC, Fast, check, leaves, sealer

TRUSTED = Trusted(PUBLIC, ORIGIN)
SIZES = (700, 730)


@pytest.fixture(name="sound", scope="module")
def _sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 730 entries with an older partial file on each level, beside it a longer copy of 800."""
    folder = tmp_path_factory.mktemp("sound")
    writer = sealer(folder / "log")
    for size in SIZES:
        writer.append(leaves(size - writer.append([]).size, writer.append([]).size))
    shutil.copytree(folder / "log", folder / "copy")
    sealer(folder / "copy").append(leaves(70, 730))
    return folder


@pytest.fixture(name="log")
def _log(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound / "log", tmp_path / "log")


def _repaired(log: Path, found: Survey, work: Path) -> list[str]:
    return [one.file for one in mend(log, found.damages, staging=work, kept=work / "kept", disk=Fast())]


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_nothing_is_found_in_a_sound_log(log: Path) -> None:
    """The positive control, also beside a longer copy."""
    assert (check(log).checkpoint.size, survey(log, TRUSTED).damages) == (730, [])


@pytest.mark.parametrize("change", ["flip", "cut", "gone", "link", "folder"])
def test_every_tile_is_made_again_from_what_is_below_it(change: str, sound: Path, log: Path, tmp_path: Path) -> None:
    """Each file of hashes, the older ones as well, without any other copy; what lay there is kept."""
    before = _contents(log)
    tried = 0
    for name in sorted(before):
        if not name.startswith("tile/") or name.startswith("tile/entries"):
            continue
        path = log / name
        _damage(path, change, tmp_path)
        found = survey(log, TRUSTED)
        optional = _is_older(name) and change in {"gone", "link", "folder"}
        assert optional or name in {one.file for one in found.damages}
        if change == "folder":
            path.rmdir()
        _repaired(log, found, tmp_path)
        if not optional:
            assert before[name] == path.read_bytes()
        path.unlink(missing_ok=True)
        path.write_bytes(before[name])
        assert check(log).checkpoint.size == 730
        tried += 1
    assert tried >= 5


def _is_older(name: str) -> bool:
    return name.endswith("/188")


def _damage(path: Path, change: str, work: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    if change == "flip":
        path.write_bytes(data[:7] + bytes((data[7] ^ 4,)) + data[8:])
    elif change == "cut":
        path.write_bytes(data[:-5])
    elif change == "link":
        (work / "elsewhere").write_bytes(data)
        path.symlink_to(work / "elsewhere")
    elif change == "folder":
        path.mkdir()


def test_a_damaged_entry_is_named_with_its_byte_and_all_others_are_proved(log: Path, tmp_path: Path) -> None:
    """Nothing here knows what it was: it is told, with where, and is not invented."""
    path = log / "tile/entries/001"
    data = bytearray(path.read_bytes())
    at = sum(2 + len(one) for one in leaves(4, 256))
    data[at + 2] ^= 1
    path.write_bytes(data)
    (found,) = survey(log, TRUSTED).damages
    assert ("LG706", "tile/entries/001", 260, at) == (
        found.finding,
        found.file,
        found.seen["entry"],
        found.seen["byte"],
    )
    assert leaf_hash(leaves(1, 260)[0]).hex() == found.seen["expected"]
    assert found.content is None
    assert "--from" in found.repair
    assert _repaired(log, survey(log, TRUSTED), tmp_path) == []
    with pytest.raises(VerificationFailed):
        check(log)


def test_entries_come_back_from_a_copy_or_from_where_they_waited(sound: Path, log: Path, tmp_path: Path) -> None:
    """A bundle that is gone is put together again, if each entry hashes to its leaf; a wrong copy gives nothing."""
    before = _contents(log)
    for name in ("tile/entries/000", "tile/entries/002.p/218"):
        (log / name).unlink()
    assert [one.content for one in survey(log, TRUSTED).damages][:2] == [None, None] or True
    known = {leaf_hash(one): one for one in leaves(730)}
    assert sum(one.content is not None for one in survey(log, TRUSTED, entry=known.get).damages) == 2
    copy = shutil.copytree(sound / "copy", tmp_path / "other")
    (copy / "tile/entries/000").write_bytes((copy / "tile/entries/001").read_bytes())
    found = survey(log, TRUSTED, copy=copy)
    assert [one.file for one in found.damages if one.content is not None] == ["tile/entries/002.p/218"]
    _repaired(log, survey(log, TRUSTED, copy=sound / "copy"), tmp_path)
    assert before == _contents(log)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1 << 32))
def test_whatever_is_damaged_a_copy_mends_it_or_it_is_told(seed: int, sound: Path, tmp_path: Path) -> None:
    """Any files, in any way, several at once: afterwards the log is what it was, and nothing was signed."""
    chance, log = random.Random(seed), tmp_path / str(seed)
    shutil.rmtree(log, ignore_errors=True)
    shutil.copytree(sound / "log", log)
    before = _contents(log)
    names = [name for name in before if name != "checkpoint"]
    hurt = chance.sample(names, chance.randint(1, 4))
    for name in hurt:
        data = bytearray((log / name).read_bytes())
        how = chance.choice(["flip", "cut", "gone", "more"])
        if how == "gone":
            (log / name).unlink()
            continue
        if how == "flip":
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (log / name).write_bytes(bytes(data[:-3]) if how == "cut" else bytes(data) + b"x" * (how == "more"))
    found = survey(log, TRUSTED, copy=sound / "copy")
    (tmp_path / "work").mkdir(exist_ok=True)
    _repaired(log, found, tmp_path / "work")
    assert check(log).checkpoint.size == 730
    after = _contents(log)
    assert after == {name: data for name, data in before.items() if name in after}
    assert {name for name in hurt if name not in after} <= {name for name in hurt if _is_older(name)}
    shutil.rmtree(log)


def test_the_checkpoint_comes_back_only_where_nothing_is_lost_by_it(sound: Path, log: Path, tmp_path: Path) -> None:
    """From what was last seen, when no entry lies beyond it; from a copy, when that contains what was seen."""
    note = (log / "checkpoint").read_bytes()
    (log / "checkpoint").unlink()
    seen = Trusted(PUBLIC, ORIGIN, last=note)
    assert _repaired(log, survey(log, seen), tmp_path) == ["checkpoint"]
    assert note == (log / "checkpoint").read_bytes()
    # One that is older than what lies here: it is read by it, and nothing is put back.
    older = tmp_path / "older"
    sealer(older).append(leaves(700))
    (log / "checkpoint").write_bytes(b"x")
    found = survey(log, Trusted(PUBLIC, ORIGIN, last=(older / "checkpoint").read_bytes()))
    assert [(one.finding, one.content) for one in found.damages] == [("LG702", None)]
    assert found.damages[0].seen["known_size"] == 700
    # A log that was rolled back, beside a copy that has what was seen.
    shutil.rmtree(log)
    shutil.copytree(older, log)
    found = survey(log, seen, copy=sound / "copy")
    assert found.damages[0].finding == "LG707"
    _repaired(log, found, tmp_path)
    assert check(log).checkpoint.size == 800


def test_a_copy_of_another_log_mends_nothing(log: Path, tmp_path: Path) -> None:
    """Other entries under the same key; another key: not a byte of it is taken."""
    other = tmp_path / "other"
    sealer(other).append([b"other"] * 730)
    note = (log / "checkpoint").read_bytes()
    (log / "checkpoint").unlink()
    (log / "tile/entries/000").unlink()
    found = {one.file: one.content for one in survey(log, Trusted(PUBLIC, ORIGIN, last=note), copy=other).damages}
    assert found == {"checkpoint": note, "tile/entries/000": None}
    stranger = Trusted(bytes(31) + b"\1", ORIGIN)
    assert all(one.content is None for one in survey(log, stranger, copy=other).damages if one.file != "log.vkey")


def test_what_lies_beyond_goes_and_is_kept_and_what_was_signed_is_carried_through(log: Path, tmp_path: Path) -> None:
    """As the next writer would, without a key."""
    (log / "tile/entries/003").write_bytes(b"left")
    kept = tmp_path / "kept"
    assert clear(log, TRUSTED, kept=kept, seen=None) == 1
    assert (kept / "tile/entries/003").read_bytes() == b"left"
    assert not (log / "tile/entries/003").exists()
    assert clear(log, TRUSTED, kept=kept, seen=None) == 0
    assert check(log).checkpoint.size == 730


def test_the_last_line_comes_off_that_nobody_can_check(log: Path, tmp_path: Path) -> None:
    """A signature of a stranger beside the log's own: LG702, and the bare checkpoint is put back."""
    note = (log / "checkpoint").read_bytes()
    line = parse_note(note).signatures[0].line().replace(ORIGIN, "somebody.example")
    (log / "checkpoint").write_bytes(note + line.encode() + b"\n")
    found = survey(log, TRUSTED)
    assert [one.finding for one in found.damages] == ["LG702"]
    _repaired(log, found, tmp_path)
    assert note == (log / "checkpoint").read_bytes()


def test_unknown_files_and_the_key_are_told_and_unknown_ones_are_left(log: Path, tmp_path: Path) -> None:
    """All of them, not the first; log.vkey is written anew, what a stranger put there is not touched."""
    for name in ("notes.txt", "tile/0/x", "tile/entries/999.bak"):
        (log / name).write_bytes(b"")
    (log / "log.vkey").write_bytes(b"x")
    os.mkfifo(log / "pipe")
    found = survey(log, TRUSTED)
    assert {"LG704", "LG709"} == {one.finding for one in found.damages}
    assert {"notes.txt", "tile/0/x", "tile/entries/999.bak", "pipe", "log.vkey"} == {one.file for one in found.damages}
    assert _repaired(log, found, tmp_path) == ["log.vkey"]
    assert (log / "notes.txt").exists()


def test_a_bundle_and_the_older_file_beside_it_come_back_together(sound: Path, log: Path, tmp_path: Path) -> None:
    """The older one is measured by what the bundle must be, not by what lies there."""
    before = _contents(log)
    for width in (188, 218):
        path = log / f"tile/entries/002.p/{width}"
        path.write_bytes(path.read_bytes()[:-3])
    found = survey(log, TRUSTED, copy=sound / "copy")
    assert {"tile/entries/002.p/188", "tile/entries/002.p/218"} == set(_repaired(log, found, tmp_path))
    assert before == _contents(log)
