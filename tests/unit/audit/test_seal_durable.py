"""Two faults in a row: a process that is killed, and then a power cut that takes what it had not synced."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random, SystemRandom

import pytest

from lockgate.audit.disk import Disk
from lockgate.audit.folder import outlived
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.audit.tiles import Tile
from lockgate.errors import Unavailable
from tests.support.faults import Faulty, PowerCut, Unplugged
from tests.support.sealing import Fast, check, leaves, read, sealer

SEEDS = 2


def _killed(folder: Path, disk: Unplugged, cut_at: int) -> int:
    """A writer that is killed at this step; the size that it acknowledged last."""
    size = 0
    (folder / "log").mkdir()
    try:
        writer = sealer(folder / "log", disk=disk)
        size = writer.append(leaves(2)).size
        disk.steps, disk.cut_at = 0, cut_at
        size = writer.append(leaves(255, size)).size
        size = writer.append(leaves(2, size)).size
    except PowerCut:
        pass
    disk.cut_at = 0
    return size


def _steps(folder: Path) -> int:
    disk = Unplugged(folder, durable={"log": None})
    _killed(folder, disk, 0)
    return disk.steps


@pytest.mark.parametrize("more", [0, 300])
def test_what_the_next_writer_acknowledges_outlasts_a_power_cut(tmp_path: Path, more: int) -> None:
    """Killed at each step. The next one finds folders that were never synced, and a checkpoint to carry through; it
    acknowledges what it found by coming up alone, too.
    """
    (tmp_path / "count").mkdir()
    seed = SystemRandom().randrange(1 << 30)
    for cut_at in range(1, _steps(tmp_path / "count") + 1):
        folder = tmp_path / str(cut_at)
        folder.mkdir()
        disk = Unplugged(folder, durable={"log": None})
        _killed(folder, disk, cut_at)
        writer = sealer(folder / "log", disk=disk)
        start = writer.append([]).size
        size = writer.append(leaves(more, start)).size
        for each in range(SEEDS):
            target = tmp_path / f"{cut_at}-{each}"
            (target / "log").mkdir(parents=True)
            disk.after_power_cut(target, Random(seed + each))
            found = read(target / "log")
            assert size == found.size, (cut_at, seed + each)
            assert leaves(size) == list(found.entries(0, size)), (cut_at, seed + each)
            shutil.rmtree(target)


def test_what_a_reader_saw_is_not_taken_back(tmp_path: Path) -> None:
    """Killed at each step, read, and then the power cut: the next writer comes up, with at least what was seen."""
    (tmp_path / "count").mkdir()
    seed = SystemRandom().randrange(1 << 30)
    for cut_at in range(1, _steps(tmp_path / "count") + 1):
        folder = tmp_path / str(cut_at)
        folder.mkdir()
        disk = Unplugged(folder, durable={"log": None})
        _killed(folder, disk, cut_at)
        seen = SeenStore(tmp_path / f"seen-{cut_at}" / "events")
        size = check(folder / "log", seen).checkpoint.size
        for each in range(SEEDS):
            target = tmp_path / f"{cut_at}-{each}"
            (target / "log").mkdir(parents=True)
            disk.after_power_cut(target, Random(seed + each))
            again = SeenStore(target / "seen" / "events")
            again.advance(seen.load() or b"")
            assert size <= sealer(target / "log", again).append([]).size, (cut_at, seed + each)
            shutil.rmtree(target)


def test_partial_tiles_go_though_their_writer_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On hash tiles of two levels and on bundles; the next writer removes them, and nothing else."""
    log_dir = tmp_path / "log"
    writer = sealer(log_dir)
    for start in range(0, 65_280, 21_760):
        writer.append(leaves(21_760, start))
    writer.append(leaves(3, 65_280))

    def killed(*_: object) -> None:
        raise OSError(5, "killed here")

    with monkeypatch.context() as patch:
        patch.setattr(Sealer, "_clear", killed)
        with pytest.raises(Unavailable):
            writer.append(leaves(300, 65_283))
    left = {tile.path for tile in outlived(log_dir, 65_583)}
    assert {"tile/1/000", "tile/0/255", "tile/entries/255"} == left
    size = sealer(log_dir).append([]).size
    assert list(outlived(log_dir, size)) == []
    assert not any((log_dir / f"{path}.p").exists() for path in left)
    report = check(log_dir)
    assert (report.checkpoint.size, report.leftovers) == (65_583, ())
    assert (log_dir / Tile(0, 256, 47).path).exists()


def test_many_files_are_each_synced_before_it_returns(tmp_path: Path) -> None:
    """As many syncs as files, none of them before all of its group are written; a fault leaves no descriptor open."""
    done: list[str] = []

    class Watched(Fast):
        def write(self, descriptor: int, data: bytes) -> None:
            done.append("write")
            super().write(descriptor, data)

        def sync(self, descriptor: int) -> None:
            done.append("sync")

    files = [(tmp_path / str(number), b"%d" % number) for number in range(300)]
    Watched().write_many(files)
    assert (done.count("write"), done.count("sync")) == (300, 300)
    assert done[:256] == ["write"] * 128 + ["sync"] * 128
    assert all(path.read_bytes() == data for path, data in files)
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    for at in (3, 7):
        with pytest.raises(OSError, match="space"):
            Faulty(at=at).write_many([(tmp_path / f"{at}-{number}", b"xy") for number in range(5)])
    assert open_before == len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileExistsError):
        Disk().write_many(files[:1])
