"""Drills over HTTP: each is stopped, and each succeeds where its one check is patched out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from lockgate.drills.replays.requests import DRILLS
from lockgate.drills.replays.scene import Scene
from lockgate.drills.replays.served import Answer
from lockgate.drills.replays.spec import judged
from tests.drills.checks_requests import CHECKS, HALVES
from tests.support.drilling import bites, stopped

BY_ID = {drill.id: drill for drill in DRILLS}


@dataclass(frozen=True)
class _Gateway:
    """Of two calls, which ask who calls but for `forgotten`. What is told inside is told of an empty body."""

    forgotten: str = ""

    def shared_house(self) -> _Gateway:
        return self

    def key(self) -> str:
        return "a key"

    def get(self, _path: str, *, key: str) -> Answer:
        assert key
        return Answer(200, {"paths": {"/metrics": {"get": {}}, "/feedback": {"post": {}}}})

    def ask(self, _method: str, path: str, *_: object, source: str) -> Answer:
        assert source.startswith("127.")
        return Answer(400, {"finding": "LG608"}) if path == self.forgotten else Answer(401, {"finding": "LG601"})


@pytest.mark.parametrize(("forgotten", "stopped"), [("", True), ("/feedback", False), ("/metrics", False)])
def test_one_call_that_forgets_to_ask_is_enough(forgotten: str, *, stopped: bool) -> None:
    """That the other calls refuse does not cover for it, nor that it wants another body than an empty one."""
    scene: Any = _Gateway(forgotten)
    drill = BY_ID["default-credentials"]
    assert stopped is judged(drill, drill.act(cast("Scene", scene))).stopped


@pytest.mark.parametrize("name", BY_ID)
def test_it_is_stopped(name: str, base: Scene) -> None:
    """By its own finding, and nobody gets anything."""
    assert not stopped(BY_ID[name], base).tried.reached


@pytest.mark.nightly  # each starts a gateway of its own program
@pytest.mark.parametrize("name", CHECKS)
def test_it_bites(name: str, base: Scene, tmp_path: Path) -> None:
    """Without its check the same requests get what they are after."""
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
