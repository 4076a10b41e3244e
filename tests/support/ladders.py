"""A project whose policy has a ladder, and rows for it: the contract is `tests.support.serving`'s flight."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import digest_of
from lockgate.core.statement import Statement, resource
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeployResult, DeploySpec
from lockgate.trust import pin as pins
from tests.support.ladder_models import FAR
from tests.support.project import SignedProject, at_home, register_here
from tests.support.serving import CODE, SPEC, ServableProject

Row = tuple[float, str, bool]
"""Distance, carrier, late."""

POLICY = """version = 1
[environment.dev]
approvals = 0
[environment.dev.ladder]
{settings}
[[environment.dev.ladder.rung]]
name = "shadow"
share = 0.0
rows = {rows}
[[environment.dev.ladder.rung]]
name = "canary"
share = 0.25
rows = {rows}
"""


def policy(rows: int = 200, **settings: Any) -> str:
    """A ladder in dev, shadow and canary, `rows` on each."""
    spelled = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    return POLICY.format(rows=rows, settings="\n".join(spelled))


def flights(start: int, count: int) -> list[Row]:
    """So many different rows; their labels are what `model()` says."""
    numbers = range(start, start + count)
    return [(float(50 + 37 * number % 2900) + number / 4096, ("AA", "UA")[number % 2], False) for number in numbers]


def labelled(rows: Sequence[Row]) -> list[Row]:
    """As they came true."""
    return [(distance, carrier, distance > FAR) for distance, carrier, _ in rows]


class LadderProject(ServableProject):
    """A ladder in dev. What its train statements say of rows is true: `training` and `heldout` are stored with them."""

    def __init__(self, root: Path, *, rules: str | None = None) -> None:
        super().__init__(root, policy=policy() if rules is None else rules)
        self.training = labelled(flights(0, 300))
        self.heldout = labelled(flights(10_000, 250))
        self.code = CODE
        self._made = 0

    def record(self, role: str, statement: Statement) -> Evidence:
        """Complete what says which contract it was, and which rows."""
        if role == "validator":
            described = resource("contract.py:Flight", digest_of(self.code))
            predicate = {**statement.predicate, "contract": described}
            return SignedProject.record(self, role, Statement(statement.subjects, statement.predicate_type, predicate))
        if role == "trainer":
            parts = {"train.parquet": self.training, "heldout.parquet": self.heldout}
            found = [resource(name, self.data.put(parquet(rows)), rows=len(rows)) for name, rows in parts.items()]
            definition = statement.predicate["buildDefinition"]
            listed = {"resolvedDependencies": [*definition["resolvedDependencies"], *found]}
            predicate = {**statement.predicate, "buildDefinition": {**definition, **listed}}
            statement = Statement(statement.subjects, statement.predicate_type, predicate)
        return super().record(role, statement)

    def register(self, patch: pytest.MonkeyPatch, made: bytes, code: bytes = CODE) -> Registration:
        """A new version."""
        self._made, self.code = self._made + 1, code
        self.candidate(float(self._made), model=made, io=SPEC.encode(), code=code)
        return register_here(self, patch).registration

    def move(self, version: int, to: str = "", **more: Any) -> DeployResult:
        """`lockgate deploy flights@VERSION`, to the next rung."""
        return deploy(self.workplace(), DeploySpec(f"flights@{version}", "dev", to, **more))

    def now_place(self) -> Workplace:
        """A workplace by the machine's clock."""
        return self.workplace(now=lambda: datetime.now(UTC))


def ladder_project(folder: Path, patch: pytest.MonkeyPatch, rules: str | None = None) -> LadderProject:
    """An empty one, its root pinned."""
    at_home(folder, patch)
    root = folder / "project"
    root.mkdir()
    project = LadderProject(root, rules=rules)
    pins.pin(project.created.project_id, project.root, project.clock())
    return project


def parquet(rows: Sequence[Row]) -> bytes:
    """As the split leaves accepted rows."""
    distance, carrier, late = zip(*rows, strict=True)
    sink = BytesIO()
    pq.write_table(pa.table({"distance": distance, "carrier": carrier, "late": late}), sink)
    return sink.getvalue()
