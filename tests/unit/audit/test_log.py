"""audit.log: what a reader returns is proved against the signed checkpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.core.merkle import leaf_hash, root_of
from lockgate.errors import Refused, VerificationFailed
from lockgate.trust.note import sign_note
from tests.support.sealing import KEY, ORIGIN, OTHER_PUBLIC, PUBLIC, leaves, read, write


def _refusal(log_dir: Path, *, public_key: bytes = PUBLIC, origin: str = ORIGIN) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as error:
        _read_all(log_dir, public_key, origin)
    return error.value


def _read_all(log_dir: Path, public_key: bytes, origin: str) -> list[bytes]:
    log = Log.open(log_dir, public_key=public_key, origin=origin)
    return list(log.entries(0, log.size))


def test_reader_gives_what_was_written(tmp_path: Path) -> None:
    """Size, root, checkpoint, entries, from the first to the last, across tiles."""
    checkpoint = write(tmp_path, leaves(600))
    log = read(tmp_path)
    assert (log.size, log.root, log.checkpoint) == (600, root_of([leaf_hash(e) for e in leaves(600)]), checkpoint)
    assert [log.entry(index) for index in (0, 255, 256, 599)] == [leaves(600)[index] for index in (0, 255, 256, 599)]
    assert list(log.entries(250, 520)) == leaves(270, 250)
    assert list(log.entries(600, 600)) == []


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 4), (3, 4), (2, 1)])
def test_entries_outside_the_log_are_refused(start: int, end: int, tmp_path: Path) -> None:
    """At once, and not only when the first entry is taken."""
    write(tmp_path, leaves(3))
    with pytest.raises(Refused) as error:
        read(tmp_path).entries(start, end)
    assert error.value.finding == "LG714"


def test_reader_of_an_older_checkpoint_goes_on_reading(tmp_path: Path) -> None:
    """A view stays what it is while the writer appends and clears up; no lock is needed."""
    write(tmp_path, leaves(200))
    log = read(tmp_path)
    write(tmp_path, leaves(400, 200))
    assert list(log.entries(0, 200)) == leaves(200)
    assert log.size == 200


def test_key_and_origin_come_from_the_caller(tmp_path: Path) -> None:
    """log.vkey is a convenience for others: it must agree, and decides nothing."""
    write(tmp_path, leaves(3))
    assert _refusal(tmp_path, public_key=OTHER_PUBLIC).finding == "LG704"
    assert _refusal(tmp_path, origin="other").finding == "LG704"
    (tmp_path / "log.vkey").unlink()
    assert _refusal(tmp_path).finding == "LG704"


def test_checkpoint_by_another_key_or_of_another_log_is_refused(tmp_path: Path) -> None:
    """Genuine under its own key and name, and still not this log's."""
    write(tmp_path, leaves(3))
    genuine = (tmp_path / "checkpoint").read_bytes()
    other_log = genuine.replace(ORIGIN.encode(), b"lockgate/other/events")
    (tmp_path / "checkpoint").write_bytes(other_log)
    assert _refusal(tmp_path).finding == "LG702"
    text = genuine.split(b"\n\n")[0] + b"\n"
    (tmp_path / "checkpoint").write_bytes(sign_note(text.replace(b"test", b"else"), ORIGIN, PUBLIC, KEY.sign))
    assert _refusal(tmp_path).finding == "LG703"
    (tmp_path / "checkpoint").write_bytes(sign_note(b"no checkpoint\n", ORIGIN, PUBLIC, KEY.sign))
    assert _refusal(tmp_path).finding == "LG701"
    (tmp_path / "checkpoint").unlink()
    assert _refusal(tmp_path).finding == "LG701"
    (tmp_path / "checkpoint").write_bytes(genuine)
    assert read(tmp_path).size == 3


def test_edited_entry_is_named(tmp_path: Path) -> None:
    """Which entry, in which file, and both hashes."""
    write(tmp_path, leaves(300))
    bundle = tmp_path / "tile" / "entries" / "001.p" / "44"
    bundle.write_bytes(bundle.read_bytes().replace(b"270,", b"271,", 1))
    error = _refusal(tmp_path)
    assert error.finding == "LG706"
    assert error.seen["entry"] == 270
    assert error.seen["file"] == "tile/entries/001.p/44"
    assert error.seen["expected"] == leaf_hash(leaves(1, 270)[0]).hex()


def test_entry_edited_together_with_its_tile_is_still_found(tmp_path: Path) -> None:
    """The attacker who also mends the hashes meets the hash above them, and at last the signature."""
    log, forged = tmp_path / "log", tmp_path / "forged"
    write(log, leaves(300))
    write(forged, [b"forged", *leaves(299, 1)])
    for name in ("entries/000", "0/000"):
        shutil.copy(forged / "tile" / name, log / "tile" / name)
    assert _refusal(log).seen["file"] == "tile/0/000"
    shutil.copytree(forged / "tile", log / "tile", dirs_exist_ok=True)
    assert _refusal(log).finding == "LG705"


def test_first_look_at_a_log_is_remembered(tmp_path: Path) -> None:
    """A reader keeps what it saw, and takes a log that grew."""
    seen = SeenStore(tmp_path / "seen" / "events")
    write(tmp_path / "log", leaves(3))
    read(tmp_path / "log", seen)
    first = seen.load()
    write(tmp_path / "log", leaves(300, 3))
    read(tmp_path / "log", seen)
    assert first is not None
    assert seen.load() == (tmp_path / "log" / "checkpoint").read_bytes() != first
