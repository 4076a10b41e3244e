"""A project to kill commands in, put back as it was before each kill, and what must hold after one."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.entries import registrations
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.seal import Sealer
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, digest_of, hex_of
from lockgate.core.encoding import encode
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError
from lockgate.project import Project
from lockgate.register import run as register
from lockgate.register.spec import RegisterSpec
from lockgate.sandbox.report import JailReport, Probe
from lockgate.trust import pin
from tests.support.killing import leftovers
from tests.support.project import START, Clock, SignedProject, register_here

TOML = """[project]
name = "flights"
[data]
sources = ["data/none.csv"]
contract = "contract.py:Flight"
label = "x"
"""
UNTIDY = {"LG804", "LG809"}
"""What may be said of a registry between a kill and the next command: a stray blob, an index that lags behind."""


@dataclass(frozen=True)
class State:
    """What a project holds, as far as no clock and no random number is in it."""

    claims: tuple[str, ...]
    models: tuple[tuple[str, Digest], ...]
    blobs: int

    @staticmethod
    def of(ledger: Ledger, blobs: int) -> State:
        """Of a project that was just verified whole."""
        statements = ledger.statements()
        return State(
            tuple(one.claim for one in statements),
            tuple((one.ref, one.manifest) for one in registrations(statements)),
            blobs,
        )


class Checked:
    """What must hold after a kill. `before`: the statements that had been acknowledged."""

    place: Path
    before: list[Digest]

    @property
    def later(self) -> Project:
        """As the next command opens it."""
        raise NotImplementedError

    def leftovers(self) -> list[str]:
        """Temporary files, anywhere."""
        return leftovers(self.place)

    def check_after_kill(self) -> None:
        """The logs verify as they are, and hold all that was acknowledged; the registry may be untidy, no more."""
        # The logs are verified before the registry: where that is untidy, they are whole.
        assert self._finding() in {"", *UNTIDY}
        statements = [one.digest for one in self.later.ledger().statements()]
        assert self.before == statements[: len(self.before)]

    def _finding(self) -> str:
        try:
            self.later.verify_everything()
        except LockgateError as error:
            return error.finding
        return ""

    def repair(self) -> None:
        """What every command does that opens the project for work; it verifies then.

        What a killed sealer left beyond its checkpoint stays for the next one: that a log grows is not known here.
        """
        with self.later.workplace():
            pass
        self.later.verify_everything()
        assert all(path.endswith("/log/events/checkpoint.next") for path in self.leftovers())

    def whole(self) -> State:
        """It verifies, nothing temporary is left, and what was seen is what is there."""
        project = self.later
        report = project.verify_everything()
        assert not self.leftovers()
        ledger: Ledger = project.ledger()
        assert (ledger.log_dir / "checkpoint").read_bytes() == project.seen(ledger.root, EVENTS).load()
        assert not report.logs.warnings
        return State.of(ledger, report.blobs)


class Killable(Checked):
    """Version 1 is registered and live in dev; a second candidate waits."""

    def __init__(self, place: Path, make: Callable[[Path], SignedProject] = SignedProject) -> None:
        self.place = place / "now"
        self._saved = place / "saved"
        (self.place / "project").mkdir(parents=True)
        self.use_home()
        made = make(self.place / "project")
        self.root = made.root
        (self.root / "lockgate.toml").write_text(TOML)
        pin.pin(made.created.project_id, self.root, START)
        Sealer(
            made.home / "log" / PREDICTIONS,
            origin=origin(made.created.project_id, PREDICTIONS),
            sign=made.keyring.signer("sealer").sign_note,
            public_key=made.created.roles.sealer_key(),
        ).append([])
        self.made = made
        with pytest.MonkeyPatch.context() as patch:
            self.prepare(patch)
        self.now = made.clock.now
        self.before = [one.digest for one in made.open_ledger().statements()]
        self.entries = len(self.before)
        with self.project.workplace():
            pass
        shutil.copytree(self.place, self._saved)

    def use_home(self) -> None:
        """Keys, pins and seen checkpoints of its own."""
        os.environ["XDG_CONFIG_HOME"] = str(self.place / "config")
        os.environ["XDG_STATE_HOME"] = str(self.place / "state")

    def prepare(self, patch: pytest.MonkeyPatch) -> None:
        """Up to where the commands begin."""
        self.made.candidate(1.0)
        register_here(self.made, patch)
        deploy(self.made.workplace(), DeploySpec("flights@1", "dev"))
        self.made.candidate(2.0)

    @property
    def project(self) -> Project:
        """Opened anew, a minute after the state was saved."""
        return Project(self.root, Clock(self.now + timedelta(minutes=1)))

    @property
    def later(self) -> Project:
        """As the next command opens it, an hour later."""
        return Project(self.root, Clock(self.now + timedelta(hours=1)))

    def put_back(self) -> None:
        """Everything as it was."""
        shutil.rmtree(self.place)
        shutil.copytree(self._saved, self.place)


def _passed(files: Mapping[str, bytes | Path]) -> dict[str, Any]:
    """What the scan says of harmless files, without a file of its own: each call that changes something is counted."""
    held = {name: data if isinstance(data, bytes) else data.read_bytes() for name, data in files.items()}
    told = [
        {"name": name, "sha256": hex_of(digest_of(data)), "size": len(data), "format": "text", "facts": {}}
        for name, data in sorted(held.items())
    ]
    return {"files": told, "refused": None}


def register_in_process(project: Project) -> None:
    """`lockgate register`, with a scan that finds nothing instead of the jail."""
    held = (Probe("everything", "none", holds=True, witness="a test's"),)
    report = JailReport("none", "parse", digest_of(b"settings"), held, {})

    def look(place: Workplace, files: Mapping[str, bytes | Path]) -> tuple[bytes, JailReport]:
        with place.scratch() as scratch:
            (scratch / "closure").mkdir()
            return encode(_passed(files)), report

    with pytest.MonkeyPatch.context() as patch, project.workplace() as place:
        patch.setattr(register, "look", look)
        register.run(place, RegisterSpec("flights"))


def approve(project: Project) -> None:
    """`lockgate approve flights@1 --env prod`."""
    project.approve("flights@1", environment="prod", reason="it is good")


def revoke(project: Project) -> None:
    """`lockgate revoke flights@1`."""
    project.revoke("flights@1", reason="its labels were wrong")


OPERATIONS: dict[str, Callable[[Project], None]] = {
    "approve": approve,
    "revoke": revoke,
    "register": register_in_process,
}


def share(steps: int, most: int = 6) -> list[int]:
    """A twentieth of the steps, each time others; what pytest-randomly says is the seed gives the same ones again."""
    return sorted(random.sample(range(1, steps + 1), min(most, max(3, steps // 20))))
