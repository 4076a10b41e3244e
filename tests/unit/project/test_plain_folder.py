"""A plain folder answers as the gateway does, without Lockgate."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from lockgate.contract.jail.columns import field_table
from lockgate.contract.jail.inference import inference_model
from lockgate.contract.jail.load import load_model
from lockgate.contract.jail.worker import Checker
from lockgate.contract.plan import Plan
from lockgate.core.wire import Frame
from lockgate.project import Project
from lockgate.project.carry import plain
from lockgate.project.carry.pulling import pull_to_folder, pull_to_mirror
from lockgate.runtime.jail.features import Features
from lockgate.runtime.jail.predict import Model, answer_table, array_of
from lockgate.runtime.serving import FeatureSpec, Field, Input, ServingSpec
from lockgate.serve.answers import Reader
from tests.support.carried import MINUTES, MINUTES_CODE, elsewhere, finding, minutes_model, shared
from tests.support.carrying import REMOTE
from tests.support.serving import CODE, SPEC, model

# Lockgate cannot be imported, from wherever it is installed: who finds it first refuses.
RUN = """
import runpy, sys
class Nobody:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "lockgate":
            raise ImportError("lockgate is not here")
sys.meta_path.insert(0, Nobody())
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])  # as `python predict.py` does, which -I forbids
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TEXT_CODE = b"""from pydantic import BaseModel


class Mail(BaseModel):
    words: str | None
    kind: str
"""
TEXT = ServingSpec(
    "multiclass",
    "kind",
    ("ham", "spam", "none"),
    (Field("words", "string"),),
    (Input("words", ("words",), "string"),),
    "label",
    "scores",
    None,
)

FEATURED_CODE = b"""from datetime import datetime

from pydantic import BaseModel


class Flight(BaseModel):
    carrier: str | None
    leaves: datetime
    seats: int | None
    late: bool
"""
FEATURES = b"""from pathlib import Path

import pandas as pd

TOWNS = Path(__file__).with_name("towns.txt").read_text().split()


def features(batch):
    moment = pd.to_datetime(batch["leaves"], unit="us", utc=True)
    carrier = batch["carrier"].where(batch["carrier"].isin(TOWNS)).astype("category")
    return pd.DataFrame({"distance": batch["seats"].fillna(moment.dt.hour), "carrier": carrier, "moment": moment})
"""
FEATURED = (Field("carrier", "string"), Field("leaves", "timestamp"), Field("seats", "int"))
MADE = FeatureSpec(
    "features.py:features",
    ("seats",),
    (Field("distance", "float"), Field("carrier", "string"), Field("moment", "timestamp")),
)


def text_model() -> bytes:
    """Cheap pills are spam, an empty text is nothing, all else is ham."""
    nodes = [
        helper.make_node(
            "LabelEncoder",
            ["words"],
            ["place"],
            domain="ai.onnx.ml",
            keys_strings=["cheap pills", ""],
            values_int64s=[1, 2],
            default_int64=0,
        ),
        helper.make_node("Reshape", ["place", "flat"], ["row"]),
        helper.make_node("OneHot", ["row", "depth", "values"], ["scores"]),
        helper.make_node(
            "LabelEncoder",
            ["row"],
            ["label"],
            domain="ai.onnx.ml",
            keys_int64s=[0, 1, 2],
            values_strings=["ham", "spam", "none"],
        ),
    ]
    constants = [
        helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
        helper.make_tensor("depth", TensorProto.INT64, [], [3]),
        helper.make_tensor("values", TensorProto.FLOAT, [2], [0.05, 0.9]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("words", TensorProto.STRING, [None, 1])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 3]),
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(graph, opset_imports=opsets)
    made.ir_version = 9
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def folder_of(place: Path, files: dict[str, bytes], name: str) -> Path:
    """A plain folder by hand."""
    for file, data in files.items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(data)
    for program, text in plain.programs_for("model@1", "contract.py", name).items():
        (place / program).write_text(text)
    return place


def predicted(folder: Path, records: Sequence[Any]) -> Any:
    """What predict.py prints."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUN, str(folder / "predict.py")],
        input=json.dumps({"records": records}),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["predictions"]


def served(
    folder: Path,
    spec: ServingSpec,
    name: str,
    records: Sequence[Any],
    patch: pytest.MonkeyPatch,
    features: Features | None = None,
) -> Any:
    """What contract worker, model worker and gateway make of the same files and records."""
    patch.setattr(sys, "path", list(sys.path))
    patch.setattr(sys, "dont_write_bytecode", True)
    contract = load_model(folder / "code", "contract.py", name)
    patch.delitem(sys.modules, contract.__module__)
    known = {field.name: field for field in field_table(contract, spec.label).inputs}
    inference = inference_model(contract, spec.label, "contract.py")
    checker = Checker(inference, [known[one.name] for one in spec.fields], Plan(name, "0", ()))
    errors, columns, rows = checker.check(json.dumps(records).encode())
    assert errors == []
    kinds = {field.name: field.kind for field in spec.fields}
    arrays = {column.name: array_of(column, kinds[column.name]) for column in columns}
    header, payload = answer_table(
        spec, Model((folder / "model.onnx").read_bytes(), spec, features=features).predict(arrays)
    )
    return Reader(spec).read(Frame({"op": "answer", "id": 1, **header}, payload), 1, rows)


@pytest.mark.parametrize(
    ("spec", "code", "onnx_bytes", "name", "records"),
    [
        pytest.param(
            SPEC,
            CODE,
            model(),
            "Flight",
            [{"distance": 200, "carrier": "UA"}, {"distance": 1000.25, "carrier": "AA"}],
            id="binary",
        ),
        pytest.param(
            MINUTES,
            MINUTES_CODE,
            minutes_model(),
            "Flight",
            [
                {"seats": 180, "full": True, "day": 7, "built": "1999-12-31", "leaves": "2026-11-26T06:30:15+01:00"},
                {"seats": None, "day": 1, "leaves": "2026-11-26T23:59:59.999999Z"},
            ],
            id="regression",
        ),
        pytest.param(
            TEXT,
            TEXT_CODE,
            text_model(),
            "Mail",
            [{"words": "cheap pills"}, {"words": "hello"}, {"words": None}],
            id="text",
        ),
    ],
)
def test_predict_py_answers_as_the_gateway_does(
    spec: ServingSpec,
    code: bytes,
    onnx_bytes: bytes,
    name: str,
    records: Sequence[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two classes, a number, a text: the same labels, scores and values to the last digit, nulls and dates included."""
    files = {"model.onnx": onnx_bytes, "io.json": spec.encode(), "code/contract.py": code}
    folder = folder_of(tmp_path, files, name)

    assert predicted(folder, records) == served(folder, spec, name, records, monkeypatch)


def test_predict_py_makes_the_features_that_the_worker_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of texts, moments and what is null: by the signed function, which finds the table that lies beside it."""
    files = {"features.py": FEATURES, "towns.txt": b"UA AA"}
    code = {"contract.py": FEATURED_CODE, **files}
    spec = replace(SPEC, fields=FEATURED, features=MADE)
    folder = folder_of(
        tmp_path / "folder",
        {"model.onnx": model(), "io.json": spec.encode(), **{f"code/{name}": data for name, data in code.items()}},
        "Flight",
    )
    records = [
        {"carrier": "UA", "leaves": "2026-11-26T06:30:15+01:00", "seats": 1800},
        {"carrier": None, "leaves": "2026-11-26", "seats": None},
    ]
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    features = Features(files, spec, tmp_path / "worker")
    for known, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[known]

    answers = predicted(folder, records)
    assert answers == served(folder, spec, "Flight", records, monkeypatch, features)
    assert [answer["label"] for answer in answers] == [True, False]


def test_predict_py_says_that_nobody_signed_it(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """From a registry and from a mirror: the signed files under their names, and beside them what is not signed."""
    made = shared(tmp_path_factory.getbasetemp())
    with elsewhere(tmp_path, made.grown):
        done = pull_to_folder(made.asked(f"{REMOTE}:v2"), tmp_path / "plain")
        mirror = Project.open(pull_to_mirror(made.asked(f"{REMOTE}:v2")).folder)
        (mirror.root / "sample.json").write_bytes(b"{}")
        again = mirror.pull_plain("flights@2", tmp_path / "again")

        signed = [one.name for one in made.registration("flights@2").files]
        assert done.files == (*signed, "model.sig", "predict.py", "columns.py")
        assert again.files == (*done.files, "sample.json")
        assert sorted(
            str(one.relative_to(tmp_path / "plain")) for one in (tmp_path / "plain").rglob("*") if one.is_file()
        ) == sorted(done.files)
        first = (tmp_path / "plain" / "predict.py").read_text()
        assert "NOT SIGNED" in first.split('"""')[1]
        assert len(first.splitlines()) == 20
        assert "NOT SIGNED" in (tmp_path / "plain" / "columns.py").read_text().split('"""')[1]
        assert first == (tmp_path / "again" / "predict.py").read_text()
        assert finding(lambda: mirror.pull_plain("flights@2", tmp_path / "again")) == "LG952"
        assert finding(lambda: mirror.pull_plain("flights@1", tmp_path / "other")) == "LG896"
        report = mirror.verify("flights@2", materialize=tmp_path / "exact")
        assert report.materialized == str(tmp_path / "exact")
        assert not (tmp_path / "exact" / "predict.py").exists()
