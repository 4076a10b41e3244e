"""The rules side by side: each only where it is asked for, and none that stops without a word."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lockgate.errors import Refused
from lockgate.validate.screen import every
from lockgate.validate.screen.spec import RULES, Outcome
from lockgate.validate.screen.table import Column, Table


def _table(rows: int = 8) -> Table:
    draw = np.random.default_rng(0)
    label = (draw.random(rows) < 0.5).astype(np.int64)
    origin = np.zeros(rows, np.int64)
    column = Column("age", "float", draw.random(rows))
    return Table((column,), label, ("no", "yes"), "binary", origin, ("a.csv",), seed=1)


def test_what_is_asked_for_is_answered_in_one_order() -> None:
    """Whatever the order of the question; a rule that nobody asked for is not among the answers."""
    asked: Any = ("spectral", "duplicates", "conflicts")
    found = every.screen(_table(), asked)
    assert [*found.outcomes] == ["conflicts", "duplicates", "spectral"]
    assert np.isnan(found.score).all()
    assert [*every.screen(_table(), RULES).outcomes] == [*RULES]
    assert every.screen(_table(), ()).outcomes == {}


def test_sources_have_what_labels_say_also_where_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once, and its own word is left out."""
    from lockgate.validate.screen import sources

    seen: list[Any] = []

    def kept(_: Table, labelled: Any) -> Outcome:
        seen.append(labelled)
        return Outcome()

    monkeypatch.setattr(sources, "screen", kept)
    found = every.screen(_table(), ["sources"])
    assert [*found.outcomes] == ["sources"]
    assert seen[0].outcome.absent
    assert np.isnan(found.score).all()


@pytest.mark.parametrize("rule", ["labels", "sources", "triggers"])
def test_a_rule_that_stops_is_named(monkeypatch: pytest.MonkeyPatch, rule: Any) -> None:
    """LG240 with the rule and how to go on without it: rows that make it stop do not get past it."""

    def stops(*_: Any) -> None:
        raise ZeroDivisionError("of \x1b hostile rows")

    monkeypatch.setitem(sys.modules, f"lockgate.validate.screen.{rule}", SimpleNamespace(screen=stops))
    monkeypatch.setattr(f"lockgate.validate.screen.{rule}", SimpleNamespace(screen=stops), raising=False)
    with pytest.raises(Refused) as caught:
        every.screen(_table(), [rule])
    assert caught.value.finding == "LG240"
    assert f"the rule {rule} of the screen" in caught.value.message or rule == "labels"
    assert "?" in caught.value.message
    assert "\x1b" not in caught.value.message


def test_what_needs_no_scikit_learn_does_not_load_it() -> None:
    """A second of CPU for each run, which only `labels`, from its least number of rows on, is worth."""
    program = (
        "import sys, tests.unit.validate.test_screen_every as t; from lockgate.validate.screen import every\n"
        "every.screen(t._table(60), every.RULES)\n"
        "print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False", done.stderr
