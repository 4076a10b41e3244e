"""Rows that are alike at any distance are left out of the test: it looks as calm as where nothing changed, and is not.

A sensor that stands still does that, and so does a client that sends its rows sorted.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.audit.sight import MOST_WINDOWS
from lockgate.deploy.watch import Judged
from lockgate.project import Project
from lockgate.project.monitor_html import page_as_document
from lockgate.project.monitor_lines import model_lines
from lockgate.supervise.lookout import Lookout
from lockgate.trust import pin
from tests.support.alarmed import PLAN, gateway_of, live, watched
from tests.support.laddered import Laddered, log_of


def told(house: Laddered) -> tuple[list[str], bool, bool]:
    """The findings of a watcher that begins now; whether the page says LG697 as text, and as HTML."""
    signed = house.signed
    signed.ledger.refresh()
    look = Lookout("dev", "flights", signed.ledger.statements, lambda: log_of(house), lambda _: (PLAN,))
    page = Project(signed.root, now=signed.clock, seen_folder=signed.root / "seen").monitor()
    found = [one.finding for one in look.look(signed.clock()) if isinstance(one, Judged)]
    lines = [words for _, words in model_lines(page.models[0], page.time)]
    return found, any("LG697" in words for words in lines), "LG697" in page_as_document(page)


def test_a_test_that_compares_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the watcher, and on both pages. The control: windows that are compared are no finding."""
    house = watched(tmp_path, monkeypatch)
    pin.pin(house.signed.created.project_id, house.signed.root, house.signed.clock())
    assert told(house) == ([], False, False)
    gateway = gateway_of(house)
    for _ in range(MOST_WINDOWS):
        for _ in range(4):
            gateway.rows(live(house), 250)
        gateway.window(live(house), (), 0, dropped=1000, seen=1000)
    house.seal()
    assert told(house) == (["LG697"], True, True)
