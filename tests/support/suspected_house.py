"""A project with a gateway that writes suspicions, and its operator at the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.ledger import PREDICTIONS
from lockgate.audit.spool import Spool
from lockgate.cli.main import run
from lockgate.core.digest import Digest
from lockgate.core.record_suspicion import SuspicionRecord
from lockgate.core.records import Record
from lockgate.project import Project
from lockgate.serve import rules
from lockgate.serve.recording.parts import part_path
from lockgate.trust import pin
from lockgate.trust._edgefile import edge_secrets
from tests.support.project import SignedProject
from tests.support.sealed_predictions import seal_predictions

GATEWAY = "a" * 16
MODEL = Digest("sha256:" + "a" * 64)
COUNTS = {"rows": 1500, "probes": 1204, "boundary": 96}
TOML = """[project]
name = "flights"
[data]
sources = ["a.csv"]
contract = "contract.py:M"
label = "y"
"""


@dataclass
class House:
    """A project with a gateway that writes suspicions, and its operator at the command line."""

    signed: SignedProject
    capsys: pytest.CaptureFixture[str]
    records: list[Record] = field(default_factory=list)
    spooled: int = 0

    @property
    def project(self) -> Project:
        """As its owner opens it."""
        return Project(self.signed.root, now=self.signed.clock)

    @property
    def spools(self) -> Path:
        """Where the gateway writes."""
        return self.signed.home / "state" / "spool"

    def says(self, *words: str) -> tuple[int, str, str]:
        """Runs `lockgate clients ...`: exit code, data, talk."""
        code = run(["clients", *words])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def data(self, *words: str) -> Any:
        """What it says under `--json`."""
        code, out, _ = self.says(*words, "--json")
        assert code == 0
        return json.loads(out)

    def pseudonym(self, name: str) -> str:
        """What stands for a client."""
        secrets = edge_secrets(pin.key_folder(self.signed.created.project_id) / "edge.json")
        return rules.pseudonym(secrets.pseudonym, name)

    @property
    def bundle(self) -> Path:
        """The file of the newest sealed records."""
        found = (self.signed.home / "log" / PREDICTIONS / "tile" / "entries").rglob("*.p/*")
        return max(found, key=lambda path: int(path.name))

    def suspect(
        self,
        name: str,
        rule: str = "near",
        level: int = 1,
        *,
        scope: str = "client",
        counts: Mapping[str, int] = COUNTS,
        earlier: timedelta = timedelta(0),
        sealed: bool = True,
    ) -> None:
        """A gateway takes a step with `name`."""
        time = round((self.signed.clock() - earlier).timestamp() * 1000)
        place = (GATEWAY, len(self.records), time, MODEL, "dev", "live", self.pseudonym(name))
        self.records.append(SuspicionRecord(*place, rule, scope, level, dict(counts), time - 60_000))
        self.write(sealed=sealed)

    def write(self, *, sealed: bool = True) -> None:
        """What was not written yet is in the spool, and sealed."""
        self.spools.mkdir(parents=True, exist_ok=True)
        with Spool(part_path(self.spools, GATEWAY, 0)) as spool:
            spool.append([one.encode() for one in self.records[self.spooled :]])
        self.spooled = len(self.records)
        if sealed:
            seal_predictions(self.signed, self.spools)

    def queue(self) -> dict[str, tuple[int, list[str]]]:
        """Who is suspected, in the queue's order: level and rules."""
        return {one["name"]: (one["level"], one["rules"]) for one in self.data("review")["suspects"]}
