"""Environments of one signed project, each with a ladder of its own, and the moves that tests make in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.deployments import standing_of
from lockgate.audit.evidence import Evidence
from lockgate.audit.ladder.checks import Result
from lockgate.audit.ladder.told import told
from lockgate.audit.load import LoadStanding, load_standing
from lockgate.audit.standings import Standing
from lockgate.audit.workplace import Workplace
from lockgate.deploy.authorising import authorise
from lockgate.deploy.moves import guard_move
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import Authorised, DeployResult, DeploySpec, Facts, Live
from lockgate.deploy.status import status_of
from lockgate.errors import LockgateError
from lockgate.trust.policy import Policy
from tests.support.ladder import LADDER
from tests.support.project import SignedProject, register_here, signed_project

RULES = LADDER.replace("CLIMB", "authorised").replace("rows = 10\n", "rows = 2000\n", 1).split("[environment.prod]")[0]
PLACES = [f"e{number}" for number in range(20)]
DAY = 86400.0


def rules_of(version: int, *places: str, **changes: str) -> str:
    """A policy text with the same ladder in each of `places`."""
    rules = RULES.replace("[environment.dev]\n", "[environment.dev]\napprovals = 0\n")
    for old, new in changes.items():
        rules = rules.replace(old, new)
    return "\n".join(
        [f"version = {version}", *(rules.replace("environment.dev", f"environment.{one}") for one in places)]
    )


@dataclass(frozen=True)
class Here:
    """One environment of a project, in which version 1 is live; versions 2 and 3 are registered."""

    project: SignedProject
    environment: str

    def workplace(self, **changes: Any) -> Workplace:
        """Where this environment's moves are made."""
        return self.project.workplace(self.environment, **changes)

    @property
    def statements(self) -> list[Evidence]:
        """The event log."""
        return self.project.ledger.statements()

    @property
    def moves(self) -> list[Evidence]:
        """The deployments here."""
        return [one for one in self.statements if one.claim == "deploy" and self._is_here(one)]

    def renew(self, text: str) -> None:
        """Put another policy in force."""
        self.project.policy = Policy.from_text(text)
        self.project.record("policy", self.project.policy.statement(self.project.clock()))

    def _is_here(self, one: Evidence) -> bool:
        return bool(one.predicate["environment"] == self.environment)


def project_of(folder: Path, patch: pytest.MonkeyPatch, *places: str, models: int = 2) -> SignedProject:
    """A project with so many registered models."""
    project = signed_project(folder, patch, policy=rules_of(1, *places))
    for seed in (1.0, 2.0, 3.0)[:models]:
        project.candidate(seed)
        register_here(project, patch)
    return project


def begun(here: Here) -> Here:
    """Version 1 is live."""
    deploy(here.workplace(), DeploySpec("flights@1", here.environment))
    return here


def facts_of(rows: int = 2000, waited: float = 8 * DAY, *, alarm: bool = False) -> Facts:
    """What a log of predictions would say."""
    results = (Result("errors", 6.0 if alarm else 0.1, 5.5, alarm, rows, {"candidate": 0.5}),)
    return Facts(rows, 0, waited, results, told(results, 9, b"\0" * 32, since=2, rows=rows, labels=0))


def seen(facts: Facts | None) -> Callable[[LoadStanding], Facts | None]:
    """Whoever looks sees this."""
    return lambda _: facts


def move(here: Here, to: str = "", facts: Facts | None = None, **more: Any) -> DeployResult:
    """A deployer's move, of version 2 unless `ref` says otherwise."""
    return deploy(here.workplace(), DeploySpec(more.pop("ref", "flights@2"), here.environment, to, **more), seen(facts))


def loaded(here: Here) -> LoadStanding:
    """What a loader decides here."""
    return load_standing(here.statements, here.environment, here.project.clock())


def stands(here: Here) -> tuple[int, str]:
    """The version that is live, and the candidate's rung."""
    found = loaded(here)
    return found.live.version, found.candidate.rung if found.candidate else ""


def standing_in(here: Here) -> Standing:
    """What the chain comes to."""
    found = standing_of(here.environment, "flights", here.statements)
    assert found is not None
    return found


def status_in(here: Here, facts: Facts | None = None) -> Live:
    """What `status` says of this environment."""
    found = status_of(here.statements, here.project.clock(), look=seen(facts)).live
    return next(one for one in found if one.environment == here.environment)


def refused(act: Callable[[], object]) -> LockgateError:
    """What an act was refused with."""
    with pytest.raises(LockgateError) as no:
        act()
    return no.value


def until(here: Here, **span: float) -> datetime:
    """So long from now."""
    return (here.project.clock() + timedelta(**span)).replace(microsecond=0)


def allow(here: Here, until: datetime, ref: str = "flights@2") -> Authorised:
    """A deployer lets a model climb by itself."""
    return authorise(here.workplace(), DeploySpec(ref, here.environment), until)


def guard(here: Here, to: str, *, move: Any = "up", rows: int = 2000, **more: Any) -> LoadStanding:
    """The guard's move, as a controller proposes it on the log of now; `more` makes it another."""
    standing = standing_in(here)
    newest = standing.candidate or standing.live
    model = standing.live if to == "live" and move == "down" else newest
    given = {"manifest": model.manifest, "sequence": newest.sequence, "checks": facts_of(rows).checks, **more}
    guard_move(here.workplace(), move=move, to=to, **given)
    return loaded(here)
