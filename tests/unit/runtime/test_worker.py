"""runtime.jail.worker and serving: the worker loads the very bytes that were verified, and refuses the rest."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from lockgate.core import wire
from lockgate.core.digest import digest_of, hex_of
from lockgate.core.encoding import decode, encode
from lockgate.core.table import pack_table, unpack_table
from lockgate.core.wire import WireError
from lockgate.runtime import channel, serving
from lockgate.runtime.jail import worker
from lockgate.runtime.jail.predict import Model, ModelError
from lockgate.runtime.serving import Field
from lockgate.sandbox.launch import Jail, Target
from lockgate.sandbox.settings import PythonEnv, named
from lockgate.train.jail import fit, frame
from tests.support.training import rows


def _candidate(label: str) -> tuple[dict[str, bytes], Any, frame.Rows]:
    table = rows().drop(columns=[name for name in ("delay", "late", "kind") if name != label])
    data = frame.from_table(pa.Table.from_pandas(table, preserve_index=False), label)
    parts = ColumnTransformer([("c", OneHotEncoder(handle_unknown="ignore"), ["town"]), ("n", "passthrough", ["age"])])
    last = LinearRegression() if label == "delay" else LogisticRegression(max_iter=1000)
    model = Pipeline([("c", parts), ("m", last)]).fit(data.data[["town", "age"]], data.data[label])
    return fit.finish(model, data, {"task": "auto", "parity": 0.01}), model, data


CANDIDATES = {label: _candidate(label) for label in ("late", "kind", "delay")}
LATE = CANDIDATES["late"][0]


def load(sock: socket.socket, candidate: dict[str, bytes], **changes: Any) -> None:
    """Send the load frame with sealed files; `changes` break it."""
    sealed = [channel.seal(candidate[name], name) for name in worker.FILES]
    listed = [{"name": n, "sha256": hex_of(s.digest)} for n, s in zip(worker.FILES, sealed, strict=True)]
    channel.send(sock, {"op": "load", "files": listed, **changes}, files=[each.fd for each in sealed])
    for each in sealed:
        each.close()


def ask(sock: socket.socket, spec: serving.ServingSpec, records: list[Any], number: int = 1) -> Any:
    """Send records, return the answer's header and columns."""
    columns = [column.values() for column in spec.columns(records)]
    header, payload = pack_table(spec.field_types, columns, len(records))
    channel.send(sock, {"op": "predict", "id": number, **header}, payload)
    received = channel.receive(sock)
    assert received is not None
    frame_, _ = received
    if frame_.header["op"] != "answer":
        return frame_.header, {}
    found = unpack_table(spec.answer_types, frame_.header, frame_.payload)
    return frame_.header, {column.name: column.values() for column in found}


@pytest.fixture(name="gate")
def _gate() -> Iterator[tuple[socket.socket, list[Exception]]]:
    """Our end of a worker that runs in a thread, and what it raised."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    raised: list[Exception] = []

    def serve() -> None:
        try:
            worker.serve(theirs)
        except (WireError, ModelError) as error:
            raised.append(error)
        finally:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield ours, raised
    ours.close()
    thread.join(20)
    assert not thread.is_alive()


def _ended(sock: socket.socket) -> bool:
    return channel.receive(sock) is None


@pytest.mark.parametrize("label", CANDIDATES)
def test_the_worker_says_what_the_estimator_says(gate: tuple[socket.socket, list[Exception]], label: str) -> None:
    """Labels, scores and values agree for each task; the digests of what was loaded are confirmed."""
    files, model, data = CANDIDATES[label]
    spec = serving.parse(files["io.json"])
    load(gate[0], files)
    received = channel.receive(gate[0])
    assert received is not None
    assert received[0].header["model"] == hex_of(digest_of(files["model.onnx"]))
    some = data.data.iloc[:50]
    header, columns = ask(gate[0], spec, some[["town", "age"]].to_dict("records"), 7)
    assert (header["id"], header["rows"]) == (7, 50)
    if label == "delay":
        assert columns["value"] == pytest.approx(model.predict(some[["town", "age"]]), rel=1e-4)
    else:
        assert columns["label"] == model.predict(some[["town", "age"]]).tolist()
        scores = np.array([columns[name] for name in spec.score_names]).T
        assert scores == pytest.approx(model.predict_proba(some[["town", "age"]]), abs=1e-5)


def test_the_worker_runs_in_its_jail() -> None:
    """The same in a real worker jail: no files, no network, one socket; it ends when the socket closes."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    settings = named("worker", python=PythonEnv.own())
    running = Jail(settings).start(Target("lockgate.runtime.jail.worker", ("3",)), descriptors={3: theirs.fileno()})
    theirs.close()
    load(ours, LATE)
    received = channel.receive(ours)
    assert received is not None
    assert received[0].header["op"] == "ready"
    _, columns = ask(ours, serving.parse(LATE["io.json"]), [{"town": "Ulm", "age": 89}, {"town": "Bonn", "age": 1}])
    assert columns["label"] == [True, False]
    ours.close()
    assert running.wait(20) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"op": "predict"},
        {"files": []},
        {"files": [{"name": "io.json", "sha256": "0" * 64}, {"name": "model.onnx", "sha256": "0" * 64}]},
        {"files": [{"name": "model.onnx", "sha256": "0" * 64}, {"name": "io.json", "sha256": "0" * 64}]},
        {"files": [{"name": "model.onnx", "sha256": "x"}, {"name": "io.json"}]},
    ],
)
def test_anything_but_a_right_load_ends_the_worker(
    gate: tuple[socket.socket, list[Exception]], changes: dict[str, Any]
) -> None:
    """Another first frame, other names, a digest that the bytes do not have: the worker leaves, and says why."""
    load(gate[0], LATE, **changes)
    assert _ended(gate[0])
    assert isinstance(gate[1][0], WireError)


def test_a_model_that_is_not_its_io_json_does_not_load(gate: tuple[socket.socket, list[Exception]]) -> None:
    """The graph's inputs and outputs must be those that io.json names."""
    load(gate[0], {**LATE, "io.json": CANDIDATES["kind"][0]["io.json"].replace(b'"age"', b'"agf"')})
    assert _ended(gate[0])
    assert isinstance(gate[1][0], ModelError)


@pytest.mark.parametrize(
    "header", [{"op": "load"}, {"op": "predict", "id": "1"}, {"op": "predict", "id": 1, "rows": 1}]
)
def test_an_unknown_frame_ends_the_worker(gate: tuple[socket.socket, list[Exception]], header: dict[str, Any]) -> None:
    """After loading, only predict frames with the fields of io.json are taken."""
    load(gate[0], LATE)
    channel.receive(gate[0])
    channel.send(gate[0], header)
    assert _ended(gate[0])
    assert isinstance(gate[1][0], WireError)


def test_an_answer_that_is_not_finite_fails_the_batch_only(gate: tuple[socket.socket, list[Exception]]) -> None:
    """A null that the model cannot take is an error for that batch; the next one is answered."""
    load(gate[0], LATE)
    channel.receive(gate[0])
    spec = serving.parse(LATE["io.json"])
    failed, _ = ask(gate[0], spec, [{"town": "Ulm", "age": None}], 1)
    assert (failed["op"], failed["id"]) == ("failed", 1)
    assert "finite" in failed["message"]
    answer, _ = ask(gate[0], spec, [{"town": "Ulm", "age": 3}], 2)
    assert (answer["op"], answer["id"]) == ("answer", 2)


def test_what_is_no_model_is_told_in_one_line() -> None:
    """Random bytes are a ModelError, not a crash."""
    with pytest.raises(ModelError, match="does not load"):
        Model(os.urandom(200), serving.parse(LATE["io.json"]))


class Colour(Enum):
    """A richer value, as Pydantic may give it."""

    RED = "red"


def test_values_of_pydantic_become_plain() -> None:
    """Enum, Decimal, datetime with any zone, date, timedelta; a wrong type is refused."""
    berlin = datetime(1970, 1, 1, 1, 0, 1, tzinfo=UTC) - timedelta(hours=1)
    assert Field("x", "string").column([Colour.RED, None]).values() == ["red", None]
    assert Field("x", "float").column([Decimal("1.5"), 2]).values() == [1.5, 2.0]
    times = [berlin, date(1970, 1, 2), timedelta(seconds=1), datetime(1970, 1, 1), 5]  # noqa: DTZ001 - no zone is UTC
    assert Field("x", "timestamp").column(times).values() == [1_000_000, 86_400_000_000, 1_000_000, 0, 5]
    for kind, value in (("int", True), ("int", 1.0), ("bool", 1), ("string", 1), ("timestamp", "now")):
        with pytest.raises(WireError):
            Field("x", kind).column([value])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"task": "ranking"},
        {"more": 1},
        {"label": "age"},
        {"classes": None},
        {"classes": [True]},
        {"classes": [0, "a"]},
        {"classes": [1, 1]},
        {"task": "multiclass"},
        {"fields": []},
        {"fields": [{"name": "town", "kind": "string"}]},
        {"fields": [{"name": "town", "kind": "text"}, {"name": "age", "kind": "int"}]},
        {"inputs": [{"input": "X", "fields": ["town", "age"], "type": "float32", "shape": [1, 2]}]},
        {"inputs": [{"input": "X", "fields": ["town", "age"], "type": "float16", "shape": [None, 2]}]},
        {"inputs": [{"input": "X", "fields": ["town"], "type": "string", "shape": [None, 1]}] * 2},
        {"outputs": {"value": "y"}},
        {"outputs": {"label": 1, "scores": "s"}},
    ],
)
def test_io_json_is_read_strictly(change: dict[str, Any]) -> None:
    """io.json comes out of a jail: anything unknown, missing or contradictory is refused."""
    good = LATE["io.json"]
    assert serving.parse(good).encode() == good
    with pytest.raises(ValueError, match=r"io\.json"):
        serving.parse(encode({**decode(good), **change}))


def test_wire_types_cover_every_kind() -> None:
    """Each kind of field has a wire column."""
    assert set(serving.WIRE.values()) <= set(wire.TYPES)
