"""Drills with training code: each is stopped by its finding, and bites where that one check is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.drills.replays.scene import Scene
from lockgate.drills.replays.training import DRILLS
from tests.drills.checks_training import CHECKS
from tests.support.drilling import bites, stopped

BY_ID = {drill.id: drill for drill in DRILLS}
LIMITED = ("reading-heldout",)
NOW = ("reading-heldout",)
"""Played at every change. Each of the others starts the train jail, which tests/attacks/test_train_*.py do in CI."""


def _or_nightly(names: tuple[str, ...]) -> list[object]:
    return [pytest.param(name, marks=() if name in names else pytest.mark.nightly) for name in BY_ID]


def test_each_drill_has_a_check() -> None:
    """None is without its positive control, and no check is about a drill that is gone."""
    assert BY_ID.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", _or_nightly(NOW))
def test_it_is_stopped(name: str, base: Scene) -> None:
    """By its own finding, and the attacker gets nothing; in part where the control has a limit that is told."""
    outcome = stopped(BY_ID[name], base)
    assert not outcome.tried.reached
    assert outcome.stopped == ("part" if name in LIMITED else True)


@pytest.mark.nightly
@pytest.mark.parametrize("name", BY_ID)
def test_it_bites(name: str, base: Scene, tmp_path: Path) -> None:
    """Without its check the code gets out, sees the keys or the rows, takes the machine, or brings its model live."""
    bites(BY_ID[name], base, CHECKS[name], tmp_path)
