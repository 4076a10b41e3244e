"""Rows for the support matrix: invented, of all kinds, with missing values and unknown categories."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lockgate.runtime.serving import Kind
from lockgate.train.jail.frame import Rows

KINDS: dict[str, Kind] = {
    "age": "float",
    "price": "float",
    "rooms": "int",
    "sunny": "bool",
    "town": "string",
    "colour": "string",
    "note": "string",
    "when": "timestamp",
}
NUMBERS = ["age", "price", "rooms", "sunny"]
TEXTS = ["town", "colour"]
_WORDS = ["late", "train", "delay", "sun", "rain", "snow", "Ärger", "ok"]


def rows(
    task: str, *, count: int = 300, seed: int = 0, missing: bool = False, unknown: bool = False, narrow: bool = False
) -> Rows:
    """`count` rows whose label can be learned: `binary` (bool), `multiclass` (string), `whole` (int), `regression`.

    Where they are `narrow`, floats are representable in 32 bits: a difference in an answer is the conversion's own.
    """
    draw = np.random.default_rng(seed)
    age, price = draw.normal(40, 12, count), draw.gamma(2.0, 50.0, count)
    if narrow:
        age, price = (each.astype(np.float32).astype(np.float64) for each in (age, price))
    rooms = draw.integers(0, 7, count)
    sunny = draw.random(count) < 0.4
    town = draw.choice(["Ulm", "Bonn", "Köln", "Trier", "Jena"], count, p=[0.4, 0.3, 0.2, 0.07, 0.03])
    colour = draw.choice(["red", "green", "blue"], count)
    note = np.array([" ".join(draw.choice(_WORDS, draw.integers(0, 6))) for _ in range(count)], dtype=object)
    when = np.int64(1767225600000000) + draw.integers(0, 365 * 24, count) * np.int64(3600000000)
    score = age / 12 + price / 80 + (town == "Ulm") * 1.5 - sunny * 0.8 + (colour == "red") * rooms * 0.3
    score = score + draw.normal(0, 0.4, count)
    if missing:
        age[draw.random(count) < 0.15] = np.nan
        price[draw.random(count) < 0.1] = np.nan
        colour = np.where(draw.random(count) < 0.1, "", colour)
    if unknown:
        town = np.where(draw.random(count) < 0.1, "Atlantis", town)
    data = pd.DataFrame({"age": age, "price": price, "rooms": rooms, "sunny": sunny})
    for name, texts in (("town", town), ("colour", colour), ("note", note)):
        data[name] = pd.Series(texts.tolist(), dtype="str")
    data["when"] = when
    label, kind = _label(task, score)
    data["label"] = label
    return Rows(data, KINDS, "label", kind, ())


def _label(task: str, score: np.ndarray) -> tuple[pd.Series, Kind]:
    if task == "binary":
        return pd.Series(score > 5.5), "bool"
    if task == "whole":
        return pd.Series(np.digitize(score, [4.5, 6.0]) + 1), "int"
    if task == "multiclass":
        names = np.array(["bad", "fair", "good"], dtype=object)
        return pd.Series(names[np.digitize(score, [4.5, 6.0])].tolist(), dtype="str"), "string"
    return pd.Series(np.exp(score / 4).astype(np.float32).astype(np.float64)), "float"
