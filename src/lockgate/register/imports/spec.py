"""What goes into an import and what comes out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.entries import FileEntry
from lockgate.audit.imports import Import
from lockgate.core.digest import Digest


@dataclass(frozen=True)
class ImportSpec:
    """`folder` is taken in as `name`. `key`: PEM of the signer's public key; `digest`: the one that is expected."""

    folder: Path
    name: str
    key: bytes | None = None
    digest: Digest | None = None


@dataclass(frozen=True)
class Offer:
    """What would come in, as a person is shown it.

    Attributes:
        manifest: what identifies it: the digest of its manifest, which binds each name to its bytes.
        signer: fingerprint of the key whose signature was verified; "" for nobody.
        unread: there is a signature, and no key was given to verify it with.
        pinned: the import of this name that was pinned before.
        changes: what is new against it, a line each; nothing when digest and signer are the same.
    """

    name: str
    version: int
    folder: str
    files: tuple[FileEntry, ...]
    manifest: Digest
    signer: str
    unread: bool
    pinned: Import | None
    changes: tuple[str, ...]
    kind: str = ""

    def lines(self) -> tuple[str, ...]:
        """For a terminal."""
        size = sum(file.size for file in self.files)
        shown = sorted(self.files, key=lambda file: -file.size)[:12]
        signer = f"key {self.signer}, signature verified" if self.signer else "nobody"
        if self.unread:
            signer = "nobody: there is a model.sig, and no --key to verify it with"
        rest = len(self.files) - len(shown)
        return (
            f"{self.name}@{self.version}  from {self.folder}" + (f"  ({self.kind})" if self.kind else ""),
            f"  digest  {self.manifest}",
            f"  signer  {signer}",
            f"  files   {len(self.files)}, {size:,} bytes",
            *(f"    {file.size:>15,}  {file.name}" for file in shown),
            *([f"    and {rest} more"] if rest else []),
            *(f"  ! {change}" for change in self.changes),
        )


@dataclass(frozen=True)
class ImportResult:
    """`cached`: digest and signer were pinned already; nothing was signed."""

    imported: Import
    offer: Offer
    cached: bool
