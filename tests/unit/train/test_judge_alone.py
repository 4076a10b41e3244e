"""train.jail.judge: an answer may not depend on the rows that are asked with it, whatever unit it has."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lockgate.errors import Refused
from lockgate.runtime.jail.predict import Outputs
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.train.jail import judge as judging
from lockgate.train.jail.frame import Rows


@pytest.mark.parametrize("off", [0.0, 1e-7, 1e-5])
def test_what_depends_on_the_rows_beside_it_is_measured_by_the_spread(off: float) -> None:
    """Answers near 1e-5: one that is off by as much where few are asked for is refused, a rounding is not."""
    rows = Rows(pd.DataFrame({"x": np.linspace(1e-5, 9e-5, 300), "y": 1.0}), {"x": "float"}, "y", "float", ())

    class Model:
        spec = ServingSpec(
            "regression", "y", None, (Field("x", "float"),), (Input("x", ("x",), "float32"),), None, None, "v"
        )

        def predict(self, columns: Any) -> Outputs:
            few = len(columns["x"]) < 100
            return Outputs(None, None, columns["x"] * (1 + 1e-6 * few) + off * few)

    with nullcontext() if off < 1e-8 else pytest.raises(Refused, match="asked with it"):
        judging.judge(Model(), rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(("sure", "refused"), [(0.6, True), (0.50001, False)])
def test_a_label_that_depends_on_the_rows_beside_it_is_refused(sure: float, *, refused: bool) -> None:
    """The same scores and another label; not where two classes are as probable."""
    truth = np.arange(300) % 2 == 0
    rows = Rows(pd.DataFrame({"x": np.arange(300), "y": truth}), {"x": "int"}, "y", "bool", ())

    class Model:
        spec = ServingSpec(
            *("binary", "y", (False, True), (Field("x", "int"),), (Input("x", ("x",), "float32"),)), "l", "s", None
        )

        def predict(self, columns: Any) -> Outputs:
            count = len(columns["x"])
            return Outputs(np.full(count, count >= 100), np.full((count, 2), [1 - sure, sure]), None)

    with pytest.raises(Refused, match="asked with it") if refused else nullcontext():
        judging.judge(Model(), rows)  # type: ignore[arg-type]
