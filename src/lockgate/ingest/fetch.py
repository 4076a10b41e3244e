"""Objects of stores -> captured files. The host's side of `jail.fetch`.

Each store is asked from a jail of its own, which has a network and, on its standard input, the secrets of this store:
not those of another, no file of the user's, no key, no log. What it fetched is hashed here, once it is gone, and
parsed by nobody but the reading jail.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.jailed import Task, run_task
from lockgate.contract.sources import SourceFile
from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused, Unavailable, Usage
from lockgate.ingest.account import Listed, parse_seen
from lockgate.ingest.addresses import check_found
from lockgate.ingest.secrets import resolve, unsaid
from lockgate.ingest.spec import Store
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, JailName, Limits, PythonEnv, named
from lockgate.store.files import hash_fd, open_nofollow, read_regular, writing

FINDINGS = frozenset({"LG101", "LG102", "LG105", *(f"LG{number}" for number in range(126, 137))})
"""What a fetching jail may complain of."""

_SEEN = "seen.json"
_MAX_SEEN = 64 << 20
_ABSENT = ("LG126", "LG128")


@dataclass(frozen=True)
class Call:
    """A jail that fetches: its module, what it is told, what it sees, and what must not be said afterwards."""

    module: str
    given: Mapping[str, object]
    name: JailName
    binds: tuple[Bind, ...] = ()
    secrets: Collection[str] = ()


@dataclass(frozen=True)
class Asker:
    """Who asks stores and databases for a project: its `root`, and a private folder for each jail."""

    root: Path
    scratch: Path

    def objects(self, store: Store, patterns: Sequence[str], folder: str) -> tuple[list[list[SourceFile]], JailReport]:
        """Fetch what `patterns` stand for, in their order.

        Raises Refused LG101, LG102, LG105, LG122, LG129, LG130, LG134, LG136; Usage LG125; Unavailable LG126, LG128.
        """
        listed, report, into = self._ask(store, patterns, folder, fetch=True)
        names = iter(range(sum(len(group) for group in listed)))
        return [[_taken(into / f"{next(names):05d}", one, folder) for one in group] for group in listed], report

    def look(self, store: Store, patterns: Sequence[str], folder: str) -> list[list[Listed]]:
        """What `patterns` stand for now, without fetching. Raises as `objects`."""
        return self._ask(store, patterns, folder, fetch=False)[0]

    def run(self, call: Call, folder: str) -> tuple[bytes, Path, JailReport]:
        """Run one fetching jail: its account, the folder of what it fetched, its report."""
        into = self.scratch / folder
        fetched = into / "fetched"
        with writing(fetched):
            fetched.mkdir(parents=True, mode=0o700)
        settings = named(
            call.name,
            python=PythonEnv.own(),
            limits=Limits(),
            binds=call.binds,
            writable=[Bind(fetched, "/fetched")],
        )
        task = Task(
            module=call.module,
            given=call.given,
            gives=(_SEEN,),
            findings=FINDINGS,
            died="LG134",
            work="fetching",
            next="narrow the source",
        )
        with unsaid(call.secrets):
            try:
                given, report = run_task(settings, task, into / "out")
            except Refused as error:
                raise _whose(error) from None
        return read_regular(given[_SEEN], _MAX_SEEN), fetched, report

    def _ask(
        self, store: Store, patterns: Sequence[str], folder: str, *, fetch: bool
    ) -> tuple[list[list[Listed]], JailReport, Path]:
        table = f'[data.stores."{store.prefix}"]'
        words = {name: getattr(store, name) for name in ("key", "secret", "token")}
        secrets = {name: resolve(word, f"{table} {name}", self.root) for name, word in words.items()}
        binds = certificates(self.root, store.ca, table)
        given: dict[str, Any] = {
            "scheme": store.prefix.partition(":")[0],
            "patterns": list(patterns),
            "fetch": fetch,
            "most": store.most,
            "endpoint": store.endpoint,
            "region": store.region,
            "ca": binds[0].target if binds else "",
            **secrets,
        }
        call = Call("lockgate.ingest.jail.fetch", given, "tools", binds, tuple(secrets.values()))
        data, into, report = self.run(call, folder)
        try:
            listed = parse_seen(data, len(patterns))
        except ValueError as error:
            raise no_account(str(error)) from None
        for one in (one for group in listed for one in group):
            check_found(one.name, store)
        return listed, report, into


def certificates(root: Path, ca: str, table: str) -> tuple[Bind, ...]:
    """The file of certificates that a table names, as its jail sees it. Raises Usage LG127."""
    if not ca:
        return ()
    path = root / Path(ca).expanduser()
    if not path.is_file():
        raise Usage("LG127", f"the ca of {table} is not a file: {ca}", seen={"ca": ca}, next="edit lockgate.toml")
    return (Bind(path, "/in/ca.pem"),)


def no_account(why: str) -> Refused:
    """For a fetching jail whose account does not fit what it left."""
    return Refused("LG122", f"the fetching jail's account is not in form: {why}", next="lockgate doctor")


def hashed(path: Path) -> tuple[Digest, int]:
    """Digest and size of a file that a jail left. Raises Refused LG122 when there is none, or not a regular one."""
    with ExitStack() as stack:
        try:
            fd = open_nofollow(path)
        except (FileNotFoundError, LockgateError):
            raise no_account("a file that it names is not there") from None
        stack.callback(os.close, fd)
        return hash_fd(fd), os.fstat(fd).st_size


def _taken(path: Path, one: Listed, folder: str) -> SourceFile:
    digest, size = hashed(path)
    if size != one.size:
        raise no_account(f"{one.name} has {size} bytes, not {one.size}")
    # Each source has a file name of its own in the reading jail.
    final = path.with_name(f"{folder}-{path.name}")
    path.rename(final)
    return SourceFile(one.name, final, digest, size, origin={"version": one.version} if one.version else {})


def _whose(error: Refused) -> LockgateError:
    """A jail knows two classes of errors; whose turn it is when a service is away is said here."""
    if error.finding not in _ABSENT:
        return error
    return Unavailable(error.finding, error.message, seen=error.seen, next=error.next)
