"""One project whose model was pushed, moved on, pushed, revoked and pushed: three states of a registry, made once."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.refs import resolve
from lockgate.audit.seal import Sealer
from lockgate.core.digest import digest_of
from lockgate.core.encoding import decode, encode
from lockgate.core.statement import Statement, resource
from lockgate.deploy.revoking import revoke
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError
from lockgate.project import Project
from lockgate.project.carry.pulling import Asked
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.trust import pin
from tests.support.carrying import REMOTE, Hub, hub
from tests.support.project import SignedProject, register_here
from tests.support.serving import CODE, ServableProject

TOML = """[project]
name = "flights"
[data]
sources = ["data/none.csv"]
contract = "contract.py:Flight"
label = "late"
"""
MINUTES_CODE = b"""from datetime import date
from enum import Enum

from pydantic import AwareDatetime, BaseModel, model_validator

from lockgate import label_only


class Day(Enum):
    MONDAY = 1
    SUNDAY = 7


class Flight(BaseModel):
    seats: int | None
    full: bool | None = None
    day: Day
    built: date | None = None
    leaves: AwareDatetime
    delay: float

    @label_only
    @model_validator(mode="after")
    def _in_order(self) -> "Flight":
        assert self.delay < 1e6
        return self
"""
MINUTES = ServingSpec(
    "regression",
    "delay",
    None,
    (
        Field("seats", "int"),
        Field("full", "bool"),
        Field("day", "int"),
        Field("built", "timestamp"),
        Field("leaves", "timestamp"),
    ),
    (Input("x", ("seats", "full", "day"), "float32"), Input("t", ("built", "leaves"), "int64")),
    None,
    None,
    "value",
)


def minutes_model() -> bytes:
    """Seats + 10 full + 100 day, where a null counts as nothing, plus whole seconds of both times, modulo 1000."""
    nodes = [
        helper.make_node("IsNaN", ["x"], ["gone"]),
        helper.make_node("Where", ["gone", "zero", "x"], ["known"]),
        helper.make_node("MatMul", ["known", "w"], ["score"]),
        helper.make_node("Div", ["t", "million"], ["seconds"]),
        helper.make_node("Mod", ["seconds", "thousand"], ["left"]),
        helper.make_node("Cast", ["left"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["number", "axis"], ["both"], keepdims=1),
        helper.make_node("Add", ["score", "both"], ["value"]),
    ]
    constants = [
        numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        numpy_helper.from_array(np.array([[1], [10], [100]], np.float32), "w"),
        numpy_helper.from_array(np.array(1_000_000, np.int64), "million"),
        numpy_helper.from_array(np.array(1000, np.int64), "thousand"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3]),
            helper.make_tensor_value_info("t", TensorProto.INT64, [None, 2]),
        ],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, [None, 1])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 9
    return bytes(made.SerializeToString())


class _Project(ServableProject):
    """A project whose contract changes."""

    contract = CODE

    def record(self, role: str, statement: Statement) -> Evidence:
        """Sign and append; complete a validate statement."""
        if role == "validator":
            described = resource("contract.py:Flight", digest_of(self.contract))
            predicate = {**statement.predicate, "contract": described}
            statement = Statement(statement.subjects, statement.predicate_type, predicate)
        return SignedProject.record(self, role, statement)


@dataclass(frozen=True)
class Carried:
    """The states of the registry (v1 live and pushed; v2 live and pushed; v1 revoked and pushed), and of the project.

    `young`: a copy of the project as it was at the first push. `homes`: where its keys are.
    """

    project: ServableProject
    young: Path
    homes: Path
    pushed: Hub
    grown: Hub
    revoked: Hub

    @property
    def root(self) -> str:
        """The root's fingerprint."""
        return self.project.created.project_id

    def registration(self, ref: str) -> Registration:
        """A registered model, from the project's own log."""
        return resolve(ref, self.project.open_ledger().statements(), "dev")

    def asked(self, remote: str = f"{REMOTE}:v1", environment: str = "", now: datetime | None = None) -> Asked:
        """What a machine without the project asks for."""
        return Asked.of(remote, self.root, lambda: now or datetime.now(UTC), environment=environment)


@cache
def shared(base: Path) -> Carried:
    """The one that all test files of a session share: no test changes the project. `base`: the session's folder."""
    place = base / "carried"
    place.mkdir()
    return _carried(place)


def finding(call: Callable[[], object]) -> str:
    """The finding that refuses `call`."""
    with pytest.raises(LockgateError) as caught:
        call()
    return caught.value.finding


def at_home(made: Carried, patch: pytest.MonkeyPatch) -> None:
    """The project's own user again."""
    patch.setenv("XDG_CONFIG_HOME", str(made.homes / "config"))
    patch.setenv("XDG_STATE_HOME", str(made.homes / "state"))


def relabel(there: Hub, change: Callable[[list[Any]], None]) -> None:
    """The tag `log` names another manifest, whose layers are `change`d."""
    value = decode(there.manifests[there.tagged("log")])
    change(value["layers"])
    data = encode(value)
    there.manifests[digest_of(data)] = data
    there.tags[REMOTE, "log"] = digest_of(data)


def _carried(place: Path) -> Carried:
    with pytest.MonkeyPatch.context() as patch, hub() as registry:
        patch.setenv("XDG_CONFIG_HOME", str(place / "config"))
        patch.setenv("XDG_STATE_HOME", str(place / "state"))
        (place / "project").mkdir()
        project = _Project(place / "project")
        (project.root / "lockgate.toml").write_text(TOML)
        pin.pin(project.created.project_id, project.root, datetime.now(UTC))
        Sealer(
            project.home / "log" / PREDICTIONS,
            origin=origin(project.created.project_id, PREDICTIONS),
            sign=project.keyring.signer("sealer").sign_note,
            public_key=project.created.roles.sealer_key(),
        ).append([])
        opened = Project(project.root)
        project.make_live(patch)
        opened.push("flights@1", REMOTE)
        pushed, young = copy.deepcopy(registry), place / "young"
        shutil.copytree(project.root, young)
        project.contract = MINUTES_CODE
        project.candidate(7.0, model=minutes_model(), io=MINUTES.encode(), code=MINUTES_CODE)
        register_here(project, patch)
        deploy(project.workplace(), DeploySpec("flights@2", "dev"))
        opened.push("flights@2", REMOTE)
        grown = copy.deepcopy(registry)
        revoke(project.workplace(), "flights@1", "its labels were wrong")
        opened.push("flights@1", REMOTE)
        return Carried(project, young, place, pushed, grown, copy.deepcopy(registry))


@contextmanager
def elsewhere(place: Path, registry: Hub) -> Iterator[Hub]:
    """Another machine's user, who reaches a registry in the state `registry`, which the test may change."""
    with pytest.MonkeyPatch.context() as patch, hub() as found:
        for name in ("CONFIG", "STATE", "DATA"):
            patch.setenv(f"XDG_{name}_HOME", str(place / name.lower()))
        become(found, registry)
        yield found


def become(found: Hub, registry: Hub) -> None:
    """The registry changes into another state."""
    for name, value in vars(copy.deepcopy(registry)).items():
        setattr(found, name, value)
