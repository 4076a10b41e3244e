"""Registered models with an honest log, for whoever cleans, compares or runs again: made once, copied for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.seal import seal
from lockgate.trust import pin
from tests.support.project import SignedProject, at_home, fork, signed_project

TOML = """[project]
name = "flights"
[data]
sources = ["rows/*.csv"]
contract = "contract.py:Flight"
label = "delay"
"""


def founded(home: Path, patch: pytest.MonkeyPatch) -> SignedProject:
    """A project with settings, a lock file, a pinned root and an empty log of predictions."""
    project = signed_project(home, patch)
    (project.root / "lockgate.toml").write_text(TOML)
    (project.root / "requirements.lock").write_bytes(b"lock\n")
    pin.pin(project.created.project_id, project.root, project.clock())
    seal(
        project.home / "log" / PREDICTIONS,
        [],
        origin=origin(project.created.project_id, PREDICTIONS),
        sign=project.keyring.signer("sealer").sign_note,
        public_key=project.created.roles.sealer_key(),
    )
    return project


def copied(made: tuple[Path, SignedProject], folder: Path, patch: pytest.MonkeyPatch) -> SignedProject:
    """The same project with the same keys in `folder`, and a memory of its own: others may grow another log."""
    home, project = made
    at_home(home, patch)
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    return fork(project, folder)
