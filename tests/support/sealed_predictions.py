"""The sealer's work on a project's predictions, in this process."""

from __future__ import annotations

from pathlib import Path

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.serve.sealer import Carrier
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import SealerSettings
from tests.support.project import SignedProject
from tests.support.sealing import Fast


def seal_predictions(project: SignedProject, spools: Path) -> Log:
    """All that waits in `spools` is in the project's log of predictions when this returns."""
    root, key = project.created.project_id, project.created.roles.sealer_key()
    log_dir = project.home / "log" / PREDICTIONS
    log_dir.mkdir(exist_ok=True)
    settings = SealerSettings(origin(root, PREDICTIONS), key.hex())
    sign = project.keyring.signer("sealer").sign_note
    carrier = Carrier(settings, sign, MemorySeen(b""), spools, log_dir, disk=Fast())
    while carrier.carry() or carrier.moved:
        pass
    assert carrier.complaints() == []
    return Log.open(log_dir, public_key=key, origin=origin(root, PREDICTIONS))
