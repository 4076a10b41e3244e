"""What the controls of a gateway make of a stream of queries: the very classes that the gateway runs, and its policy.

A stream is what one client asked, in its order, with what the model said. Nothing here guesses: the detectors are
those of `monitor.abuse`, the prices those of the leak budget, the steps those of `serve.abuse`, taken as often as the
gateway looks: at each WORTH_ROWS rows of a client that asks as fast as it may, and at the rest half a second later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lockgate.core.record_suspicion import LIMITED, OBSERVED, QUIET
from lockgate.monitor.abuse.key import Key
from lockgate.monitor.abuse.key import Model as Watched
from lockgate.monitor.abuse.leak import price
from lockgate.monitor.abuse.near import NEW
from lockgate.monitor.abuse.novel_facts import WATCHED
from lockgate.monitor.abuse.said import said_of
from lockgate.monitor.plan import INPUTS, parse_plan
from lockgate.serve.abuse import standing
from lockgate.serve.abuse.waiting import WORTH_ROWS

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.drills.rows import Array
    from lockgate.monitor.abuse.population import Population
    from lockgate.serve.options import ServeSettings
    from lockgate.store.layout import RegistryStore
    from lockgate.trust.policy import EnvironmentPolicy

BLOCK = 4
"""Rows that are looked at together: when somebody is seen is known to so many queries."""
LATE_ROWS = 2 * WORTH_ROWS
"""A look may come a block late, on a machine that has other things to do: so many rows suffice for one."""
_ODD = 2.0 ** (-WATCHED[-1] / 2)
"""The tail rank of rows by which `novel` goes on, as in the gateway."""
_SALT_BITS = 63
_MOST_PLAN = 32 << 20
_HOUR, _DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class Rules:
    """What holds for an external client under the policy in force.

    Attributes:
        form: which of its scores leave: label, top, rounded or full; `digits`: of rounded ones.
        leak_day, leak_life: caps in bits; 0: none.
        respond, quiet: what follows a suspicion.
        rate: rows a second, of the client or of the model, whichever is less; `burst`: rows before it holds.
    """

    form: str
    leak_day: int
    leak_life: int
    respond: str
    quiet: str
    rate: float
    burst: int
    digits: int = 3

    @staticmethod
    def of(policy: EnvironmentPolicy, serve: ServeSettings) -> Rules:
        """Those of an external client with the rate of lockgate.toml."""
        rule = policy.abuse.rule("external")
        day, life = policy.abuse.caps("external")
        rate = min(serve.rate, serve.model_rate or math.inf)
        output = policy.serve.output("external")
        return Rules(output.scores, day, life, rule.respond, rule.quiet, rate, serve.burst, output.digits)

    @property
    def steps(self) -> int:
        """How many looks it takes until all follows that the policy lets follow, the one that sees it among them."""
        return 1 + (self.quiet != "off") + (self.respond == "limit")

    def enough(self, seen: int) -> int:
        """So many queries are enough for the gateway to do all that, when the detectors see it after `seen`."""
        return (math.ceil(seen / LATE_ROWS) + self.steps - 1) * LATE_ROWS

    @property
    def acts(self) -> bool:
        """Whether the policy lets anything follow."""
        return self.respond != "observe" or self.quiet != "off"

    def seconds(self, queries: float) -> float:
        """How long so many queries take one client, as fast as it may ask."""
        return max(0.0, queries - self.burst) / self.rate

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return dict(vars(self))


@dataclass
class Stream:
    """What was made of one stream.

    Attributes:
        rows: how many rows were looked at.
        seen: by rule, after how many queries the detector was over its bar.
        quieted: after how many the label alone would follow, or an answer that waits; None: never in this stream, or
            the policy does not ask for it.
        held: after how many queries 429 would follow, under a policy that says `limit`; None: never in this stream.
        kinds, scores: of each row, for its price.
    """

    rows: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    held: int | None = None
    kinds: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    scores: list[npt.NDArray[np.float32]] = field(default_factory=list)
    quieted: int | None = None

    @property
    def first(self) -> int | None:
        """After how many queries anything was seen."""
        return min(self.seen.values(), default=None)

    def bits(self, form: str) -> npt.NDArray[np.float64]:
        """What the answers gave away by then, shape (rows,), by the form in which they left."""
        if not self.kinds:
            return np.zeros(0)
        found: npt.NDArray[np.float64] = np.cumsum(price(form, np.concatenate(self.kinds), np.concatenate(self.scores)))
        return found


class _Steps:
    """Where a client stands, look by look, as `serve.abuse.suspects` has it."""

    def __init__(self, *, quiet: bool) -> None:
        self._known = (OBSERVED, *((QUIET,) if quiet else ()), LIMITED)
        self._standing = standing.NOBODY
        self._counted: dict[str, int] = {}
        self._raised: list[str] = []
        self.reached: dict[int, int] = {}
        """By level, after how many rows it was reached."""

    def count(self, counted: Mapping[str, int], raised: Sequence[str]) -> None:
        """Rows of a look: how many speak for each rule, and which rules were raised."""
        for rule, rows in counted.items():
            self._counted[rule] = self._counted.get(rule, 0) + rows
        self._raised += raised

    def look(self, rows: int) -> None:
        """The gateway looks at what was counted; `rows`: asked by now."""
        fresh = max((self._counted.get(rule, 0) for rule in self._standing.rules), default=0)
        self._standing = standing.went_on(self._standing, fresh, self._known)
        for rule in self._raised:
            self._standing = standing.raised(self._standing, rule, 0)
        if self._standing.suspected:
            self.reached.setdefault(self._standing.level, rows)
        self._counted, self._raised = {}, []


class Detectors:
    """Of one model: made ready once, for any number of streams."""

    def __init__(
        self,
        population: Population,
        kinds: Mapping[str, str],
        classes: Sequence[Any],
        seed: int,
        *,
        quiet: bool = False,
    ) -> None:
        """`kinds`: of the fields that the model is given, by name; `quiet`: whether the policy has a step before 429.

        Raises LookupError where too few of them are compared: then the gateway looks at nothing either.
        """
        self._randomness = np.random.default_rng(seed)
        self._model = Watched(population.served(list(kinds)), int(self._randomness.integers(0, 1 << _SALT_BITS)))
        self._classes = classes
        self._quiet = quiet

    def watch(
        self,
        columns: Mapping[str, Array],
        predictions: Sequence[Mapping[str, Any]],
        *,
        until_held: bool = False,
        look: int = WORTH_ROWS,
    ) -> Stream:
        """One client of its own asks these rows in their order, and is answered so.

        `until_held`: the rest of the stream says nothing more once 429 would follow; `look`: so many rows at a time.
        """
        key, found, steps = Key(self._model, self._randomness), Stream(), _Steps(quiet=self._quiet)
        for start in range(0, len(predictions), BLOCK):
            part = slice(start, min(start + BLOCK, len(predictions)))
            coded, scores = self._model.seen(
                {name: column[part] for name, column in columns.items()}, part.stop - start
            )
            before = key.added
            kinds, raised = key.take(coded, scores, said_of(predictions[part], self._classes))
            found.rows = part.stop
            found.kinds.append(kinds)
            found.scores.append(scores)
            odd = int(np.count_nonzero((kinds == NEW) & (scores <= _ODD)))
            steps.count({"near": key.added - before, "novel": odd}, [one.rule for one in raised])
            for one in raised:
                found.seen.setdefault(one.rule, found.rows)
            if found.rows % look == 0 or found.rows == len(predictions):
                steps.look(found.rows)
                found.quieted, found.held = steps.reached.get(QUIET), steps.reached.get(LIMITED)
                if until_held and found.held is not None:
                    break
        return found


def population_of(registry: RegistryStore, model: Registration) -> Population | None:
    """What the model's rows are like, from its signed closure; None for a model from before that was kept."""
    file = next((one for one in model.files if one.name == INPUTS), None)
    return None if file is None else parse_plan(registry.blobs.read(file.digest, _MOST_PLAN)).population


def spell(seconds: float | None) -> str:
    """A time for people."""
    if seconds is None or math.isinf(seconds):
        return "never"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / _HOUR:.1f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:.1f} days"
