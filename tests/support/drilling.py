"""A drill, and the same drill where the one check that stops it is patched out."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.drills.replays.program import Program
from lockgate.drills.replays.run import play_one
from lockgate.drills.replays.scene import LEFT_OUT, Scene, begin
from lockgate.drills.replays.served import Houses
from lockgate.drills.replays.spec import Drill, Outcome
from lockgate.testing import Patch, patched


def stopped(drill: Drill, base: Scene) -> Outcome:
    """Play `drill`; it must be stopped, in part where it has a limit, by its own finding."""
    outcome = play_one(drill, base)
    assert not outcome.why, outcome.why
    assert outcome.applies, outcome.inapplicable
    assert outcome.finding == drill.finding, (outcome.others, outcome.tried)
    assert outcome.stopped, outcome
    return outcome


def bites(drill: Drill, base: Scene, patches: Sequence[Patch], place: Path, *, behind: str = "") -> Outcome:
    """Play `drill` against a copy of the program without its check: not stopped, and the attacker gets on.

    `behind`: another control's finding that stops it all the same. Its own must not be told then.
    """
    program = replace(base.program, path=patched(place / "patched", patches))
    houses = Houses()
    try:
        outcome = play_one(drill, replace(base, program=program, houses=houses))
    finally:
        houses.close()
    assert not outcome.why, outcome.why
    assert outcome.applies, outcome.inapplicable
    assert outcome.stopped is False, outcome
    if behind:
        assert behind in outcome.others, (outcome.tried, outcome.others)
        assert not outcome.tried.reached, outcome.tried
    else:
        assert outcome.tried.reached, (outcome.tried, outcome.others)
    return outcome


def by_day(ids: Iterable[str], chosen: Collection[str]) -> list[Any]:
    """Ids as parameters of a test: those that are `chosen` play at every change, the others by night."""
    return [pytest.param(name, marks=() if name in chosen else pytest.mark.nightly) for name in ids]


def twin(root: Path, place: Path, program: Program) -> Scene:
    """The twin of a project of this test's own, as it is; `program.home` becomes `place`."""
    target = place / "twin"
    shutil.copytree(root, target, symlinks=True, ignore=LEFT_OUT)
    return begin(Scene(place, target, replace(program, home=place)))
