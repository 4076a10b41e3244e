"""`lockgate monitor --reference A --replay B`: two files compared by the real command, in its jail."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.cli.monitor import ascii_only
from lockgate.errors import Refused
from lockgate.monitor.plan import INPUTS
from lockgate.monitor.replay import Wish
from lockgate.project import standalone_monitor
from lockgate.project.compared_html import page
from lockgate.project.compared_lines import lines, plain
from lockgate.project.standalone_monitor import Compared, compare_files
from tests.support.replayed import BEFORE, ROWS, changed, orders, write


@pytest.fixture(scope="module", name="files")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write(folder / "before.parquet", orders(ROWS, 1))
    write(folder / "same.csv", changed("nothing"))
    write(folder / "after.parquet", changed("mix").rename_columns({"amount": "<b>amount</b>\x1b[31m"}))
    (folder / "cut.parquet").write_bytes((folder / "before.parquet").read_bytes()[:5_000])
    return folder


@pytest.fixture(scope="module", name="compared")
def _compared(files: Path) -> Compared:
    return compare_files("before.parquet", "after.parquet", Wish(window=500), folder=files)


@pytest.fixture(name="inside")
def _inside(files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(files)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return files


def monitor(*more: str, replay: str) -> int:
    """The command."""
    return run(["monitor", "--reference", "before.parquet", "--replay", replay, *more])


def test_a_change_is_an_alarm(inside: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """JSON as promised, a page beside it, and 1 as the exit code for whoever asks for that."""
    out = tmp_path / "drift.html"
    assert monitor("--window", "500", "--json", "--html", str(out), "--fail-on-alarm", replay="after.parquet") == 1
    said: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert (said["schema"], said["v"]) == ("lockgate.drift/v1", 1)
    assert [(BEFORE <= one["row"] < ROWS, one["streams"]) for one in said["alarms"]] == [(True, ["colour"])]
    assert [(one["column"], one["what"]) for one in said["changes"]] == [
        ("amount", "missing"),
        ("<b>amount</b>\x1b[31m", "added"),
    ]
    assert out.read_text().startswith("<!doctype html>")
    assert inside.name not in out.read_text()


@pytest.mark.usefixtures("inside")
def test_no_change_is_no_alarm(capfd: pytest.CaptureFixture[str]) -> None:
    """Positive control, of another format: exit code 0, and it says so."""
    assert monitor("--fail-on-alarm", replay="same.csv") == 0
    out = capfd.readouterr().out
    assert "no alarm" in out
    assert f"{ROWS:,} rows, {ROWS:,} compared" in out
    assert "LG629" not in out


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("arguments", "finding", "code"),
    [
        (["--reference", "before.parquet"], "LG975", 2),
        (["--replay", "before.parquet"], "LG975", 2),
        (["--reference", "before.parquet", "--replay", "nowhere.parquet"], "LG102", 1),
        (["--reference", "before.parquet", "--replay", "cut.parquet"], "LG108", 1),
        (["--reference", "before.parquet", "--replay", "before.parquet", "--stride", "0"], "LG940", 2),
        (["--reference", "before.parquet", "--replay", "before.parquet", "--false-alarms", "0"], "LG940", 2),
    ],
)
def test_what_cannot_be_compared(
    capfd: pytest.CaptureFixture[str], arguments: list[str], finding: str, code: int
) -> None:
    """A finding with an id and the exit code of whose fault it is; never a traceback."""
    assert run(["monitor", *arguments, "--json"]) == code
    said = capfd.readouterr()
    assert json.loads(said.out)["finding"] == finding
    assert "Traceback" not in said.err


def test_the_lines_show_both_sides(compared: Compared) -> None:
    """The alarm, the changed columns, and the column's bins with what they were and are."""
    told = "\n".join(lines(compared))
    assert "✗ LG629 ALARM at row" in told
    assert "✗ LG979 amount: the replayed file has no such column" in told
    assert "reference               current" in told
    assert any("red" in line and "%" in line for line in told.splitlines())
    assert "\x1b" not in told


def test_plain_lines_are_ascii(compared: Compared) -> None:
    """Where a terminal shows no more, bars are made of what it shows, as long as before."""
    for line in lines(compared):
        assert plain(line).isascii()
        assert len(plain(line)) == len(line)
    assert plain("██▌···") == "##-..."


@pytest.mark.parametrize(
    ("asked", "spelling", "wanted"), [("", "utf-8", False), ("1", "utf-8", True), ("", "ascii", True)]
)
def test_who_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, asked: str, spelling: str, wanted: bool) -> None:
    """Whoever sets NO_COLOR, and a terminal that is not UTF-8."""
    monkeypatch.setenv("NO_COLOR", asked)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=spelling))
    assert ascii_only() is wanted


def test_the_page_shows_it_too(compared: Compared) -> None:
    """Alarm, drawing with the threshold, histogram, all streams; a column's name is no markup."""
    html = page(compared)
    for told in ("LG629", "LG979", "<svg", "alarm: 1e", "All streams", "amount"):
        assert told in html
    assert "<b>" not in html
    assert "\x1b" not in html


def test_nothing_compared_is_no_all_clear(compared: Compared) -> None:
    """Whoever asks for an exit code gets none that says that all is well, and no line says so."""
    read = replace(compared.replay.read, counted=0, windows=0, dropped=ROWS)
    quiet = replace(compared.replay, read=read, alarms=(), changes=())
    nothing = replace(compared, replay=quiet)
    assert nothing.changed
    little = replace(nothing, replay=replace(quiet, read=replace(read, counted=92)))
    assert "✗ LG976 MOST ROWS WERE NOT COMPARED" in "\n".join(lines(little))
    assert little.changed
    told = "\n".join(lines(nothing))
    assert "✗ LG976 NOTHING WAS COMPARED" in told
    assert "no alarm" not in told.splitlines()
    assert "LG976: nothing was compared" in page(nothing)
    assert nothing.as_json()["compared"] is False
    assert compared.as_json()["compared"] is True


def test_an_answer_out_of_form_is_refused(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the jail says is believed in its form only: a file may have taken it over."""
    for name in (INPUTS, "replay.json"):
        (tmp_path / name).write_bytes(b'{"v":1}')
    given = {name: tmp_path / name for name in (INPUTS, "replay.json")}
    monkeypatch.setattr(standalone_monitor, "run_task", lambda *_: (given, None))
    with pytest.raises(Refused) as refused:
        compare_files("before.parquet", "after.parquet", Wish(), folder=files)
    assert refused.value.finding == "LG978"
