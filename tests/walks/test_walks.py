"""Each walk below examples/walks/ is walked again, and says what its page says. Nightly: each trains a model."""

from __future__ import annotations

import subprocess
from difflib import unified_diff
from pathlib import Path

import pytest

from tests.support.shell import Ready
from tests.support.walking import WALKS, Walk, environment, masked

NAMES = sorted(page.parent.name for page in WALKS.glob("*/walk.md"))


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NAMES)
def test_a_walk_is_as_it_was_written_down(name: str, on_disk: Path, ready: Ready) -> None:
    """The same commands end with the same exit codes and say the same words; what is measured may differ."""
    walk = Walk.read(name)
    if walk.needs and subprocess.run(["bash", "-c", walk.needs], env=environment(on_disk), check=False).returncode:
        pytest.skip(f"this machine lacks what the walk needs: {walk.needs}")

    again = walk.play(on_disk, known=ready.shell.home / "state")

    for then, now in zip(walk.commands(), again.commands(), strict=True):
        same = (then.code, masked(then.said)) == (now.code, masked(now.said))
        assert same, "\n".join(unified_diff(masked(then.page()), masked(now.page()), "page", "now", lineterm=""))
