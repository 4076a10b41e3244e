"""A log in memory with a ladder: version 1 live in dev, version 2 on its first rung, an authorisation where wanted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lockgate.audit.evidence import Evidence
from lockgate.audit.load import LoadStanding, load_standing
from lockgate.errors import LockgateError
from tests.support.evidence import Chronicle

SHARES = {"shadow": 0.0, "canary": 0.05, "quarter": 0.25, "live": 1.0}
RUNGS = tuple(SHARES.items())

LADDER = """[environment.dev]
[environment.dev.ladder]
climb = "CLIMB"
longest_authorisation = 10
[[environment.dev.ladder.rung]]
name = "shadow"
share = 0
rows = 10
[[environment.dev.ladder.rung]]
name = "canary"
share = 0.05
rows = 10
[[environment.dev.ladder.rung]]
name = "quarter"
share = 0.25
rows = 10
[environment.prod]
"""

ENOUGH: dict[str, Any] = {
    "log": {"size": 20, "root": "00" * 32},
    "since": 2,
    "rows": 10,
    "labels": 0,
    "results": [{"check": "errors", "log_e": 0.1, "threshold": 5.3, "alarm": False, "rows": 10, "seen": {}}],
}


class Ladder(Chronicle):
    """`one` is live, `two` stands on shadow under `under`; `three` is registered. Moves follow each other honestly."""

    def __init__(self, *, climb: str = "authorised", candidate: bool = True) -> None:
        super().__init__()
        self.rules = LADDER.replace("CLIMB", climb)
        self.policy(rules=self.rules)
        self.one, self.two, self.three = (self.model(str(version), version=version) for version in (1, 2, 3))
        self.first = self.summary(self.one)
        self.deploy(self.one, summary=self.first)
        self.under = self.summary(self.two)
        if candidate:
            self.put("shadow")

    def put(self, to: str, registered: Evidence | None = None, **changes: Any) -> Evidence:
        """The deployer puts a model, version 2, on a rung, each time under a new summary but the first."""
        registered = registered or self.two
        fresh = registered is not self.two or any(one.predicate.get("vsa") == self.under.digest for one in self.moves)
        if fresh and "summary" not in changes:
            changes["summary"] = self.summary(registered)
            self.under = changes["summary"] if registered is self.two else self.under
        return self.deploy(
            registered, **{"rung": to, "share": SHARES[to], "summary": self.under, "move": "up", **changes}
        )

    def allow(self, registered: Evidence | None = None, **changes: Any) -> Evidence:
        """The deployer authorises version 2 to climb."""
        return self.authorise(registered or self.two, **{"rungs": RUNGS, **changes})

    def climb(self, to: str, word: Evidence | None, registered: Evidence | None = None, **changes: Any) -> Evidence:
        """The guard moves a model, version 2, up."""
        said = {} if word is None else {"authorisation": word.digest}
        given = {"rung": to, "share": SHARES[to], "checks": ENOUGH, "summary": self.under, "role": "guard"}
        return self.deploy(registered or self.two, **{**given, **said, **changes})

    def withdraw(self, **changes: Any) -> Evidence:
        """The guard takes the candidate off."""
        return self.deploy(self.one, **{"role": "guard", "move": "down", "summary": self.first, **changes})

    @property
    def moves(self) -> list[Evidence]:
        """The deployments so far."""
        return [one for one in self.evidences if one.claim == "deploy"]

    def load(self, later: timedelta = timedelta()) -> LoadStanding:
        """What a loader decides."""
        return load_standing(self.evidences, "dev", self.now + later)

    def stands(self) -> tuple[int, str]:
        """Version and rung of the model that moved last: of the candidate, or of what is live."""
        loaded = self.load()
        decision = loaded.candidate or loaded.live
        return decision.version, decision.rung

    def finding(self) -> str:
        """Why a loader refuses the chain, or the candidate in it; "" when it loads what stands there."""
        try:
            loaded = self.load()
        except LockgateError as no:
            return no.finding
        return loaded.problem.finding if loaded.problem is not None else ""
