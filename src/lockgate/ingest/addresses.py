"""Where a source is, read off its spelling, and whether the project allows it. Pure.

    data/*.csv                     a file or a glob of the project
    s3://bucket/path/*.parquet     objects of a store; gs:// and az:// alike; https:// names one object
    sql:bank:queries/rows.sql      what one query file gives when it is put to `[data.databases.bank]`

No address carries credentials or a query: it is written into statements and shown in errors. What is refused for
either is named by its scheme alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from lockgate.errors import Refused, Usage
from lockgate.ingest.spec import Database, IngestSpec, Store

SCHEMES = ("s3", "gs", "az", "https")
MAX_NAME = 1024

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://|:)")
_ADDRESS = re.compile(
    r"(s3|gs|az|https)://([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)/(.*)", re.DOTALL
)
_QUERY = re.compile(r"sql:([A-Za-z0-9_-]+):(.+)", re.DOTALL)
_ENDPOINT = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?/?")
_GLOB = re.compile(r"[*\[\]]")
_ESCAPED = re.compile(r"%(?:2[ef]|5c|00)", re.IGNORECASE)
_EDIT = "edit [data] in lockgate.toml"


@dataclass(frozen=True)
class Local:
    """Files of the project."""

    pattern: str


@dataclass(frozen=True)
class Remote:
    """Objects of `store`."""

    pattern: str
    store: Store


@dataclass(frozen=True)
class Query:
    """A query file of the project, put to `database`. `name` is the source's whole spelling."""

    name: str
    database: Database
    file: str


Place: TypeAlias = Local | Remote | Query


def place_of(pattern: str, spec: IngestSpec) -> Place:
    """Where `pattern` leads.

    Raises Usage LG127 for an address that cannot be used, Refused LG123 for one outside of `spec.stores`.
    """
    if pattern.startswith("sql:"):
        return _query(pattern, spec.databases)
    scheme = _SCHEME.match(pattern)
    if scheme is None:
        return Local(pattern)
    if scheme[1] not in SCHEMES:
        raise _unusable(scheme[1], f"the schemes are {', '.join(SCHEMES)}; a file is named by its path")
    _check_form(pattern)
    fitting = [store for store in spec.stores if pattern.startswith(store.prefix)]
    if not fitting:
        host = pattern.split("/")[2]
        raise Refused(
            "LG123",
            f"{pattern} lies outside the stores that the project names",
            seen={"source": pattern, "allowed": [store.prefix for store in spec.stores]},
            next=f'add [data.stores."{scheme[1]}://{host}/"] to lockgate.toml, if it is meant',
        )
    store = max(fitting, key=lambda one: len(one.prefix))
    check_store(store)
    return Remote(pattern, store)


def check_store(store: Store) -> None:
    """Raises Usage LG127 unless prefix, endpoint and references of `store` fit each other."""
    table = f'[data.stores."{store.prefix}"]'
    _check_form(store.prefix)
    scheme = store.prefix.partition(":")[0]
    if not store.prefix.endswith("/") or _GLOB.search(store.prefix):
        raise _unusable(scheme, "the prefix of a store ends in a slash and has no wildcard", table)
    if store.endpoint:
        found = _ENDPOINT.fullmatch(store.endpoint)
        if found is None or scheme not in {"s3", "gs"}:
            raise _unusable(scheme, "an endpoint is https://HOST or https://HOST:PORT, of s3 or gs", table)
        if found[1] == "http" and not is_loopback(found[2]):
            raise _unusable(scheme, "an endpoint that is not this machine is reached by https only", table)
    if scheme != "az" and bool(store.key) != bool(store.secret):
        raise _unusable(scheme, "key and secret are given together or not at all", table)
    if scheme == "https" and store.key:
        raise _unusable(scheme, "https takes a token, and neither key nor secret", table)


def check_found(name: str, store: Store) -> None:
    """Raises Refused LG130 for a name from a store that lies outside of it or cannot be shown."""
    odd = len(name) > MAX_NAME or not name.isprintable() or ".." in name.split("/")
    if odd or not name.startswith(store.prefix):
        raise Refused(
            "LG130",
            f"the store {store.prefix} names an object that lies outside of it or cannot be shown",
            seen={"store": store.prefix, "name": ascii(name[:200])},
            next="look at the store; name its objects one by one",
        )


def is_remote(pattern: str) -> bool:
    """Whether `pattern` is anything but a path."""
    return pattern.startswith("sql:") or _SCHEME.match(pattern) is not None


def is_loopback(host: str) -> bool:
    """Whether `host`, as an address spells it, is this machine."""
    return host in {"localhost", "[::1]", "::1"} or re.fullmatch(r"127\.\d+\.\d+\.\d+", host) is not None


def _query(pattern: str, databases: Sequence[Database]) -> Query:
    found = _QUERY.fullmatch(pattern)
    if found is None or PurePosixPath(found[2]).is_absolute() or ".." in PurePosixPath(found[2]).parts:
        raise _unusable("sql", "it is written sql:DATABASE:FILE, with a file inside the project")
    known = {database.name: database for database in databases}
    if found[1] not in known:
        raise Usage(
            "LG127",
            f"{pattern} asks a database that lockgate.toml does not know: {found[1]}",
            seen={"source": pattern, "databases": sorted(known)},
            next=f"add [data.databases.{found[1]}] to lockgate.toml",
        )
    database = known[found[1]]
    if bool(database.file) == bool(database.url):
        raise _unusable("sql", "a database has a file (SQLite) or a url (PostgreSQL)", f"[data.databases.{found[1]}]")
    return Query(pattern, database, found[2])


def _check_form(address: str) -> None:
    scheme = address.partition(":")[0]
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise _unusable(scheme, "it holds credentials; refer to them in [data.stores]")
    if "?" in address or "#" in address:
        raise _unusable(scheme, "it has a query or a fragment, which may be a secret")
    found = _ADDRESS.fullmatch(address)
    if found is None or not address.isprintable() or "\\" in address:
        raise _unusable(scheme, "it is written scheme://HOST/PATH")
    parts = found[3].split("/")
    if _ESCAPED.search(found[3]) or any(part in {".", ".."} for part in parts) or "" in parts[:-1]:
        raise _unusable(scheme, "its path has an empty part, a dot part, or one in disguise")
    if scheme == "https" and _GLOB.search(found[3]):
        raise _unusable(scheme, "https lists nothing: name each object")


def _unusable(scheme: str, why: str, where: str = "[data] sources") -> Usage:
    message = f"a {scheme[:20]} address in {where} cannot be used: {why}"
    return Usage("LG127", message, seen={"scheme": scheme[:20], "where": where}, next=_EDIT)
