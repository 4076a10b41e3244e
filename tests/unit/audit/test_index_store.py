"""audit.index.store: an index is made from the log, and counts only where this user made it from this log."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.audit.index import segment, store
from lockgate.audit.index.ask import Filter, counted
from lockgate.audit.index.check import check
from lockgate.audit.index.lookup import Lookup
from lockgate.audit.index.manifest import Manifest, Segment
from lockgate.audit.index.store import Index
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.records import Receipt
from lockgate.errors import VerificationFailed
from lockgate.store import files
from tests.support.indexed import ADA, WIDTH, A, B, entries, indexed, place
from tests.support.sealing import read

_COUNT = WIDTH * 3 + 5
_SALT = bytes(32)


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    indexed(folder, entries(_COUNT))
    return folder


@pytest.fixture(name="folder")
def _folder(made: Path, tmp_path: Path) -> Path:
    """A log of three segments and a bit, with its index: a copy."""
    return shutil.copytree(made, tmp_path / "copy")


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "index").iterdir())


def _of_ada(index: Index) -> int:
    return sum(one.entries for one in counted(index, Filter(client=ADA)).values())


def test_a_receipt_is_found_where_reading_everything_finds_it(folder: Path) -> None:
    """Each number of each gateway, in the segments and behind them, and numbers that nobody has."""
    plain, quick = PredictionIndex(read(folder / "log")), Lookup(indexed(folder))
    assert plain.size > WIDTH * 3
    for gateway in (A, B, "f" * 16):
        for seq in (*range(0, _COUNT // 2, 5), _COUNT // 2 - 1, _COUNT // 2, _COUNT // 2 + 1):
            receipt = Receipt(gateway, seq, _SALT, 0)
            assert plain.find(receipt) == quick.find(receipt)
        assert plain.next_seq(gateway) == quick.next_seq(gateway)
        assert plain.at(gateway, 3) == quick.at(gateway, 3)


def test_the_first_record_of_a_number_counts(tmp_path: Path) -> None:
    """Also where the second one lies in a later segment, or behind the last."""
    some = entries(WIDTH)
    quick = Lookup(indexed(tmp_path, [*some, *some, some[4]]))
    found = quick.find(Receipt(A, 2, _SALT, 0))
    assert found is not None
    assert found.index == 4


def test_only_what_is_new_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three segments stay as they are; one is made for what came since."""
    before = {path: path.stat().st_mtime_ns for path in _files(folder)}
    made: list[int] = []
    real = segment.make

    def make(some: Iterable[bytes], start: int, tree: bytes, origin: str) -> tuple[Segment, bytes]:
        made.append(start)
        return real(some, start, tree, origin)

    monkeypatch.setattr(segment, "make", make)
    index = indexed(folder, entries(_COUNT + WIDTH)[_COUNT:])
    assert made == [3 * WIDTH]
    assert before.items() <= {path: path.stat().st_mtime_ns for path in _files(folder)}.items()
    assert (len(index.segments), index.notes) == (4, [])
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (*_files(folder), index.place.manifest)}


def test_the_same_log_has_the_same_bytes(folder: Path) -> None:
    """Made anew, nothing differs; what did not belong there is gone."""
    before = {path.name: path.read_bytes() for path in _files(folder)}
    (folder / "index" / "000007-0123456789abcdef.parquet").write_bytes(b"left")
    index = indexed(folder, fresh=True)
    assert before == {path.name: path.read_bytes() for path in _files(folder)}
    assert len(index.segments) == 3


def test_a_changed_segment_is_made_again(folder: Path) -> None:
    """Told in a line; what is answered is right."""
    expected = _of_ada(indexed(folder))
    path = _files(folder)[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert [one.finding for one in check(place(folder), read(folder / "log"))] == ["LG7051"]
    index = indexed(folder)
    assert expected == _of_ada(index)
    assert any("segment 1 of the index was missing or changed" in note for note in index.notes)
    assert check(place(folder), read(folder / "log")) == ()


def test_a_segment_that_hides_records_does_not_count(folder: Path) -> None:
    """Whoever can write `.lockgate`, and not this user's own folder, hides nothing: only what was made here counts."""
    expected = _of_ada(indexed(folder))
    log = read(folder / "log")
    hiding = [entry for entry in log.entries(0, WIDTH) if ADA.encode() not in entry]
    padded = [*hiding, *([hiding[0]] * (WIDTH - len(hiding)))]
    _, forged = segment.make(padded, 0, log.subtree(0, WIDTH), log.checkpoint.origin)
    _files(folder)[0].write_bytes(forged)
    assert expected == _of_ada(indexed(folder))


def test_a_forged_manifest_too_is_found_by_the_check(folder: Path) -> None:
    """Whoever writes in the user's own folder as well can hide; comparing with the log finds it, reading back too."""
    log = read(folder / "log")
    some = list(log.entries(0, WIDTH))
    some[2], some[4] = some[4], some[2]
    one, forged = segment.make(some, 0, log.subtree(0, WIDTH), log.checkpoint.origin)
    own = place(folder)
    manifest = Manifest.parse(own.manifest.read_bytes())
    own.manifest.write_bytes(replace(manifest, segments=(one, *manifest.segments[1:])).encode())
    (own.folder / f"000000-{one.sha256[:16]}.parquet").write_bytes(forged)
    (reason,) = check(own, log)
    assert (reason.finding, reason.next) == ("LG7051", "lockgate log reindex")
    assert reason.seen["first"] == ["segment 0 says something else than the log"]
    with pytest.raises(VerificationFailed) as caught:
        Lookup(indexed(folder)).find(Receipt(A, 1, _SALT, 0))
    assert caught.value.finding == "LG7050"


def test_an_index_of_another_log_goes(folder: Path, tmp_path: Path) -> None:
    """The same place, the same length, other entries: each segment names the hash of its range."""
    others = entries(_COUNT + 40)[40:]
    indexed(tmp_path / "other", others)
    shutil.rmtree(folder / "log")
    shutil.copytree(tmp_path / "other" / "log", folder / "log")
    index = indexed(folder)
    assert any("not of this log" in note for note in index.notes)
    assert counted(index, Filter()) == counted(indexed(tmp_path / "other"), Filter())


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"origin":"o","segments":[],"v":2,"width":32}'])
def test_a_damaged_manifest_says_nothing(data: bytes, folder: Path) -> None:
    """All is made again, and told."""
    place(folder).manifest.write_bytes(data)
    index = indexed(folder)
    assert (len(index.segments), len(index.notes)) == (3, 1)
    assert check(place(folder), read(folder / "log")) == ()


def test_a_killed_builder_leaves_what_the_next_one_uses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment is named in the manifest only when it lies there."""
    shutil.rmtree(folder / "index")
    place(folder).manifest.unlink()
    real = files.atomic_write

    def dies(path: Path, data: bytes, mode: int) -> None:
        if path.name.startswith("000001"):
            raise KeyboardInterrupt
        real(path, data, mode)

    with monkeypatch.context() as patch:
        patch.setattr(store, "atomic_write", dies)
        with pytest.raises(KeyboardInterrupt):
            indexed(folder)
    assert len(Manifest.parse(place(folder).manifest.read_bytes()).segments) == 1
    index = indexed(folder)
    assert (len(index.segments), index.notes) == (3, [])


def test_what_cannot_be_kept_is_held(folder: Path) -> None:
    """Where nothing can be written a question is answered all the same, and that it costs is told."""
    expected = _of_ada(indexed(folder))
    shutil.rmtree(folder / "index")
    place(folder).manifest.unlink()
    (folder / "index").write_bytes(b"a file in its place")
    index = indexed(folder)
    assert expected == _of_ada(index)
    assert any("cannot be kept" in note for note in index.notes)
    assert not place(folder).manifest.exists()


def test_progress_is_told(folder: Path) -> None:
    """Of how many entries how many."""
    told: list[tuple[int, int]] = []
    Index(place(folder), read(folder / "log"), fresh=True, progress=lambda done, of: told.append((done, of)))
    assert told == [(WIDTH, 3 * WIDTH), (2 * WIDTH, 3 * WIDTH), (3 * WIDTH, 3 * WIDTH)]


def test_a_log_without_an_index_has_nothing_to_compare(tmp_path: Path) -> None:
    """No manifest, no reason; and the comparison makes none."""
    indexed(tmp_path, entries(4))
    assert check(place(tmp_path), read(tmp_path / "log")) == ()
    assert not (tmp_path / "own").exists()


def test_many_gateways_in_a_segment_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the segment itself is asked, with the same answers."""
    monkeypatch.setattr(segment, "MOST_GATEWAYS", 1)
    quick = Lookup(indexed(tmp_path, entries(WIDTH + 3)))
    assert [one.gateways for one in quick.index.segments] == [None]
    found = quick.find(Receipt(B, 5, _SALT, 0))
    assert found is not None
    assert (found.index, quick.next_seq(B)) == (11, (WIDTH + 3) // 2)
