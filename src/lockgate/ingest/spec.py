"""What goes into ingest and what comes out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.contract.spec import SourceKind
from lockgate.core.digest import Digest

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence


@dataclass(frozen=True)
class Source:
    """A file or a glob, relative to the project. `format` overrides the name's ending, never the content.

    `sha256` pins a single file; a glob's files are pinned by `IngestSpec.pins`.
    """

    pattern: str
    format: SourceKind | None = None
    sha256: Digest | None = None


@dataclass(frozen=True)
class IngestSpec:
    """What a person chose. `pins` maps a file's name to the digest that it must have."""

    sources: tuple[Source, ...]
    null: tuple[str, ...] = ("",)
    delimiter: str = ","
    encoding: str = "utf-8"
    pins: Mapping[str, Digest] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The external parameters of the provenance statement."""
        return {
            "sources": [{"pattern": s.pattern, "format": s.format, "sha256": s.sha256} for s in self.sources],
            "null": list(self.null),
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "pins": dict(self.pins),
        }


@dataclass(frozen=True)
class CapturedFile:
    """One file of the snapshot, as the manifest lists it. `size` is in bytes."""

    name: str
    digest: Digest
    size: int
    rows: int
    format: SourceKind

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
class IngestResult:
    """What ingest made: digests of snapshot and manifest in the data store, and the statement about them."""

    snapshot: Digest
    manifest: Digest
    rows: int
    files: tuple[CapturedFile, ...]
    evidence: Evidence
