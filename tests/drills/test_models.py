"""Drills with model files: each is stopped by its finding, and bites where that one check is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.drills.replays.models import DRILLS
from lockgate.drills.replays.scene import Scene
from tests.drills.checks_models import CHECKS
from tests.support.drilling import bites, by_day, stopped

BY_ID = {drill.id: drill for drill in DRILLS}
STOPPED = ("pickle-in-disguise", "broken-archives")
BITES: tuple[str, ...] = ()
"""What is played at every change. Other tests see the same controls refuse; the rest is nightly."""


def test_each_drill_has_a_check() -> None:
    """None is without its positive control, and no check is about a drill that is gone."""
    assert BY_ID.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", by_day(BY_ID, STOPPED))
def test_it_is_stopped(name: str, base: Scene) -> None:
    """By its own finding; the attacker gets nothing."""
    assert not stopped(BY_ID[name], base).tried.reached


@pytest.mark.parametrize("name", by_day(BY_ID, BITES))
def test_it_bites(name: str, base: Scene, tmp_path: Path) -> None:
    """Without that check one of the hostile files is imported."""
    bites(BY_ID[name], base, CHECKS[name], tmp_path)
