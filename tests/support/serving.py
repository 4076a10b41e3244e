"""A served project: real statements, real jails, real HTTP; only the model is tiny."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lockgate.audit.evidence import Evidence
from lockgate.core.digest import digest_of
from lockgate.core.statement import Statement, resource
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.serve.clients import ClientRegistry
from lockgate.serve.spec import Caps
from lockgate.supervise import house, run
from tests.support.project import SignedProject, register_here

CODE = b"""from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Flight(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    distance: float = Field(ge=0, le=20_000)
    carrier: Literal["AA", "UA"]
    late: bool
"""
SPEC = ServingSpec(
    "binary",
    "late",
    (False, True),
    (Field("distance", "float"), Field("carrier", "string")),
    (Input("distance", ("distance",), "float32"), Input("carrier", ("carrier",), "string")),
    "label",
    "scores",
    None,
)
GOOD = {"records": [{"distance": 200, "carrier": "UA"}, {"distance": 5000.5, "carrier": "AA"}]}


def model(limit: float = 1000.0) -> bytes:
    """Late when further than `limit`: score = sigmoid((distance - limit) / 100); the carrier is looked at, no more."""
    nodes = [
        helper.make_node("Sub", ["distance", "limit"], ["over"]),
        helper.make_node("Mul", ["over", "scale"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["late"]),
        helper.make_node("Sub", ["one", "late"], ["punctual"]),
        helper.make_node("Concat", ["punctual", "late"], ["scores"], axis=1),
        helper.make_node("Greater", ["late", "half"], ["label"]),
        helper.make_node("Identity", ["carrier"], ["seen"]),
    ]
    constants = {"limit": limit, "scale": 0.01, "one": 1.0, "half": 0.5}
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("distance", TensorProto.FLOAT, [None, 1]),
            helper.make_tensor_value_info("carrier", TensorProto.STRING, [None, 1]),
        ],
        [
            helper.make_tensor_value_info("label", TensorProto.BOOL, [None, 1]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 2]),
            helper.make_tensor_value_info("seen", TensorProto.STRING, [None, 1]),
        ],
        [numpy_helper.from_array(np.array([value], np.float32), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 9
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


class ServableProject(SignedProject):
    """Its validate statements name the contract, as the stage's do."""

    def record(self, role: str, statement: Statement) -> Evidence:
        """Sign and append; complete a validate statement."""
        if role == "validator":
            described = resource("contract.py:Flight", digest_of(CODE))
            predicate = {**statement.predicate, "contract": described}
            statement = Statement(statement.subjects, statement.predicate_type, predicate)
        return super().record(role, statement)

    def make_live(self, monkeypatch: pytest.MonkeyPatch, limit: float = 1000.0) -> int:
        """Register a model and deploy it; its version."""
        self.candidate(limit, model=model(limit), io=SPEC.encode(), code=CODE)
        registered = register_here(self, monkeypatch)
        deploy(self.workplace(), DeploySpec(f"flights@{registered.registration.version}", "dev"))
        return registered.registration.version

    @property
    def registry_of_clients(self) -> ClientRegistry:
        """Where the project's clients are."""
        return ClientRegistry(self.home / "state", self.keyring.folder / "edge.json")

    def add_client(self, name: str = "ada", **changes: Any) -> str:
        """A client; its key."""
        return self.registry_of_clients.add(name, now=datetime.now(UTC), **changes).key


def servable_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServableProject:
    """An empty one, its log begun now: the gateway's clock is the machine's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "project"
    root.mkdir()
    return ServableProject(root)


@dataclass
class Serving:
    """A house that is up."""

    project: ServableProject
    url: str
    key: str
    said: list[str]
    houses: list[house.House] = field(default_factory=list)

    @property
    def house(self) -> house.House:
        """Its supervisor."""
        return self.houses[-1]

    def send(self, method: str, path: str, key: str | None = "own", **more: Any) -> httpx.Response:
        """One request over the network."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {self.key if key == 'own' else key}"
        return httpx.request(method, self.url + path, headers=headers, timeout=20, **more)

    def predict(self, body: Any = None) -> httpx.Response:
        """`POST /predict`."""
        return self.send("POST", "/predict", json=GOOD if body is None else body)


@contextmanager
def serving(
    project: ServableProject, *, caps: Caps | None = None, client: dict[str, Any] | None = None, **options: Any
) -> Iterator[Serving]:
    """Serve `project` until the end of the block; then check that it ended in order. `options`: of `supervise.run`."""
    key = project.add_client(**(client or {}))
    up, stop = threading.Event(), threading.Event()
    found = Serving(project, "", key, project.said)
    failure: list[BaseException] = []

    def ready(url: str) -> None:
        found.url = url
        up.set()

    def live() -> None:
        try:
            place = project.workplace(now=lambda: datetime.now(UTC))
            run.serve(place, port=0, caps=caps, ready=ready, stop=stop, **options)
        except BaseException as error:  # noqa: BLE001 - the test raises it
            failure.append(error)
            up.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "House", _remembering(found.houses))
        thread = threading.Thread(target=live)
        thread.start()
        try:
            assert up.wait(60), (project.said, "the house did not come up")
            if failure:
                raise AssertionError(project.said) from failure[0]
            yield found
        finally:
            stop.set()
            thread.join(40)
    assert not thread.is_alive()
    if failure:
        raise failure[0]


def _remembering(houses: list[house.House]) -> Any:
    def make(*arguments: Any, **more: Any) -> house.House:
        houses.append(house.House(*arguments, **more))
        return houses[-1]

    return make
