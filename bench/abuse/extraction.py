"""Copying a model by asking it: is it seen before the copy is good, what does a copy cost, what do fewer digits change?

    python -m bench.abuse.extraction caught [--seeds 20] [--first 1000] [--data NAME ...] [--model KIND ...]
    python -m bench.abuse.extraction curves [--seeds 2] [--first 1000] [--queries 1600]

*caught*: each synthetic attacker asks until the client's key is raised. Copies are then made of all that it was
answered (labels, or full scores) and held against the model on real rows that nobody asked: fidelity is the share of
them with the same label. Caught is who was raised while the better copy agreed on less than 0.80. Where most rows have
one label, a copy that always says it agrees as often: so *balanced* is the mean over both labels.

*curves*: fidelity against queries and bits (`leak.price`) of real rows and of made-up ones, by what answers hold.

The attacker is given a lot: the fields' kinds, ranges and moments, a scale for its copy from real rows, and `OWN` real
rows; `marginals` each field's own distribution. It makes copies of two kinds; the better on the very test counts.

    uniform     each number between the 1st and 99th of a hundred of its values, each category as likely as it is
    gaussian    a normal number of the field's mean and deviation
    marginals   each field from another real row: right by itself, and nothing goes together
    mixup       between two of its real rows, or among three
    jacobian    its rows, and steps of 0.25 deviations to the border of its copy (Papernot et al., 2017), repeatedly
    lines       between two of its rows with different answers, halving to the border
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import lightgbm
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from bench.abuse.datasets import REPORTED, USABLE, Columns, Data, Floats, join, split, take
from bench.abuse.models import KINDS, Encoder
from bench.abuse.simulate import World, part, said_of, world
from lockgate.monitor.abuse import leak
from lockgate.monitor.abuse.key import Key
from lockgate.train.jail.attacks import Answers

OWN, BLOCK, MOST = 50, 16, 4000
GOAL = 0.80
COUNTS = (100, 200, 400, 800, 1600, 3200, 6400)

Made: TypeAlias = dict[str, Any]
Asking: TypeAlias = Generator[Made, Answers, None]


@dataclass(frozen=True)
class Thief:
    """What an attacker has: a data set's shape, some of its rows, and chance."""

    data: Data
    shape: Made
    own: Made
    draw: np.random.Generator

    @property
    def numbers(self) -> list[str]:
        """Fields that are numbers."""
        return [name for name, kind in self.data.kinds.items() if kind in {"float", "int"}]

    def whole(self, rows: Made) -> Made:
        """Integers made whole, and everything within the range of its field."""
        for name in self.numbers:
            low, high = np.nanmin(self.shape[name]), np.nanmax(self.shape[name])
            clipped = np.clip(rows[name], low, high)
            rows[name] = np.round(clipped) if self.data.kinds[name] == "int" else clipped
        return rows

    def drawn(self, number: Callable[[Floats], Floats]) -> Made:
        """BLOCK rows; `number` gives a field's numbers, the rest is from real rows, each field from another."""
        rows = {name: self.draw.choice(column, BLOCK) for name, column in self.shape.items()}
        return self.whole(rows | {name: number(self.shape[name]) for name in self.numbers})


def natural(thief: Thief) -> Asking:
    """Real rows, each once."""
    order = thief.draw.permutation(_rows(thief.shape))
    for first in range(0, len(order), BLOCK):
        yield take(thief.shape, order[first : first + BLOCK])


def uniform(thief: Thief) -> Asking:
    """See above, as of those that follow."""
    while True:
        yield thief.drawn(lambda column: _evenly(thief.draw, column))


def _evenly(draw: np.random.Generator, column: Floats) -> Floats:
    low, high = np.nanquantile(column, [0.01, 0.99])
    return draw.uniform(float(low), float(high), BLOCK)


def gaussian(thief: Thief) -> Asking:
    """See above."""
    while True:
        yield thief.drawn(lambda column: thief.draw.normal(np.nanmean(column), np.nanstd(column), BLOCK))


def marginals(thief: Thief) -> Asking:
    """See above."""
    while True:
        yield thief.drawn(lambda column: thief.draw.choice(column, BLOCK))


def mixup(thief: Thief) -> Asking:
    """See above."""
    while True:
        chosen = [take(thief.own, thief.draw.integers(0, OWN, BLOCK)) for _ in range(3)]
        weights = thief.draw.dirichlet((1, 1, 0.3), BLOCK).T
        rows = chosen[0].copy()
        for name in thief.numbers:
            rows[name] = sum(weight * one[name] for weight, one in zip(weights, chosen, strict=True))
        yield thief.whole(rows)


def jacobian(thief: Thief) -> Asking:
    """See above."""
    asked, answered = [thief.own], []
    for first in range(0, OWN, BLOCK):
        answered.append((yield take(thief.own, np.arange(first, min(first + BLOCK, OWN)))))  # noqa: PERF401 - it yields
    encode = Encoder(thief.shape, dict(thief.data.kinds), plain=False)
    spread = {name: float(np.nanstd(thief.shape[name])) for name in thief.numbers}
    while True:
        rows = join([*asked])
        labels = np.concatenate([one.labels for one in answered])
        steps = _steps(encode.numbers(rows), labels, encode.numbers(_moved(rows, spread)))
        chosen = thief.draw.integers(0, _rows(rows), min(_rows(rows), 800))
        made = take(rows, chosen)
        for place, name in enumerate(thief.numbers):
            sign = np.where(labels[chosen] == 1, -1, 1) * steps[place]
            made[name] = made[name] + 0.25 * spread[name] * np.where(sign == 0, 1, sign)
        made = thief.whole(made)
        for first in range(0, _rows(made), BLOCK):
            some = take(made, np.arange(first, min(first + BLOCK, _rows(made))))
            answered.append((yield some))
            asked.append(some)


def _moved(rows: Made, spread: dict[str, float]) -> Made:
    return rows | {name: rows[name] + size for name, size in spread.items()}


def _steps(rows: Floats, labels: Any, moved: Floats) -> Floats:
    """Of each number the direction in which a linear copy says 1 more."""
    weight = np.linalg.lstsq(np.column_stack([rows, np.ones(len(rows))]), labels - 0.5, rcond=1e-3)[0][:-1]
    raised = (moved - rows).mean(axis=0)
    found: Floats = np.sign((weight * raised)[raised > 0.05])
    return found


def lines(thief: Thief) -> Asking:
    """See above; nothing more once all its own rows have the same answer."""
    first = yield take(thief.own, np.arange(BLOCK))
    answers = [first]
    for at in range(BLOCK, OWN, BLOCK):
        answers.append((yield take(thief.own, np.arange(at, min(at + BLOCK, OWN)))))  # noqa: PERF401 - it yields
    labels = np.concatenate([one.labels for one in answers])
    sides = [np.flatnonzero(labels == one) for one in (0, 1)]
    if not all(map(len, sides)):
        return
    while True:
        ends = [take(thief.own, thief.draw.choice(side, BLOCK)) for side in sides]
        low, high = np.zeros(BLOCK), np.ones(BLOCK)
        for _ in range(6):
            middle = (low + high) / 2
            rows = ends[0].copy()
            for name in thief.numbers:
                rows[name] = (1 - middle) * ends[0][name] + middle * ends[1][name]
            said = (yield thief.whole(rows)).labels
            low, high = np.where(said == 0, middle, low), np.where(said == 0, high, middle)


ATTACKERS = {
    "uniform": uniform,
    "gaussian": gaussian,
    "marginals": marginals,
    "mixup": mixup,
    "jacobian": jacobian,
    "lines": lines,
}


@dataclass(frozen=True)
class Theft:
    """What an attacker asked and was answered; `rule`: by what its key was raised, "" by nothing."""

    rows: Made
    scores: Floats
    bits: Floats
    rule: str

    @property
    def queries(self) -> int:
        """Rows that were asked."""
        return len(self.scores)


def thief_of(where: World, seed: int) -> Thief:
    """The attacker of this seed, with rows of customers that are never in the test."""
    draw = np.random.default_rng((seed, 83))
    places = draw.permutation(where.places)
    return Thief(where.data, take(where.data.columns, places[:20_000]), take(where.data.columns, places[:OWN]), draw)


def steal(
    attacker: Callable[[Thief], Asking], where: World, seed: int, most: int, *, caught: bool, form: str = "full"
) -> Theft:
    """Ask until the key is raised (if `caught`), or `most` rows were asked."""
    key = Key(where.model, np.random.default_rng((seed, 89)))
    asking, asked, scores, bits, rule = attacker(thief_of(where, seed)), [], [], [], ""
    answers: Any = None
    count = 0
    while count < most and not (rule and caught):
        try:
            rows = asking.send(answers)
        except StopIteration:
            break
        answers = where.ask(rows)
        coded, novelty = where.model.seen(rows, _rows(rows))
        said = said_of(answers)
        for first in range(0, _rows(rows), BLOCK):
            some = slice(first, min(first + BLOCK, _rows(rows)))
            kinds, raised = key.take(coded.part(some), novelty[some], part(said, some))
            bits.append(leak.price(form, kinds, novelty[some]))
            rule = rule or "+".join(one.rule for one in raised)
        asked.append(rows)
        scores.append(answers.scores[:, 1])
        count += _rows(rows)
    return Theft(join([*asked]), np.concatenate(scores), np.concatenate(bits), rule)


class Judge:
    """Holds copies against a model on real rows."""

    def __init__(self, where: World) -> None:
        held = take(where.data.columns, split(where.data, where.seed).held[:4000])
        self._encode = Encoder(held, dict(where.data.kinds), plain=False)
        self._held, self._said = self._encode.numbers(held), where.ask(held).labels
        self.constant = float(max(self._said.mean(), 1 - self._said.mean()))

    def fidelity(self, theft: Theft, queries: int, form: str) -> tuple[float, float]:
        """Plain and balanced, of the better of two copies."""
        rows = self._encode.numbers({name: column[:queries] for name, column in theft.rows.items()})
        known = theft.scores[:queries]
        known = {"label": known > 0.5, "rounded": np.round(known, 2), "full": known}[form].astype(float)
        odds = np.log(np.clip(known, 0.01, 0.99) / np.clip(1 - known, 0.01, 0.99))
        if np.ptp(odds) == 0:
            return self.constant, 0.5
        copies = (_network(rows, odds)(self._held), _trees(rows, odds)(self._held))
        found = [self._agreed((copy > 0).astype(np.int64)) for copy in copies]
        return max(one[0] for one in found), max(one[1] for one in found)

    def _agreed(self, labels: Any) -> tuple[float, float]:
        same = labels == self._said
        sides = [same[self._said == one] for one in (0, 1)]
        return float(same.mean()), statistics.fmean(float(side.mean()) for side in sides if len(side))


def _network(rows: Floats, odds: Floats) -> Callable[[Floats], Floats]:
    network = MLPRegressor(
        hidden_layer_sizes=(64,), alpha=1e-2, max_iter=max(60, min(300, 60_000 // len(rows))), random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(rows, odds)
    predict: Callable[[Floats], Floats] = network.predict
    return predict


def _trees(rows: Floats, odds: Floats) -> Callable[[Floats], Floats]:
    settings = {"objective": "regression", "num_threads": 1, "verbosity": -1, "num_leaves": 15, "min_data_in_leaf": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, odds), num_boost_round=100)
    return lambda asked: np.asarray(booster.predict(asked, num_threads=1), np.float64)


def _rows(rows: Columns) -> int:
    return len(next(iter(rows.values())))


def caught(names: Sequence[str], kinds: Sequence[str], seeds: Sequence[int], attackers: Sequence[str]) -> Iterator[str]:
    """A line for each data set, model and attacker."""
    for name in names:
        for kind in kinds:
            where = world(name, kind, seeds[0])
            judge = Judge(where)
            for attacker in attackers:
                thefts = [steal(ATTACKERS[attacker], where, seed, MOST, caught=True) for seed in seeds]
                queries = [theft.queries for theft in thefts]
                rules = ",".join(sorted({theft.rule or "none" for theft in thefts}))
                yield (
                    f"{name:10}{kind:9}{attacker:10} raised {sum(bool(theft.rule) for theft in thefts):3}/{len(seeds)}"
                    f" by {rules}, queries median {statistics.median(queries):.0f} most {max(queries)}"
                )
                for form in ("label", "full"):
                    reached = [judge.fidelity(theft, theft.queries, form) for theft in thefts]
                    for word, each in zip(("", " balanced"), zip(*reached, strict=True), strict=True):
                        before = sum(bool(theft.rule) and one < GOAL for theft, one in zip(thefts, each, strict=True))
                        yield (
                            f"    {form}{word}: before {GOAL:.2f} {before}/{len(seeds)}, fidelity median"
                            f" {statistics.median(each):.2f} most {max(each):.2f}"
                        )
            yield f"    (always the same label: {judge.constant:.2f})"


def curves(names: Sequence[str], kinds: Sequence[str], seeds: Sequence[int], counts: Sequence[int]) -> Iterator[str]:
    """A line for each data set, model, way of asking and form of answer: queries, bits, what the best copy reached."""
    ways = {"natural": natural, **{name: ATTACKERS[name] for name in ("marginals", "uniform")}}
    for name in names:
        for kind in kinds:
            where = world(name, kind, seeds[0])
            judge = Judge(where)
            for way, attacker in ways.items():
                thefts = [steal(attacker, where, seed, counts[-1], caught=False, form="label") for seed in seeds]
                rules = ",".join(sorted({theft.rule or "none" for theft in thefts}))
                for form in ("label", "rounded", "full"):
                    said = []
                    for count in counts:
                        found = [judge.fidelity(theft, count, form)[0] for theft in thefts]
                        bits = statistics.fmean(float(theft.bits[:count].sum()) for theft in thefts) * leak.FORMS[form]
                        said.append(f"{count}: {statistics.fmean(found):.3f} ({bits:.0f} bits)")
                    yield f"{name:10}{kind:9}{way:10}{form:8} {'  '.join(said)}  raised: {rules}"
            yield f"    (always the same label: {judge.constant:.2f})"


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("caught", "curves"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=REPORTED)
    parser.add_argument("--data", nargs="*", default=list(USABLE))
    parser.add_argument("--model", nargs="*", default=list(KINDS))
    parser.add_argument("--attacker", nargs="*", default=list(ATTACKERS))
    parser.add_argument("--queries", type=int, default=1600)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    counts = [count for count in COUNTS if count <= given.queries]
    lines_of = (
        caught(given.data, given.model, seeds, given.attacker)
        if given.what == "caught"
        else curves(given.data, given.model, seeds, counts)
    )
    for line in lines_of:
        print(line, flush=True)


if __name__ == "__main__":
    main()
