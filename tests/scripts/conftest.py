"""For tests by the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shell import Done, Ready, Shell, without_environment

__all__ = ["Done", "Ready", "Shell", "shell", "without_environment"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A newcomer: no keys, no pins."""
    return Shell(tmp_path)
