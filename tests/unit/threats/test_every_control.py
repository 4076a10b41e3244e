"""With any single control patched out, a threat leaves HELD: from what a drill shows then, through the statement.

`tests/drills` patches each check out of a copy of the program and sees that its drill is not stopped. Here that outcome
goes the way of any other: signed as it is signed, read as it is read, judged by the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

import tests.drills
from lockgate.audit.drilled import Played, drill_statement, newest
from lockgate.core.checkpoint import Checkpoint
from lockgate.drills.replays.all import DRILLS
from lockgate.drills.replays.spec import Outcome, Tried
from lockgate.project.threats.catalogue import shipped
from lockgate.project.threats.gather import _drills
from lockgate.threats.facts import Facts
from tests.support.evidence import Chronicle
from tests.support.threats import NOW, POLICY, PROGRAM, held, statuses


def checks() -> Iterator[str]:
    """Every drill whose check is patched out in a test."""
    for path in sorted(Path(tests.drills.__path__[0]).glob("checks_*.py")):
        yield from import_module(f"tests.drills.{path.stem}").CHECKS


CHECKED: Final = tuple(checks())


def shown(id_: str, stopped: Any) -> Facts:
    """What is known once this outcome was signed, everything else being as well as can be."""
    drill = DRILLS[id_]
    outcome = Outcome(drill, Tried("", ""), stopped, drill.finding if stopped else None)
    statement = drill_statement(
        Played([outcome.as_json()], "0.1", PROGRAM),
        policy=(POLICY, 1),
        machine={"level": 3, "launcher": "bubblewrap", "kernel": "6.1"},
        log=Checkpoint("log", 1, bytes(32)),
        now=NOW,
    )
    one = replace(Chronicle(now=NOW).add(statement, role="judge"), index=30)
    assert list(newest([one])) == [id_]
    facts = held()
    return replace(facts, drills={**facts.drills, **_drills([one], facts.environment)})


@pytest.mark.parametrize("id_", CHECKED)
def test_a_check_that_is_patched_out_breaks_a_threat(id_: str) -> None:
    """Stopped: everything stays HELD. With its check patched out: the threat of the drill is BROKEN."""
    catalogue = shipped()
    of = DRILLS[id_].threat
    assert DRILLS[id_].control in catalogue.threats[of].controls
    for stopped in (True, "part"):
        assert {"HELD", "OUT"} == set(statuses(shown(id_, stopped)).values())
    found = statuses(shown(id_, stopped=False))
    assert (found[of], list(found.values()).count("BROKEN")) == ("BROKEN", 1)


def test_every_drill_has_its_check() -> None:
    """None is only believed to bite."""
    assert sorted(CHECKED) == sorted(DRILLS)


def test_every_control_is_drilled() -> None:
    """A control that no statement proves is the one by which some drill must be stopped."""
    catalogue = shipped()
    drilled = {drill.control for drill in DRILLS.values()}
    only = {one.id for one in catalogue.controls.values() if one.proof == "drill"}
    assert only - drilled == set()
