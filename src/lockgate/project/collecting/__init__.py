"""`lockgate gc`: what lies in `.lockgate` and nothing needs, taken away. The shell.

    state/drafts/N        drafts of `try`, unsigned                              by age
    data/sha256/DIGEST    rows, code, reports: by what signed statements name    `needed`
    env/LOCK              locked environments, made again from their lock        `needed`

Trusts the verified log alone for what is needed; names, ages and notes decide only about what no statement names.
Promises: `registry/` and `log/` are never opened for writing, so that every verdict of `verify` stays as it was. No
link is followed. Killed at any moment, all that is needed is there: each thing goes by itself, and needs no other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.core.digest import Digest, digest_of, from_hex, hex_of
from lockgate.core.moments import rfc3339
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Unavailable
from lockgate.project.carry.mirror import refuse_work
from lockgate.project.collecting import disk, note
from lockgate.project.collecting.needed import Needs, needs, runs_on
from lockgate.project.collecting.spec import Asked, Collected, Item, Kept, Kind
from lockgate.store.files import fsync_folder, read_regular
from lockgate.store.lock import lock

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.project.folder import Folder
    from lockgate.project.opened import Opened

_DAY = 86_400.0
_DATA = ("data", "sha256")
_MOST_LOCK = 16 << 20


def collect(project: Opened, asked: Asked, say: Callable[[str], None] = lambda _: None) -> Collected:
    """Take away what nothing needs; with `asked.dry` only say so, without the project's lock.

    Raises Refused LG752 in a mirror, LG9032 where a link stands in a folder's place; Unavailable LG807 while another
    command is at work here; what opening and reading the log raises: then nothing goes.
    """
    refuse_work(project.home)
    if asked.dry:
        return _Collecting(project, project.unlocked(say=say), asked).run()
    with project.workplace(say=say) as place:
        return _Collecting(project, place, asked).run()


def not_repeatable(project: Folder, statements: list[Evidence]) -> tuple[str, ...]:
    """Which registered runs cannot be done again from here, for `verify --all`; nothing where no data is kept.

    Whether files are there is looked at, and not their bytes: `train --reproduce` reads them.
    """
    store = project.home.joinpath(*_DATA)
    if not store.is_dir():
        return ()
    from lockgate.audit.entries import registrations

    known, gone = {one.digest: one for one in statements}, []
    for one in registrations(statements):
        train = known.get(one.inputs["train"])
        if train is not None and any(not os.path.lexists(store / hex_of(each)) for each in runs_on(train).values()):
            gone.append(one.ref)
    if not gone:
        return ()
    some = ", ".join(gone[-5:]) + (f" and {len(gone) - 5:,} more" if len(gone) > 5 else "")
    return (f"that {some} can be trained again here: rows or code of that training are not in .lockgate/data",)


def why_missing(project: Folder, error: LockgateError) -> LockgateError:
    """Of what `train --reproduce` does not find (LG380): LG9031 where it is noted that `gc` took it."""
    digest = error.seen.get("digest")
    when = note.taken(project.home).get(Digest(str(digest))) if error.finding == "LG380" and digest else None
    if when is None:
        return error
    from lockgate.errors import Refused

    return Refused(
        "LG9031",
        f"that run cannot be done again here: `lockgate gc` took its rows or code on {when}",
        seen=dict(error.seen),
        next="lockgate models   # the newest of each name, and what is live, can be: lockgate train --reproduce latest",
    )


class _Collecting:
    """One look at everything; and, unless it is a dry run, the taking."""

    def __init__(self, project: Opened, place: Workplace, asked: Asked) -> None:
        self._home, self._place, self._asked, self._project = project.home, place, asked, project
        self._items: list[Item] = []
        self._kept: dict[Kind, Kept] = {}
        self._left: list[Reason] = []
        self._now = place.now()

    def run(self) -> Collected:
        """1. What the log needs.   2. Folders, and no links.   3. Drafts.   4. Stored files.   5. Environments."""
        found = needs(self._place.ledger.statements(), self._asked.newest)  # 1
        with disk.opened(self._home, *_DATA) as data, disk.opened(self._home, "env") as environments:  # 2
            self._drafts()  # 3
            if data is not None:
                self._stored(found, data)  # 4
            if environments is not None:
                self._environments(found, environments)  # 5
        return Collected(self._asked, tuple(self._items), dict(self._kept), tuple(self._left))

    def _drafts(self) -> None:
        from lockgate.project.drafts import store

        known = store.list_drafts(self._home)
        old = [one for one in known if self._asked.drafts or self._is_old(_written(one.path))]
        gone = {one.number for one in old}
        if old and not self._asked.dry:
            gone &= set(store.remove(self._home, tuple(gone)))
        self._items += [
            Item("draft", str(one.number), one.bytes, "a draft of lockgate try") for one in old if one.number in gone
        ]
        kept = [one for one in known if one.number not in gone]
        self._kept["draft"] = Kept(len(kept), sum(one.bytes for one in kept))
        parts = store.parts_bytes(self._home)
        if parts and not kept and (self._asked.dry or store.remove_parts(self._home)):
            self._items.append(Item("draft", "parts", parts, "rows that were split for drafts"))

    def _stored(self, found: Needs, folder: int) -> None:
        listing = disk.files(folder)
        self._strange("data/sha256", listing.strange)
        going = [(one, item) for one in listing.entries if (item := self._unneeded(one, found)) is not None]
        self._keep("rows and code", listing.entries, [one for one, _ in going])
        if not self._asked.dry and going:
            note.take(self._home, (from_hex(one.name) for one, _ in going), rfc3339(self._now))
            for one, _ in going:
                disk.unlink(folder, one.name)
            os.fsync(folder)
        self._items += [item for _, item in going]

    def _unneeded(self, one: disk.Entry, found: Needs) -> Item | None:
        digest = from_hex(one.name)
        if digest in found.needed:
            return None
        named = found.named.get(digest)
        if named is not None:
            what = f"of the {named.claim} statement of log entry {named.index}"
            return Item("rows and code", one.name, one.size, what)
        return Item("unnamed", one.name, one.size, "no statement names it") if self._is_old(one.time) else None

    def _environments(self, found: Needs, folder: int) -> None:
        needed = {hex_of(each) for each in found.locks} | set(self._locks())
        listing = disk.folders(folder)
        self._strange("env", listing.strange)
        going = [one for one in listing.entries if one.name not in needed]
        try:
            with self._nobody_serves():
                for one in going if not self._asked.dry else ():
                    # Without its state file it is no environment any more, whatever of it is still there.
                    _forget(self._home, one.name)
                    disk.remove_folder(folder, one.name)
        except Unavailable as busy:
            if busy.finding != "LG807":
                raise
            message = f"{len(going)} environments that nothing needs are left: somebody serves or scores here"
            self._left += [Reason("LG9033", Level.NOTE, message, {"environments": len(going)})] if going else []
            going = []
        self._keep("environment", listing.entries, going)
        self._items += [
            Item("environment", one.name, one.size, "no lock file, head or newest model has it") for one in going
        ]

    @contextmanager
    def _nobody_serves(self) -> Iterator[None]:
        """Workers that run in an environment hold one of these locks, and so does who makes one."""
        locks = self._home / "state" / "locks"
        with lock(locks / "serve", wait=False), lock(locks / "env"):
            yield

    def _locks(self) -> Iterator[str]:
        """The environments that the project's lock files name now, of each of its models."""
        for one in self._project.each():
            with suppress(FileNotFoundError):
                yield hex_of(digest_of(read_regular(self._project.root / one.config.train.lock, _MOST_LOCK)))

    def _strange(self, folder: str, names: tuple[str, ...]) -> None:
        if names:
            some = ", ".join(names[:3]) + (" ..." if names[3:] else "")
            message = f"{len(names)} in .lockgate/{folder} are left alone, for Lockgate did not make them so: {some}"
            self._left.append(Reason("LG9034", Level.WARN, message, {"names": list(names[:20])}))

    def _keep(self, kind: Kind, known: tuple[disk.Entry, ...], going: list[disk.Entry]) -> None:
        size = sum(one.size for one in known) - sum(one.size for one in going)
        self._kept[kind] = Kept(len(known) - len(going), size)

    def _is_old(self, written: float) -> bool:
        """By this machine's clock; what was written in the future is not old."""
        return self._now.timestamp() - written >= self._asked.days * _DAY


def _written(path: Path) -> float:
    return os.lstat(path).st_mtime


def _forget(home: Path, name: str) -> None:
    state = home / "state" / "env"
    (state / f"{name}.json").unlink(missing_ok=True)
    if state.is_dir():
        fsync_folder(state)
