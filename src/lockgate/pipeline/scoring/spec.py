"""What scoring a file takes and gives. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from lockgate.core.digest import Digest
from lockgate.core.shown_html import Shown

Kind = Literal["internal", "external"]

RECEIPT: Final = ".receipt.json"
QUARANTINE: Final = ".quarantine.parquet"


@dataclass(frozen=True)
class Form:
    """How a file of rows is read, as `[data]` says."""

    null: tuple[str, ...] = ("",)
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Wanted:
    """A file to be scored. `kind`: of client, whose output policy holds. `source` and `out` are absolute."""

    ref: str
    source: Path
    out: Path
    kind: Kind = "internal"
    form: Form = Form()

    @property
    def receipt(self) -> Path:
        """Where the receipt goes."""
        return self.out.with_name(self.out.name + RECEIPT)

    @property
    def quarantine(self) -> Path:
        """Where the refused rows go, with their reasons."""
        return self.out.with_name(self.out.name + QUARANTINE)


@dataclass(frozen=True, repr=False)
class Scored(Shown):
    """A file that was scored. `sealed`: its record is in the log already. `quarantine` None: no row was refused."""

    ref: str
    manifest: Digest
    environment: str
    rung: str
    rows: int
    scored: int
    by_rule: tuple[Mapping[str, Any], ...]
    out: Path
    receipt: str
    receipt_file: Path
    quarantine: Path | None
    root: str
    sealed: bool

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ref": self.ref,
            "manifest": self.manifest,
            "environment": self.environment,
            "rung": self.rung,
            "rows": self.rows,
            "scored": self.scored,
            "refused": self.rows - self.scored,
            "by_rule": [dict(each) for each in self.by_rule],
            "out": str(self.out),
            "receipt": self.receipt,
            "receipt_file": str(self.receipt_file),
            "quarantine": str(self.quarantine) if self.quarantine else None,
            "root": self.root,
            "record": "sealed" if self.sealed else "pending",
        }
