"""The real command line, end to end: one phishing project is run once, and copied by whoever tampers with it.

The worker processes of a session share that one run: nobody works in it, each works in copies.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli.main import run
from lockgate.core.screen import RULES

PHISHING = Path(__file__).parents[2] / "examples" / "phishing"
WORDS = "run.txt"
MADE = "ready.made"


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

    def __post_init__(self) -> None:
        """A traceback fails the test at once, whatever it is about."""
        # A traceback of the person's own training code is told, indented; one of ours never is.
        assert not re.search("^Traceback", self.out + self.err, re.MULTILINE), self.err
        assert "LG999" not in self.err, self.err

    @property
    def json(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Runs `lockgate` as a newcomer's shell would, with keys and pins in a folder of its own."""

    home: Path

    def __call__(self, *arguments: str | Path, at: Path | None = None, timeout: float = 240) -> Done:
        """Run one command in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "lockgate", *map(str, arguments)],
            cwd=at or self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def here(self, *arguments: str | Path, at: Path | None = None) -> Done:
        """Run one command in this process: for what starts no jail, where the process is not what is tested."""
        out, err, wanted = io.StringIO(), io.StringIO(), self.environment()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(at or self.home)
            for name in set(os.environ) - set(wanted):
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            code = run(list(map(str, arguments)))
        return Done(code, out.getvalue(), err.getvalue())

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
        (target / ".lockgate/env").symlink_to(os.path.realpath(self.root / ".lockgate/env"))
        for name in ("config", "state"):
            shutil.copytree(self.shell.home / name, place / name)
        shutil.copy(self.shell.home / WORDS, place / WORDS)
        return Ready(Shell(place), target, self.ref)

    @property
    def words(self) -> str:
        """What `lockgate run` said to the person who ran it."""
        return (self.shell.home / WORDS).read_text(encoding="utf-8")


@contextmanager
def shared(session: Path, *, ahead: bool) -> Iterator[None]:
    """As long as any worker is in here, what `ready_in` makes stays; the last one removes it: it is large.

    `ahead`: it is made beside the first tests, so that no worker has to wait for another that makes it.
    """
    with (session / "ready.users").open("w") as using:
        fcntl.flock(using, fcntl.LOCK_SH)
        maker = _start_to_make(session) if ahead else None
        try:
            yield
        finally:
            if maker:
                maker.wait()  # where it failed, whoever needed it has tried again, and said why
            with _held(session):
                fcntl.flock(using, fcntl.LOCK_UN)
                with suppress(BlockingIOError):
                    fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    (session / MADE).unlink(missing_ok=True)
                    shutil.rmtree(session / "ready", ignore_errors=True)


def ready_in(session: Path) -> Ready:
    """The phishing example, run and deployed by the real command line below `session`, by whoever comes first."""
    with _held(session):
        _make(session)
    return Ready(Shell(session / "ready"), session / "ready" / "phishing", "phishing@1")


def _start_to_make(session: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __spec__.name, str(session)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=PHISHING.parents[1], stdin=quiet, stdout=quiet, stderr=quiet)


@contextmanager
def _held(session: Path) -> Iterator[None]:
    with (session / "ready.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(session: Path) -> None:
    home, made = session / "ready", session / MADE
    if made.exists():
        return
    shutil.rmtree(home, ignore_errors=True)  # of somebody who died on the way
    home.mkdir()
    _run_and_deploy(home)
    made.touch()


def without_screen(root: Path) -> None:
    """Let the policy of a project that is not set up yet turn the poisoning screen off: it takes seconds of each run.

    The examples in `tests/examples`, and the tests about the screen, leave it on.
    """
    policy = root / "policy.toml"
    off = "".join(f'{rule} = "off"\n' for rule in RULES)
    tables = [f"[environment.{name}.screen]\n{off}" for name in ("dev", "prod")]
    policy.write_text("\n".join([policy.read_text(encoding="utf-8"), *tables]), encoding="utf-8")


def _run_and_deploy(home: Path) -> None:
    shell, root = Shell(home), home / "phishing"
    shutil.copytree(PHISHING, root, ignore=shutil.ignore_patterns(".lockgate", "__pycache__"))
    without_screen(root)
    for arguments in (("init", root), ("run", "-C", root), ("deploy", "latest", "-C", root)):
        done = shell(*arguments)
        assert done.code == 0, done.err
        if arguments[0] == "run":
            assert done.out == "phishing@1\n"
            (home / WORDS).write_text(done.err, encoding="utf-8")


if __name__ == "__main__":
    with _held(Path(sys.argv[1])):
        _make(Path(sys.argv[1]))
