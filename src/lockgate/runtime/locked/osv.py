"""Known vulnerabilities of an environment's packages, from a file: the launcher's side. No network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from lockgate.contract.findings import clean
from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode_exact
from lockgate.core.moments import parse_rfc3339, rfc3339
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import hash_fd, open_nofollow, read_regular

_MOST = 64 << 20
_CLOCKS = timedelta(days=1)
_LIMITS = Limits(memory=2 << 30, cpu_seconds=600, wall_seconds=900)
_KEYS = {"package", "version", "id", "aliases", "severity", "summary"}
_NEXT = "download it again, or correct [environment] osv in lockgate.toml"


class Package(Protocol):
    """What is looked up: a wheel, installed or stored."""

    @property
    def name(self) -> str:
        """Its normal name."""

    @property
    def version(self) -> str:
        """Its version."""


@dataclass(frozen=True)
class Known:
    """What a database says against some wheels.

    Attributes:
        digest: of the database as it was read.
        modified: when its newest entry was written (RFC 3339).
        found: one mapping a hit: package, version, id, aliases, severity, summary.
    """

    digest: Digest
    modified: str
    entries: int
    found: tuple[Mapping[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """As it stands in the provenance."""
        return {**vars(self), "found": [dict(each) for each in self.found]}


def look_up(wheels: Sequence[Package], database: Path, scratch: Path, now: datetime) -> Known:
    """What `database` says against `wheels`; it is read in a jail without network, below the new folder `scratch`.

    Raises Usage LG356 when the file is not there, Refused LG356 when it cannot be read as what it should be, or has an
    entry of after `now`: it would be young for ever.
    """
    before = _digest(database)
    settings = named("parse", python=PythonEnv.own(), limits=_LIMITS, binds=[Bind(database, "/in/osv.zip")])
    task = Task(
        module="lockgate.runtime.jail.osv",
        given={"packages": [[wheel.name, wheel.version] for wheel in wheels]},
        gives=("osv.json",),
        findings=("LG356",),
        died="LG356",
        work="reading the database of known vulnerabilities",
        next=_NEXT,
    )
    given, _ = run_task(settings, task, scratch)
    if _digest(database) != before:
        raise Refused("LG356", "the database of known vulnerabilities changed while it was read", next="run again")
    try:
        known = _read(read_regular(given["osv.json"], _MOST), before, {wheel.name for wheel in wheels})
    except (ValueError, TypeError, KeyError) as error:
        message = f"what the jail says of the database is not in form: {error}"
        raise Refused("LG356", message, next=_NEXT) from None
    if parse_rfc3339(known.modified) - now > _CLOCKS:
        message = "the database of known vulnerabilities has an entry of the future: nobody can tell how old it is"
        raise Refused("LG356", message, seen={"modified": known.modified, "now": rfc3339(now)}, next=_NEXT)
    return known


def _read(data: bytes, digest: Digest, packages: set[str]) -> Known:
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"entries", "modified", "found"}:
        raise ValueError("it has exactly entries, modified and found")
    if type(value["entries"]) is not int:
        raise ValueError("entries is a number")
    parse_rfc3339(value["modified"])
    found = []
    for each in value["found"]:
        if set(each) != _KEYS or each["package"] not in packages or not isinstance(each["aliases"], list):
            raise ValueError("a hit is not in form")
        texts = {key: clean(str(each[key]), 200) for key in sorted(_KEYS - {"aliases"})}
        found.append({**texts, "aliases": [clean(str(alias), 80) for alias in each["aliases"]]})
    return Known(digest, value["modified"], value["entries"], tuple(found))


def _digest(database: Path) -> Digest:
    try:
        fd = open_nofollow(database.resolve())
    except (OSError, LockgateError) as error:
        why = error.message if isinstance(error, LockgateError) else error.strerror
        message = f"the database of known vulnerabilities cannot be read: {why}"
        raise Usage("LG356", message, seen={"file": str(database)}, next=_NEXT) from None
    try:
        return hash_fd(fd)
    finally:
        os.close(fd)
