"""`lockgate drill extraction`: how good a copy of the live model gets by asking it, and what the controls make of that.

1. A copy of the project is served (`place`), and a client without limits asks it once: the model's held-out rows, which
   stand for an attacker who has data like its own, and made-up rows, as of one who has none.
2. Copies of the model are learned from more and more of these answers, as each output form would have left them,
   and compared with the model on held-out rows that were not asked about.
3. What the leak budget, the detectors and the rate limit make of the same queries: by the gateway's own classes.
4. One live pass as a customer under the policy in force shows that the gateway really does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lockgate.drills.controls import LATE_ROWS, Rules, Stream
from lockgate.drills.fidelity import Curve, Learning, answers, forms_of
from lockgate.drills.place import copy_of, served
from lockgate.drills.rows import LEAST, count, made_up, records, take, too_few
from lockgate.drills.site import CUSTOMER, Live, Rows, Site, pass_through, suspicions
from lockgate.drills.surrogate import Encoder, learning
from lockgate.monitor.abuse.leak import cap_for
from lockgate.serve.abuse.waiting import WORTH_ROWS

if TYPE_CHECKING:
    from lockgate.project import Project

NATURAL, MADE_UP = "natural", "made up"
MOST_HELD = 1000
"""Held-out rows by which copies are compared; at most half of those that there are."""
LIVE_BATCH = 16
DAYS = 30
"""A suggested cap for a day is used up in so many days of nothing but copying."""
_MOST_LIVE = 4000


@dataclass(frozen=True)
class Wish:
    """What to measure. `price`: euros of 1,000 queries, 0: not said; `fidelity`: that a copy must not reach."""

    ref: str = ""
    environment: str = "dev"
    queries: int = 4000
    price: float = 0.0
    fidelity: float = 0.9
    seed: int = 1


@dataclass(frozen=True)
class Suggestion:
    """The leak budget that follows from the natural curve in the form that external clients get, and its price.

    Attributes:
        leak_day, leak_life: bits; None: no cap follows, for no measured number of queries reaches the fidelity.
        bits_a_row: what an honest client's answer gives away on average: that of a held-out row.
    """

    fidelity: float
    leak_day: int | None
    leak_life: int | None
    bits_a_row: float

    def rows(self, bits: int | None) -> int | None:
        """How many rows an honest client may ask before a cap holds it back."""
        return None if bits is None or not self.bits_a_row else math.floor(bits / self.bits_a_row)

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "fidelity": self.fidelity,
            "leak_day": self.leak_day,
            "leak_life": self.leak_life,
            "bits_a_row": round(self.bits_a_row, 3),
            "honest_rows_a_day": self.rows(self.leak_day),
            "honest_rows_ever": self.rows(self.leak_life),
        }


@dataclass(frozen=True)
class Extraction:
    """What a drill found. `held`: rows by which copies were compared; `base`: what is reached without any query;
    `goal`: the fidelity that a copy must not reach; `refused`: made-up rows that the contract refused; `streams`: what
    the detectors made of each source's queries, empty where the model has no population.
    """

    ref: str
    environment: str
    task: str
    wish: Wish
    rules: Rules
    held: int
    base: float
    goal: float
    refused: int
    curves: tuple[Curve, ...]
    streams: Mapping[str, Stream]
    suggestion: Suggestion | None
    live: Live

    @property
    def watched(self) -> bool:
        """Whether any detector looks at the model."""
        return bool(self.streams)

    @property
    def missed(self) -> str:
        """Which control should have acted and did not; "" for none."""
        if not self.streams and self.rules.acts:
            return "the policy lets something follow a suspicion, and this model has no population to suspect by"
        return self.live.missed(self.rules)

    @property
    def unsure(self) -> str:
        """What the live pass had too few queries to tell; "" for nothing."""
        return "" if self.missed else self.live.unsure(self.rules)

    def curve(self, source: str, form: str) -> Curve | None:
        """The curve of a source in a form."""
        return next((one for one in self.curves if (one.source, one.form) == (source, form)), None)

    def as_json(self) -> dict[str, Any]:
        """For `--json` and the report's twin."""
        return {
            "model": self.ref,
            "environment": self.environment,
            "task": self.task,
            "queries": self.wish.queries,
            "price": self.wish.price,
            "seed": self.wish.seed,
            "policy": self.rules.as_json(),
            "held": self.held,
            "base": round(self.base, 6),
            "goal": round(self.goal, 6),
            "refused": self.refused,
            "curves": [one.as_json() for one in self.curves],
            "controls": {
                source: {"rows": one.rows, "seen_after": dict(one.seen), "held_after": one.held}
                for source, one in self.streams.items()
            },
            "suggestion": self.suggestion.as_json() if self.suggestion else None,
            "live": self.live.as_json(),
            "missed": self.missed,
            "unsure": self.unsure,
        }


@dataclass(frozen=True)
class _Asked:
    """All that one pass over HTTP gave."""

    held: Rows
    natural: Rows
    made: Rows
    live: Live


def extraction(project: Project, wish: Wish, *, say: Callable[[str], None]) -> Extraction:
    """Measure the model that is live in `wish.environment`. Nothing of the project is changed.

    Raises what `place.copy_of` and `place.served` raise; Refused LG986 too few rows, LG988 the policy holds back the
    client that measures; Unavailable LG987 no scikit-learn; KeyboardInterrupt when it was stopped.
    """
    learning()
    with copy_of(project, wish.ref, wish.environment, say=say) as copy:
        site = Site.of(project, copy, wish.seed)
        asked = served(copy, lambda url: _ask(site, wish, url, say))
        live = replace(asked.live, records=suspicions(copy, CUSTOMER))
        io, ref = copy.io, copy.model.ref
    say("learning copies of the model from the answers")
    encode = Encoder(asked.natural.columns, site.slots)
    digits = site.rules.digits
    truth, _ = answers(
        asked.held.predictions, "full" if io.task == "regression" else "label", site.classes, io.task, digits
    )
    shared = Learning(encode(asked.held.columns), truth, io.task, wish.seed)
    streams: dict[str, Stream] = {}
    curves: list[Curve] = []
    for source, rows in ((NATURAL, asked.natural), (MADE_UP, asked.made)):
        if site.detectors is not None:
            streams[source] = site.detectors.watch(rows.columns, rows.predictions)
        features = encode(rows.columns)
        less: Curve | None = None
        for form in forms_of(io.task, site.raw_form):
            bits = streams[source].bits(form) if source in streams else None
            learned = answers(rows.predictions, form, site.classes, io.task, digits)
            less = shared.curve(source, form, features, learned, bits, wish.price, say, less)
            curves.append(less)
    goal = goal_of(wish.fidelity, shared.base())
    return Extraction(
        ref, wish.environment, io.task, wish, site.rules, len(asked.held), shared.base(), goal, asked.made.refused,
        tuple(curves), streams, _suggested(goal, site.rules, curves, streams), live,
    )  # fmt: skip


def _ask(site: Site, wish: Wish, url: str, say: Callable[[str], None]) -> _Asked:
    """The pass over HTTP: held-out rows, made-up rows, and the customer's."""
    raw = site.raw(url)
    columns = site.natural()
    rows = count(columns)
    most = min(MOST_HELD, rows // 2)
    places = np.arange(rows)
    several = min(rows - most, wish.queries)
    say(f"asking {several:,} held-out rows and {wish.queries:,} made-up ones; {most:,} more are kept to compare by")
    held = site.ask(raw, take(columns, places[:most]))
    natural = site.ask(raw, take(columns, places[most : most + wish.queries]))
    if len(held) < LEAST // 2 or len(natural) < LEAST // 2:
        raise too_few(f"the contract refused {held.refused + natural.refused} of {rows} held-out rows as they are sent")
    invented = made_up(columns, site.slots, wish.queries, np.random.default_rng(wish.seed))
    made = site.ask(raw, invented)
    raw.close()
    say("asking as a customer under the policy in force")
    part = take(made.columns, np.arange(min(len(made), _MOST_LIVE)))
    live = pass_through(site, url, records(part, site.slots), LIVE_BATCH)
    if site.detectors is not None:
        asked = min(live.asked, count(part))
        again, late = (
            site.detectors.watch(take(part, np.arange(asked)), made.predictions[:asked], look=look)
            for look in (WORTH_ROWS, LATE_ROWS)
        )
        live = live.judged((again.first, _held(again, site.rules)), late)
    return _Asked(held, natural, made, live)


def _held(stream: Stream, rules: Rules) -> int | None:
    """After how many of its queries 429 is due: by the detectors, or by a leak budget that is used up."""
    bits = stream.bits(rules.form)
    found = [stream.held, *(int((bits < cap).sum()) + 1 for cap in (rules.leak_day, rules.leak_life) if cap)]
    return min((one for one in found if one is not None and one <= stream.rows), default=None)


def goal_of(fidelity: float, base: float) -> float:
    """The fidelity that a copy must not reach: what was asked for, and at least half of the way from what is reached
    without any query to a perfect copy. Where one label is by far the commonest, 0.9 is no copy at all.
    """
    return max(fidelity, base + (1 - base) / 2)


def _suggested(goal: float, rules: Rules, curves: Sequence[Curve], streams: Mapping[str, Stream]) -> Suggestion | None:
    """The cap that keeps a copy learned from natural rows below the fidelity, in the form that external clients get."""
    stream = streams.get(NATURAL)
    # What is not learned from is priced as what says as much.
    form = rules.form if rules.form in {one.form for one in curves} else "rounded"
    curve = next((one for one in curves if (one.source, one.form) == (NATURAL, form)), None)
    if stream is None or curve is None or not stream.rows:
        return None
    points = [(one.bits, one.fidelity.value) for one in curve.points if one.bits is not None]
    life = cap_for(points, goal)
    day = None if life is None else max(1, math.ceil(life / DAYS))
    return Suggestion(goal, day, life, float(stream.bits(rules.form)[-1]) / stream.rows)
