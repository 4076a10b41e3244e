"""Before a house comes up: its folders, its book of ids, and spools of which the log has everything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.ledger import PREDICTIONS
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.workplace import Workplace
from lockgate.serve.recording import spools
from lockgate.serve.recording.parts import parts
from lockgate.serve.spec import TlsSpec
from lockgate.supervise.ids import FOUND, Ids
from lockgate.supervise.listening import listening
from lockgate.supervise.sealing import Sealing
from lockgate.supervise.taking import Taking
from lockgate.supervise.tls_files import TlsFiles

SOCKET = "append.sock"


@dataclass(frozen=True)
class Listen:
    """How others may append: over a socket of this machine in any case, and, where there is a `tls`, from others."""

    host: str = ""
    port: int = 0
    tls: TlsSpec | None = None
    socket: Path | None = None


def opened(home: Path, sealing: Sealing) -> Log:
    """The log of predictions, verified. Raises VerificationFailed, Unavailable."""
    return Log.open(
        home / "log" / PREDICTIONS,
        public_key=sealing.public,
        origin=sealing.origin,
        seen=sealing.seen,
        former=sealing.former,
    )


def prepare(home: Path, sealing: Sealing) -> None:
    """The folders of who seals; the gateways that the log has are in the book; spools that it has wholly are gone.

    Raises VerificationFailed and Unavailable for the log, and for the book (LG7028).
    """
    intake = home / "state" / "intake"
    intake.mkdir(parents=True, exist_ok=True, mode=0o700)
    intake.chmod(0o700)
    (home / "log" / PREDICTIONS).mkdir(parents=True, exist_ok=True, mode=0o755)
    if not (home / "log" / PREDICTIONS / "checkpoint").exists():
        return
    index = PredictionIndex(opened(home, sealing))
    numbers = {gateway: index.next_seq(gateway) for gateway in index.gateways()}
    ids = Ids(home)
    known = {one.gateway for one in ids.all()}
    ids.add_all([gateway for gateway in numbers if gateway not in known], by=FOUND, log=sealing.origin)
    for folder in (home / "state" / "spool", intake):
        if folder.is_dir():
            spools.clear_carried(folder, dict.fromkeys(parts(folder), 0) | numbers)


@contextmanager
def taking(workplace: Workplace, listen: Listen | None) -> Iterator[Taking | None]:
    """What others append by, while this lasts. Raises Unavailable LG626, Refused LG639, LG831."""
    if listen is None:
        yield None
        return
    socket = listen.socket or workplace.home / "state" / "run" / SOCKET
    if listen.tls is None:
        yield Taking(None, bytes, socket, os.geteuid())
        return
    files = TlsFiles(listen.tls, now=workplace.now, say=workplace.say)
    with listening(listen.host, listen.port) as listeners:
        yield Taking(listeners, files.read, socket, os.geteuid())
