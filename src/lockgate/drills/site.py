"""What every drill begins with: who asks, which rows, what the policy says; and the live pass with which it ends.

Two clients are made for a drill, in the copy alone. The first has no limits and is an internal one: what the model can
be made to give away at all. The second is a customer: external, with the rate of lockgate.toml and the policy in force.
They come from different networks, so that nobody takes them for one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lockgate.audit import joins
from lockgate.drills.asking import Connection, Limited
from lockgate.drills.controls import LATE_ROWS, Detectors, Rules, Stream, population_of
from lockgate.drills.rows import Columns, Slot, count, heldout, records, slots_of, take, too_few
from lockgate.errors import Refused
from lockgate.pipeline.replaying.origin import HELDOUT
from lockgate.project.suspected import why
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.drills.place import Copy
    from lockgate.monitor.abuse.population import Population
    from lockgate.project import Project

RAW, CUSTOMER = "drill-raw", "drill-customer"
RAW_ADDRESS, CUSTOMER_ADDRESS = "127.1.0.1", "127.2.0.1"
BATCH = 200
SETTLING = 3.0
"""Seconds for which a drill waits until what a gateway looks at after its answers has been looked at."""
_FAST, _MANY = "1000000/s", 1_000_000_000
CLUSTER = "cluster"
"""Scope of a suspicion of several clients together."""
PATIENCE, _LEAST_WAIT = 60.0, 0.05
"""Seconds that a live pass waits for the rate limit in all."""
RATE_LIMITED = frozenset({"LG610", "LG645"})
"""429 of the rate, not of a suspicion."""


@dataclass(frozen=True)
class Rows:
    """Rows that were asked, and what the model said of each, as the raw client got it."""

    columns: Columns
    predictions: Sequence[Mapping[str, Any]]
    refused: int = 0

    def __len__(self) -> int:
        return len(self.predictions)


@dataclass(frozen=True)
class Live:
    """What the gateway did to the customer of the live pass.

    Attributes:
        asked: rows that it asked. `held`: after how many of them it got 429, None if never; `finding`: by which rule.
        coarse: after how many of them scores were left out that had been there before.
        waited: whether the rate limit made it wait.
        records: of each suspicion record about it: rule, scope, level, counts.
        expected: what the same detectors make of the same rows: after how many they see it, and 429 follows where the
            policy says `limit`; None where never.
        due: after how many it must have been recorded, made quiet, held back, even if each look is late; None where the
            rows were too few to say so.
    """

    asked: int
    held: int | None = None
    finding: str = ""
    coarse: int | None = None
    waited: bool = False
    records: tuple[Mapping[str, Any], ...] = ()
    expected: tuple[int | None, int | None] = (None, None)
    due: tuple[int | None, int | None, int | None] = (None, None, None)

    def judged(self, expected: tuple[int | None, int | None], late: Stream) -> Live:
        """With what is `expected` of it, and what is due: by `late`, the same rows with looks that come late."""
        seen = late.first
        recorded = None if seen is None else -(-seen // LATE_ROWS) * LATE_ROWS
        due = tuple(None if one is None or one > late.rows else one for one in (recorded, late.quieted, late.held))
        return replace(self, expected=expected, due=(due[0], due[1], due[2]))

    @property
    def recorded(self) -> bool:
        """Whether the gateway noticed. A cluster is not counted: the other client in it is the drill's own."""
        return self.held is not None or any(one.get("scope") != CLUSTER for one in self.records)

    def unsure(self, rules: Rules) -> str:
        """What cannot be said, for the pass had too few queries; "" where all can."""
        seen = self.expected[0]
        if seen is None or self.held is not None or self.missed(rules):
            return ""
        if not self.recorded:
            return "whether it is recorded"
        if rules.respond == "limit":
            return "whether it is held back"
        if rules.quiet == "coarsen" and self.coarse is None and rules.form != "label":
            return "whether its answers are made coarser"
        return ""

    def wanted(self, rules: Rules) -> int:
        """So many queries should do, where these were too few."""
        enough = rules.enough(self.expected[0] or 1)
        return enough if enough > self.asked else 2 * self.asked

    def missed(self, rules: Rules) -> str:
        """Which control should have acted and did not; "" when all did that should."""
        recorded, quieted, held = self.due
        # It looks at what was answered a moment later, and steps once for each look.
        if recorded is not None and not self.recorded:
            return "nothing was recorded of it"
        if self.held is not None:
            # A pass that was over before the first look may get 429 without an answer in between.
            return ""
        if held is not None and rules.respond == "limit":
            return "it was not held back"
        if quieted is not None and rules.quiet == "coarsen" and self.coarse is None and rules.form != "label":
            return "its answers were not made coarser"
        return ""

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "asked": self.asked,
            "held_after": self.held,
            "finding": self.finding,
            "coarse_after": self.coarse,
            "waited": self.waited,
            "records": [dict(one) for one in self.records],
            "expected_seen_after": self.expected[0],
            "expected_held_after": self.expected[1],
            "due": dict(zip(("recorded", "quiet", "held"), self.due, strict=True)),
        }


@dataclass
class Site:
    """A drill's copy, and what is known of it before its gateway is up."""

    copy: Copy
    rules: Rules
    raw_form: str
    rows: Path
    detectors: Detectors | None
    seed: int
    raw_key: str = field(repr=False)
    customer_key: str = field(repr=False)
    slots: tuple[Slot, ...] = ()

    @staticmethod
    def of(project: Project, copy: Copy, seed: int) -> Site:
        """Raises Refused LG986 where the model's held-out rows are not on this machine."""
        policy = copy.project.policy(copy.ledger).environment(copy.environment)
        model, io, clients = copy.model, copy.io, copy.project
        rows = _heldout_of(project, copy)
        population = population_of(RegistryStore(copy.project.home / "registry"), model)
        kinds = {one.name: one.kind for one in io.fields}
        rules = Rules.of(policy, project.config.serve)
        return Site(
            copy,
            rules,
            policy.serve.output("internal").scores,
            rows,
            _detectors(population, kinds, io.classes or (), seed, quiet=rules.quiet != "off"),
            seed,
            clients.add_client(RAW, kind="internal", rate=_FAST, burst=_MANY),
            clients.add_client(CUSTOMER, rate=f"{project.config.serve.rate:.6f}/s", burst=project.config.serve.burst),
        )

    @property
    def batch(self) -> int:
        """Rows of one request."""
        return min(BATCH, self.copy.project.config.serve.max_rows)

    @property
    def classes(self) -> tuple[Any, ...]:
        """The model's, in the order of its scores; none of a regression."""
        return self.copy.io.classes or ()

    def raw(self, url: str) -> Connection:
        """The client without limits; reads what a record may hold."""
        found = Connection(url, self.raw_key, address=RAW_ADDRESS)
        self.slots = slots_of(found.describe())
        return found

    def customer(self, url: str) -> Connection:
        """The external client."""
        return Connection(url, self.customer_key, address=CUSTOMER_ADDRESS)

    def natural(self) -> Columns:
        """The model's held-out rows, in an order of chance."""
        found = heldout(self.rows, self.slots)
        order = np.random.default_rng(self.seed).permutation(count(found))
        return take(found, order)

    def ask(self, connection: Connection, columns: Columns, say: Callable[[int], None] = lambda _: None) -> Rows:
        """Ask rows in batches; those that the contract refused are left out.

        Raises Refused LG988 when a client without limits is limited, or gets less than it got.
        """
        asked = records(columns, self.slots)
        kept: list[int] = []
        found: list[Mapping[str, Any]] = []
        for start in range(0, len(asked), self.batch):
            try:
                answered = connection.predict(asked[start : start + self.batch])
            except Limited as limit:
                raise held_raw(limit.finding) from None
            for at, prediction in enumerate(answered, start):
                if prediction is not None and not prediction.get("abstained"):
                    kept.append(at)
                    found.append(prediction)
            say(start + len(answered))
        if self.raw_form == "full" and any("scores" not in one for one in found) and self.classes:
            raise held_raw("its answers were made coarser")
        return Rows(take(columns, np.array(kept, np.intp)), found, len(asked) - len(kept))


def _detectors(
    population: Population | None, kinds: Mapping[str, str], classes: Sequence[Any], seed: int, *, quiet: bool
) -> Detectors | None:
    """None where the gateway looks at nothing either: no population, or one of other fields."""
    try:
        return None if population is None else Detectors(population, kinds, classes, seed, quiet=quiet)
    except LookupError:
        return None


def held_raw(why: str) -> Refused:
    """A policy that answers suspicion of internal clients too leaves no client to measure with."""
    return Refused(
        "LG988",
        f"the drill's own client without limits was held back ({why}): the policy answers suspicion of internal"
        " clients too, so that what the model gives away at all cannot be measured",
        next="drill under an environment whose policy only observes internal clients: --env dev",
    )


def pass_through(site: Site, url: str, asked: Sequence[Mapping[str, Any]], batch: int) -> Live:
    """Ask rows as the customer, `batch` at a time, until it is held back or they are used up; then ask again."""

    def ask(patient: Patient) -> None:
        for at in range(0, len(asked), batch):
            patient.predict(asked[at : at + batch])

    return live(site, url, ask, asked[:1])


def live(site: Site, url: str, ask: Callable[[Patient], object], again: Sequence[Mapping[str, Any]]) -> Live:
    """What becomes of the customer while `ask` lasts, and of `again` a while later."""
    patient = Patient(site.customer(url), scored=site.rules.form != "label" and bool(site.classes))
    held, finding = None, ""
    try:
        ask(patient)
        for _ in range(_LOOKS if again else 0):
            patient.wait(SETTLING / _LOOKS)
            patient.predict(again)
    except Limited as limit:
        held, finding = patient.rows, limit.finding
    finally:
        patient.close()
    return Live(patient.rows, held, finding, patient.coarse, patient.waited > 0)


_LOOKS = 3


class Patient:
    """A client that waits when the rate limit says so, for a while in all.

    Attributes:
        scored: whether its answers have scores by the policy. `coarse`: after how many rows one had none, None: never.
        waited: seconds, for the rate limit.
    """

    def __init__(
        self, connection: Connection, *, scored: bool = False, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._connection, self._sleep = connection, sleep
        self.scored = scored
        self.coarse: int | None = None
        self.waited = 0.0

    @property
    def rows(self) -> int:
        """How many rows it has asked."""
        return self._connection.rows

    def predict(self, part: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any] | None]:
        """As `Connection.predict`. Raises Limited for what is no rate limit, and when its patience is at an end."""
        while True:
            try:
                found = self._connection.predict(part)
            except Limited as limit:
                if limit.finding not in RATE_LIMITED or self.waited > PATIENCE:
                    raise
                wait = min(max(limit.wait, _LEAST_WAIT), PATIENCE)
                self.waited += wait
                self._sleep(wait)
                continue
            if self.scored and self.coarse is None and any(_bare(one) for one in found):
                self.coarse = self.rows
            return found

    def wait(self, seconds: float) -> None:
        """Ask nothing for a while."""
        self._sleep(seconds)

    def close(self) -> None:
        """End its connection."""
        self._connection.close()


def _bare(prediction: Mapping[str, Any] | None) -> bool:
    return prediction is not None and "scores" not in prediction and not prediction.get("abstained")


def suspicions(copy: Copy, client: str) -> tuple[Mapping[str, Any], ...]:
    """What the copy's log and spool hold of suspicions of a client, after its house has ended."""
    steps = why(copy.project, client).steps
    return tuple(
        {
            "rule": step.record.rule,
            "scope": step.record.scope,
            "level": step.record.level,
            "counts": dict(step.record.counts),
            "pending": step.pending,
        }
        for step in steps
    )


def _heldout_of(project: Project, copy: Copy) -> Path:
    """The held-out rows in the project's data store, verified by the digest in the train statement."""
    trained = copy.ledger.get(copy.model.inputs["train"]).statement
    digest = dict(joins.dependencies(trained)).get(HELDOUT)
    store = BlobStore(project.home / "data" / "sha256", project.home / "state" / "tmp")
    if digest is None or not store.has(digest):
        raise too_few(f"the held-out rows of {copy.model.ref} are not on this machine")
    store.check(digest)
    return store.path(digest)
