"""audit.tiles: names and bytes of the log's files have one spelling each."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.audit.tiles import (
    ENTRIES,
    MAX_ENTRY_BYTES,
    RightEdge,
    Tile,
    TileReader,
    encode_bundle,
    parse_bundle,
    parse_hashes,
    parse_path,
)
from lockgate.core.merkle import EMPTY_ROOT
from lockgate.errors import VerificationFailed
from tests.support.sealing import leaves, write


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(ENTRIES, 999, 255), "tile/entries/999.p/255"),
        (Tile(1, 1000), "tile/1/x001/000"),
        (Tile(63, 1_234_067, 1), "tile/63/x001/x234/067.p/1"),
    ],
)
def test_path_round_trip(tile: Tile, path: str) -> None:
    """A tile has one name."""
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/000.p",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000/1",
        "tile/0/000.p/1.tmp",
        "tile/0/000\n",
        "tile/0/../0/000",
        "tile/entries/\u0660\u0660\u0660",
        "tile/0/" + "x999/" * 7 + "999",
    ],
)
def test_any_other_path_is_refused(path: str) -> None:
    """No second name for a tile, and no name for anything else."""
    with pytest.raises(ValueError, match="not a tile"):
        parse_path(path)


@given(st.text(alphabet="tileenrs/x0123456789.p", max_size=30))
@example("tile/entries/x001/000.p/7")
def test_path_parser_raises_value_error_only(path: str) -> None:
    """Whatever name lies in the folder: a tile with that very name, or ValueError."""
    with suppress(ValueError):
        assert parse_path(path).path == path


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 1),
        (b"\x00", 1),
        (b"\x00\x01", 1),
        (b"\x00\x00", 0),
        (b"\x00\x00", 2),
        (b"\x00\x01xy", 1),
        (b"\xff\xff", 1),
    ],
)
def test_bundle_with_other_bytes_than_its_entries_is_refused(data: bytes, count: int) -> None:
    """Nothing is missing, nothing follows."""
    with pytest.raises(ValueError, match=r"bundle ends|bytes follow"):
        parse_bundle(data, count)


@given(st.binary(max_size=100), st.integers(0, 5))
def test_bundle_parser_raises_value_error_only(data: bytes, count: int) -> None:
    """Whatever bytes come: entries that encode back to them, or ValueError."""
    with suppress(ValueError):
        entries = parse_bundle(data, count)
        assert encode_bundle(entries) == data
        assert len(entries) == count


def test_longest_entry_fits_and_a_longer_one_is_refused() -> None:
    """The format's limit is the limit."""
    longest = bytes(MAX_ENTRY_BYTES)
    assert parse_bundle(encode_bundle([b"", longest]), 2) == [b"", longest]
    with pytest.raises(ValueError, match="at most"):
        encode_bundle([longest + b"x"])


def test_hashes_of_another_length_are_refused() -> None:
    """A tile has exactly its width."""
    assert len(parse_hashes(bytes(64), 2)) == 2
    for data in (bytes(63), bytes(65), bytes(96)):
        with pytest.raises(ValueError, match="instead of"):
            parse_hashes(data, 2)


def test_empty_edge_has_the_empty_root_and_grows_by_nothing() -> None:
    """The first checkpoint is over no entries; no entries make no files."""
    assert RightEdge().root == EMPTY_ROOT
    edge, _ = RightEdge().grow(leaves(300))
    assert edge.grow([]) == (edge, [])


def test_bundles_come_before_tiles() -> None:
    """Whoever sees a hash finds its entry."""
    _, files = RightEdge().grow(leaves(700))
    assert [tile.level for tile, _ in files] == [ENTRIES] * 3 + [0] * 3 + [1]


def test_reader_takes_the_full_tile_when_the_partial_one_is_gone(tmp_path: Path) -> None:
    """A reader with an older checkpoint goes on while the writer clears up."""
    write(tmp_path, leaves(256))
    reader = TileReader(tmp_path)
    assert reader.bundle(Tile(ENTRIES, 0, 5)) == leaves(5)
    assert reader.hashes(Tile(0, 0, 5)) == reader.hashes(Tile(0, 0))[:5]
    assert list(reader.entries(3, 9)) == leaves(6, 3)
    assert reader.claimed_size() == 256


def test_reader_refuses_what_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    """Missing, a folder, a link, too long: each names its file."""
    write(tmp_path, leaves(3))
    reader = TileReader(tmp_path)
    path = tmp_path / "tile" / "0" / "000.p" / "3"
    data = path.read_bytes()
    for make in (
        lambda: None,
        path.mkdir,
        lambda: path.symlink_to(tmp_path / "checkpoint"),
        lambda: path.write_bytes(data + b"x"),
        lambda: path.write_bytes(data[:-1]),
    ):
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        make()
        with pytest.raises(VerificationFailed) as error:
            reader.hashes(Tile(0, 0, 3))
        assert error.value.finding == "LG705"
        assert error.value.seen["file"] == "tile/0/000.p/3"


@pytest.mark.parametrize("data", [b"", b"\xff", b"a\n\n\xe2\x80\x94 a YWJjZGU=\n"])
def test_claimed_size_of_a_malformed_checkpoint_is_refused(data: bytes, tmp_path: Path) -> None:
    """No traceback, LG701."""
    (tmp_path / "checkpoint").write_bytes(data)
    with pytest.raises(VerificationFailed) as error:
        TileReader(tmp_path).claimed_size()
    assert error.value.finding == "LG701"
