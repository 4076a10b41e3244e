"""`lockgate log verify` as the fsck: where something is wrong, everything is looked through; what is proved is mended.

1. Both logs verify as ever.   2. Where one does not, all of its damages are told (`audit.damage`), and always those of
spools, payloads and labels.   3. With `repair` what hashes to the signed root is put back; what lay there is
kept under `state/repaired`. Nothing is signed.   4. Both logs are verified again: only that says that all is well.

Trusts the root that the user pinned. Where the event log itself is damaged, and cannot say whose key seals, the key
must have signed the checkpoint that was last seen outside the folder, or be the public half in this user's key folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.cosigned import keys_ever
from lockgate.audit.damage import survey
from lockgate.audit.damage_checkpoint import FROM, Damage, Trusted
from lockgate.audit.disk import read_file
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.log import VKEY, signed_by
from lockgate.audit.mending import clear, mend
from lockgate.audit.seen import SeenStore
from lockgate.audit.spool import read_spool
from lockgate.audit.tiles import BOTH
from lockgate.core.checkpoint import parse_vkey
from lockgate.core.merkle import leaf_hash
from lockgate.core.shown import Lines, block
from lockgate.core.shown_html import Shown
from lockgate.errors import LockgateError, Refused, Unavailable, VerificationFailed
from lockgate.project.claims import claimed
from lockgate.project.everything import verify_logs
from lockgate.project.prediction_log import prediction_log
from lockgate.project.state_damage import SPOOLS, cut_labels, state_damages
from lockgate.trust import pin

if TYPE_CHECKING:
    from lockgate.audit.damage import Survey
    from lockgate.project.folder import Folder
    from lockgate.project.reports import LogsReport

STATE = "state"
_MOST_WAITING = 500_000
"""The most records of spools in which a lost entry is looked for."""
_VKEY_BYTES = 4096
_ROUNDS = 3
"""The event log says who seals, and which witnesses there are: once it reads again, the rest is looked at by that."""


@dataclass(frozen=True)
class Place:
    """One of the two logs, and how it is to be trusted."""

    name: str
    folder: Path
    trusted: Trusted
    seen: SeenStore
    lock: Path | None = None


@dataclass(frozen=True, repr=False)
class Checked(Shown):
    """What `log verify` found.

    Attributes:
        report: the logs, read whole; None: they do not verify, and `error` says by what it was noticed.
        damages: by log (`events`, `predictions`), or `state`. `left_out`: how many more there are.
        mended: files that were put back, or cleared; `kept`: where what lay there is.
    """

    report: LogsReport | None
    error: LockgateError | None
    damages: tuple[tuple[str, Damage], ...] = ()
    left_out: int = 0
    mended: tuple[str, ...] = ()
    kept: str = ""

    def text(self) -> Lines:
        """Each damage in three lines: what, what it means, what to do."""
        lines = [f"✓ put right   {file}" for file in self.mended]
        lines += [f"  what lay there is kept in {self.kept}"] if self.kept else []
        for name, one in self.damages:
            where = "".join(f", {key} {one.seen[key]}" for key in ("entry", "byte", "slot", "line") if key in one.seen)
            lines += [f"✗ {one.finding}  {name}/{one.file}{where}: {one.message}".replace("state/state/", "state/")]
            lines += [f"    means: {one.means}", f"    repair: {one.repair}"]
        lines += [f"✗ and {self.left_out:,} more"] if self.left_out else []
        return block(lines)

    @property
    def sound(self) -> LogsReport:
        """The report of logs that verify. Raises ValueError where they do not."""
        if self.report is None:
            raise ValueError("the logs do not verify")
        return self.report

    def raise_if_damaged(self, *, repairing: bool = False, listed: bool = True) -> None:
        """Raises by what it was noticed, or the first damage, as VerificationFailed. `listed`: with all of them."""
        if not self.damages:
            if self.error is not None:
                raise _onward(self.error)
            return
        first, known = self.damages[0][1], {one.finding for _, one in self.damages}
        finding, message, seen = first.finding, first.message, {"file": first.file, **first.seen}
        if self.error is not None and self.error.finding in known:
            finding, message, seen = self.error.finding, self.error.message, dict(self.error.seen)
        elif self.error is not None:
            # Whoever reads a log may notice it by what follows from the damage, and not by the damage.
            seen |= {"noticed_by": self.error.finding}
        seen |= {"damages": len(self.damages) + self.left_out}
        if listed:
            seen |= {"all": [one.as_json() | {"log": name} for name, one in self.damages], "mended": list(self.mended)}
        raise VerificationFailed(finding, message, seen=seen, next=self._next(repairing=repairing))

    def _next(self, *, repairing: bool) -> str:
        if not repairing and any(one.content is not None for _, one in self.damages):
            return "lockgate log verify --repair"
        name, first = self.damages[0]
        own = name == STATE or first.repair == BOTH or first.finding == "LG709"
        return first.repair if own else FROM


def check(project: Folder, *, root: str = "", repair: bool = False, copy: Path | None = None) -> Checked:
    """Verify both logs and all that lies beside them; with `repair`, put right what is proved.

    `copy`: the folder `.lockgate/log` of another copy of this project (or `.lockgate`, or the project itself).

    Raises Refused LG7066 for a `copy` that is none; Unavailable LG712, LG713.
    """
    other = None if copy is None else _other(copy)
    report, error = _verified(project, root)
    if repair and report is not None:
        report, error = _cleared(project, root, report)
    found: list[tuple[str, Damage]] = []
    mended: list[str] = []
    left_out, kept = 0, project.home / "state" / "repaired" / _stamp(project.now())
    for _ in range(_ROUNDS):
        if report is not None:
            found, left_out = [], 0
            break
        found, left_out, fresh = _looked_through(project, root, other, kept if repair else None)
        if not fresh:
            break
        mended += fresh
        report, error = _verified(project, root)
    with _telling_faults():
        if repair and cut_labels(project.home):
            mended.append("state/feedback: an unfinished last line")
        found += [(STATE, one) for one in state_damages(project.home)]
    return Checked(report, error, tuple(found), left_out, tuple(mended), str(kept) if kept.exists() else "")


def _looked_through(
    project: Folder, root: str, other: Path | None, kept: Path | None
) -> tuple[list[tuple[str, Damage]], int, list[str]]:
    """What is damaged of the logs, how much more there is, and what was mended. `kept` None: nothing is mended."""
    found: list[tuple[str, Damage]] = []
    mended: list[str] = []
    left_out = 0
    for place in _places(project, root):
        one = _looked(project, place, other)
        if kept is not None and one.damages:
            mended += [f"{place.name}/{each.file}" for each in _mend(project, place, one.damages, kept)]
            one = _looked(project, place, other)
        found += [(place.name, each) for each in one.damages]
        left_out += one.left_out
    return found, left_out, mended


def _onward(error: LockgateError) -> LockgateError:
    """What no damage was found for; the command that says it is not its own next one."""
    if not error.next.startswith("lockgate log verify"):
        return error
    return type(error)(error.finding, error.message, seen=error.seen, next=f"lockgate explain {error.finding}")


def _verified(project: Folder, root: str) -> tuple[LogsReport | None, LockgateError | None]:
    try:
        return verify_logs(project, root=root), None
    except VerificationFailed as error:
        return None, error
    except Refused as error:
        # An event log without an entry: an old checkpoint was put back, for `init` leaves the first one there.
        if error.finding != "LG755":
            raise
        return None, VerificationFailed(error.finding, error.message, seen=error.seen, next=error.next)


def _cleared(project: Folder, root: str, before: LogsReport) -> tuple[LogsReport | None, LockgateError | None]:
    """The logs verify: what an interrupted write left (LG710) is carried through or cleared."""
    if not any(one.finding == "LG710" for one in before.warnings):
        return before, None
    kept = project.home / "state" / "repaired" / _stamp(project.now())
    for place in _places(project, root):
        clear(place.folder, place.trusted, kept=kept / place.name, seen=place.seen, lock=place.lock)
    return _verified(project, root)


def _looked(project: Folder, place: Place, other: Path | None) -> Survey:
    copy = None if other is None else other / place.name
    with _telling_faults():
        return survey(place.folder, place.trusted, copy=copy, entry=_waiting(project.home))


def _mend(project: Folder, place: Place, damages: list[Damage], kept: Path) -> list[Damage]:
    staging = project.home / "state" / "tmp"
    with _telling_faults():
        staging.mkdir(mode=0o700, parents=True, exist_ok=True)
    return mend(place.folder, damages, staging=staging, kept=kept / place.name, lock=place.lock)


def _waiting(home: Path) -> Callable[[bytes], bytes | None]:
    """Records that spools still hold, by their leaf hash; read when the first is asked for."""
    known: dict[bytes, bytes] = {}
    read = False

    def find(leaf: bytes) -> bytes | None:
        nonlocal read
        if not read:
            read = True
            for record in _records(home):
                known[leaf_hash(record)] = record
                if len(known) >= _MOST_WAITING:
                    break
        return known.get(leaf)

    return find


def _records(home: Path) -> Iterator[bytes]:
    for path in [path for name in SPOOLS for path in sorted((home / "state" / name).glob("*.spool"))]:
        with suppress(LockgateError):
            offset = 0
            while (part := read_spool(path, offset)).records:
                offset = part.offset
                yield from part.records


def _places(project: Folder, root: str) -> Iterator[Place]:
    """The logs that are there, and whose key must have signed them; none where nobody can say."""
    locks = project.home / "state" / "locks"
    try:
        ledger = project.ledger(root)
        served, key = prediction_log(project, ledger), ledger.roles.sealer_key()
        witnesses = keys_ever(ledger.statements())
        seen = project.seen(ledger.root, EVENTS)
        trusted = Trusted(key, origin(ledger.root, EVENTS), ledger.former_sealers, _last(seen), witnesses)
        yield Place(EVENTS, project.home / "log" / EVENTS, trusted, seen, locks / EVENTS)
        if served.begun:
            there = Trusted(served.public_key, served.origin, served.former, _last(served.seen), witnesses)
            yield Place(PREDICTIONS, project.home / "log" / PREDICTIONS, there, served.seen)
    except (VerificationFailed, Refused):
        yield from _by_what_was_seen(project, root)


def _by_what_was_seen(project: Folder, root: str) -> Iterator[Place]:
    known = root.removeprefix("sha256:") or pin.project_at(project.root) or claimed(project.home)
    if not known:
        return
    for name in (EVENTS, PREDICTIONS):
        folder, seen = project.home / "log" / name, project.seen(known, name)
        last = _last(seen)
        key = _own_key(known) or _seen_key(folder, origin(known, name), last)
        if key is not None and (folder.is_dir() or last is not None) and (last is not None or name == EVENTS):
            lock = project.home / "state" / "locks" / EVENTS if name == EVENTS else None
            yield Place(name, folder, Trusted(key, origin(known, name), (), last, None), seen, lock)


def _own_key(known: str) -> bytes | None:
    """The sealer's public half in this user's key folder."""
    from lockgate.trust.keys import import_public_key

    with suppress(LockgateError, OSError, ValueError):
        return import_public_key((pin.key_folder(known) / "sealer.pub").read_bytes()).raw
    return None


def _seen_key(folder: Path, name: str, last: bytes | None) -> bytes | None:
    """The key in `log.vkey`, where the note that was last seen is signed by it: so it sealed this log before."""
    with suppress(OSError, ValueError):
        key = parse_vkey(read_file(folder / VKEY, _VKEY_BYTES).decode().strip()).public_key
        if last is not None and signed_by(last, name, [key]) is not None:
            return key
    return None


def _last(seen: SeenStore) -> bytes | None:
    with suppress(LockgateError):
        return seen.load()
    return None


def _other(copy: Path) -> Path:
    for place in (copy, copy / "log", copy / ".lockgate" / "log"):
        if (place / EVENTS).is_dir() or (place / PREDICTIONS).is_dir():
            return place
    raise Refused(
        "LG7066",
        "there is no log in the folder that is to mend this one",
        seen={"folder": str(copy)},
        next="lockgate log verify --repair --from DIR   # DIR: the folder .lockgate/log of a mirror or a backup",
    )


def _stamp(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")


@contextmanager
def _telling_faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "LG713",
            f"what is to be verified cannot be read: {error.strerror or error}",
            seen={"file": str(error.filename)},
            next="lockgate doctor",
        ) from None
