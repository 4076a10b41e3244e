"""What a jailed process has before it is found by what it is, not by its name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lockgate.drills.replays.spec import NotApplicable
from lockgate.drills.replays.within import before, found_below


def test_a_file_is_found_under_another_name_and_as_a_copy(tmp_path: Path) -> None:
    """The same file, and one of the same bytes; not one that only looks like it."""
    home, root = tmp_path / "home", tmp_path / "root"
    (root / "in" / "rows").mkdir(parents=True)
    home.mkdir()
    for name in ("linked", "copied", "absent"):
        (home / name).write_text(f"the key {name[:6]}")
    os.link(home / "linked", root / "in" / "rows" / "part-0")
    shutil.copy(home / "copied", root / "x")
    (root / "absent").write_text("the key other!"[:14])
    wanted = [home / name for name in ("linked", "copied", "absent")]
    assert {home / "linked", home / "copied"} == found_below([root], wanted)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link in a jail leads to what the jail has, not to what this process has."""
    key, root = tmp_path / "key", tmp_path / "root"
    key.write_text("a key")
    root.mkdir()
    (root / "key").symlink_to(key)
    assert set() == found_below([root], [key])


def test_a_process_without_a_root_of_its_own_shows_nothing(tmp_path: Path) -> None:
    """It is no jail, or this user may not look: no result, good or bad."""
    key = tmp_path / "key"
    key.write_text("a key")
    with pytest.raises(NotApplicable, match="cannot look"):
        before([os.getpid()], [key])
