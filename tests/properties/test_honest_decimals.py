"""Numbers as people write them, with few decimals, reach a graph as they reached its estimator: not one row differs.

A split lies midway between two of these numbers, or on one: 80.45, 80.4. In 32 bits that is another number, and a tenth
of the rows fell on its other side. Graphs take 64 bits (docs/adr/0086); the controls here are graphs that take 32.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightgbm import LGBMRegressor
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBRegressor

from lockgate.errors import Refused
from lockgate.runtime import serving
from lockgate.runtime.jail.predict import Model
from lockgate.runtime.serving import Kind
from lockgate.train import parity
from lockgate.train.jail import convert, judged_parity
from lockgate.train.jail import parity as asked
from lockgate.train.jail.exporters import scikit_model, scikit_neighbours
from lockgate.train.jail.exporters.choose import fitted_of
from lockgate.train.jail.frame import Rows

MODELS = {
    "HistGradientBoosting": lambda: HistGradientBoostingRegressor(max_iter=20),
    "forest behind a scaler": lambda: make_pipeline(StandardScaler(), RandomForestRegressor(8, random_state=0)),
    "GradientBoosting": lambda: GradientBoostingRegressor(n_estimators=20),
    "a tree": DecisionTreeRegressor,
    "a linear model": lambda: make_pipeline(StandardScaler(), Ridge()),
    "LightGBM": lambda: LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1),
    "XGBoost": lambda: XGBRegressor(n_estimators=20, n_jobs=1),
}
MISSES = ("HistGradientBoosting", "a tree", "LightGBM", "XGBoost")
EXAMPLES = 200 if settings.get_current_profile_name() == "nightly" else 15


def _rows(seed: int, decimals: int, size: float, *, missing: bool, kind: Kind = "float", count: int = 400) -> Rows:
    draw = np.random.default_rng(seed)
    columns: list[Any]
    if kind == "float":
        columns = [np.round(draw.gamma(4, size / 4, count), decimals), np.round(draw.normal(0, size, count), decimals)]
    else:
        columns = [draw.integers(2**24, 2**33, count), 2**40 + draw.integers(0, 2000, count)]
    label = columns[0] / np.ptp(columns[0]) + np.sin(6 * columns[1] / np.ptp(columns[1])) + draw.normal(0, 0.05, count)
    if missing:
        columns = [np.where(draw.random(count) < 0.1, np.nan, each) for each in columns]
    data = pd.DataFrame({"a": columns[0], "b": columns[1], "y": np.round(label, 2)})
    return Rows(data, {"a": kind, "b": kind}, "y", "float", ())


def _judged(model: Any, fit: Rows, held: Rows) -> dict[str, Any]:
    """The facts of the held-out rows, as the parity jail gives them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = fitted_of(model.fit(fit.data[["a", "b"]], fit.data["y"]), fit, "auto")
        exported = fitted.export()
        graph = asked.loaded(exported)
        asked.judge(asked.compare(fitted, graph, fit, 0.0), 0.0)
        found = asked.compare(fitted, graph, held, 0.0)
    truth = held.data["y"].to_numpy()
    metric = judged_parity.headline_of(exported.spec, truth, found.wanted, found.said, found.beyond)
    return {**found.facts, "metric": metric}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(MODELS)),
    seed=st.integers(0, 999),
    decimals=st.integers(0, 6),
    size=st.sampled_from([1.0, 100.0, 1e5]),
    missing=st.booleans(),
)
def test_honest_decimals_never_meet_a_refusal(
    name: str, seed: int, decimals: int, size: float, *, missing: bool
) -> None:
    """Up to six decimals, prices to 1e5, with missing values: no row is beyond the tolerance, none needs an excuse."""
    holes = missing and name in MISSES
    fit, held = (_rows(each, decimals, size, missing=holes) for each in (seed, seed + 1000))
    judged = _judged(MODELS[name](), fit, held)
    assert (judged["beyond"], judged["explained"]) == (0, 0)
    parity.refuse(judged, {}, share=0.0, metric=1e-6)


@pytest.mark.parametrize("kind", ["int", "timestamp"])
@pytest.mark.parametrize("name", ["HistGradientBoosting", "forest behind a scaler", "LightGBM"])
def test_long_identifiers_and_moments_are_not_cut(name: str, kind: Kind) -> None:
    """Whole numbers beyond 2**24 are what the estimator saw."""
    fit, held = (_rows(each, 0, 1.0, missing=False, kind=kind) for each in (0, 1))
    assert _judged(MODELS[name](), fit, held)["beyond"] == 0


def test_a_graph_of_32_bits_is_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with inputs as they were, the very rows of the fit are refused by name (LG383)."""
    fit = held = _rows(3, 1, 20.0, missing=False)
    assert _judged(MODELS["HistGradientBoosting"](), fit, held)["beyond"] == 0
    monkeypatch.setattr(scikit_model, "input_type", lambda _: "float32")
    judged = _judged(MODELS["HistGradientBoosting"](), fit, held)
    assert judged["beyond"] == judged["explained"] > 0.03 * 400
    with pytest.raises(Refused) as raised:
        parity.refuse(judged, {}, share=0.001, metric=0.001)
    assert raised.value.finding == "LG383"


def test_a_booster_by_itself_takes_64_bits_too() -> None:
    """`lightgbm.train` and its like go another way through the exporters; so does their graph's one matrix."""
    fit, held = _rows(5, 1, 20.0, missing=True), _rows(6, 1, 20.0, missing=True)
    booster = MODELS["LightGBM"]().fit(fit.data[["a", "b"]], fit.data["y"]).booster_
    fitted = fitted_of(booster, fit, "auto")
    exported = fitted.export()
    assert [each.type for each in exported.spec.inputs] == ["float64"]
    assert asked.compare(fitted, asked.loaded(exported), held, 0.0).facts["beyond"] == 0


def test_numbers_as_categories_are_told_apart_by_their_last_bit() -> None:
    """Two prices that 32 bits take for one are two categories, as they were to the encoder."""
    prices = np.array([0.1, 0.1 + 1e-9, 0.3, 7.25] * 100)
    data = pd.DataFrame({"a": prices, "y": np.array([1.0, 9.0, 3.0, 5.0] * 100)})
    rows = Rows(data, {"a": "float"}, "y", "float", ())
    model = make_pipeline(OneHotEncoder(), Ridge()).fit(data[["a"]], data["y"])
    fitted = fitted_of(model, rows, "auto")
    found = asked.compare(fitted, asked.loaded(fitted.export()), rows, 0.0)
    assert found.facts["beyond"] == 0
    assert len(np.unique(np.round(np.asarray(found.said.values), 6))) == 4


def test_a_scripts_own_graph_may_take_64_bits() -> None:
    """Its io.json says so, and it is fed what it takes."""
    rows = _rows(7, 1, 20.0, missing=False)
    made = fitted_of(MODELS["HistGradientBoosting"]().fit(rows.data[["a", "b"]], rows.data["y"]), rows, "auto").export()
    files = convert.described(made.model, None, rows, "regression")
    spec = serving.parse(files["io.json"])
    assert [(each.fields, each.type) for each in spec.inputs] == [(("a", "b"), "float64")]
    said, own = (each.predict(rows.columns()) for each in (Model(files["model.onnx"], spec), asked.loaded(made)))
    assert np.asarray(said.values).tolist() == np.asarray(own.values).tolist()


def test_neighbours_that_are_equally_far_but_for_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances are added up in scikit-learn's order, so the last bit says the same. Added otherwise it does not."""

    def made(seed: int) -> Rows:
        draw = np.random.default_rng(seed)
        data = pd.DataFrame({name: np.round(draw.normal(0, 5, 300), 1) for name in ("a", "b", "c")})
        kinds: dict[str, Kind] = {"a": "float", "b": "float", "c": "float"}
        return Rows(data.assign(y=draw.normal(0, 1, 300)), kinds, "y", "float", ())

    fit, held = made(2), made(102)
    fitted = fitted_of(KNeighborsRegressor().fit(fit.data[["a", "b", "c"]], fit.data["y"]), fit, "auto")
    assert asked.compare(fitted, asked.loaded(fitted.export()), held, 1.0).facts["beyond"] == 0
    monkeypatch.setattr(scikit_neighbours, "_IN_TURN", 0)
    assert asked.compare(fitted, asked.loaded(fitted.export()), held, 1.0).facts["beyond"] == 1
