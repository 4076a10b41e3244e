"""Drills against the model itself: each is told, and nobody notices where the one check is patched out.

The phishing example has few values, in which no row is near another, and no ladder: those drills have a project of
their own, at night.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.drills.replays import climbing
from lockgate.drills.replays.abuse import DRILLS
from lockgate.drills.replays.program import Program
from lockgate.drills.replays.run import play_one
from lockgate.drills.replays.scene import Scene
from tests.drills.checks_abuse import CHECKS
from tests.support.drill_project import write
from tests.support.drilling import bites, stopped, twin

BY_ID = {drill.id: drill for drill in (*DRILLS, *climbing.DRILLS)}
ELSEWHERE = ("evasion-queries", "worse-on-ladder")
"""What does not apply to the phishing example."""
HERE = tuple(name for name in BY_ID if name not in ELSEWHERE)


@pytest.fixture(name="pumps", scope="module")
def _pumps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("pumps")
    scene = twin(write(place / "project"), place, Program(place))
    yield scene
    scene.houses.close()


@pytest.mark.nightly  # some seconds each: many requests, and the look at them
@pytest.mark.parametrize("name", HERE)
def test_it_is_told(name: str, base: Scene) -> None:
    """By its own finding, in what operators look at."""
    stopped(BY_ID[name], base)


@pytest.mark.nightly  # each starts a gateway of its own program
@pytest.mark.parametrize("name", HERE)
def test_it_bites(name: str, base: Scene, tmp_path: Path) -> None:
    """Without its check the same requests pass, and nothing is told of them."""
    bites(BY_ID[name], base, CHECKS[name], tmp_path)


@pytest.mark.nightly  # a twin of its own
@pytest.mark.parametrize("name", ELSEWHERE)
def test_it_is_told_elsewhere(name: str, pumps: Scene) -> None:
    """The same, of a project of numbers."""
    stopped(BY_ID[name], pumps)


@pytest.mark.nightly  # a twin of its own
@pytest.mark.parametrize("name", ELSEWHERE)
def test_it_bites_elsewhere(name: str, pumps: Scene, tmp_path: Path) -> None:
    """The same, of a project of numbers."""
    bites(BY_ID[name], pumps, CHECKS[name], tmp_path)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_it_does_not_apply_to_a_project_without_what_it_attacks(name: str, base: Scene) -> None:
    """No result, good or bad, and the reason in a sentence."""
    outcome = play_one(BY_ID[name], base)
    assert not outcome.applies
    assert outcome.inapplicable


def test_each_has_its_control() -> None:
    """No drill is without a positive control."""
    assert set(BY_ID) == set(CHECKS)
