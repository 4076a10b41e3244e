"""Drills with rows and data files: each is stopped by its finding, and bites where that one check is gone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.drills.replays.data import DRILLS
from lockgate.drills.replays.run import play_one
from lockgate.drills.replays.scene import Scene
from lockgate.drills.replays.spec import Outcome
from tests.drills.checks_data import CHECKS
from tests.support.drilling import bites, by_day, stopped

BY_ID = {drill.id: drill for drill in DRILLS}
SCREENED = ("poisoned-labels", "poisoned-trigger")
"""The screen of the base is off, and takes seconds: tests/attacks/test_poisoned_training.py sees it look in CI."""
PLAIN = tuple(name for name in BY_ID if name not in SCREENED)
STOPPED = ("bad-source", "split-view", "edited-snapshot", "hostile-data-file")
BITES = ("split-view",)
"""What is played at every change. The attacks' own tests see the same controls refuse; the rest is nightly."""
LIMITED = ("split-view",)


def _with_policy(scene: Scene, change: Callable[[str], str]) -> Scene:
    """The scene, after its owner changed the policy and signed it."""
    file = scene.root / "policy.toml"
    text = file.read_text("utf-8")
    version = re.search(r"^version = (\d+)$", text, re.MULTILINE)
    assert version is not None
    file.write_text(change(text.replace(version[0], f"version = {int(version[1]) + 1}", 1)), "utf-8")
    scene.must("policy", "sign")
    return replace(scene, base=None)


@pytest.fixture(name="screened", scope="module")
def _screened(base: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """The same project, whose policy lets the screen look: signed by its owner, and the rows judged once more."""
    scene = base.copy(tmp_path_factory.mktemp("screened"))
    return _with_policy(scene, lambda text: re.sub(r'^\w+ = "off"\n', "", text, flags=re.MULTILINE))


def test_each_drill_has_a_check() -> None:
    """None is without its positive control, and no check is about a drill that is gone."""
    assert BY_ID.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", by_day(PLAIN, STOPPED))
def test_it_is_stopped(name: str, base: Scene) -> None:
    """By its own finding, and the attacker gets nothing; in part where the control has a limit that is told."""
    outcome = stopped(BY_ID[name], base)
    assert not outcome.tried.reached
    assert outcome.stopped == ("part" if name in LIMITED else True)


@pytest.mark.parametrize("name", by_day(PLAIN, BITES))
def test_it_bites(name: str, base: Scene, tmp_path: Path) -> None:
    """Without its check the rows are taken, the file is read, the server is asked, the label counts."""
    bites(BY_ID[name], base, CHECKS[name], tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", SCREENED)
def test_the_screen_tells(name: str, screened: Scene) -> None:
    """Poisoned rows are named, far more of them than chance would; the policy only warns, so they go on."""
    outcome: Outcome = stopped(BY_ID[name], screened)
    assert outcome.stopped == "part"
    assert outcome.tried.reached


@pytest.mark.nightly
@pytest.mark.parametrize("name", SCREENED)
def test_without_its_rule_nothing_is_told(name: str, screened: Scene, tmp_path: Path) -> None:
    """The same rows, and nobody hears of them."""
    bites(BY_ID[name], screened, CHECKS[name], tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", SCREENED)
def test_an_enforced_rule_refuses(name: str, screened: Scene, tmp_path: Path) -> None:
    """Where the policy enforces the rule, the rows are refused: nothing is trained on them."""
    rule = {"poisoned-labels": "labels", "poisoned-trigger": "triggers"}[name]
    scene = screened.copy(tmp_path)
    header = f"[environment.{scene.strict}.screen]\n"
    scene = _with_policy(scene, lambda text: text.replace(header, f'{header}{rule} = "enforce"\n'))
    outcome = stopped(BY_ID[name], scene)
    assert not outcome.tried.reached


@pytest.mark.nightly
def test_a_screen_that_is_off_stops_nothing(base: Scene) -> None:
    """What a policy switches off is not told as if it held."""
    outcome = play_one(BY_ID["poisoned-labels"], base)
    assert outcome.stopped is False
    assert outcome.tried.reached
