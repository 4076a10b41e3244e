"""A signed project with one model live and one that climbed, whose records are in its log of predictions.

    move 1   flights@1 live                move 2   flights@2 on shadow             a deployer authorises its climb
    move 3   the guard, to canary          after 6 pairs                            move 4   the guard, off the ladder

Nothing is served: the records are made by hand, and what the moves tell is computed from them, as a controller does.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.deployments import chain
from lockgate.audit.entries import Deployment
from lockgate.audit.evidence import Evidence
from lockgate.audit.ladder.gather import observed_of
from lockgate.audit.ladder.told import told
from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.load import load_standing
from lockgate.audit.log import Log
from lockgate.audit.standings import Standing, standing
from lockgate.deploy.authorising import authorise
from lockgate.deploy.moves import guard_move
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.project import Project
from lockgate.project.reports import EverythingReport, ModelReport
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.sealed_predictions import seal_predictions
from tests.support.told_rows import Gateway, Step

POLICY = """version = 1
[environment.dev]
[environment.dev.ladder]
climb = "authorised"
checks = ["errors"]
[[environment.dev.ladder.rung]]
name = "shadow"
share = 0.0
rows = 6
[[environment.dev.ladder.rung]]
name = "canary"
share = 0.05
rows = 4
"""
GATEWAY = "a" * 16
Checks = dict[str, Any]


@dataclass
class Laddered:
    """The project while it is made, and what it was told."""

    signed: SignedProject
    gateway: Gateway
    spools: Path
    parts: int = 0

    @property
    def chain(self) -> tuple[Deployment, ...]:
        """Every move so far."""
        return chain("dev", "flights", self.signed.ledger.statements())

    @property
    def standing(self) -> Standing:
        """What the chain comes to."""
        found = standing(self.chain)
        assert found is not None
        return found

    def step(self) -> Step:
        """Of the rung on which the candidate is."""
        found = self.standing
        assert found.candidate is not None
        return Step(found.candidate.manifest, found.live.manifest, found.candidate.sequence, found.candidate.rung)

    def seal(self, *gateways: Gateway) -> Log:
        """What the gateways wrote is in the log."""
        for gateway in gateways or (self.gateway,):
            gateway.spool(self.spools, self.parts)
        self.parts += 1
        return seal_predictions(self.signed, self.spools)

    def checks(self, log: Log) -> Checks:
        """What a controller tells of this state of the log."""
        found, now = self.standing, self.signed.clock()
        loaded = load_standing(self.signed.ledger.statements(), "dev", now, name="flights")
        assert loaded.candidate is not None
        assert found.candidate is not None
        assert found.since is not None
        observed = observed_of(log, found, loaded.candidate.policy.ladder, "regression")
        rows, labels = observed.rung(found.candidate.sequence)
        return told(observed.results(), log.size, log.root, since=found.since.sequence, rows=rows, labels=labels)

    def reader(self, seen: Path | None = None) -> Project:
        """Somebody who keeps in `seen` what he sees: by default one who has seen nothing."""
        return Project(self.signed.root, now=self.signed.clock, seen_folder=seen or self.signed.root / "seen")

    def verify(self, seen: Path | None = None) -> tuple[EverythingReport, ModelReport]:
        """Everything, and the model by name. Raises what either does."""
        reader, root = self.reader(seen), self.signed.created.project_id
        return reader.verify_everything(root=root), reader.verify("flights@2", root=root)

    def climb(self, checks: Mapping[str, Any] | None, to: str = "canary") -> Evidence:
        """The guard moves the candidate up."""
        found = self.standing.candidate
        assert found is not None
        return self._move("up", found.manifest, to, checks, f"enough evidence for {to}")

    def withdraw(self, checks: Mapping[str, Any] | None, reason: str = "alarm: errors") -> Evidence:
        """The guard takes it off the ladder."""
        return self._move("down", self.standing.live.manifest, "live", checks, reason)

    def _move(self, move: Any, manifest: Any, to: str, checks: Mapping[str, Any] | None, reason: str) -> Evidence:
        place, sequence = self.signed.workplace(), self.chain[-1].sequence
        return guard_move(place, move=move, manifest=manifest, sequence=sequence, to=to, checks=checks, reason=reason)


def on_shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str = POLICY) -> Laddered:
    """Moves 1 and 2, the authorisation, and six pairs that a gateway observed, sealed."""
    signed = signed_project(folder, monkeypatch, policy=policy)
    (signed.root / "lockgate.toml").write_text('[project]\nname = "flights"\n')
    for seed in (1.0, 2.0):
        signed.candidate(seed)
        version = register_here(signed, monkeypatch).registration.ref
        deploy(signed.workplace(), DeploySpec(version, "dev", reason="a better one"))
    authorise(signed.workplace(), DeploySpec("flights@2", "dev"), signed.clock() + timedelta(days=1))
    spools = signed.home / "state" / "spool"
    house = Laddered(signed, Gateway(GATEWAY, Step("", "", 0)), spools)  # type: ignore[arg-type]
    gateway, step = house.gateway, house.step()
    gateway.time = round(signed.clock().timestamp() * 1000)
    gateway.step = step
    gateway.rows(step.base, 5)
    gateway.began()
    gateway.rows(step.base, 4)
    gateway.counted(0, 4, pairs_rows=4, pairs_requests=4, candidate_requests=4, live_requests=4)
    gateway.single(step.base)
    gateway.single(step.base)
    gateway.counted(0, 2, pairs_rows=2, pairs_requests=2, candidate_requests=2, live_requests=2)
    house.seal()
    return house


def on_canary(house: Laddered, requests: int = 40) -> Log:
    """A climb, then: the candidate fails on every request but one, and the caller gets the live model's answer."""
    house.climb(house.checks(log_of(house)))
    gateway, step = house.gateway, house.step()
    gateway.time = round(house.signed.clock().timestamp() * 1000)
    gateway.began(step)
    gateway.single(step.model, step.rung)
    gateway.rows(step.base, requests)
    failed = {"candidate_requests": requests + 1, "candidate_errors": requests, "live_requests": requests}
    gateway.counted(1, requests, pairs_requests=requests + 1, pairs_failed=requests, **failed)
    return house.seal()


def fork(house: Laddered, folder: Path) -> Laddered:
    """The same project in a folder of its own, with the same keys: what happens to it, the first one does not see."""
    root = folder / "project"
    shutil.copytree(house.signed.root, root)
    signed = copy.copy(house.signed)
    signed.root, signed.home = root, root / ".lockgate"
    signed.registry = RegistryStore(signed.home / "registry")
    signed.data = BlobStore(signed.home / "data" / "sha256", signed.home / "state" / "tmp")
    signed.ledger = signed.open_ledger()
    gateway = replace(house.gateway, records=list(house.gateway.records))
    return Laddered(signed, gateway, signed.home / "state" / "spool", house.parts)


def log_of(house: Laddered) -> Log:
    """The log of predictions as it is."""
    root, key = house.signed.created.project_id, house.signed.created.roles.sealer_key()
    return Log.open(house.signed.home / "log" / PREDICTIONS, public_key=key, origin=origin(root, PREDICTIONS))
