"""audit.verify: every byte of a log's folder counts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.core.checkpoint import Note, NoteSignature, parse_note
from lockgate.core.verdict import Level
from lockgate.errors import VerificationFailed
from tests.support.sealing import check, leaves, sealer, write


def _small(folder: Path) -> Path:
    """A log with older partial files in it, small enough to try every byte."""
    writer = sealer(folder)
    for count in (2, 1, 4):
        writer.append(leaves(count, writer.append([]).size))
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _finding(log_dir: Path) -> VerificationFailed:
    with pytest.raises(VerificationFailed) as error:
        check(log_dir)
    return error.value


def test_sound_log_passes(tmp_path: Path) -> None:
    """The positive control: all files counted, nothing to say."""
    report = check(_small(tmp_path))
    assert (report.checkpoint.size, report.files, report.reasons) == (7, len(_files(tmp_path)), ())


def test_every_flipped_byte_of_every_file_is_noticed(tmp_path: Path) -> None:
    """Checkpoint, key, tiles, entries, also the older partial ones: each byte, with another bit each."""
    tried = 0
    for path in _files(_small(tmp_path)):
        sound = path.read_bytes()
        for position in range(len(sound)):
            changed = bytearray(sound)
            changed[position] ^= 1 << tried % 8
            path.write_bytes(changed)
            _finding(tmp_path)
            tried += 1
        path.write_bytes(sound)
    assert tried > 700
    assert check(tmp_path).checkpoint.size == 7


def test_flipped_bytes_in_a_log_of_several_tiles_name_their_file(tmp_path: Path) -> None:
    """A sample over full tiles and bundles: the finding names the very file."""
    write(tmp_path, leaves(700))
    for path in _files(tmp_path):
        sound = path.read_bytes()
        for position in {0, len(sound) // 3, len(sound) - 1}:
            changed = bytearray(sound)
            changed[position] ^= 0x80
            path.write_bytes(changed)
            error = _finding(tmp_path)
            named = error.seen.get("file", "the right edge")
            assert named == path.relative_to(tmp_path).as_posix() or "the right edge" in (named, error.message[13:27])
        path.write_bytes(sound)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"", None])
def test_every_file_cut_lengthened_emptied_or_missing_is_noticed(
    change: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    """Only the older partial files may be missing: the specification lets a log drop them."""
    optional = {f"tile/{level}/000.p/{width}" for level in ("0", "entries") for width in (2, 3)}
    for path in _files(_small(tmp_path)):
        name, sound = path.relative_to(tmp_path).as_posix(), path.read_bytes()
        path.unlink()
        if change is not None:
            path.write_bytes(change(sound))
        if change is None and name in optional:
            assert check(tmp_path).files == len(_files(tmp_path))
        else:
            _finding(tmp_path)
        path.write_bytes(sound)
    assert check(tmp_path).checkpoint.size == 7


@pytest.mark.parametrize(
    "name", ["notes.txt", ".hidden", "tile/0/x", "tile/0/000.p/0", "tile/7x/000", "tile/entries/000.p/1.bak", "a/b"]
)
def test_unknown_file_is_refused(name: str, tmp_path: Path) -> None:
    """Nothing may hide in the folder."""
    path = _small(tmp_path) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    error = _finding(tmp_path)
    assert (error.finding, error.seen["file"]) == ("LG709", name)


@pytest.mark.parametrize("target", ["checkpoint", "tile/0", "tile/0/000.p/7"])
def test_link_is_refused_even_to_the_same_bytes(target: str, tmp_path: Path) -> None:
    """What a link points to can change behind the log's back."""
    path = _small(tmp_path / "log") / target
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert _finding(tmp_path / "log").finding == "LG709"


def test_device_is_refused_and_blocks_nobody(tmp_path: Path) -> None:
    """A named pipe in the place of a file would keep a reader waiting for ever."""
    path = _small(tmp_path) / "tile" / "0" / "000.p" / "7"
    path.unlink()
    os.mkfifo(path)
    assert _finding(tmp_path).finding == "LG709"


def test_signature_that_nobody_can_check_is_refused(tmp_path: Path) -> None:
    """Full verification leaves no byte unverified, not even a stranger's signature."""
    path = _small(tmp_path) / "checkpoint"
    note = parse_note(path.read_bytes())
    path.write_bytes(Note(note.text, (*note.signatures, NoteSignature("stranger", b"0000", b"x"))).encode())
    assert _finding(tmp_path).finding == "LG702"


def test_leftovers_are_told_and_left_alone(tmp_path: Path) -> None:
    """LG710, a warning: verifying never repairs."""
    left = [_small(tmp_path) / "tile" / "0" / "001", tmp_path / "checkpoint.next"]
    for path in left:
        path.write_bytes(b"torn")
    report = check(tmp_path)
    assert [(reason.finding, reason.level) for reason in report.reasons] == [("LG710", Level.WARN)]
    assert report.leftovers == ("checkpoint.next", "tile/0/001")
    assert all(path.exists() for path in left)


def test_folder_that_is_no_log_is_refused(tmp_path: Path) -> None:
    """Missing, empty, or a file: a finding, no traceback."""
    assert _finding(tmp_path / "missing").finding == "LG701"
    assert _finding(tmp_path).finding == "LG704"
    (tmp_path / "file").write_bytes(b"")
    assert _finding(tmp_path / "file").finding == "LG701"
