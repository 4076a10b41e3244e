"""Drills of a running house: each is stopped, and each succeeds where its one check is patched out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.drills.replays.house import DRILLS
from lockgate.drills.replays.scene import Scene
from tests.drills.checks_house import CHECKS, HALVES
from tests.support.drilling import bites, stopped

BY_ID = {drill.id: drill for drill in DRILLS}


ALL = [
    # Each has a gateway of its own, and what it attacks is seen refused in `tests/attacks` too: one is enough by day.
    pytest.param(name, marks=() if name == "forged-records" else pytest.mark.nightly)
    for name in BY_ID
]


@pytest.mark.parametrize("name", ALL)
def test_it_is_stopped(name: str, base: Scene) -> None:
    """By its own finding, and nobody gets anything."""
    assert not stopped(BY_ID[name], base).tried.reached


@pytest.mark.nightly  # each starts a gateway of its own program
@pytest.mark.parametrize("name", CHECKS)
def test_it_bites(name: str, base: Scene, tmp_path: Path) -> None:
    """Without its check the same attack succeeds."""
    bites(BY_ID[name], base, CHECKS[name], tmp_path)


@pytest.mark.nightly  # the same
@pytest.mark.parametrize("name", HALVES)
def test_it_bites_where_only_half_is_open(name: str, base: Scene, tmp_path: Path) -> None:
    """What is refused elsewhere does not cover for the one place that lets the attacker in."""
    outcome = bites(BY_ID[name.partition(":")[0]], base, HALVES[name], tmp_path)
    assert outcome.drill.finding in outcome.others


def test_each_has_its_control() -> None:
    """No drill is without a positive control."""
    assert set(BY_ID) == set(CHECKS)
