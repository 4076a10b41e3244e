"""A copy of a model, learned from its answers alone: what an attacker has after so many queries.

Two learners of different kinds are fitted, and the better one counts: an attacker would try more. With labels alone
they classify; with scores they learn the logarithms of the scores, so that one query says more; of a regression they
learn the value. Nothing is tuned, so the curve is a lower bound of what an attacker reaches.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lockgate.errors import Unavailable
from lockgate.runtime.serving import NULL_TIMESTAMP

if TYPE_CHECKING:
    from lockgate.drills.rows import Array, Slot

Floats = npt.NDArray[np.float64]

MOST_CATEGORIES = 30
"""Texts of a field that are told apart: the commonest."""
_LEAST_SCORE = 1e-4
_HIDDEN, _ROUNDS, _TREES = 64, 200, 100
_LEAST_EARLY = 500
"""With so many rows a tenth of them can say when to stop."""


class Encoder:
    """Columns as numbers, by what an attacker saw: standardised, a text as which of the commonest it is."""

    def __init__(self, columns: Mapping[str, Array], slots: Sequence[Slot]) -> None:
        self._numbers: list[tuple[str, float, float, bool]] = []
        self._texts: list[tuple[str, dict[Any, int]]] = []
        for slot in slots:
            if slot.name not in columns:
                continue
            if slot.kind == "string":
                values, counts = np.unique([str(cell) for cell in columns[slot.name].tolist()], return_counts=True)
                common = values[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]].tolist()
                self._texts.append((slot.name, {value: place for place, value in enumerate(common)}))
            else:
                cells = _floats(columns[slot.name], moment=slot.kind == "timestamp")
                known = cells[np.isfinite(cells)]
                spread = float(known.std()) if len(known) else 0.0
                middle = float(known.mean()) if len(known) else 0.0
                self._numbers.append((slot.name, middle, spread or 1.0, slot.kind == "timestamp"))

    def __call__(self, columns: Mapping[str, Array]) -> Floats:
        """Shape (rows, features), finite: what is missing lies in the middle, and a further feature says so."""
        parts: list[Floats] = []
        for name, middle, spread, moment in self._numbers:
            cells = (_floats(columns[name], moment=moment) - middle) / spread
            missing = ~np.isfinite(cells)
            parts.append(np.where(missing, 0.0, cells))
            parts.append(missing.astype(np.float64))
        for name, places in self._texts:
            found = np.array([places.get(str(cell), -1) for cell in columns[name].tolist()])
            parts += [(found == place).astype(np.float64) for place in range(len(places))]
        return np.stack(parts, axis=1)


def _floats(column: Array, *, moment: bool) -> Floats:
    found = column.astype(np.float64)
    if moment:
        found[column == NULL_TIMESTAMP] = np.nan
    return found


def agreement(
    asked: Floats, answers: Floats, held: Floats, truth: Floats, *, form: str, seed: int
) -> tuple[float, npt.NDArray[np.bool_] | None]:
    """How well the better copy learned from `answers` to the rows `asked` says what the model says of `held`.

    For labels: the share of rows with the model's label, and which rows these are. For a regression: the share of the
    answers' variance that the copy explains (1: it is the model), and None.

    Args:
        asked: shape (n, features), and `held` (m, features), of one Encoder.
        answers: shape (n,) label places for `form` "label"; (n,) values for "value"; else (n, classes) scores.
        truth: shape (m,), label places, or values for "value".
    """
    best: tuple[float, npt.NDArray[np.bool_] | None] = (-np.inf, None)
    for said in _said(asked, answers, held, form, seed):
        if form == "value":
            wrong = float(np.mean(np.square(said - truth)))
            share = 1.0 - wrong / (float(np.var(truth)) or 1.0)
            best = max(best, (share, None), key=lambda one: one[0])
        else:
            right = said == truth
            best = max(best, (float(right.mean()), right), key=lambda one: one[0])
    return best


def _said(asked: Floats, answers: Floats, held: Floats, form: str, seed: int) -> list[Floats]:
    """What each copy says of `held`: labels, or values."""
    learners = learning()
    early = {"early_stopping": len(asked) >= _LEAST_EARLY, "max_iter": _ROUNDS, "random_state": seed}
    net = {"hidden_layer_sizes": (_HIDDEN,), **early}
    trees = {"n_estimators": _TREES, "random_state": seed, "n_jobs": 1}
    with warnings.catch_warnings():
        # That it could have gone on learning is no news, and an attacker's loss.
        warnings.simplefilter("ignore")
        if form == "label":
            if len(np.unique(answers)) < 2:
                return [np.full(len(held), answers[0] if len(answers) else 0.0)]
            classifiers = [learners.ExtraTreesClassifier(**trees), learners.MLPClassifier(**net)]
            return [each.fit(asked, answers).predict(held).astype(np.float64) for each in classifiers]
        target = answers if form == "value" else np.log(np.clip(answers, _LEAST_SCORE, None))
        middle, spread = target.mean(axis=0), target.std(axis=0)
        scaled = (target - middle) / np.where(spread > 0, spread, 1.0)
        learned = [
            each.fit(asked, scaled).predict(held) * spread + middle
            for each in (learners.ExtraTreesRegressor(**trees), learners.MLPRegressor(**net))
        ]
    return learned if form == "value" else [each.argmax(axis=1).astype(np.float64) for each in learned]


def learning() -> Any:
    """scikit-learn's learners. Raises Unavailable LG987 where this installation lacks it."""
    try:
        from sklearn import ensemble, neural_network
    except ImportError:
        raise Unavailable(
            "LG987",
            "this installation has no scikit-learn, with which a drill learns its copy of a model",
            next="pip install scikit-learn",
        ) from None
    return SimpleNamespace(**vars(ensemble), **{name: vars(neural_network)[name] for name in _NETS})


_NETS = ("MLPClassifier", "MLPRegressor")
