"""What attacks do to one model on some rows: robust accuracy, queries to a flip, the change of a number. In the jail.

    binary, multiclass   clean_accuracy, robust_accuracy_D (Clopper and Pearson), hours_to_evade (order statistics)
    regression           change_D: the median over rows of the largest change within D, in standard deviations of the
                         label (order statistics)

Which row is robust, and when too few were tested to say so, is `attacks.robust`'s word: the minimum over attacks, so an
upper bound of what a better attack would leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.core.exact import paired_difference, quantile_interval
from lockgate.core.robustness_words import CHANGE
from lockgate.core.stats import Interval
from lockgate.runtime.jail.predict import Model
from lockgate.train.jail import frame
from lockgate.train.jail.attacks import (
    Answers,
    Attack,
    Space,
    Trail,
    boundary,
    change,
    hop_skip_jump,
    square,
    together,
    zoo,
)
from lockgate.train.jail.attacks.robust import FEW, ByAttack, queries_to_flip, robust
from lockgate.train.jail.attacks.square import LABEL_ONLY
from lockgate.train.jail.attacks.trail import RAN, failed
from lockgate.train.jail.metrics import places
from lockgate.train.robustness_spec import Robustness, fact

Places = npt.NDArray[np.intp]
Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_SECONDS = 3600.0
_MADE: Mapping[str, Callable[..., Attack]] = {
    "hop-skip-jump": hop_skip_jump,
    "boundary": boundary,
    "square": square,
    "zoo": zoo,
    CHANGE: change,
}


@dataclass(frozen=True)
class Attacked:
    """One model under attack, over the rows in their order.

    Attributes:
        facts: intervals by name; those that rest on attacks only where each of them was tried.
        tried: one entry for each attack.
        found: queries until a flip; None for a regression.
        robust: by distance, which rows are; empty where an attack was not tried.
        changes: by distance, the largest change of each row, in standard deviations of the label.
    """

    facts: Mapping[str, Interval]
    tried: Sequence[Mapping[str, Any]]
    found: Mapping[str, Any] | None = None
    robust: Mapping[float, Mask] = field(default_factory=dict)
    changes: Mapping[float, Points] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As attacked.json has it."""
        return {"facts": as_facts(self.facts), "tried": list(self.tried), "found": self.found}


class Target:
    """A model that is asked about rows of a space."""

    def __init__(self, model: Model, space: Space, chosen: Places) -> None:
        self._model, self._space, self._chosen = model, space, chosen

    def starts(self) -> Points:
        """The rows as they are. Shape (rows, mutable)."""
        return np.stack([self._space.start(int(place)) for place in self._chosen])

    def ask(self, which: Sequence[int] | Places, points: Points) -> Answers:
        """What the model says of rows `which` of the chosen ones with these points put in. Raises ModelError."""
        said = self._model.predict(self._space.rows(self._chosen[np.asarray(which, dtype=np.intp)], points))
        if said.values is not None:
            return Answers(np.zeros(len(points), dtype=np.int64), None, said.values)
        assert said.labels is not None  # noqa: S101 - a model gives labels or values
        return Answers(places(self._model.spec, said.labels), said.scores)


def attack(model: Model, rows: frame.Rows, space: Space, chosen: Places, asked: Robustness, seed: int) -> Attacked:
    """Attack `model` on the chosen rows. Raises ModelError; ValueError where it answers the same rows differently."""
    target, every = Target(model, space, chosen), np.arange(len(chosen))
    truth = rows.data[rows.label].to_numpy()
    starts = target.starts()
    before = target.ask(every, starts)
    if before.values is not None:
        unit = float(np.std(truth.astype(np.float64)))
        found = _changed(target, space, starts, asked, seed, unit)
    else:
        right = before.labels == places(model.spec, truth[chosen])
        found = _flipped(target, space, starts, asked, seed, before, right)
    _check_same(before, target.ask(every, starts))
    return found


def _check_same(before: Answers, after: Answers) -> None:
    pairs = [(before.labels, after.labels), (before.values, after.values)]
    if not all(one is None or other is None or np.array_equal(one, other) for one, other in pairs):
        raise ValueError("its answers to the same rows change from one asking to the next")


def _flipped(
    target: Target,
    space: Space,
    starts: Points,
    asked: Robustness,
    seed: int,
    before: Answers,
    right: Mask,
) -> Attacked:
    """Of a classifier: the rows that are answered rightly are attacked by each attack that was asked for."""
    able, telling = np.flatnonzero(right), _telling(before)
    trails: dict[str, list[Trail | None]] = {}
    for name in asked.attacks:
        more = (asked.distances[-1],) if name == "square" else ()
        attacks = [
            _MADE[name](
                space, starts[row], int(before.labels[row]), asked.queries, _randomness(seed, int(row), name), *more
            )
            for row in able
        ]
        trails[name] = [None] * len(right)
        for row, trail in zip(able.tolist(), together(attacks, _of(target, able)), strict=True):
            trails[name][row] = _seeing(trail, telling=telling)
    found = robust(right.tolist(), trails, asked.distances)
    facts = {"clean_accuracy": found.clean}
    facts |= {fact("robust_accuracy", each): share for each, share in found.at.items() if share is not None}
    tried = [_tried(name, [one for one in each if one is not None], asked) for name, each in trails.items()]
    whole = len(facts) == 1 + len(asked.distances)
    if whole and len(able):
        facts["hours_to_evade"] = _hours(right, trails, asked)
    held = {each: np.array(rows, dtype=bool) for each, rows in found.held.items()} if whole else {}
    return Attacked(facts, tried, _until(right, trails, asked), held)


def _telling(answers: Answers) -> bool:
    """Whether the target's scores say more than its labels, over many rows."""
    if answers.scores is None:
        return False
    seen = {
        label: np.ptp(answers.scores[answers.labels == label], axis=0).max() for label in set(answers.labels.tolist())
    }
    return any(spread > 0 for spread in seen.values())


def _seeing(trail: Trail, *, telling: bool) -> Trail:
    """`trail`; one that met but two scores around its row ran blindly, where the target's scores say more elsewhere."""
    return replace(trail, status=RAN) if telling and trail.status == failed(LABEL_ONLY) else trail


def _changed(target: Target, space: Space, starts: Points, asked: Robustness, seed: int, unit: float) -> Attacked:
    """Of a regression: by distance, how far the value can be moved on each row."""
    every, largest = np.arange(len(starts)), np.zeros(len(starts))
    tried: list[dict[str, Any]] = []
    changes: dict[float, Points] = {}
    for each in asked.distances:
        attacks = [
            change(space, start, 0, asked.queries, _randomness(seed, row, CHANGE), each)
            for row, start in enumerate(starts)
        ]
        trails = together(attacks, _of(target, every))
        tried.append(_tried(CHANGE, trails, asked))
        # A row that was not tested may change by any amount; and what changes within less changes within more.
        found = np.array([one.change() / (unit or 1.0) if one.ran else np.inf for one in trails])
        largest = np.maximum(largest, found)
        changes[each] = largest
    whole = _joined(tried)
    if whole["status"] != RAN:
        return Attacked({}, [whole])
    facts = {fact("change", each): quantile_interval(sorted(found.tolist()), 0.5) for each, found in changes.items()}
    return Attacked(facts, [whole], changes=changes)


def _of(target: Target, able: Places) -> Callable[[Sequence[int], Points], Answers]:
    return lambda which, points: target.ask(able[np.asarray(which, dtype=np.intp)], points)


def _randomness(seed: int, row: int, name: str) -> np.random.Generator:
    """The same for every model: what is random about an attack on a row is no difference between two of them."""
    return np.random.default_rng([seed, row, *name.encode()])


def _tried(name: str, trails: Sequence[Trail], asked: Robustness) -> dict[str, Any]:
    """An attack's entry. Where it failed on more rows than few, or there was none to attack, it was not tested."""
    failed = [one.status for one in trails if not one.ran]
    status = RAN if len(failed) <= FEW * len(trails) else max(set(failed), key=failed.count)
    flips = {f"{each:g}": sum(one.queries_within(each) is not None for one in trails) for each in asked.distances}
    return {
        "attack": name,
        "status": status if trails else "failed: the model answers no row rightly",
        "rows": len(trails) - len(failed),
        "failed": len(failed),
        "queries": sum(one.queries for one in trails),
        "flips": {} if name == CHANGE else flips,
    }


def _joined(tried: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One entry for an attack that ran once for each distance."""
    worst = max(tried, key=lambda one: one["failed"])
    return {**worst, "queries": sum(one["queries"] for one in tried)}


def _until(right: Mask, trails: ByAttack, asked: Robustness) -> dict[str, Any]:
    """Queries until a flip within the middle distance, over the rows that were attacked; None: more than asked."""
    found = queries_to_flip(right.tolist(), trails, asked.middle)
    return {"within": asked.middle, "median": found["median"], "tenth": found["low"], "most": asked.queries}


def _hours(right: Mask, trails: ByAttack, asked: Robustness) -> Interval:
    """The median row's time at the client's rate. What took more than was asked counts as what was asked: no less."""
    hours = []
    for row in np.flatnonzero(right).tolist():
        taken = [one.queries_within(asked.middle) for each in trails.values() if (one := each[row]) is not None]
        fewest = min((each for each in taken if each is not None), default=asked.queries)
        hours.append(fewest / asked.rate / _SECONDS)
    return quantile_interval(sorted(hours), 0.5)


def drop(one: Attacked, live: Attacked, distances: Sequence[float]) -> dict[float, dict[str, Any]] | None:
    """By distance, how much less robust `one` is than `live` on the same rows; None where either is not known.

    The intervals hold together at 95 % for all distances (Bonferroni).
    """
    wrong = 0.05 / len(distances)
    found: dict[str, Interval] = {}
    for each in distances:
        if each in one.robust and each in live.robust:
            here, there = one.robust[each], live.robust[each]
            pair = int((there & ~here).sum()), int((here & ~there).sum())
            found[f"{each:g}"] = paired_difference(*pair, len(here), wrong=wrong)
        elif each in one.changes and each in live.changes:
            apart = one.changes[each] - live.changes[each]
            # Not tested on both: nobody knows which one changes more. As if this one did.
            apart = np.where(np.isnan(apart), np.inf, apart)
            found[f"{each:g}"] = quantile_interval(sorted(apart.tolist()), 0.5, wrong=wrong)
        else:
            return None
    facts = as_facts(found)
    return {each: facts[f"{each:g}"] for each in distances}


def as_facts(found: Mapping[str, Interval]) -> dict[str, Any]:
    """Intervals to six significant digits, which keeps their order; an end that is not finite is none."""
    return {name: {key: _short(value) for key, value in vars(each).items()} for name, each in found.items()}


def _short(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.6g}")
