"""A signed project with a live model, records of answers, persons' words about it, and canaries that must stay home."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.core.moments import rfc3339
from lockgate.core.statement import APPROVAL, WAIVER, Statement, Subject, claim_uri
from lockgate.project import Project
from lockgate.project.evidence.exporting import Exported
from lockgate.serve.clients import ClientRegistry
from lockgate.trust import pin
from tests.support.laddered import Laddered, fork, on_shadow
from tests.support.project import SignedProject

CANARY = "canary-7f3a"
"""Stands where values, clients' names and messages are: none of it is handed out."""
HOSTILE = "<script>alert(1)</script> \u202egnihton\x1b[2J ]]> &amp; \" '"
"""What persons may write as a reason: never markup, never steering."""


@dataclass
class Handed:
    """The project, and what was handed out of it."""

    house: Laddered
    folder: Path

    @property
    def signed(self) -> SignedProject:
        """The project while it is made."""
        return self.house.signed

    @property
    def root(self) -> str:
        """The fingerprint of its root."""
        return self.signed.created.project_id

    def project(self, at: datetime | None = None) -> Project:
        """The project at a moment that stands still, by somebody who has seen nothing."""
        moment = at or datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        return Project(self.signed.root, lambda: moment, self.folder / "seen")

    def export(self, name: str = "a.evidence.zip", ref: str = "flights@1", **more: Any) -> tuple[Exported, Path]:
        """Write an archive into the folder of the test."""
        out = self.folder / name
        return self.project().evidence(ref, out=out, root=self.root, **more), out


def members(archive: Path) -> dict[str, bytes]:
    """The files of an archive."""
    with zipfile.ZipFile(archive) as found:
        return {one.filename: found.read(one) for one in found.infolist()}


def value(archive: Path, path: str) -> Any:
    """A JSON file of an archive."""
    return json.loads(members(archive)[path])


def handed(folder: Path, patch: pytest.MonkeyPatch) -> Handed:
    """flights@1 live, flights@2 on its shadow, records of both; approved, waived; a client."""
    house = on_shadow(folder, patch)
    signed = house.signed
    first = signed.ledger.statements("register")[0]
    model = (Subject("flights@1", first.statement.subjects[0].digest),)
    time = rfc3339(signed.clock())
    about = {"environment": "dev", "manifest": model[0].digest, "time": time}
    approval = {"claim": claim_uri("approve"), "reason": HOSTILE, **about}
    signed.record("approver", Statement(model, APPROVAL, approval))
    until = rfc3339(signed.clock() + timedelta(days=3))
    waiver = {"claim": claim_uri("waive"), "finding": "LG434", "reason": HOSTILE, "expires": until, **about}
    signed.record("approver", Statement(model, WAIVER, waiver))
    clients = ClientRegistry(signed.home / "state", signed.keyring.folder / "edge.json")
    clients.add(CANARY, now=signed.clock())
    pin.pin(signed.created.project_id, signed.root, signed.clock())
    return Handed(house, folder)


def again(found: Handed, folder: Path) -> Handed:
    """The same in a folder of its own, to tamper with."""
    return Handed(fork(found.house, folder), folder)
