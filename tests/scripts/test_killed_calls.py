"""The real command line under strace, killed on entering each system call that changes something. Nightly: it is long.

strace is also what says that the quick rounds (`tests/unit/project/test_killed_steps.py`) count every such call.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from lockgate.errors import LockgateError
from lockgate.project import Project
from tests.support.killable import Checked, Killable, State
from tests.support.killing import Change, changes_of, environment_for_strace, plain_name, strace_command
from tests.support.pushable import seen_by_a_pull
from tests.support.registry import DockerRegistry, docker_registry, needs_registry
from tests.support.shell import PHISHING, Shell, without_environment, without_screen

Capture: TypeAlias = pytest.CaptureFixture[str]
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt install strace)")
pytestmark = needs_strace
COMMANDS = {
    "register": ("register",),
    "approve": ("approve", "phishing@1", "--env", "prod", "--reason", "it is good"),
    "revoke": ("revoke", "phishing@1", "--reason", "its labels were wrong"),
    "push": ("push", "phishing@1"),
}


class RealProject(Checked):
    """The phishing example in two states: with a candidate, and with that candidate registered and live."""

    def __init__(self, place: Path) -> None:
        self.place = place / "now"
        self.place.mkdir()
        self.root = self.place / "phishing"
        self.shell = Shell(self.place)
        self._saved = place
        shutil.copytree(PHISHING, self.root)
        without_screen(self.root)
        self._do("init", self.root)
        for stage in ("ingest", "validate", "train"):
            self._do(stage, "-C", self.root)
        self._save("candidate")
        self._do("register", "-C", self.root)
        self._do("deploy", "phishing@1", "-C", self.root)
        self._save("registered")
        self.before = []

    @property
    def later(self) -> Project:
        """As the next command opens it."""
        return Project(self.root)

    def put_back(self, operation: str) -> None:
        """Everything as it was, but for the environment: large, read-only, and verified wherever it is used."""
        for path in [*self.place.glob("config"), *self.place.glob("state"), *self.root.glob(".lockgate/*")]:
            if path.name != "env":
                shutil.rmtree(path)
        shutil.copytree(self._saved / self._state(operation), self.place, dirs_exist_ok=True)
        self.before = [one.digest for one in self.later.ledger().statements()]

    def traced(self, trace: Path, arguments: tuple[str, ...], change: Change | None) -> int:
        """Run a command under strace; its exit status, negative for a signal."""
        command = [*strace_command(trace, change), sys.executable, "-m", "lockgate", *arguments, "-C", str(self.root)]
        done = subprocess.run(
            command, env=environment_for_strace(self.shell.environment()), capture_output=True, check=False, timeout=600
        )
        return done.returncode

    def _do(self, *arguments: str | Path) -> None:
        done = self.shell(*arguments)
        assert done.code == 0, done.err

    def _save(self, name: str) -> None:
        for part in ("config", "state", "phishing/.lockgate"):
            shutil.copytree(self.place / part, self._saved / name / part, ignore=without_environment)

    @staticmethod
    def _state(operation: str) -> str:
        return "candidate" if operation == "register" else "registered"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProject]:
    """Made by the real command line, once."""
    place = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("config", "state"):
            patch.setenv(f"XDG_{name.upper()}_HOME", str(place / "now" / name))
        yield RealProject(place)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """What is pushed to."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


def _changes(real: RealProject, trace: Path, operation: str, arguments: tuple[str, ...]) -> tuple[list[Change], State]:
    real.put_back(operation)
    assert real.traced(trace, arguments, None) == 0
    return changes_of(trace.read_text(errors="replace"), (str(real.place),)), real.whole()


def _tell(capsys: Capture, operation: str, changes: list[Change], failed: dict[str, str]) -> None:
    """For the table in bench/README.md."""
    with capsys.disabled():
        sys.stdout.write(f"\n{operation}: killed at {len(changes)} calls, {len(failed)} failures\n")


@pytest.mark.nightly
@pytest.mark.parametrize("operation", ["register", "approve", "revoke"])
def test_killed_at_every_call(real: RealProject, tmp_path: Path, operation: str, capsys: Capture) -> None:
    """Whole or repaired by the next command; repeated, it ends as an undisturbed run."""
    arguments, failed = COMMANDS[operation], {}
    changes, end = _changes(real, tmp_path / "trace", operation, arguments)
    assert len(changes) > 20
    for change in changes:
        real.put_back(operation)
        try:
            assert real.traced(tmp_path / "killed", arguments, change) == -signal.SIGKILL
            real.check_after_kill()
            real.repair()
            assert real.shell(*arguments, "-C", real.root).code == 0
            assert end == real.whole()
        except (AssertionError, LockgateError) as error:
            failed[f"{change.call} {change.number}"] = f"{change.text}: {error!r}"
    _tell(capsys, operation, changes, failed)
    assert not failed


@needs_registry
@pytest.mark.nightly
def test_a_push_killed_at_every_call(
    real: RealProject, registry: DockerRegistry, tmp_path: Path, capsys: Capture
) -> None:
    """A pull gets nothing, cleanly, or the model whole; the next push completes; the project is as it was."""
    remote, failed = f"{registry.host}/team/phishing", {}
    changes, end = _changes(real, tmp_path / "trace", "push", (*COMMANDS["push"], f"{remote}-counted"))
    root = real.later.trusted_root()
    real.put_back("push")
    for number, change in enumerate(changes):
        there = f"{remote}-{number}"
        try:
            assert real.traced(tmp_path / "killed", (*COMMANDS["push"], there), change) == -signal.SIGKILL
            assert seen_by_a_pull(there, root, tmp_path / "elsewhere") in {"LG897", "phishing@1"}
            real.later.push("phishing@1", there)
            assert seen_by_a_pull(there, root, tmp_path / "elsewhere") == "phishing@1"
            assert end == real.whole()
        except (AssertionError, LockgateError) as error:
            failed[f"{change.call} {change.number}"] = f"{change.text}: {error!r}"
    _tell(capsys, "push", changes, failed)
    assert not failed


_COUNTED = """
import json, os, sys
from datetime import datetime
from pathlib import Path
from typing import TypeAlias
from lockgate.project import Project
from tests.support.killable import OPERATIONS
from tests.support.killing import Counter
from tests.support.project import Clock

clock = Clock(datetime.fromisoformat(sys.argv[2]))
counter = Counter()
counter.install()
for operation in OPERATIONS.values():
    operation(Project(Path(sys.argv[1]), clock))
print(json.dumps(counter.names))
"""


def test_strace_sees_no_change_that_the_quick_rounds_do_not_count(tmp_path: Path) -> None:
    """Call for call, in all threads: what the kernel was asked to change is what the counter counted."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", "/set-below")
        killable = Killable(tmp_path / "place")
        done = subprocess.run(
            [
                *strace_command(tmp_path / "trace"), "-f",
                sys.executable, "-c", _COUNTED, str(killable.root), killable.now.isoformat(),
            ],
            cwd=Path(__file__).parents[2],
            env=environment_for_strace(os.environ),
            capture_output=True,
            check=True,
        )  # fmt: skip
    counted = [plain_name(name) for name in json.loads(done.stdout)]
    trace = (tmp_path / "trace").read_text(errors="replace")
    assert counted == [plain_name(one.call) for one in changes_of(trace, (str(killable.place),))]
    assert {"open", "write", "fsync", "link", "rename", "unlink"} <= set(counted)
