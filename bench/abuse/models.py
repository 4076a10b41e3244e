"""Models to be asked: gradient-boosted trees, a small network, a logistic regression; as columns of rows to answers.

One thread; a network and a regression are evaluated by numpy, so that one row at a time costs microseconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from bench.abuse.datasets import DAY_MICROSECONDS, Columns, Data, Floats, Places, load, split, take
from lockgate.train.jail.attacks import Answers

KINDS = ("gbt", "mlp", "logistic")
MOST_WORDS = 40

Ask: TypeAlias = Callable[[Columns], Answers]


class Encoder:
    """Columns to numbers: dates in days, texts as places or one-hot, missing as NaN or the median; standardised."""

    def __init__(self, columns: Columns, kinds: dict[str, str], *, plain: bool) -> None:
        self._plain, self._kinds = plain, kinds
        self._words: dict[str, list[str]] = {}
        for name, kind in kinds.items():
            if kind == "string":
                words, counts = np.unique(columns[name].astype(str), return_counts=True)
                self._words[name] = [str(words[one]) for one in np.argsort(-counts, kind="stable")[:MOST_WORDS]]
        raw = self._raw(columns)
        self._middle = np.nanmedian(raw, axis=0)
        self._mean, self._sd = np.nanmean(raw, axis=0), np.nanstd(raw, axis=0) + 1e-9

    def numbers(self, columns: Columns) -> Floats:
        """What the model takes, (rows, inputs)."""
        raw = self._raw(columns)
        if self._plain:
            return raw
        found: Floats = np.clip((np.where(np.isnan(raw), self._middle, raw) - self._mean) / self._sd, -8, 8)
        return found

    def _raw(self, columns: Columns) -> Floats:
        found: list[Floats] = []
        for name, kind in self._kinds.items():
            column = columns[name]
            if kind == "string":
                codes = self._codes(name, column)
                known = np.arange(len(self._words[name]))
                found += [codes] if self._plain else [(codes == one).astype(np.float64) for one in known]
            else:
                found.append(column / DAY_MICROSECONDS if kind == "timestamp" else np.asarray(column, np.float64))
        return np.column_stack(found)

    def _codes(self, name: str, column: Floats) -> Floats:
        place = {word: float(one) for one, word in enumerate(self._words[name])}
        return np.array([place.get(word, -1.0) for word in column.tolist()])


@cache
def fitted(kind: str, name: str, seed: int) -> Ask:
    """`fit` on the data set of this name, kept."""
    return fit(kind, load(name), seed)


def fit(kind: str, data: Data, seed: int) -> Ask:
    """A model of this kind, trained on the rows of the population of this seed. Raises KeyError of an unknown kind."""
    return trained(kind, data, split(data, seed).population, seed)


def trained(kind: str, data: Data, places: Places, seed: int) -> Ask:
    """A model of this kind, trained on the rows at these places. Raises KeyError of an unknown kind.

    Beside KINDS: `deep`, trees that learn their rows by heart.
    """
    rows, labels = take(data.columns, places), data.labels[places]
    encode = Encoder(rows, dict(data.kinds), plain=kind in ("gbt", "deep"))
    made = {"gbt": _trees, "deep": _deep, "mlp": _network, "logistic": _regression}
    certain = made[kind](encode.numbers(rows), labels, seed)

    def ask(columns: Columns) -> Answers:
        second = certain(encode.numbers(columns))
        return Answers((second > 0.5).astype(np.int64), np.column_stack((1 - second, second)), None)

    return ask


def _trees(rows: Floats, labels: npt.NDArray[np.int64], seed: int) -> Callable[[Floats], Floats]:
    settings = {"objective": "binary", "num_threads": 1, "seed": seed, "verbosity": -1, "num_leaves": 15}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, labels), num_boost_round=80)
    return lambda asked: np.asarray(booster.predict(asked, num_threads=1), np.float64)


def _deep(rows: Floats, labels: npt.NDArray[np.int64], seed: int) -> Callable[[Floats], Floats]:
    settings = {"objective": "binary", "num_threads": 1, "seed": seed, "verbosity": -1, "num_leaves": 127}
    settings |= {"min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0.0, "learning_rate": 0.3}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, labels), num_boost_round=60)
    return lambda asked: np.asarray(booster.predict(asked, num_threads=1), np.float64)


def _network(rows: Floats, labels: npt.NDArray[np.int64], seed: int) -> Callable[[Floats], Floats]:
    network = MLPClassifier((32, 16), max_iter=12, batch_size=256, random_state=seed, learning_rate_init=3e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(rows, labels)
    weights, biases = network.coefs_, network.intercepts_

    def certain(asked: Floats) -> Floats:
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            asked = np.maximum(asked @ weight + bias, 0)
        return _sigmoid((asked @ weights[-1] + biases[-1])[:, 0])

    return certain


def _regression(rows: Floats, labels: npt.NDArray[np.int64], seed: int) -> Callable[[Floats], Floats]:
    model = LogisticRegression(max_iter=300, random_state=seed).fit(rows, labels)
    weight, bias = model.coef_[0], float(model.intercept_[0])
    return lambda asked: _sigmoid(asked @ weight + bias)


def _sigmoid(values: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))
