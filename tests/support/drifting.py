"""A signed project whose models are watched: plans in their closures, windows in the log, alarms by the guard's key.

Nothing is served: rows are drawn, binned by the model's own plans and told as a gateway tells them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockgate.audit.alarm_told import alarm_statement, told
from lockgate.audit.entries import Registration, registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.lives import life_of
from lockgate.audit.log import Log
from lockgate.audit.watched import Watched, monitor_policy, plans_of, settings_of
from lockgate.core.digest import Digest
from lockgate.core.record_kinds import UnrecordedRecord
from lockgate.core.record_window import WindowRecord
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.monitor import judged, making
from lockgate.monitor.binning import Binner, counted
from lockgate.monitor.plan import Plan
from lockgate.project import Project
from lockgate.trust import pin
from tests.support.project import SignedProject, register_here, signed_project
from tests.support.project import fork as fork_project
from tests.support.sealed_predictions import seal_predictions
from tests.support.told_rows import Gateway, Step

CONFIG = """[project]
name = "flights"
[data]
sources = ["flights.csv"]
contract = "contract.py:Flight"
label = "delay"
"""
ROWS = 4_000
"""Of each reference."""
FIELDS = ("age", "delay", "distance")
KINDS = {**dict.fromkeys(FIELDS, "float"), "flown": "timestamp"}
GATEWAY = "b" * 16
WRONG = 0.1


def rows_of(seed: int, count: int, shift: float = 0.0) -> dict[str, Any]:
    """Independent normal fields; `age` is moved by `shift` standard deviations."""
    drawn = np.random.default_rng(seed).normal(size=(len(FIELDS), count))
    drawn[0] += shift
    return dict(zip(FIELDS, drawn, strict=True))


def answers_of(seed: int, count: int, wrong: float = WRONG) -> dict[str, Any]:
    """What a binary model answers, a tenth of it wrong."""
    random = np.random.default_rng(seed)
    odds = np.round(random.normal(1.0, 2.0, size=count), 4)
    labels = np.empty(count, object)
    labels[:] = (odds > 0).tolist()
    loss = (random.random(count) < wrong).astype(np.float64)
    return {"class": labels, "margin": np.abs(odds), "confidence": odds, "loss": loss}


def plans(seed: int) -> tuple[Plan, Plan]:
    """Of the inputs, and of the outputs."""
    answers = answers_of(seed, ROWS)
    loss = answers.pop("loss")
    return (
        making.make(rows_of(seed, ROWS), KINDS, seed=seed),
        judged.make(answers, "binary", loss, seed=seed),
    )


@dataclass
class Drifting:
    """The project while it is made."""

    signed: SignedProject
    spools: Path
    gateway: Gateway
    parts: int = 0
    seed: int = 1000

    @property
    def project(self) -> Project:
        """As its owner opens it, who remembers what he saw of this folder alone."""
        return Project(self.signed.root, now=self.signed.clock, seen_folder=self.signed.root / "seen")

    @property
    def statements(self) -> Sequence[Evidence]:
        """All of the event log, read anew."""
        self.signed.ledger.refresh()
        return self.signed.ledger.statements()

    def model(self, version: int = 1) -> Registration:
        """A registered version."""
        return next(one for one in registrations(self.statements) if one.version == version)

    def serve(self, windows: int, *, shift: float = 0.0, version: int = 1, labelled: int = 0, rows: int = 1000) -> Log:
        """A gateway answers `windows` times `rows` rows, and tells their counts in the life of now; all is sealed."""
        one = self.model(version)
        life = life_of(self.statements, "dev", one.manifest).sequence
        made = plans_of(one, self.signed.registry.blobs)
        for _ in range(windows):
            self.seed += 1
            self._window(one.manifest, life, made, rows_of(self.seed, rows, shift), labelled)
        self.gateway.spool(self.spools, self.parts)
        self.parts += 1
        return seal_predictions(self.signed, self.spools)

    def _window(
        self, manifest: Digest, life: int, made: Sequence[Plan], given: Mapping[str, Any], labelled: int
    ) -> None:
        rows = len(given[FIELDS[0]])
        answers = answers_of(self.seed, rows)
        answers["loss"][labelled:] = np.nan
        bins: list[tuple[int, int, list[int]]] = []
        first = 0
        for plan, columns in zip(made, (given, answers), strict=True):
            bins += counted(plan, *Binner(plan, np.random.default_rng(self.seed)).bins(columns), first)
            first += len(plan.streams)
        ordered = tuple((stratum, stream, tuple(counts)) for stratum, stream, counts in sorted(bins))
        since = self.gateway.time
        self.gateway.time += 60_000
        self.gateway.records.append(UnrecordedRecord(*self._place(), rows, since))
        self.gateway.records.append(
            WindowRecord(
                *self._place(),
                model=manifest,
                environment="dev",
                rung="live",
                life=life,
                bins=ordered,
                rows=rows,
                dropped=0,
                seen=rows,
                labelled=labelled,
                stride=1,
                since=since,
            )
        )

    def _place(self) -> tuple[str, int, int]:
        return self.gateway.name, len(self.gateway.records), self.gateway.time

    def watched(self, log: Log, version: int = 1) -> Watched:
        """The test of a model, as whoever reads the log has it."""
        one = self.model(version)
        found = Watched(
            plans_of(one, self.signed.registry.blobs),
            "dev",
            one.manifest,
            life_of(self.statements, "dev", one.manifest),
            settings_of(monitor_policy(self.statements, "dev")),
        )
        found.extend(log)
        return found

    def alarm(self, log: Log, version: int = 1) -> Evidence:
        """What a supervisor signs, where something alarms."""
        watched, policy = self.watched(log, version), monitor_policy(self.statements, "dev")
        raised = watched.raised(policy.test)
        assert raised, "nothing alarms"
        said = told(watched, raised, policy, log.size, log.root)
        return self.signed.record(
            "guard", alarm_statement(self.model(version), "dev", said, "tell", self.signed.clock())
        )


def drifting(folder: Path, monkeypatch: pytest.MonkeyPatch, *, models: int = 1, policy: str = "") -> Drifting:
    """flights@1, live in dev, with plans; and further ones, registered only."""
    signed = signed_project(folder, monkeypatch, **({"policy": policy} if policy else {}))
    signed.clock.now = datetime.now(UTC) - timedelta(hours=12)
    pin.pin(signed.created.project_id, signed.root, signed.clock())
    (signed.root / "lockgate.toml").write_text(CONFIG)
    gateway = Gateway(GATEWAY, Step(Digest(""), Digest(""), 0))
    house = Drifting(signed, signed.home / "state" / "spool", gateway)
    for number in range(1, models + 1):
        inputs, outputs = plans(number)
        signed.candidate(float(number), monitored=(inputs.encode(), outputs.encode()))
        register_here(signed, monkeypatch)
    deploy(signed.workplace(), DeploySpec("flights@1", "dev", reason="the first"))
    gateway.time = round(signed.clock().timestamp() * 1000)
    return house


def fork(house: Drifting, folder: Path) -> Drifting:
    """The same project in a folder of its own, with the same keys: what happens to it, the first one does not see."""
    signed = fork_project(house.signed, folder)
    gateway = replace(house.gateway, records=list(house.gateway.records))
    return Drifting(signed, signed.home / "state" / "spool", gateway, house.parts, house.seed)
