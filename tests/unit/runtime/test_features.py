"""runtime.jail.features and io.json of version 2: features.py stands between a record and the model."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockgate.core.digest import hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.table import pack_table
from lockgate.core.wire import Column
from lockgate.runtime import channel, code_bundle, serving
from lockgate.runtime.jail import worker
from lockgate.runtime.jail.features import Features
from lockgate.runtime.jail.predict import Model, ModelError, array_of
from lockgate.runtime.serving import FeatureSpec, Field, Input, ServingSpec
from tests.support.serving import model

CODE = b"""
from pathlib import Path
from lookup import SCALE

WORDS = Path(__file__).with_name("words.txt").read_text().split()


def features(batch):
    if (batch["carrier"] == "raise").any():
        raise ValueError("secret " + batch["carrier"].iloc[0])
    if (batch["carrier"] == "leave").any():
        raise SystemExit(3)
    batch["distance"] = batch["distance"] * SCALE
    return batch[["distance"]].assign(carrier=batch["carrier"].where(batch["carrier"].isin(WORDS), "AA"))
"""
FILES = {"features.py": CODE, "lookup.py": b"SCALE = 2\n", "words.txt": b"UA AA"}
SPEC = ServingSpec(
    "binary",
    "late",
    (False, True),
    (Field("carrier", "string"), Field("distance", "int"), Field("leaves", "timestamp")),
    (Input("distance", ("distance",), "float32"), Input("carrier", ("carrier",), "string")),
    "label",
    "scores",
    None,
    FeatureSpec("features.py:features", ("distance",), (Field("distance", "float"), Field("carrier", "string"))),
)


@pytest.fixture(name="places", autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a jail may do to itself: its modules and its path are its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr("lockgate.runtime.jail.features.mkdtemp", lambda prefix: _new(tmp_path / prefix))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def _new(folder: Path) -> str:
    folder.mkdir()
    return str(folder)


def _columns(carriers: list[str], distances: list[int | None]) -> dict[str, Any]:
    columns = {
        "carrier": Column.of("carrier", "string", carriers),
        "distance": Column.of("distance", "int64", distances),
        "leaves": Column.of("leaves", "int64", [None] * len(carriers)),
    }
    return {field.name: array_of(columns[field.name], field.kind) for field in SPEC.fields}


def test_io_json_of_a_model_with_features_comes_back_as_it_was() -> None:
    """Version 2 has exactly one key more; without features it is version 1, as it always was."""
    assert serving.parse(SPEC.encode()) == SPEC
    assert SPEC.features is not None
    assert (decode(SPEC.encode())["v"], SPEC.features.file, SPEC.features.name) == (2, "features.py", "features")
    plain = ServingSpec(SPEC.task, "late", (False, True), SPEC.fields[:2], SPEC.inputs, "label", "scores", None)
    assert serving.parse(plain.encode()) == plain
    assert (decode(plain.encode())["v"], "features" in decode(plain.encode())) == (1, False)


_ONE = {"fields": ["carrier"], "type": "string", "shape": [None, 1]}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"v": 1}, "exactly"),
        ({"v": 3}, "version 1 or 2"),
        ({"v": True}, "version 1 or 2"),
        ({"features": None}, "exactly function"),
        ({"features": {"function": "features.py:features", "columns": []}}, "exactly function"),
        ({"function": "features.py"}, "FILE.py:NAME"),
        ({"function": "../features.py:features"}, "file name"),
        ({"function": "/etc/features.py:features"}, "file name"),
        ({"function": "features.py:a.b"}, "FILE.py:NAME"),
        ({"function": "features.py:__class__"}, "FILE.py:NAME"),
        ({"inputs": [{"input": "a", "fields": ["distance"] * 2, "type": "float32", "shape": [None, 2]}]}, "once"),
        ({"inputs": [{**_ONE, "input": f"i{place}"} for place in range(10_001)]}, "at most 10000 columns together"),
        ({"nullable": ["carrier"]}, "nullable are fields"),
        ({"nullable": ["nobody"]}, "nullable are fields"),
        ({"nullable": ["distance", "distance"]}, "each once"),
        ({"columns": []}, "not empty"),
        ({"columns": [{"name": "a", "kind": ["float"]}]}, "name or kind"),
        ({"nullable": [["distance"]]}, "list of names"),
        ({"columns": [{"name": "distance", "kind": "float"}]}, "inputs use columns"),
        ({"columns": [{"name": "late", "kind": "float"}]}, "never the label"),
        ({"columns": [{"name": "the a", "kind": "float"}]}, "name or kind"),
        ({"columns": [{"name": "a", "kind": "float"}, {"name": "a", "kind": "int"}]}, "names of their own"),
    ],
)
def test_an_io_json_that_is_not_in_form_is_refused(changes: dict[str, Any], why: str) -> None:
    """It comes out of a jail in which the user's code ran."""
    value = decode(SPEC.encode())
    inner = set(changes) <= set(value["features"])
    value["features" if inner else "v"] = {**value["features"], **changes} if inner else value["v"]
    value = value if inner else {**value, **changes}
    with pytest.raises(ValueError, match=why):
        serving.parse(encode(value))


def test_a_model_answers_by_its_features() -> None:
    """A record's fields go in, the function's columns reach the graph; its neighbours and files are beside it."""
    features = Features(FILES, SPEC)
    given = _columns(["UA", "??"], [100, None])
    made = features(given)
    assert {name: values.tolist() for name, values in made.items()} == {
        "distance": [200.0, pytest.approx(float("nan"), nan_ok=True)],
        "carrier": ["UA", "AA"],
    }
    assert given["distance"][0] == 100, "what it was given is not changed for anybody else"
    graph = model()
    one = _columns(["UA"], [100])
    whole, apart = Model(graph, SPEC, features=features).predict(one), Model(graph, SPEC).predict(features(one))
    np.testing.assert_array_equal(np.asarray(whole.scores), np.asarray(apart.scores))
    np.testing.assert_array_equal(np.asarray(whole.labels), np.asarray(apart.labels))


def test_a_field_that_may_be_null_is_float_in_every_batch() -> None:
    """Else `astype(str)` of one row alone would be another text than among rows with a null."""
    code = b"def features(batch):\n    return batch[['distance']].assign(carrier=str(batch['distance'].dtype))\n"
    features = Features({"features.py": code}, SPEC)
    assert features(_columns(["UA"], [100]))["carrier"].tolist() == ["float64"]
    assert features(_columns(["UA", "UA"], [100, None]))["carrier"].tolist() == ["float64"] * 2


@pytest.mark.parametrize(("carrier", "raised"), [("raise", "ValueError at features.py:10"), ("leave", "SystemExit")])
def test_what_the_function_raises_is_told_without_a_value(carrier: str, raised: str) -> None:
    """By type and line: the record is a stranger's. The next batch is answered."""
    features = Features(FILES, SPEC)
    with pytest.raises(ModelError, match=raised) as caught:
        features(_columns([carrier], [1]))
    assert "secret" not in str(caught.value)
    assert features(_columns(["UA"], [1]))["distance"].tolist() == [2.0]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"features.py": b"x = 1\n"}, "no function 'features'"),
        ({"features.py": b"features = 3\n"}, "no function 'features'"),
        ({"features.py": b"raise ValueError('secret')\n"}, "ValueError when it was imported"),
        ({"features.py": b"import sys; sys.exit(0)\n"}, "SystemExit when it was imported"),
        ({"features.py": b"def features(:\n"}, "SyntaxError when it was imported"),
        ({"other.py": CODE}, "FileNotFoundError when it was imported"),
    ],
)
def test_code_that_does_not_load_is_no_model(files: dict[str, bytes], why: str) -> None:
    """Before any request, and without the words of the code."""
    with pytest.raises(ModelError, match=why) as caught:
        Features(files, SPEC)
    assert "secret" not in str(caught.value)


def test_a_made_up_row_warms_it_up_and_need_not_pass() -> None:
    """The first call is not a request's; a function that does not like a row of zeros loads all the same."""
    code = b"""
calls = []
def features(batch):
    calls.append(len(batch))
    if len(calls) == 1:
        raise ValueError
    return batch[["distance", "carrier"]]
"""
    features = Features({"features.py": code}, SPEC)
    features(_columns(["UA", "UA"], [1, 2]))
    loaded = next(each for each in list(sys.modules.values()) if hasattr(each, "calls") and hasattr(each, "features"))
    assert loaded.calls == [1, 2]


def test_a_spec_without_features_has_none_to_load() -> None:
    """Code that io.json does not speak of is not imported."""
    plain = ServingSpec(SPEC.task, "late", (False, True), SPEC.fields[:2], SPEC.inputs, "label", "scores", None)
    with pytest.raises(ModelError, match="knows of no features"):
        Features(FILES, plain)


def test_the_worker_answers_by_the_code_that_it_was_handed() -> None:
    """Sealed like the model and hashed again: the very function of the closure, and no answer for what it raises on."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    thread = threading.Thread(target=worker.serve, args=(theirs,))
    thread.start()
    with ours:
        _hand(ours, model(), FILES)
        ready = channel.receive(ours)
        assert ready is not None
        assert ready[0].header["op"] == "ready"
        for carriers, op in ((["UA", "??"], "answer"), (["UA", "raise"], "failed"), (["AA"], "answer")):
            values: list[list[Any]] = [carriers, [200] * len(carriers), [None] * len(carriers)]
            header, payload = pack_table(SPEC.field_types, values, len(carriers))
            channel.send(ours, {"op": "predict", "id": 1, **header}, payload)
            answer = channel.receive(ours)
            assert answer is not None
            assert answer[0].header["op"] == op
            assert "secret" not in str(answer[0].header)
    thread.join()
    theirs.close()


def _hand(sock: socket.socket, graph: bytes, code: dict[str, bytes]) -> None:
    files = {"model.onnx": graph, "io.json": SPEC.encode(), "code.json": code_bundle.pack(code)}
    sealed = [channel.seal(data, name) for name, data in files.items()]
    listed = [{"name": n, "sha256": hex_of(one.digest)} for n, one in zip(files, sealed, strict=True)]
    channel.send(sock, {"op": "load", "files": listed}, files=[one.fd for one in sealed])
    for one in sealed:
        one.close()


def test_the_graph_is_loaded_before_any_code_of_the_model_runs() -> None:
    """The code's folder leads sys.path: a neighbour called onnx.py must find what loads a graph already there."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _hand(ours, b"no graph", {"features.py": b"raise ValueError"})
        with pytest.raises(ModelError, match="onnxruntime does not load"):
            worker.serve(theirs)
