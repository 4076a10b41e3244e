"""The real command line, end to end: one phishing project is run once, and copied by whoever tampers with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PHISHING = Path(__file__).parents[2] / "examples" / "phishing"


def without_environment(folder: str, names: list[str]) -> set[str]:
    """What a copy leaves out: the environment itself, locks, what is being written."""
    left_out = {".lockgate": {"env"}, "state": {"locks", "tmp"}}
    return left_out.get(Path(folder).name, set()) & set(names)


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs `lockgate` as a newcomer's shell would, with keys and pins in a folder of its own."""

    home: Path

    def __call__(self, *arguments: str | Path, at: Path | None = None, timeout: float = 240) -> Done:
        """Run one command. A traceback fails the test at once, whatever it is about."""
        done = subprocess.run(
            [sys.executable, "-m", "lockgate", *map(str, arguments)],
            cwd=at or self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        # A traceback of the person's own training code is told, indented; one of ours never is.
        assert not re.search("^Traceback", done.stdout + done.stderr, re.MULTILINE), done.stderr
        assert "LG999" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def environment(self) -> Mapping[str, str]:
        """The environment of a command."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("LOCKGATE", "XDG_CONFIG"))}
        return kept | {"XDG_CONFIG_HOME": str(self.home / "config"), "XDG_STATE_HOME": str(self.home / "state")}


@dataclass(frozen=True)
class Ready:
    """A project that was run and deployed."""

    shell: Shell
    root: Path
    ref: str

    def copy(self, place: Path) -> Ready:
        """A copy to tamper with, on another machine as it were: same root and keys, a memory of its own."""
        target = place / "phishing"
        shutil.copytree(self.root, target, symlinks=True, ignore=without_environment)
        # The environment is large, read-only and verified by its digest wherever it is used: linked, not copied.
        shutil.copytree(self.root / ".lockgate/env", target / ".lockgate/env", symlinks=True, copy_function=os.link)
        for name in ("config", "state"):
            shutil.copytree(self.shell.home / name, place / name)
        return Ready(Shell(place), target, self.ref)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A newcomer: no keys, no pins."""
    return Shell(tmp_path)


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ready]:
    """The phishing example, run and deployed by the real command line."""
    home = tmp_path_factory.mktemp("ready")
    shell = Shell(home)
    root = home / "phishing"
    shutil.copytree(PHISHING, root)
    for arguments in (("init", root), ("run", "-C", root), ("deploy", "latest", "-C", root)):
        done = shell(*arguments)
        assert done.code == 0, done.err
    yield Ready(shell, root, "phishing@1")
    shutil.rmtree(home, ignore_errors=True)
