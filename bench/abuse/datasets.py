"""Rows for the simulations of customers and attackers, as the detectors and the attacks take them.

Sets of two classes each: `synthetic`, 30 correlated floats; `credit`, generated: amounts that people round,
counts, texts, truth values, a date, some missing; `flights` of the example; and `phishing` of the example: nine signs
of at most three values, so that most rows are equal to others. `later` is `flights` as the example has it: the
population is January to June, customers ask from July on. `cancer` and `digits` of scikit-learn, smoothed bootstraps:
30 floats, and 61 whole numbers from 0 to 16; no threshold was chosen with them. But for flights and phishing, which
rows there are is the same for every seed.

Seeds 0 to 99 are for choosing thresholds, those from 1000 for what is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression

TUNED, REPORTED = 0, 1000
EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
ROWS, SMOOTHED = 160_000, 80_000
FLIGHT_KINDS = {
    "scheduled": "timestamp",
    "month": "int",
    "day": "int",
    "weekday": "int",
    "hour": "int",
    "minute": "int",
    "carrier": "string",
    "origin": "string",
    "dest": "string",
    "distance": "int",
}
DAY_MICROSECONDS = 86_400_000_000
PURPOSES = ("car", "debts", "kitchen", "studies", "business", "moving", "medical", "holiday", "other")
REGIONS = tuple(f"R{place:02d}" for place in range(24))
HOMES = ("rent", "mortgage", "own")

Array: TypeAlias = np.ndarray[Any, Any]
Columns: TypeAlias = Mapping[str, Array]
Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Data:
    """A table of real rows.

    Attributes:
        columns: as `lockgate.monitor.binning.columns_of` makes them: float64, NaN for null; int64 microseconds; texts.
        labels: (rows,) 0 or 1.
        mutable: the fields that an attacker, or a person who asks "what if", can change.
        later: the place from which on rows, which are in the order of time, are customers' alone; 0: of all by chance.
        moving: what lockgate.toml excludes from monitoring.
    """

    name: str
    columns: Columns
    kinds: Mapping[str, str]
    labels: npt.NDArray[np.int64]
    mutable: tuple[str, ...]
    later: int = 0
    moving: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.labels)


@dataclass(frozen=True)
class Split:
    """Places of rows: of the population (what the model and monitor.json were made from), held out, and for traffic."""

    population: Places
    held: Places
    traffic: Places


def split(data: Data, seed: int) -> Split:
    """A quarter (at most 20,000) to the population, as much held out, the rest for customers; drawn by the seed."""
    draw = np.random.default_rng((seed, 11))
    if data.later:
        order = draw.permutation(data.later)
        part = min(20_000, data.later // 2)
        return Split(np.sort(order[:part]), order[part : 2 * part], np.arange(data.later, data.rows))
    order = draw.permutation(data.rows)
    part = min(20_000, data.rows // 4)
    return Split(order[:part], order[part : 2 * part], order[2 * part :])


def take(columns: Columns, places: npt.NDArray[np.integer[Any]]) -> dict[str, Array]:
    """These rows."""
    return {name: column[places] for name, column in columns.items()}


def join(blocks: list[Columns]) -> dict[str, Array]:
    """Blocks of rows, one after the other."""
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


@cache
def load(name: str) -> Data:
    """The data set of this name. Raises KeyError of an unknown one."""
    return SETS[name]()


def synthetic() -> Data:
    """30 floats: any two correlated by 0.2, a third of them lognormal; the label follows a rough sum of products."""
    draw = np.random.default_rng(2024)
    common = draw.normal(size=(ROWS, 1))
    beneath = np.sqrt(0.2) * common + np.sqrt(0.8) * draw.normal(size=(ROWS, 30))
    score = beneath[:, :8] @ draw.normal(size=8)
    for _ in range(10):
        one, other = draw.choice(16, 2, replace=False)
        score += 0.7 * draw.normal() * beneath[:, one] * beneath[:, other]
    values = np.where(np.arange(30) % 3 == 1, np.exp(0.5 * beneath), beneath)
    names = [f"f{place:02d}" for place in range(30)]
    labels = score + 0.5 * draw.normal(size=ROWS) > np.median(score)
    columns = {name: values[:, place].copy() for place, name in enumerate(names)}
    return Data("synthetic", columns, dict.fromkeys(names, "float"), labels.astype(np.int64), tuple(names))


def credit() -> Data:
    """Applications for a loan: 16 fields of all kinds, some computed from others, a few missing; does it default?"""
    draw = np.random.default_rng(2025)
    wealth = draw.normal(size=ROWS)
    age = np.clip(np.round(41 + 9 * wealth * 0.4 + 11 * draw.normal(size=ROWS)), 18, 85)
    income = np.maximum(np.round(np.exp(10.5 + 0.45 * wealth + 0.25 * draw.normal(size=ROWS)) / 100) * 100, 6_000)
    amount = np.maximum(np.round(income * np.exp(-1.1 + 0.5 * draw.normal(size=ROWS)) / 500) * 500, 500)
    term = draw.choice([12, 24, 36, 48, 60, 72, 84], ROWS, p=[0.08, 0.16, 0.26, 0.2, 0.18, 0.07, 0.05])
    late = draw.poisson(np.exp(-1.3 - 0.5 * wealth))
    limit = np.round(np.exp(8.6 + 0.5 * wealth + 0.4 * draw.normal(size=ROWS)) / 250) * 250 + 250
    used = 1 / (1 + np.exp(0.9 + 0.6 * wealth - 0.8 * draw.normal(size=ROWS)))
    balance = np.round(limit * used, 2)
    rate = np.round(3.2 + 7 * used + 0.9 * late + 0.02 * term + 0.6 * draw.normal(size=ROWS), 2)
    employed = np.round(np.clip(draw.gamma(1.6, 4.5, ROWS), 0, age - 17), 1)
    accounts = 1 + draw.poisson(3 + np.clip(wealth, -2, 3) * 0.8 + 1)
    opened = (17_000 + draw.integers(0, 1800, ROWS)) * DAY_MICROSECONDS
    columns: dict[str, Array] = {
        "income": income,
        "age": age,
        "amount": amount,
        "term": term.astype(float),
        "rate": rate,
        "installment": np.round(amount * (1 + rate / 100 * term / 24) / term, 2),
        "balance": balance,
        "utilisation": np.round(balance / limit, 4),
        "accounts": accounts.astype(float),
        "late_payments": late.astype(float),
        "employed": np.where(draw.random(ROWS) < 0.05, np.nan, employed),
        "savings": np.round(np.exp(7.2 + 1.1 * wealth + 1.0 * draw.normal(size=ROWS)), 2),
        "married": (draw.random(ROWS) < 0.35 + 0.2 * (age > 35)).astype(float),
        "applied": opened,
        "purpose": _words(draw, PURPOSES),
        "region": _words(draw, REGIONS),
        "home": np.array(HOMES, object)[np.clip(np.digitize(wealth + draw.normal(size=ROWS), [-0.2, 1.3]), 0, 2)],
    }
    columns["savings"][draw.random(ROWS) < 0.08] = np.nan
    risky = np.isin(columns["purpose"], ("business", "medical", "debts")).astype(float)
    score = 0.5 * late + 2.2 * used + 2.5 * amount / income + 0.5 * risky - 0.6 * wealth - 0.01 * age + 0.006 * term
    score += 0.8 * (used > 0.5) * (employed < 3) + 0.7 * draw.normal(size=ROWS)
    kinds = dict.fromkeys(columns, "float") | dict.fromkeys(("purpose", "region", "home"), "string")
    kinds |= dict.fromkeys(("age", "term", "accounts", "late_payments"), "int")
    kinds |= {"married": "bool", "applied": "timestamp"}
    mutable = ("income", "amount", "term", "balance", "utilisation", "accounts", "late_payments", "employed", "savings")
    return Data("credit", columns, kinds, (score > np.quantile(score, 0.7)).astype(np.int64), mutable)


def _words(draw: np.random.Generator, words: tuple[str, ...]) -> Array:
    shares = draw.dirichlet(np.full(len(words), 3.0))
    return np.array(words, object)[draw.choice(len(words), ROWS, p=shares)]


def flights() -> Data:
    """Flights of the example: is one late? Integers and texts, nearly all of few values."""
    frame = pl.read_parquet(EXAMPLES / "flights" / "data" / "*.parquet").drop_nulls()
    frame = frame.with_columns(pl.col("scheduled").dt.epoch("us")).sort("scheduled")
    columns: dict[str, Array] = {}
    for name, kind in FLIGHT_KINDS.items():
        column = frame[name].to_numpy()
        columns[name] = column.astype({"string": object, "timestamp": np.int64}.get(kind, np.float64))
    return Data(
        "flights",
        columns,
        dict(FLIGHT_KINDS),
        frame["late"].to_numpy().astype(np.int64),
        ("hour", "minute", "distance", "day", "weekday", "month"),
    )


def phishing() -> Data:
    """Web pages of the example, 1,353 of them drawn again and again: 723 distinct rows of nine signs."""
    frame = pl.read_csv(EXAMPLES / "phishing" / "data" / "phishing.csv")
    places = np.random.default_rng(2026).integers(frame.height, size=40_000)
    names = [name for name in frame.columns if name != "is_phishing"]
    columns: dict[str, Array] = {name: frame[name].to_numpy().astype(np.float64)[places] for name in names}
    kinds = {name: "int" if name in {"age_of_domain", "ip_in_url"} else "float" for name in names}
    return Data("phishing", columns, kinds, frame["is_phishing"].to_numpy()[places].astype(np.int64), tuple(names))


def later() -> Data:
    """Flights, of which the population is the first half of the year."""
    data = load("flights")
    first = int(np.searchsorted(data.columns["month"], 7))
    return replace(data, name="later", later=first, moving=("month", "day", "weekday", "minute"))


def cancer() -> Data:
    """Measures of cells, 569 of them smoothed; the label is that of a logistic regression on the real ones."""
    found = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in found.feature_names]
    draw = np.random.default_rng(2027)
    values, _ = _smoothed(np.sqrt(found.data), found.target, draw)
    rows = np.array([float(f"{value:.4g}") for value in (np.maximum(values, 0) ** 2).ravel()]).reshape(values.shape)
    mean, sd = found.data.mean(axis=0), found.data.std(axis=0)
    model = LogisticRegression(max_iter=1000).fit((found.data - mean) / sd, found.target)
    labels = (model.predict_proba((rows - mean) / sd)[:, 1] > draw.random(len(rows))).astype(np.int64)
    columns: dict[str, Array] = {name: rows[:, place].copy() for place, name in enumerate(names)}
    return Data("cancer", columns, dict.fromkeys(names, "float"), labels, tuple(names))


def digits() -> Data:
    """Pictures of 8 x 8 of digits, 1,797 of them smoothed; is it even?"""
    found = load_digits()
    kept = np.flatnonzero(found.data.std(axis=0) > 0)
    names = [f"p{place:02d}" for place in kept.tolist()]
    values, sources = _smoothed(found.data[:, kept], found.target, np.random.default_rng(2028))
    rows = np.clip(np.round(values), 0, 16)
    columns: dict[str, Array] = {name: rows[:, place].copy() for place, name in enumerate(names)}
    labels = (found.target[sources] % 2 == 0).astype(np.int64)
    return Data("digits", columns, dict.fromkeys(names, "int"), labels, tuple(names))


def _smoothed(rows: Floats, classes: npt.NDArray[np.int64], draw: np.random.Generator) -> tuple[Floats, Places]:
    """A smoothed bootstrap (Silverman, 1986, 6.4): rows of a Gaussian kernel estimate of each class's density.

    The kernel has the covariance of the class; rows are shrunk so that they have its variance. And their sources.
    """
    sources = draw.integers(len(rows), size=SMOOTHED)
    found = np.empty((SMOOTHED, rows.shape[1]))
    for one in np.unique(classes).tolist():
        own, at = rows[classes == one], np.flatnonzero(classes[sources] == one)
        mean, size = own.mean(axis=0), rows.shape[1]
        width = (4 / (size + 2) / len(own)) ** (1 / (size + 4))
        noise = draw.multivariate_normal(np.zeros(size), np.cov(own.T), len(at), method="eigh")
        found[at] = mean + (rows[sources[at]] - mean + width * noise) / np.sqrt(1 + width**2)
    return found, sources


SETS = {
    "synthetic": synthetic,
    "credit": credit,
    "flights": flights,
    "phishing": phishing,
    "later": later,
    "cancer": cancer,
    "digits": digits,
}
USABLE = ("synthetic", "credit", "flights")
"""Those in which rows differ from each other; `phishing` is there to show what is seen where they do not."""
UNSEEN = ("cancer", "digits")
"""Those that no threshold was chosen with."""
