"""A candidate whose tensors lie beside its graph, through the real jails of training."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockgate.audit import joins
from lockgate.errors import Refused
from lockgate.runtime import sizes
from lockgate.runtime.sizes import DATA
from lockgate.sandbox.report import JailReport
from lockgate.train import recorded, rules, steps
from lockgate.train.jails import Trained
from lockgate.train.run import run
from lockgate.train.spec import TrainSpec
from tests.support.training import training_project

SCRIPT = f"""
import os
import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper

data = pd.read_parquet(os.environ["LOCKGATE_DATA"])
given = np.column_stack([data["age"], np.ones(len(data))])
slope, start = np.linalg.lstsq(given, data["delay"], rcond=None)[0].astype(np.float32)
out = os.environ["LOCKGATE_OUT"]
place = [("location", {DATA!r}), ("offset", "0"), ("length", "4")]
weight = TensorProto(name="w", data_type=1, dims=[1, 1], data_location=1)
for key, value in place:
    entry = weight.external_data.add()
    entry.key, entry.value = key, value
graph = helper.make_graph(
    [helper.make_node("MatMul", ["age", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["value"])],
    "g",
    [helper.make_tensor_value_info("age", 1, [None, 1])],
    [helper.make_tensor_value_info("value", 1, [None, 1])],
    [weight, onnx.numpy_helper.from_array(np.array([start]), "b")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 9
open(out + "/model.onnx", "wb").write(model.SerializeToString())
open(out + "/{DATA}", "wb").write(np.array([[slope]]).tobytes())
"""


@pytest.mark.nightly  # four real jails
def test_a_script_s_data_are_trained_judged_and_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both statements name them, by the launcher's digest; the judge's numbers need them."""
    here = training_project(tmp_path, monkeypatch, "delay")
    here.write(script=SCRIPT)
    result = run(here.project.workplace(), TrainSpec("delay", script="script.py"))
    assert result.metrics["r2"]["value"] > 0.5
    made = joins.candidate(result.evidence.statement)
    assert list(made) == ["model.onnx", "io.json", DATA]
    assert joins.candidate(result.judgement.statement) == made
    assert len(here.project.data.read(made[DATA])) == 4
    assert recorded.read(result.evidence.statement).made == made
    assert not result.attachments.kept


def test_a_graph_that_is_too_large_is_refused_before_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LG427, with both sizes and where large tensors belong."""
    here = training_project(tmp_path, monkeypatch, "delay")
    monkeypatch.setattr(sizes, "MAX_MODEL", 3)
    monkeypatch.setattr(rules, "read_fit", lambda _: {})
    files = {name: tmp_path / name for name in (*rules.CANDIDATE, DATA)}
    for path in files.values():
        path.write_bytes(b"four")
    trained = Trained(files, b"", JailReport("none", "train", here.accepted, (), {}), ())
    with pytest.raises(Refused) as caught:
        steps.keep(here.project.workplace(), trained)
    assert (caught.value.finding, caught.value.seen) == ("LG427", {"model.onnx": 4, DATA: 4})
    assert DATA in caught.value.message
