"""Several machines: each with keys, pins and a copy of the project of its own, and the command line on it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.seal import Sealer
from lockgate.audit.seen import SeenStore
from lockgate.cli.main import run
from lockgate.project import Project
from lockgate.trust import pin
from tests.support.project import SignedProject, register_here

TOML = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
"""


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, data and talk."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything that it printed."""
        return self.out + self.err


@dataclass(frozen=True)
class Machine:
    """One user on one host. `root` is the project's folder there."""

    root: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process this machine's."""
        return {
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "HOME": str(self.home),
        }

    def run(self, *arguments: str) -> Done:
        """A command of `lockgate` in the project's folder, as if it were typed without a terminal."""
        out, err = io.StringIO(), io.StringIO()
        with self.here() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.root)
            patch.setattr("sys.stdin", io.StringIO())
            code = run([*arguments])
        return Done(code, out.getvalue(), err.getvalue())

    def asked(self, *arguments: str) -> dict[str, Any]:
        """The JSON of a command that must succeed."""
        done = self.run(*arguments, "--json")
        assert done.code == 0, done.text
        found: dict[str, Any] = json.loads(done.out)
        return found

    def ok(self, *arguments: str) -> str:
        """As `run`, for a command that must succeed; everything that it printed."""
        done = self.run(*arguments)
        assert done.code == 0, done.text
        return done.text

    def refused(self, finding: str, *arguments: str) -> str:
        """As `run`, for a command that must be refused with `finding`; everything that it printed."""
        done = self.run(*arguments)
        assert (done.code != 0, finding in done.text) == (True, True), done.text
        return done.text

    @contextmanager
    def here(self) -> Iterator[pytest.MonkeyPatch]:
        """This process is on this machine."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield patch

    def project(self) -> Project:
        """The project, as the library sees it; to be used within `here`."""
        return Project.open(self.root)

    def take(self, other: Machine) -> None:
        """Fetch the evidence from another machine, as git does: registry and log, and nothing else."""
        for name in ("registry", "log"):
            shutil.rmtree(self.root / ".lockgate" / name, ignore_errors=True)
            shutil.copytree(other.root / ".lockgate" / name, self.root / ".lockgate" / name)


def founded(folder: Path, *, person: str = "mara", models: int = 1) -> tuple[Machine, SignedProject]:
    """A machine on which `person` founded a project, with `models` registered; nothing is invented but the work."""
    machine = Machine(folder / "project", folder)
    machine.root.mkdir(parents=True)
    (machine.root / "lockgate.toml").write_text(TOML)
    with machine.here() as patch:
        signed = SignedProject(machine.root, person=person)
        _begin_predictions(signed)
        for number in range(models):
            signed.candidate(1.0 + number)
            register_here(signed, patch)
        pin.pin(signed.created.project_id, machine.root, signed.clock())
    return machine, signed


def another(folder: Path, of: Machine, project_id: str) -> Machine:
    """Another machine, with a copy of the project, whose user has pinned the root."""
    machine = Machine(folder / "project", folder)
    machine.root.mkdir(parents=True)
    shutil.copy(of.root / "lockgate.toml", machine.root)
    machine.take(of)
    machine.ok("trust", "pin", project_id)
    return machine


def _begin_predictions(signed: SignedProject) -> None:
    log_dir = signed.home / "log" / PREDICTIONS
    log_dir.mkdir(parents=True)
    project_id = signed.created.project_id
    Sealer(
        log_dir,
        origin=origin(project_id, PREDICTIONS),
        sign=signed.keyring.signer("sealer").sign_note,
        public_key=signed.created.roles.sealer_key(),
        seen=SeenStore(pin.seen_folder(project_id) / PREDICTIONS),
    ).append([])
