"""A signed project whose files a test writes, to be ingested and validated by the real stages in real jails."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.core.digest import Digest
from lockgate.core.encoding import decode
from lockgate.ingest.run import run as ingest
from lockgate.ingest.spec import IngestResult, IngestSpec, Source
from lockgate.validate.run import run as validate
from lockgate.validate.spec import ValidateResult, ValidateSpec
from tests.support.project import SignedProject, signed_project

FLIGHT = """
from pydantic import BaseModel, Field

class Flight(BaseModel):
    distance: int = Field(gt=0, le=20_000)
    carrier: str = Field(pattern="^[A-Z0-9]{2}$")
    late: bool
"""
CSV = "distance,carrier,late\n1400,UA,true\n1416,AA,false\n1089,B6,false\n"


class SourceProject:
    """A project in a temporary folder; `write` puts files there."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project: SignedProject = signed_project(tmp_path, monkeypatch)
        self.root = self.project.root

    def write(self, name: str, content: bytes | str) -> Path:
        """One file of the user's."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, *patterns: str, **options: Any) -> IngestResult:
        """Ingest what `patterns` name."""
        sources = tuple(Source(pattern) for pattern in patterns)
        return ingest(self.project.workplace(), IngestSpec(sources, **options))

    def validate(
        self, contract: str = FLIGHT, model: str = "Flight", label: str = "late", **more: Any
    ) -> ValidateResult:
        """Write `contract` and judge the newest snapshot by it; a share of refused rows never refuses by itself."""
        self.write("contract.py", contract)
        options = {"max_quarantined_share": 1.0, **more}
        return validate(self.project.workplace(), ValidateSpec("contract.py", model, label, **options))

    def table(self, digest: Digest) -> pa.Table:
        """A Parquet file of the data store."""
        return pq.read_table(io.BytesIO(self.project.data.read(digest, 1 << 30)))

    def json(self, digest: Digest) -> Any:
        """A JSON file of the data store."""
        return decode(self.project.data.read(digest, 1 << 30))

    def claims(self) -> list[str]:
        """What stands in the event log, as a fresh and verified reader sees it."""
        return [one.claim for one in self.project.open_ledger().statements()]

    def left_over(self) -> list[str]:
        """What stages left in the folder for their work, or put into the data store."""
        homes = (self.project.home / "state" / "tmp", self.project.home / "data" / "sha256")
        return sorted(str(path) for home in homes if home.is_dir() for path in home.iterdir())


def parquet(columns: Mapping[str, Any] | pa.Table, **options: Any) -> bytes:
    """A Parquet file of these columns."""
    buffer = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), buffer, **options)
    return buffer.getvalue()


def reasons(table: pa.Table) -> list[tuple[str, int, str, str]]:
    """source, row, field and rule of each quarantined row."""
    names: Sequence[str] = ("source", "row", "field", "rule")
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))
