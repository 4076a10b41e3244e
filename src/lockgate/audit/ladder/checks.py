"""The checks of a ladder, on the records of the gateways. Pure; the same records in the same order give the same.

Each check is an e-process over the whole ladder (`core.sequential`), so that it may be looked at after each record and
on each rung at no price. What is shared is the policy's `false_stops`, over the checks that are on, by WEIGHTS.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockgate.audit.ladder.counts import seconds_of
from lockgate.audit.ladder.impossible import Impossible
from lockgate.audit.ladder.latency import Latency
from lockgate.audit.ladder.pairs import Pairs
from lockgate.audit.replays import is_replay
from lockgate.core.record_kinds import ObservedRecord
from lockgate.core.verdict import Reason

if TYPE_CHECKING:
    from lockgate.trust.policy_ladder import LadderPolicy

WEIGHTS: Mapping[str, float] = {"errors": 2, "latency": 2, "risk": 2, "disagreement": 1, "outputs": 1}
"""How `false_stops` is split; those that are off, or not to be had for the task, leave their part to the others."""
ROWS_PER_REQUEST = 20
"""Of a rung at most so many rows count for each request: a few large requests are few witnesses."""
_NO_SCALE = "not available for regression without a scale in the policy"
_TRAFFIC = "not available where no rung has the share 0: elsewhere the two models have other batches and colder caches"
_ARMS = ("candidate", "live")
_PLAIN = {f"{arm}.{what}" for arm in _ARMS for what in ("requests", "errors", "labels", "wrong")}
_OF_REPLAYS = ("pairs.rows", "pairs.disagree", "pairs.more.", "pairs.fewer.", "pairs.shift.", "risk.")


@dataclass(frozen=True)
class Result:
    """One check so far.

    Attributes:
        log_e: the evidence against "the candidate is no worse", a natural logarithm.
        threshold: what it must reach; a candidate that is no worse ever gets there with at most its part of alpha.
        rows: of the candidate that the check has seen.
        seen: plain figures for people; nothing is decided by them.
        available: why the check cannot be made; empty when it can.
    """

    check: str
    log_e: float
    threshold: float
    alarm: bool
    rows: int
    seen: Mapping[str, float] = field(default_factory=dict)
    available: str = ""


class Observed:
    """The records of one ladder, in the order of the log. Whoever calls gives only records of that ladder.

    What cannot be true is refused whole, and told in `reasons`.
    """

    def __init__(self, policy: LadderPolicy, task: str) -> None:
        self._policy = policy
        self._rungs: dict[int, _Rung] = {}
        self._plain: Counter[str] = Counter()
        self._latency = Latency(policy.latency_quantile, policy.latency_margin)
        self._pairs = Pairs(policy, task)
        self._unseen = {rung.name for rung in policy.rungs if not rung.share}
        self._missing = _missing(policy, task, alike=self._alike(*self._unseen))
        self.thresholds = thresholds(policy, self._missing)
        self._impossible = Impossible()
        self._replayed = ""

    def add(self, record: ObservedRecord) -> None:
        """Take a record in, or refuse it (LG550). Its cost does not depend on the size of its counts."""
        counts, step = record.counts, record.step
        if self._impossible.takes(record):
            return
        replay = is_replay(counts)
        if replay:
            if not self._counts_replay(record):
                return
            counts = {name: count for name, count in counts.items() if name.startswith(_OF_REPLAYS)}
        self._rungs.setdefault(step, _Rung()).add(counts, replay=replay)
        self._pairs.add(counts)
        for name in _PLAIN & counts.keys():
            self._plain[name] += counts[name]
        candidate, live = (_slow(counts, arm) for arm in _ARMS)
        if (candidate or live) and self._alike(record.rung):
            self._latency.add(step, record.time, candidate, live)

    def rung(self, step: int) -> tuple[int, int]:
        """Rows and labels on the rung that the statement `step` began.

        Rows: pairs, or rows that the candidate answered; at most ROWS_PER_REQUEST for each request; and replayed ones.
        Labels: of pairs, for these are what is compared.
        """
        return self._rungs.get(step, _Rung()).evidence()

    def results(self) -> tuple[Result, ...]:
        """Each check of the policy, in its order."""
        return tuple(self._result(check) for check in self._policy.checks)

    def reasons(self) -> tuple[Reason, ...]:
        """LG550, a warning, where records were refused."""
        return self._impossible.reasons()

    def _alike(self, *rungs: str) -> bool:
        """Whether both models get the same batches on one of these rungs: else their latencies say nothing.

        With a twentieth of the traffic an equal model was 16 % slower, for its caches are colder, and was stopped.
        """
        return not self._policy.rungs or not self._unseen.isdisjoint(rungs)

    def _counts_replay(self, record: ObservedRecord) -> bool:
        """Whether the policy lets a replay stand in for pairs here, and it is the ladder's first one."""
        allowed = self._policy.replay and record.rung in self._unseen
        if allowed and not self._replayed:
            self._replayed = record.gateway
        return allowed and self._replayed == record.gateway

    def _result(self, check: str) -> Result:
        if check in self._missing:
            return Result(check, 0.0, 0.0, alarm=False, rows=0, available=self._missing[check])
        made: dict[str, Callable[[], tuple[float, int, dict[str, float]]]] = {
            "errors": self._of_errors,
            "latency": self._of_latency,
            "disagreement": self._of_disagreement,
            "outputs": lambda: (self._pairs.outputs(), self._pairs.rows, {"moved": self._pairs.moved()}),
            "risk": self._of_risk,
        }
        log_e, rows, seen = made[check]()
        threshold = self.thresholds[check]
        figures = {name: round(value, 9) for name, value in seen.items()}
        return Result(check, log_e, threshold, alarm=log_e >= threshold, rows=rows, seen=figures)

    def _of_errors(self) -> tuple[float, int, dict[str, float]]:
        pairs = self._pairs.counts
        both = {name: float(pairs[f"pairs.{name}"]) for name in ("failed", "saved")}
        return self._pairs.errors(), pairs["pairs.requests"], {**both, **self._shares("errors", "requests")}

    def _of_latency(self) -> tuple[float, int, dict[str, float]]:
        quantile = self._policy.latency_quantile
        found = {"candidate": self._latency.candidate, "live": self._latency.live}
        seen = {arm: seconds_of(one.bucket(quantile)) for arm, one in found.items() if one.total}
        return self._latency.log_e(), found["candidate"].total, seen

    def _of_disagreement(self) -> tuple[float, int, dict[str, float]]:
        rows = self._pairs.rows
        share = self._pairs.counts["pairs.disagree"] / rows if rows else 0.0
        skipped = float(self._pairs.counts["pairs.skipped"])
        return self._pairs.disagreement(), rows, {"share": share, "skipped": skipped}

    def _of_risk(self) -> tuple[float, int, dict[str, float]]:
        rows = self._pairs.counts["risk.rows"]
        return self._pairs.risk(), rows, {"paired": self._pairs.loss(), **self._shares("wrong", "labels")}

    def _shares(self, part: str, whole: str) -> dict[str, float]:
        """Of each arm by itself: nothing is decided by them, for who asks it may differ."""
        rows = {arm: self._plain[f"{arm}.{whole}"] for arm in _ARMS}
        return {arm: self._plain[f"{arm}.{part}"] / count for arm, count in rows.items() if count}


@dataclass
class _Rung:
    """What came in on one rung."""

    rows: int = 0
    requests: int = 0
    replayed: int = 0
    labels: int = 0

    def add(self, counts: Mapping[str, int], *, replay: bool) -> None:
        rows = max(counts.get("pairs.rows", 0), counts.get("candidate.rows", 0))
        if replay:
            self.replayed += rows
        else:
            self.rows += rows
        self.requests += max(counts.get("pairs.requests", 0), counts.get("candidate.requests", 0))
        self.labels += counts.get("risk.rows", 0)

    def evidence(self) -> tuple[int, int]:
        return min(self.rows, ROWS_PER_REQUEST * self.requests) + self.replayed, self.labels


def _missing(policy: LadderPolicy, task: str, *, alike: bool) -> dict[str, str]:
    """Which checks of the policy cannot be made, and why."""
    found = dict.fromkeys(("disagreement", "outputs", "risk"), _NO_SCALE)
    if task != "regression" or policy.scale is not None:
        found = {}
    if not alike:
        found["latency"] = _TRAFFIC
    return {check: why for check, why in found.items() if check in policy.checks}


def thresholds(policy: LadderPolicy, missing: Collection[str] = ()) -> dict[str, float]:
    """What each check's log e-value must reach, so that all together alarm falsely with at most `false_stops`."""
    on = [check for check in policy.checks if check not in missing]
    whole = math.fsum(WEIGHTS[check] for check in on)
    return {check: math.log(whole / (policy.false_stops * WEIGHTS[check])) for check in on}


def _slow(counts: Mapping[str, int], arm: str) -> dict[int, int]:
    """Batches of an arm by bucket."""
    prefix = f"{arm}.slow."
    return {int(name[-3:]): count for name, count in counts.items() if name.startswith(prefix)}
