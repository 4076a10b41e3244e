"""What goes into ingest and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.contract.inputs import Wanted
from lockgate.contract.spec import SourceKind
from lockgate.core.digest import Digest

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence

MOST = 16 << 30
"""Most bytes that one store or one query may give, unless the person says otherwise."""


@dataclass(frozen=True)
class Source:
    """A file or a glob, relative to the project; an address in a store; or `sql:DATABASE:FILE`.

    `format` overrides the name's ending, never the content. `sha256` pins a single file; a glob's files are pinned
    by `IngestSpec.pins`.
    """

    pattern: str
    format: SourceKind | None = None
    sha256: Digest | None = None


@dataclass(frozen=True)
class Store:
    """Where objects may be fetched from: everything below `prefix`, which ends in a slash, and nothing else.

    `key`, `secret` and `token` are references to secrets (`env:`, `file:`, `cmd:`) or empty; `ca` is a file of
    certificates. None of these four enters a statement.
    """

    prefix: str
    endpoint: str = ""
    region: str = ""
    ca: str = ""
    key: str = ""
    secret: str = ""
    token: str = ""
    most: int = MOST

    def as_json(self) -> dict[str, object]:
        """The store as the provenance statement names it."""
        return {"prefix": self.prefix, "endpoint": self.endpoint, "region": self.region}


@dataclass(frozen=True)
class Database:
    """What a query may be put to: `file`, an SQLite file of the project, or the PostgreSQL server at `url`.

    `url` is a reference to a secret; `ca` a file of certificates. Neither enters a statement.
    """

    name: str
    file: str = ""
    url: str = ""
    ca: str = ""
    most: int = MOST

    def as_json(self) -> dict[str, object]:
        """The database as the provenance statement names it."""
        return {"name": self.name, "file": self.file}


@dataclass(frozen=True)
class IngestSpec:
    """What a person chose. `pins` maps a file's name to the digest that it must have; `inputs` are no rows."""

    sources: tuple[Source, ...]
    null: tuple[str, ...] = ("",)
    delimiter: str = ","
    encoding: str = "utf-8"
    pins: Mapping[str, Digest] = field(default_factory=dict)
    stores: tuple[Store, ...] = ()
    databases: tuple[Database, ...] = ()
    inputs: tuple[Wanted, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The external parameters of the provenance statement."""
        found: dict[str, object] = {
            "sources": [{"pattern": s.pattern, "format": s.format, "sha256": s.sha256} for s in self.sources],
            "null": list(self.null),
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "pins": dict(self.pins),
        }
        if self.stores:
            found["stores"] = [store.as_json() for store in self.stores]
        if self.databases:
            found["databases"] = [database.as_json() for database in self.databases]
        if self.inputs:
            found["inputs"] = [wanted.as_json() for wanted in self.inputs]
        return found


@dataclass(frozen=True)
class CapturedFile:
    """One file of the snapshot, as the manifest lists it. `size` is in bytes.

    `origin` says more of what was fetched: the store's version of an object, or the digests of query and database.
    """

    name: str
    digest: Digest
    size: int
    rows: int
    format: SourceKind
    origin: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The manifest's entry."""
        return {
            "name": self.name,
            "sha256": self.digest,
            "bytes": self.size,
            "rows": self.rows,
            "format": self.format,
        }


@dataclass(frozen=True)
class Kept:
    """An input in the data store. `origin` says more of what was fetched, such as an object's version."""

    wanted: Wanted
    size: int
    origin: Mapping[str, str]


@dataclass(frozen=True)
class IngestResult:
    """What ingest made: digests of snapshot and manifest in the data store, and the statement about them."""

    snapshot: Digest
    manifest: Digest
    rows: int
    files: tuple[CapturedFile, ...]
    evidence: Evidence
