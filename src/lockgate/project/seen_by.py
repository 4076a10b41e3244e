"""Who else has seen a project's logs, as it is told: how fresh they say that they are, who cosigned them and when.

Every verification asks here, so nothing here opens a connection, or loads what could.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import cosigned
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.log import Log, vkey_bytes
from lockgate.audit.witness import diary
from lockgate.core.checkpoint import VerifierKey, parse_checkpoint, parse_note
from lockgate.errors import LockgateError
from lockgate.project.carry.mirror import read_mirror
from lockgate.project.prediction_log import prediction_log

if TYPE_CHECKING:
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.seen import SeenStore
    from lockgate.project.folder import Folder
    from lockgate.trust.policy_witness import Witness


@dataclass(frozen=True)
class Opened:
    """One of the logs: its folder, what it is opened with, and the file that is locked with it."""

    name: str
    folder: Path
    origin: str
    public_key: bytes
    former: tuple[bytes, ...]
    seen: SeenStore
    lock: Path | None

    def open(self) -> Log:
        """The verified log. Raises as `Log.open`."""
        return Log.open(
            self.folder, public_key=self.public_key, origin=self.origin, seen=self.seen, former=self.former
        )  # fmt: skip

    @property
    def vkey(self) -> str:
        """The log's verifier key, which a witness must be told."""
        return vkey_bytes(self.public_key, self.origin).decode().strip()


def logs_of(project: Folder, ledger: Ledger) -> tuple[Opened, ...]:
    """The logs of this folder that this machine may have cosigned: a mirror's events are its project's to cosign."""
    return tuple(one for one in logs_here(project, ledger) if one.name != EVENTS or read_mirror(project.home) is None)


def logs_here(project: Folder, ledger: Ledger) -> tuple[Opened, ...]:
    """The logs that are in this folder."""
    home = project.home
    found = [
        Opened(
            EVENTS,
            home / "log" / EVENTS,
            origin(ledger.root, EVENTS),
            ledger.roles.sealer_key(),
            ledger.former_sealers,
            project.seen(ledger.root, EVENTS),
            home / "state" / "locks" / EVENTS,
        )
    ]
    served = prediction_log(project, ledger)
    if served.begun and (home / "log" / PREDICTIONS / "checkpoint").is_file():
        folder = home / "log" / PREDICTIONS
        found.append(Opened(PREDICTIONS, folder, served.origin, served.public_key, served.former, served.seen, None))
    return tuple(found)


def told(
    project: Folder, ledger: Ledger, now: datetime, only: Sequence[str] = (EVENTS, PREDICTIONS)
) -> tuple[str, ...]:
    """For people: how fresh each log says that it is, and who cosigned it how long ago; then what is wrong with it.

    Raises VerificationFailed LG7011; LG7012: the log does not begin with the tree that a witness cosigned.
    """
    keys = {one.name: one.key for one in witnesses_in_force(ledger)}
    lines = []
    for each in logs_here(project, ledger):
        if each.name not in only:
            continue
        log = each.open()
        found = cosigned.seen_of(log.note, each.origin, each.public_key, keys)
        said = [f"sealed {ago(found.heartbeat, now)}"] if found.heartbeat is not None else []
        times = dict(found.witnesses)
        size = check_kept(log, each, project.home, keys, times)
        said += [f"cosigned by {name} {ago(time, now)}" for name, time in sorted(times.items())]
        if size is not None and size < log.size:
            said.append(f"at {size} entries of {log.size}")
        if said:
            lines.append(f"{each.name}: {', '.join(said)}")
    return tuple(lines)


def status_lines(project: Folder, ledger: Ledger, now: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """For `status`: how fresh the logs are, and what is wrong; what cannot be read is among the latter."""
    wrong = [line for log in (EVENTS, PREDICTIONS) for line in diary.alarm_lines(project.home, log)]
    try:
        lines = told(project, ledger, now)
    except (LockgateError, OSError) as error:
        words = f"{error.finding} {error.message}" if isinstance(error, LockgateError) else str(error)
        return (), (*wrong, words)
    return lines, tuple(wrong)


def note_lines(
    note: bytes, origin: str, public_key: bytes, keys: Mapping[str, VerifierKey], now: datetime
) -> list[str]:
    """How fresh a checkpoint says that it is, and who cosigned it how long ago. Raises VerificationFailed LG7011."""
    found = cosigned.seen_of(note, origin, public_key, keys)
    said = [f"sealed {ago(found.heartbeat, now)}"] if found.heartbeat is not None else []
    return said + [f"cosigned by {name} {ago(time, now)}" for name, time in sorted(found.witnesses.items())]


def check_kept(log: Log, of: Opened, home: Path, keys: Mapping[str, VerifierKey], times: dict[str, int]) -> int | None:
    """Hold the note that a witness cosigned last against the log; its size. Fills `times` with whoever cosigned it.

    Raises VerificationFailed LG7012: the log is shorter than that, or another one.
    """
    note = cosigned.kept(home, of.name)
    older = cosigned.begins_with(log, note, keys, of.public_key, of.former) if note is not None else {}
    if note is None or not older:
        return None
    for name, time in older.items():
        times.setdefault(name, time)
    return parse_checkpoint(parse_note(note).text).size


def witnesses_in_force(ledger: Ledger) -> tuple[Witness, ...]:
    """Those that the newest policy names."""
    return tuple(cosigned.witnesses_of(ledger.statements()).values())


def ago(time: int, now: datetime) -> str:
    """`20 s ago`, `3 min ago`."""
    seconds = int(now.timestamp()) - time
    if seconds < 0:
        return f"at {cosigned.shown(time)}, which is in the future here"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
