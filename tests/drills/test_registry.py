"""Drills on the registry: each is stopped by its finding, and bites where that one check is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.drills.replays.registry import DRILLS
from lockgate.drills.replays.scene import Scene
from tests.drills.checks_registry import BEHIND, CHECKS
from tests.support.drilling import bites, by_day, stopped

BY_ID = {drill.id: drill for drill in DRILLS}
STOPPED: tuple[str, ...] = ("model-swapped", "tag-overwritten", "signature-removed")
BITES: tuple[str, ...] = ("model-swapped", "tag-overwritten", "signature-removed")
"""What is played at every change. All that takes no gateway."""


def test_each_drill_has_a_check() -> None:
    """None is without its positive control, and no check is about a drill that is gone."""
    assert BY_ID.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", by_day(BY_ID, STOPPED))
def test_it_is_stopped(name: str, base: Scene) -> None:
    """By its own finding; the attacker gets nothing."""
    assert not stopped(BY_ID[name], base).tried.reached


@pytest.mark.parametrize("name", by_day(BY_ID, BITES))
def test_it_bites(name: str, base: Scene, tmp_path: Path) -> None:
    """Without that check the attacker's files are taken for the model, or a model counts as signed that is not."""
    bites(BY_ID[name], base, CHECKS[name], tmp_path, behind=BEHIND.get(name, ""))
