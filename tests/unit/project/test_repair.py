"""`lockgate log verify` as the fsck of a whole project: all damages, their repair, and what is put right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.audit.spool import frame
from lockgate.cli.main import run
from lockgate.errors import LockgateError
from lockgate.serve.recording import payload_format as form
from lockgate.serve.recording.labels import LINES, Line, append_lines
from tests.support.kept_payloads import Kept, made_project
from tests.support.project import at_home

EVENTS, PREDICTIONS = "log/events", "log/predictions"


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kept, Path, Path]]:
    """A project at home in a folder of its own, and a copy of that folder."""
    folder = tmp_path_factory.mktemp("repair") / "home"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        kept = made_project(folder / "project")
        feedback = kept.made.home / "state" / "feedback"
        feedback.mkdir(mode=0o700)
        append_lines(feedback, [Line("0" * 16 + ".0.0", "yes", "x", 1)])
        kept.project.verify_logs()
        yield kept, folder, shutil.copytree(folder, folder.with_name("before"))


@pytest.fixture(name="kept")
def _kept(made: tuple[Kept, Path, Path]) -> Kept:
    """As it was made, whatever a test before did to it."""
    kept, folder, before = made
    shutil.rmtree(folder)
    shutil.copytree(before, folder)
    return kept


@pytest.fixture(name="copy")
def _copy(made: tuple[Kept, Path, Path]) -> Path:
    return made[2] / "project"


def _flip(path: Path, at: int = 5) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _one(folder: Path, pattern: str) -> Path:
    """The widest of the partial files."""
    return max(folder.glob(pattern), key=lambda path: int(path.name))


def _tree(kept: Kept) -> dict[str, bytes]:
    log = kept.made.home / "log"
    return {str(path.relative_to(log)): path.read_bytes() for path in log.rglob("*") if path.is_file()}


def _said(kept: Kept, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, object]]:
    capsys.readouterr()
    code = run(["log", "verify", "-C", str(kept.made.root), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def test_sound_logs_verify_and_nothing_is_touched(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """The positive control, with and without --repair."""
    before = _tree(kept)
    for more in ([], ["--repair"]):
        code, said = _said(kept, capsys, *more)
        assert (code, said["repaired"], said["kept"]) == (0, [], "")
    assert before == _tree(kept)
    assert not (kept.made.home / "state" / "repaired").exists()


def test_all_damages_of_both_logs_are_told_with_what_to_do(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """Not the first alone: each with its file, what it means, and its repair; exit 3, and nothing is changed."""
    events, served = kept.made.home / EVENTS, kept.made.home / PREDICTIONS
    _flip(_one(events, "tile/0/000.p/*"))
    _flip(_one(served, "tile/0/000.p/*"))
    _flip(_one(served, "tile/entries/000.p/*"), 20)
    (served / "notes").write_bytes(b"")
    before = _tree(kept)
    code, said = _said(kept, capsys)
    assert code == 3
    damages = said["seen"]["all"]  # type: ignore[index]
    assert {("events", "LG705"), ("predictions", "LG705"), ("predictions", "LG709")} <= {
        (one["log"], one["finding"]) for one in damages
    }
    assert all(one["file"] and one["means"] and one["repair"] for one in damages)
    assert before == _tree(kept)
    assert run(["log", "verify", "-C", str(kept.made.root)]) == 3
    captured = capsys.readouterr()
    assert "notes ~   # after looking at it" in captured.out
    assert "next:" in captured.err


def test_what_is_proved_is_put_right_and_what_lay_there_is_kept(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """Tiles of both logs from their entries, log.vkey, what lies beyond: exit 0 afterwards, byte for byte as before."""
    before = _tree(kept)
    events, served = kept.made.home / EVENTS, kept.made.home / PREDICTIONS
    hurt = [_one(events, "tile/0/000.p/*"), _one(served, "tile/0/000.p/*")]
    for path in hurt:
        _flip(path)
    (served / "log.vkey").write_bytes(b"x")
    code, said = _said(kept, capsys, "--repair")
    assert code == 0, said
    assert len(said["repaired"]) == 3  # type: ignore[arg-type]
    assert before == _tree(kept)
    (stamp,) = (kept.made.home / "state" / "repaired").iterdir()
    assert (stamp / "predictions" / "log.vkey").read_bytes() == b"x"
    (served / "tile/entries/001").write_bytes(b"left over")
    assert _said(kept, capsys, "--repair")[0] == 0
    assert before == _tree(kept)


def test_entries_come_back_from_another_copy_alone(kept: Kept, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one they are told, and the next command says how to give one; with one the log is what it was."""
    before = _tree(kept)
    for name in (EVENTS, PREDICTIONS):
        _flip(_one(kept.made.home / name, "tile/entries/000.p/*"), -1)
    code, said = _said(kept, capsys, "--repair")
    assert (code, said["finding"]) == (3, "LG706")
    assert "--from" in str(said["next"])
    assert _said(kept, capsys, "--repair", "--from", str(copy))[0] == 0
    assert before == _tree(kept)


def test_a_log_that_is_gone_or_was_rolled_back_comes_back_from_a_copy(
    kept: Kept, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checkpoint is gone; all tiles are. What was last seen says which log it must be."""
    before = _tree(kept)
    (kept.made.home / PREDICTIONS / "checkpoint").unlink()
    assert _said(kept, capsys)[0] == 3
    assert _said(kept, capsys, "--repair")[0] == 0
    shutil.rmtree(kept.made.home / EVENTS / "tile")
    (kept.made.home / EVENTS / "checkpoint").unlink()
    assert _said(kept, capsys, "--repair", "--from", str(copy))[0] == 0
    assert before.keys() - _tree(kept).keys() <= {name for name in before if "/000.p/" in name}
    assert kept.project.verify_logs().events > 1


def test_a_folder_that_is_no_copy_is_refused(kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LG7066; and --from without --repair is a usage error."""
    code, said = _said(kept, capsys, "--repair", "--from", str(tmp_path))
    assert (code, said["finding"]) == (1, "LG7066")
    assert _said(kept, capsys, "--from", str(tmp_path))[0] == 2


def test_spools_payloads_keys_and_labels_are_looked_at(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """Each way in which they can be damaged is told with file and place; the logs verify all the same."""
    state = kept.made.home / "state"
    (keys,) = (state / "payloads").glob("*.keys")
    (data,) = (state / "payloads").glob("*.data")
    labels, sound = state / "feedback" / LINES, {}
    for path in (keys, data, labels):
        sound[path] = path.read_bytes()
    (state / "spool").mkdir(exist_ok=True)
    spool = state / "spool" / f"{'e' * 16}.spool"
    cases: list[tuple[Path, bytes, str]] = [
        (keys, sound[keys][: form.SLOT_BYTES] + b"\x09" + sound[keys][form.SLOT_BYTES + 1 :], "LG7064"),
        (keys, sound[keys][: 2 * form.SLOT_BYTES], "LG7064"),
        (keys, sound[keys][: form.SLOT_BYTES] + bytes(form.SLOT_BYTES) + sound[keys][2 * form.SLOT_BYTES :], "LG7064"),
        (data, sound[data][:30] + b"\x00" + sound[data][31:], "LG7064"),
        (labels, b"nothing\n" + sound[labels], "LG7065"),
        (spool, frame(b"a" * 9) + b"x" * 99 + frame(b"b" * 70_00), "LG731"),
    ]
    for path, content, finding in cases:
        path.write_bytes(content)
        found = kept.project.check_logs()
        assert found.report is not None
        assert [finding] == [one.finding for _, one in found.damages], path
        with pytest.raises(LockgateError) as error:
            found.raise_if_damaged(repairing=False)
        assert (finding, 3) == (error.value.finding, error.value.exit_code)
        if path in sound:
            path.write_bytes(sound[path])
        else:
            path.unlink()
    keys.rename(state / "away")
    assert [one.finding for _, one in kept.project.check_logs().damages] == ["LG7064"]
    (state / "away").rename(keys)
    with labels.open("ab") as file:
        file.write(b'{"id": "unfin')
    assert _said(kept, capsys)[0] == 3
    assert _said(kept, capsys, "--repair")[0] == 0
    assert sound[labels] == labels.read_bytes()
    assert _said(kept, capsys)[0] == 0
