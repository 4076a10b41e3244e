"""What `lockgate lock` tells a person to do next."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from lockgate.cli import lock
from lockgate.core.digest import digest_of
from lockgate.project import Project
from lockgate.project.locking import Locked


@pytest.mark.parametrize("is_written", [True, False])
def test_a_new_lock_is_made_an_environment_checked_and_run(monkeypatch: pytest.MonkeyPatch, is_written: bool) -> None:
    """In the order in which each finds what it needs; an old lock mostly has its environment, and check says if not."""
    done = Locked("requirements.lock", digest_of(b""), 3, (), is_written)
    monkeypatch.setattr(Project, "open", lambda _directory: SimpleNamespace(lock=lambda **_: done))
    said = CliRunner().invoke(lock.command, []).output
    asked = said.partition("next:")[2].split("\n")
    made = ["lockgate jail -- python -V   # makes the environment"] if is_written else []
    assert [*made, "lockgate check", "lockgate run"] == [line.strip() for line in asked if line.strip()]
