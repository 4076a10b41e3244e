"""Where the policy does not ask for it there is nothing to attack: no result, and the reason in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.drills.replays import packages
from lockgate.drills.replays.deploying import unapproved
from lockgate.drills.replays.program import Done, Program
from lockgate.drills.replays.records import settings
from lockgate.drills.replays.scene import Scene
from lockgate.drills.replays.spec import NotApplicable
from lockgate.drills.replays.training import DRILLS
from lockgate.drills.replays.trap import attempted

WORSE = next(one for one in DRILLS if one.id == "worse-model")
LAX = ("approvals = 0", 'levels = { approvals = "warn" }')
TOML = """[data]
label = "y"

[environment.indexes]  # ours
own = "https://user@pkgs.example/simple"

[environment.packages]
ours = "own"

[train]
function = "train.py:train"
"""


def _scene(root: Path) -> Scene:
    return Scene(root, root, Program(root))


@pytest.mark.parametrize("line", LAX)
def test_no_approval_is_asked_for(line: str, tmp_path: Path) -> None:
    """A model that nobody approved goes live there by right."""
    (tmp_path / "policy.toml").write_text(f"version = 1\n[environment.dev]\n[environment.prod]\n{line}\n")
    with pytest.raises(NotApplicable, match="no approval"):
        unapproved(_scene(tmp_path))


def test_no_metric_is_bounded(tmp_path: Path) -> None:
    """A worse model is no matter of the judge there."""
    (tmp_path / "policy.toml").write_text("version = 1\n[environment.dev]\n[environment.prod]\n")
    (tmp_path / "lockgate.toml").write_text(TOML)
    with pytest.raises(NotApplicable, match="no metric is bounded in prod"):
        WORSE.act(_scene(tmp_path))


def test_indexes_of_the_user_are_left_out(tmp_path: Path) -> None:
    """Nobody outside is asked, and no credential of theirs is used; all else stays."""
    (tmp_path / "lockgate.toml").write_text(TOML)
    packages.without(_scene(tmp_path), "environment.indexes", "environment.packages")
    assert settings(_scene(tmp_path)) == {"data": {"label": "y"}, "train": {"function": "train.py:train"}}


def test_indexes_that_are_spelled_in_another_way_are_not_asked_either(tmp_path: Path) -> None:
    """What cannot be taken out is told."""
    (tmp_path / "lockgate.toml").write_text('[environment]\nindexes = { own = "https://pkgs.example/simple" }\n')
    with pytest.raises(NotApplicable, match="another way"):
        packages.without(_scene(tmp_path), "environment.indexes")


def test_an_attempt_at_something_else_is_not_the_drills() -> None:
    """Training may try other things, which are denied as well."""
    document = {"finding": "LG330", "seen": {"attempts": [{"call": "connect", "target": "10.0.0.1:443"}]}}
    done = Done(("train",), 1, document, "")
    assert attempted(done, "127.0.0.1:4711") == ()
    assert (document,) == attempted(done, "10.0.0.1:443")
    assert attempted(Done(("train",), None, None, ""), "10.0.0.1:443") == ()
