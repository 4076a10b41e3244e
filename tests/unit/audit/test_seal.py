"""audit.seal: one writer, one commit point, no checkpoint that forks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lockgate.audit.folder import beyond, listing
from lockgate.audit.log import vkey_bytes
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import ENTRIES, Tile
from lockgate.errors import LockgateError, Refused, Unavailable, VerificationFailed
from tests.support.sealing import KEY, ORIGIN, OTHER_KEY, OTHER_PUBLIC, PUBLIC, check, leaves, read, sealer, write


def _finding(error: type[LockgateError], act: Callable[[], object]) -> str:
    with pytest.raises(error) as raised:
        act()
    return raised.value.finding


def test_first_write_makes_a_log(tmp_path: Path) -> None:
    """Folder, key file, checkpoint, tiles: what any tlog-tiles reader expects."""
    checkpoint = write(tmp_path / "log", [b"a", b"b"])
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 2)
    assert (tmp_path / "log" / "log.vkey").read_bytes() == vkey_bytes(PUBLIC, ORIGIN)
    tops, tiles = listing(tmp_path / "log")
    assert tops == ["checkpoint", "log.vkey"]
    assert tiles == [Tile(ENTRIES, 0, 2), Tile(0, 0, 2)]


def test_nothing_to_append_makes_an_empty_log_and_changes_no_other(tmp_path: Path) -> None:
    """Size 0 is a checkpoint too; the same call on a log just starts up."""
    assert write(tmp_path, []).size == 0
    assert check(tmp_path).checkpoint.size == 0
    written = write(tmp_path, [b"a"])
    note = (tmp_path / "checkpoint").read_bytes()
    assert write(tmp_path, []) == written
    assert (tmp_path / "checkpoint").read_bytes() == note


def test_partial_tiles_stay_until_the_full_one_is_committed(tmp_path: Path) -> None:
    """C2SP tlog-tiles: readers of every published size find their tiles; 255 small files do not pile up."""
    writer = sealer(tmp_path)
    for index in range(255):
        writer.append(leaves(1, index))
    assert len([tile for tile in listing(tmp_path)[1] if tile.level == 0]) == 255
    writer.append(leaves(2, 255))
    assert listing(tmp_path)[1] == [
        *(Tile(ENTRIES, 0), Tile(ENTRIES, 1, 1), Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1)),
    ]
    assert not (tmp_path / "tile" / "0" / "000.p").exists()
    assert not check(tmp_path).leftovers


def test_two_writers_take_turns(tmp_path: Path) -> None:
    """Each sees what the other appended; both hold the right edge in memory."""
    writers = [sealer(tmp_path), sealer(tmp_path)]
    for index in range(20):
        writers[index % 2].append(leaves(1, index))
    assert list(read(tmp_path).entries(0, 20)) == leaves(20)


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """The folder's lock queues them."""
    write(tmp_path, [])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: write(tmp_path, [b"%d" % index]), range(40)))
    assert sorted(read(tmp_path).entries(0, 40)) == sorted(b"%d" % index for index in range(40))
    assert check(tmp_path).checkpoint.size == 40


def test_other_lock_is_held_as_well(tmp_path: Path) -> None:
    """A caller may guard more than the log with one file."""
    lock = tmp_path / "lock"
    writer = Sealer(tmp_path / "log", origin=ORIGIN, sign=KEY.sign, public_key=PUBLIC, lock=lock)
    assert writer.append([b"a"]).size == 1
    assert lock.exists()


def test_locked_log_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer does not wait for ever."""
    from lockgate.audit import disk

    write(tmp_path, [])
    monkeypatch.setattr(disk, "LOCK_SECONDS", 0.01)
    with disk.locked(tmp_path, shared=True):
        assert _finding(Unavailable, lambda: write(tmp_path, [b"a"])) == "LG712"
    assert write(tmp_path, [b"a"]).size == 1


def test_too_long_an_entry_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """65,535 bytes fit; one more does not, and takes nothing with it."""
    write(tmp_path, [bytes(65_535)])
    assert _finding(Refused, lambda: write(tmp_path, [b"a", bytes(65_536)])) == "LG711"
    report = check(tmp_path)
    assert (report.checkpoint.size, report.leftovers) == (1, ())


def test_signer_with_another_key_publishes_nothing(tmp_path: Path) -> None:
    """The signature is checked with the readers' key before the checkpoint is published."""
    write(tmp_path, leaves(3))
    wrong = Sealer(tmp_path, origin=ORIGIN, sign=OTHER_KEY.sign, public_key=PUBLIC)
    assert _finding(Refused, lambda: wrong.append([b"x"])) == "LG717"
    assert check(tmp_path).checkpoint.size == 3
    assert write(tmp_path, leaves(1, 3)).size == 4
    assert list(read(tmp_path).entries(0, 4)) == leaves(4)


def test_writer_with_another_key_or_origin_does_not_start(tmp_path: Path) -> None:
    """A log has one key and one name."""
    write(tmp_path, leaves(3))
    other_key = Sealer(tmp_path, origin=ORIGIN, sign=OTHER_KEY.sign, public_key=OTHER_PUBLIC)
    other_name = Sealer(tmp_path, origin="lockgate/other", sign=KEY.sign, public_key=PUBLIC)
    assert _finding(VerificationFailed, lambda: other_key.append([b"x"])) == "LG704"
    assert _finding(VerificationFailed, lambda: other_name.append([b"x"])) == "LG704"


def test_writer_refuses_a_log_without_its_checkpoint(tmp_path: Path) -> None:
    """Tiles without a checkpoint are a log that lost it, not a new log: they are not wiped."""
    write(tmp_path, leaves(3))
    (tmp_path / "checkpoint").unlink()
    assert _finding(VerificationFailed, lambda: write(tmp_path, [b"x"])) == "LG701"
    assert (tmp_path / "tile" / "entries" / "000.p" / "3").exists()


@pytest.mark.parametrize("path", ["tile/0/000.p/3", "tile/entries/000.p/3", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_writer_refuses_a_right_edge_that_does_not_fit(path: str, tmp_path: Path) -> None:
    """It never signs over what the last checkpoint does not prove."""
    write(tmp_path, leaves(3 if path.endswith("3") else 300))
    file = tmp_path / path
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert _finding(VerificationFailed, lambda: write(tmp_path, [b"x"])) in {"LG705", "LG706"}


def test_restored_backup_is_neither_read_nor_written(tmp_path: Path) -> None:
    """A log shorter than the last checkpoint seen: rolled back, for reader, writer and full verification."""
    log, backup, seen = tmp_path / "log", tmp_path / "backup", SeenStore(tmp_path / "seen" / "events")
    write(log, leaves(3), seen)
    shutil.copytree(log, backup)
    write(log, leaves(2, 3), seen)
    shutil.rmtree(log)
    shutil.copytree(backup, log)
    for act in (lambda: read(log, seen), lambda: check(log, seen), lambda: write(log, [b"x"], seen)):
        assert _finding(VerificationFailed, act) == "LG707"
    assert read(log).size == 3, "without the store nobody can tell"


def test_old_checkpoint_put_back_does_not_let_the_writer_remove_what_followed(tmp_path: Path) -> None:
    """The entries beyond an old checkpoint are only leftovers when nobody saw a newer one."""
    seen = SeenStore(tmp_path / "seen" / "events")
    log = tmp_path / "log"
    write(log, leaves(3), seen)
    old = (log / "checkpoint").read_bytes()
    write(log, leaves(2, 3), seen)
    (log / "checkpoint").write_bytes(old)
    assert _finding(VerificationFailed, lambda: write(log, [b"x"], seen)) == "LG707"
    assert (log / "tile" / "entries" / "000.p" / "5").exists()


def test_forked_log_is_neither_read_nor_written(tmp_path: Path) -> None:
    """Another history under the same key, longer than the one seen: a fork."""
    log, seen = tmp_path / "log", SeenStore(tmp_path / "seen" / "events")
    write(log, leaves(3), seen)
    shutil.rmtree(log)
    write(log, leaves(5, 100))
    for act in (lambda: read(log, seen), lambda: check(log, seen), lambda: write(log, [b"x"], seen)):
        assert _finding(VerificationFailed, act) == "LG708"


def test_removed_log_is_not_begun_anew(tmp_path: Path) -> None:
    """An empty folder where a log was seen is no new log."""
    log, seen = tmp_path / "log", SeenStore(tmp_path / "seen" / "events")
    write(log, leaves(3), seen)
    shutil.rmtree(log)
    assert _finding(VerificationFailed, lambda: write(log, [b"x"], seen)) == "LG701"


def test_damaged_memory_of_the_last_checkpoint_stops_the_writer(tmp_path: Path) -> None:
    """Fail closed: without it a roll-back would go unseen."""
    log, seen = tmp_path / "log", SeenStore(tmp_path / "seen" / "events")
    write(log, leaves(3), seen)
    for damage in (b"", b"garbage", seen.path.read_bytes().replace(b"\n3\n", b"\n2\n")):
        seen.path.write_bytes(damage)
        assert _finding(VerificationFailed, lambda: write(log, [b"x"], seen)) == "LG718"


def test_leftovers_are_removed_by_the_next_write(tmp_path: Path) -> None:
    """Whatever an interrupted write left, at the edge or far beyond it, does not become part of the log."""
    write(tmp_path, leaves(250))
    left = [
        Tile(ENTRIES, 0, 251),
        Tile(ENTRIES, 0),
        Tile(0, 0),
        Tile(0, 3, 9),
        Tile(1, 0, 1),
        Tile(0, 1000),
        Tile(2, 0),
    ]
    for tile in left:
        path = tmp_path / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"torn")
    (tmp_path / "checkpoint.next").write_bytes(b"torn")
    assert set(beyond(tmp_path, 250)) == set(left)
    assert len(check(tmp_path).leftovers) == len(left) + 1
    assert write(tmp_path, leaves(10, 250)).size == 260
    assert check(tmp_path).leftovers == ()
    assert list(read(tmp_path).entries(0, 260)) == leaves(260)


def test_signed_checkpoint_that_was_not_renamed_is_carried_through(tmp_path: Path) -> None:
    """It left the signer: a second, other checkpoint of that size would be a fork."""
    log, done = tmp_path / "log", tmp_path / "done"
    write(log, leaves(3))
    shutil.copytree(log, done)
    write(done, leaves(2, 3))
    shutil.copytree(done / "tile", log / "tile", dirs_exist_ok=True)
    shutil.copy(done / "checkpoint", log / "checkpoint.next")
    assert check(log).leftovers[0] == "checkpoint.next"
    assert write(log, []).size == 5
    assert list(read(log).entries(0, 5)) == leaves(5)
    assert not (log / "checkpoint.next").exists()


def test_next_checkpoint_that_forks_is_refused_and_one_that_is_old_is_dropped(tmp_path: Path) -> None:
    """Only the continuation of this very tree is carried through."""
    log, other = tmp_path / "log", tmp_path / "other"
    write(log, leaves(1))
    old = (log / "checkpoint").read_bytes()
    write(log, leaves(2, 1))
    (log / "checkpoint.next").write_bytes(old)
    assert write(log, []).size == 3
    assert not (log / "checkpoint.next").exists()
    write(other, leaves(5, 100))
    shutil.copytree(other / "tile", log / "tile", dirs_exist_ok=True)
    shutil.copy(other / "checkpoint", log / "checkpoint.next")
    assert _finding(VerificationFailed, lambda: write(log, [b"x"])) == "LG708"


def test_unwritable_folder_is_unavailable(tmp_path: Path) -> None:
    """A path that cannot be a folder: no traceback, exit 4."""
    (tmp_path / "file").write_bytes(b"")
    assert _finding(Unavailable, lambda: write(tmp_path / "file" / "log", [b"x"])) == "LG713"


def test_nothing_is_written_outside_the_log_folder(tmp_path: Path) -> None:
    """The sealer in its jail may write there only: no temporary file, no lock file beside the log."""
    log = tmp_path / "parent" / "log"
    log.mkdir(parents=True)
    log.parent.chmod(0o555)
    try:
        for count in (3, 300):
            sealer(log).append(leaves(count))
    finally:
        log.parent.chmod(0o755)
    assert [path.name for path in log.parent.iterdir()] == ["log"]
    assert check(log).checkpoint.size == 303
