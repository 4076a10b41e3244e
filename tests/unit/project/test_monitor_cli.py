"""`lockgate monitor` on the command line, in a project: from an alarm to its end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lockgate.cli.monitor_live import drawn, live
from lockgate.project.monitor_page import MonitorPage
from lockgate.store.lock import lock
from tests.support.drifting import Drifting, drifting, fork
from tests.unit.project.test_moving import Shell


@pytest.fixture(scope="module", name="alarmed")
def _alarmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drifting]:
    """Six windows as the reference, six of another mean, and the alarm."""
    with pytest.MonkeyPatch.context() as patch:
        house = drifting(tmp_path_factory.mktemp("drift"), patch)
        house.serve(6)
        house.alarm(house.serve(6, shift=0.5, labelled=50))
        yield house


@pytest.fixture(name="house")
def _house(alarmed: Drifting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drifting:
    """One of its own, of which its user has seen nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return fork(alarmed, tmp_path)


@pytest.fixture(name="shell")
def _shell(house: Drifting, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(house.signed, capsys)


def told(text: str) -> dict[str, Any]:
    """The one line of JSON."""
    (line,) = [line for line in text.split("\n") if line.startswith("{")]
    value: dict[str, Any] = json.loads(line)
    return value


def test_from_an_alarm_to_its_acknowledgement(shell: Shell) -> None:
    """Seen on the page, in JSON and in the status; answered once; then gone from the status, and kept on the page."""
    page = shell("monitor", "--once")
    assert ("ALARM" in page, "age   +0.5" in page, "next:  lockgate monitor ack" in page) == (True, True, True)
    found = told(shell("monitor", "--json"))
    (model,) = found["models"]
    (alarm,) = model["alarms"]
    assert (found["schema"], alarm["open"], alarm["streams"][0]["name"]) == ("lockgate.monitor/v1", True, "age")
    digits = alarm["digest"][7:15]
    assert "dev: flights@1 drifts in age" in shell("status")
    assert alarm["digest"][7:19] in json.dumps(told(shell("status", "--json"))["alarms"])

    looked = shell("monitor", "ack", "latest", "--dry-run")
    assert ("the reference stays what it is" in looked, alarm["digest"] in looked) == (True, True)
    assert "LG533" in shell("monitor", "ack", digits, code=2)
    assert "LG980" in shell("monitor", "ack", "feed", "--reason", "x", code=2)
    assert "is acknowledged by mara" in shell("monitor", "ack", digits, "--reason", "a new fleet")
    assert "was acknowledged by mara already" in shell("monitor", "ack", digits, "--reason", "again")
    assert "drifts in" not in shell("status")
    page = shell("monitor", "--once")
    assert ("ALARM" in page, "acknowledged by mara: a new fleet" in page) == (False, True)
    assert "LG980" in shell("monitor", "ack", "latest", "--reason", "x", code=2)
    assert "acknowledge" in shell("log", "show")


def test_from_an_alarm_to_a_new_life(house: Drifting, shell: Shell) -> None:
    """Accepted, how it is now is the reference: no alarm under it, and everything still verifies."""
    looked = shell("monitor", "accept", "--dry-run")
    assert "5,000 rows" in looked
    done = told(shell("monitor", "accept", "--reason", "summer", "--json"))
    assert (done["schema"], done["accepted"]["rows"]) == ("lockgate.acknowledge/v1", 5000)
    assert "drifts in" not in shell("status")
    house.serve(4, shift=0.5)
    page = shell("monitor", "--once")
    assert ("ALARM" in page, "a new life" in page, "4,000 rows compared" in page) == (False, True, True)
    shell("verify", "--all")


def test_too_few_rows_and_other_words_are_refused(shell: Shell) -> None:
    """How many there are; how a time is written."""
    assert "LG982" in shell("monitor", "accept", "--since", "1s", "--reason", "x", code=1)
    assert "LG940" in shell("monitor", "accept", "--since", "yesterday", "--reason", "x", code=2)


def test_only_an_approver_answers(house: Drifting, shell: Shell, tmp_path: Path) -> None:
    """Without that key here nothing is signed, and the alarm stays open."""
    key = house.signed.keyring.private_path("approver")
    key.rename(tmp_path / "elsewhere")
    try:
        for verb in ("ack", "accept"):
            assert "approver" in shell("monitor", verb, "latest", "--reason", "x", code=4)
        assert "drifts in" in shell("status")
    finally:
        (tmp_path / "elsewhere").rename(key)


def test_signed_into_a_file_it_counts_when_the_log_has_it(shell: Shell, tmp_path: Path) -> None:
    """An approver on another machine: nothing is closed before."""
    file = str(tmp_path / "answer")
    shell("monitor", "ack", "latest", "--reason", "x", "--to-file", file)
    assert "drifts in" in shell("status")
    shell("log", "add", file)
    assert "drifts in" not in shell("status")


def test_the_page_as_a_file(shell: Shell, tmp_path: Path) -> None:
    """One document that loads nothing, with the histograms."""
    out = tmp_path / "page.html"
    shell("monitor", "--html", str(out))
    text = out.read_text()
    assert ("<svg" in text, "flights@1" in text, "http://" in text.replace("http://www.w3.org", "")) == (
        True,
        True,
        False,
    )


def looks(page: MonitorPage, times: int) -> Iterator[MonitorPage]:
    """As many looks, then Ctrl-C."""
    yield from (replace(page, size=page.size + number) for number in range(1, times + 1))
    raise KeyboardInterrupt


def test_live_it_is_drawn_until_it_is_left(house: Drifting) -> None:
    """Each look is drawn; Ctrl-C ends it with the last page, and the terminal as it was."""
    page = house.project.monitor()
    screen = Console(file=io.StringIO(), force_terminal=True, width=100, height=40)
    found = looks(page, 2)
    last = live(page, lambda: next(found), console=screen, pause=lambda _: None)
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert last.size == page.size + 2
    assert [f"{page.size + number:,} entries" in text for number in range(3)] == [True, True, True]
    assert text.rindex("\x1b[?1049l") > text.rindex("entries")


def test_nothing_that_others_said_steers_the_terminal(house: Drifting) -> None:
    """A name of a field with an escape sequence and with rich's own marks is text."""
    page = house.project.monitor()
    one = page.models[0]
    strange = replace(one.streams[0], name="\x1b[2J[red]x")
    text = drawn(replace(page, models=(replace(one, ref="\x1bm", streams=(strange,)),))).plain
    assert ("\x1b" in text, "\\x1b[2J[red]x" in text, "\\x1bm" in text) == (False, True, True)


def test_it_is_shown_while_others_are_at_work(house: Drifting, shell: Shell) -> None:
    """Whoever only looks takes no lock and needs no key: it is the same while something serves, moves or runs."""
    with (
        lock(house.signed.home / "state" / "locks" / "project"),
        lock(house.signed.home / "state" / "locks" / "deploy"),
    ):
        assert "ALARM" in shell("monitor", "--once")
