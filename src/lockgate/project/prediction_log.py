"""Whose key seals the predictions in a folder: in a project the sealer's of the roles file, in a mirror this machine's.

A mirror's sealer is named by no roles file. Who reads its receipts trusts, for "this was answered here", the user of
the machine that holds the key; the project's root stands behind the model, and behind nothing else in such a receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.errors import VerificationFailed
from lockgate.project.carry.mirror import read_mirror

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.seen import SeenStore
    from lockgate.project.folder import Folder

AT_ONCE: Final = 200_000
"""Entries that are read in less than a second: what a withdrawal waits for, and no longer."""
MACHINE = "the predictions are sealed by a key of this machine, which no roles file names"


@dataclass(frozen=True)
class PredictionLog:
    """What a log of predictions is opened with. `own`: by this machine's key, in a mirror. `begun`: it must exist."""

    origin: str
    public_key: bytes
    former: tuple[bytes, ...]
    seen: SeenStore
    own: bool
    begun: bool = True

    def open(self, folder: Path) -> Log:
        """The verified log. Raises as `Log.open`."""
        return Log.open(
            folder, public_key=self.public_key, origin=self.origin, seen=self.seen, former=self.former
        )  # fmt: skip


def prediction_log(project: Folder, ledger: Ledger) -> PredictionLog:
    """The log of predictions of a folder whose events `ledger` has verified. Raises VerificationFailed."""
    if read_mirror(project.home) is None:
        return PredictionLog(
            origin(ledger.root, PREDICTIONS),
            ledger.roles.sealer_key(),
            ledger.former_sealers,
            project.seen(ledger.root, PREDICTIONS),
            own=False,
        )
    from lockgate.project.carry.station import Station

    station = Station(ledger.root, project.root)
    public = station.public()
    key = public.raw if public is not None else b""
    seen = project.seen(ledger.root, station.log)
    return PredictionLog(station.origin, key, (), seen, own=True, begun=public is not None)


def log_here(project: Folder, ledger: Ledger) -> Log | None:
    """The verified log of predictions; None where there is none, and this user never saw one.

    Raises VerificationFailed LG701 where there was one, and as `Log.open`.
    """
    served = prediction_log(project, ledger)
    folder = project.home / "log" / PREDICTIONS
    if served.begun and (folder / "checkpoint").is_file():
        return served.open(folder)
    if served.begun and served.seen.load() is not None:
        raise VerificationFailed(
            "LG701",
            "the log of predictions of this project is gone",
            seen={"folder": str(folder)},
            next="restore .lockgate from where you trust it",
        )
    return None
