"""What a controller concludes from two logs: whether the model on the ladder stays, is taken off, or may step up.

It trusts what `ledger` and the log of predictions have verified, and what the gateways counted of themselves in
sealed records. It holds no key: a `Move` is a proposal, and whoever signs looks at the evidence again. It has no
clock: the time is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from lockgate.audit import deployments
from lockgate.audit.climbing import authorisation_for
from lockgate.audit.entries import LIVE, Registration
from lockgate.audit.guarding import next_rung
from lockgate.audit.ladder.decide import Verdict, decide, remaining
from lockgate.audit.ladder.gather import Following
from lockgate.audit.ladder.told import told
from lockgate.audit.load import LoadDecision, load_standing
from lockgate.audit.standings import Standing
from lockgate.core.digest import Digest

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.log import Log

AGAIN, SOON = timedelta(seconds=5), timedelta(seconds=1)
"""After a proposal that was refused: when the same one is made again; SOON where the guard only had to wait."""
DAILY = timedelta(days=1)
NO_KEY, BUSY = "LG685", "LG807"
PASSING = ("LG545", "LG684", BUSY)
"""Refusals: where asking again is of no use, and where it soon is. One of these that lasts, the supervisor tells."""
EVIDENCE = timedelta(seconds=1)
"""How long what the log says holds, as waivers end by the clock alone."""


@dataclass(frozen=True)
class Move:
    """A proposal: `manifest` on the rung `to`, as the move after `sequence`, for what `checks` tell."""

    TOLD: ClassVar = "move"

    move: Literal["up", "down"]
    manifest: Digest
    sequence: int
    to: str
    checks: Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """A line for a person."""

    TOLD: ClassVar = "judged"

    finding: str
    message: str


@dataclass(frozen=True)
class _Ladder:
    """The ladder as the event log has it. `climb`: the rung that the candidate may step up to by itself."""

    standing: Standing
    candidate: LoadDecision
    sequence: int
    climb: str


class Controller:
    """Follows one ladder after another of `name` in `environment`.

    `statements` and `predictions` give the verified logs as they are now, or raise LockgateError; `task_of` says what
    kind of answers a model gives.
    """

    def __init__(
        self,
        environment: str,
        name: str,
        statements: Callable[[], Sequence[Evidence]],
        predictions: Callable[[], Log],
        task_of: Callable[[Registration], str],
    ) -> None:
        self._environment = environment
        self._name = name
        self._statements = statements
        self._predictions = predictions
        self._task_of = task_of
        self._ladder: _Ladder | None = None
        self._until: tuple[Digest | None, datetime] | None = None
        self._following: tuple[Digest, Following] | None = None
        self._proposed: int | None = None
        self._again: tuple[int, datetime, str] | None = None
        self._told: dict[tuple[int, str], datetime] = {}

    def look(self, now: datetime) -> tuple[Move | Judged, ...]:
        """What is to be proposed and told now. Nothing climbs, and nothing is judged, on evidence that does not hold.

        1. Who is on the ladder, by which policy, and whether a deployer authorised the next step (the event log).
        2. What the gateways observed of that model since its first step on this ladder (the log of predictions).
        3. An alarm takes it off. Enough evidence moves it up where that is authorised; else a person is told. What a
           gateway counted that cannot be is told too.

        Each proposal is made once for a chain; again only when it was refused. Raises LockgateError.
        """
        # 1.
        problem = self._evidence(now)
        ladder = self._ladder
        if ladder is None:
            self._following = None
            return problem
        # 2.
        log = self._predictions()
        observed = self._follow(ladder, log).observed
        # 3.
        candidate, policy = ladder.candidate, ladder.candidate.policy.ladder
        results = observed.results()
        rows, labels = observed.rung(candidate.sequence)
        waited = (now - candidate.deployment.evidence.time).total_seconds()
        verdict = decide(results, rows, labels, policy.rung(candidate.rung), waited, may_climb=bool(ladder.climb))
        since = ladder.standing.since.sequence if ladder.standing.since is not None else candidate.sequence
        checks = told(results, log.size, log.root, since=since, rows=rows, labels=labels)
        odd = tuple(
            line
            for one in observed.reasons()
            for line in self._tell(ladder.sequence, one.finding, f"{self._words(ladder)}: {one.message}", now)
        )
        if verdict.decision == "hold":
            return (*odd, *self._held(ladder, verdict, (rows, labels), waited, now))
        if verdict.decision == "withdraw":
            move = Move("down", ladder.standing.live.manifest, ladder.sequence, LIVE, checks)
        else:
            move = Move("up", candidate.manifest, ladder.sequence, ladder.climb, checks)
        return (*self._propose(move, ladder, verdict, now), *odd)

    def refused(self, sequence: int, finding: str, now: datetime) -> None:
        """What was proposed for the chain that ends with `sequence` was not done."""
        if sequence == self._proposed:
            self._proposed = None
            self._again = (sequence, now + (SOON if finding == BUSY else AGAIN), finding)

    def _evidence(self, now: datetime) -> tuple[Judged, ...]:
        """Read the event log again where it, or a second, has moved on; what is wrong with a candidate, once a day."""
        statements = self._statements()
        newest = statements[-1].digest if statements else None
        if self._until is not None and self._until[0] == newest and now < self._until[1]:
            return ()
        self._until, self._ladder = (newest, now + EVIDENCE), None
        standing = deployments.standing_of(self._environment, self._name, statements)
        if standing is None or standing.candidate is None:
            return ()
        loaded = load_standing(statements, self._environment, now, name=self._name)
        if loaded.candidate is None:
            problem = loaded.problem
            return () if problem is None else self._tell(loaded.sequence, problem.finding, problem.message, now)
        allowed, _ = authorisation_for(standing, loaded.candidate.policy, statements, now)
        following = next_rung(allowed, standing.candidate) if allowed is not None else None
        climb = following[0] if following is not None else ""
        self._ladder = _Ladder(standing, loaded.candidate, loaded.sequence, climb)
        return ()

    def _follow(self, ladder: _Ladder, log: Log) -> Following:
        """What was observed on this ladder. After a move it is counted anew, as `verify` will count it."""
        move = ladder.candidate.deployment.evidence.digest
        if self._following is None or self._following[0] != move:
            task = self._task_of(ladder.candidate.registration)
            self._following = (move, Following(ladder.standing, ladder.candidate.policy.ladder, task))
        self._following[1].extend(log)
        return self._following[1]

    def _propose(self, move: Move, ladder: _Ladder, verdict: Verdict, now: datetime) -> tuple[Move | Judged, ...]:
        """Once for a chain; after a refusal again in a while, and an alarm that nobody acts on is a person's."""
        if self._proposed == move.sequence:
            return ()
        lines: tuple[Judged, ...] = ()
        if self._again is not None and self._again[0] == move.sequence:
            _, due, finding = self._again
            if move.move == "down" and finding not in PASSING:
                words = f"{self._words(ladder)}: {verdict.why}; nothing was moved ({finding}): {self._off()}"
                lines = self._tell(move.sequence, "LG553", words, now)
            if now < due or finding == NO_KEY:
                return lines
        self._proposed = move.sequence
        return (move, *lines)

    def _held(
        self, ladder: _Ladder, verdict: Verdict, had: tuple[int, int], waited: float, now: datetime
    ) -> tuple[Judged, ...]:
        """A rung whose time is over, or that has all that it asks for and waits for a deployer."""
        rung = ladder.candidate.policy.ladder.rung(ladder.candidate.rung)
        words = f"{self._words(ladder)}: {verdict.why}"
        deploy = f"lockgate deploy {self._name}@{ladder.candidate.version} --env {self._environment}"
        if verdict.over:
            pace = remaining(had[0], rung.rows, had[0] / waited if waited > 0 else 0.0)
            following = ladder.candidate.policy.ladder.next(rung.name)
            words = f"{words}; {pace}: {deploy} --to {following} --reason ..., or {self._off()}"
            return self._tell(ladder.sequence, "LG554", words, now)
        if not ladder.climb and had[0] >= rung.rows and had[1] >= rung.labels:
            return self._tell(ladder.sequence, "LG692", f"{words}: {deploy}", now)
        return ()

    def _tell(self, sequence: int, finding: str, message: str, now: datetime) -> tuple[Judged, ...]:
        """Once, and once a day again."""
        last = self._told.get((sequence, finding))
        if last is not None and now - last < DAILY:
            return ()
        self._told = {key: time for key, time in self._told.items() if key[0] == sequence}
        self._told[sequence, finding] = now
        return (Judged(finding, message),)

    def _words(self, ladder: _Ladder) -> str:
        return f"{self._name}@{ladder.candidate.version} on {ladder.candidate.rung} in {self._environment}"

    def _off(self) -> str:
        return f"lockgate rollback {self._environment}"
