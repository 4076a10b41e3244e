"""For drills: the base is the project that this session ran once; each drill plays in copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.drills.replays.program import Program
from lockgate.drills.replays.scene import Scene
from tests.support.shell import Ready


@pytest.fixture(scope="session")
def base(ready: Ready) -> Iterator[Scene]:
    """A twin: run and deployed in dev by the real command line, never tampered with."""
    scene = Scene(ready.shell.home, Path(ready.root), Program(ready.shell.home), ref=ready.ref)
    yield scene
    scene.houses.close()
