"""A complete signed project in a temporary folder: real keys, real log, real registry; only the work is invented.

`SignedProject.candidate` writes what ingest, validate, train and judge would have signed, about a real, tiny
ONNX model. Tests set XDG_CONFIG_HOME and XDG_STATE_HOME to temporary folders first (`signed_project` does).
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lockgate.audit.evidence import Evidence, Leaf
from lockgate.audit.ledger import EVENTS, Ledger, origin
from lockgate.audit.models import OWN, said_for
from lockgate.audit.seal import Sealer
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import PROVENANCE, Statement, Subject, claim_uri, resource, test_result
from lockgate.register import run as register
from lockgate.register.spec import RegisterResult, RegisterSpec
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.sandbox.interpreter import PythonEnv
from lockgate.sandbox.report import JailReport, Probe
from lockgate.store.blobs import BlobStore
from lockgate.store.layout import RegistryStore
from lockgate.trust import pin
from lockgate.trust.keyring import Created, Keyring, create_keys
from lockgate.trust.policy import Policy
from tests.support.scanning import scan

POLICY = """version = 1
[environment.dev]
approvals = 0
[environment.prod]
approvals = 1
max_age_days = 30
[environment.prod.metrics]
roc_auc = { min = 0.7 }
"""

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Each look is a second later; tests move it on."""

    now: datetime = START

    def __call__(self) -> datetime:
        """The time."""
        self.now += timedelta(seconds=1)
        return self.now


def tiny_model(weight: float = 1.0) -> bytes:
    """An ONNX model of one node: `score = x w`."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["score"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.full((2, 1), weight, np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


IO = ServingSpec(
    task="regression",
    label="delay",
    classes=None,
    fields=(Field("a", "float"), Field("b", "float")),
    inputs=(Input("x", ("a", "b"), "float32"),),
    label_output=None,
    scores_output=None,
    value_output="score",
).encode()
CONTRACT = b"from pydantic import BaseModel\n\n\nclass Flight(BaseModel):\n    x: float\n"


class SignedProject:
    """A project with one person who holds every key, unless `person` says otherwise."""

    def __init__(self, root: Path, *, person: str = "mara", policy: str = POLICY) -> None:
        self.root = root
        self.home = root / ".lockgate"
        self.clock = Clock()
        self.created: Created = create_keys(person, START)
        self.keyring = Keyring.open(self.created.project_id)
        self.policy = Policy.from_text(policy)
        staging = self.home / "state" / "tmp"
        self.registry = RegistryStore(self.home / "registry")
        self.data = BlobStore(self.home / "data" / "sha256", staging)
        self._first(self.created.envelope)
        self.ledger = self.open_ledger()
        self.ledger.append(self.keyring.signer("policy").sign(self.policy.statement(self.clock())))
        self.said: list[str] = []

    def open_ledger(self) -> Ledger:
        """The event log, opened and verified anew."""
        return Ledger(self.home, self.created.project_id, seal=self._sealer().append, now=self.clock)

    def workplace(self, environment: str = "dev", **changes: Any) -> Workplace:
        """What a stage gets."""
        found = Workplace(
            root=self.root,
            home=self.home,
            ledger=self.ledger,
            data=self.data,
            registry=self.registry,
            keyring=self.keyring,
            policy=self.policy,
            environment=environment,
            now=self.clock,
            say=self.said.append,
            locked_python=PythonEnv.own,
        )
        return replace(found, **changes)

    def record(self, role: str, statement: Statement) -> Evidence:
        """Sign as `role` and append."""
        return self.ledger.append(self.keyring.signer(role).sign(statement))

    def candidate(
        self,
        seed: float = 1.0,
        *,
        skip: Sequence[str] = (),
        model: bytes | None = None,
        data: bytes | None = None,
        io: bytes = IO,
        code: bytes = CONTRACT,
        auc: float = 0.8,
        refused_rows: int = 1,
        jail_level: int = 3,
        denied: Sequence[object] = (),
        of: str = OWN,
        monitored: tuple[bytes, bytes] | None = None,
    ) -> dict[str, Evidence]:
        """Sign what the four stages before register would have, leaving out those in `skip`.

        `data`: model.onnx.data, of a large model; `of`: for which model; `monitored`: the plans by which its inputs and
        outputs are watched.
        """
        model = tiny_model(seed) if model is None else model
        snapshot, accepted = f"snapshot {seed}".encode(), f"accepted {seed}".encode()
        blobs = [snapshot, accepted, model, io, code, b"lock\n", encode({"baseline": seed})]
        for blob in (*blobs, *(monitored or ()), *([] if data is None else [data])):
            self.data.put(blob)
        asked, answered = _watched(monitored)
        candidate = {"model.onnx": digest_of(model), "io.json": digest_of(io)}
        if data is not None:
            candidate["model.onnx.data"] = digest_of(data)
        statements = {
            "ingest": self._provenance("ingest", {"snapshot.parquet": digest_of(snapshot)}, {}, jail_level),
            "validate": test_result(
                "validate",
                [Subject("accepted.parquet", digest_of(accepted))],
                "PASSED",
                rules=digest_of(code),
                snapshot=digest_of(snapshot),
                baseline=digest_of(encode({"baseline": seed})),
                rows=1000,
                accepted=1000 - refused_rows,
                quarantined=refused_rows,
                jails={"check": {"level": jail_level}},
                time=rfc3339(self.clock()),
                **asked,
            ),
            "train": self._provenance(
                "train",
                candidate,
                {
                    "accepted.parquet": digest_of(accepted),
                    "code/contract.py": digest_of(code),
                    "requirements.lock": digest_of(b"lock\n"),
                },
                jail_level,
                denied,
            ),
            "judge": test_result(
                "judge",
                [Subject(name, digest) for name, digest in candidate.items()],
                "PASSED",
                rules=digest_of(b"judge"),
                metrics={"roc_auc": {"value": auc, "low": auc - 0.01, "high": auc + 0.01}},
                jail={"level": jail_level},
                time=rfc3339(self.clock()),
                **answered,
            ),
        }
        roles = {"ingest": "ingester", "validate": "validator", "train": "trainer", "judge": "judge"}
        return {
            claim: self.record(roles[claim], said_for(statement, of))
            for claim, statement in statements.items()
            if claim not in skip
        }

    def _provenance(
        self,
        claim: str,
        subjects: dict[str, Digest],
        dependencies: dict[str, Digest],
        jail_level: int,
        denied: Sequence[object] = (),
    ) -> Statement:
        return Statement(
            tuple(Subject(name, digest) for name, digest in subjects.items()),
            PROVENANCE,
            {
                "buildDefinition": {
                    "buildType": claim_uri(claim),
                    "externalParameters": {},
                    "internalParameters": {"jails": {"fit": {"level": jail_level}}, "denied": list(denied)},
                    "resolvedDependencies": [resource(name, digest) for name, digest in dependencies.items()],
                },
                "runDetails": {
                    "builder": {"id": "urn:lockgate:builder:test:v1"},
                    "metadata": {"finishedOn": rfc3339(self.clock())},
                },
            },
        )

    def _sealer(self) -> Sealer:
        (self.home / "log" / EVENTS).mkdir(parents=True, exist_ok=True)
        return Sealer(
            self.home / "log" / EVENTS,
            origin=origin(self.created.project_id, EVENTS),
            sign=self.keyring.signer("sealer").sign_note,
            public_key=self.created.roles.sealer_key(),
        )

    def _first(self, envelope: bytes) -> None:
        self.registry.blobs.put(envelope)
        leaf = Leaf("roles", digest_of(envelope), "urn:lockgate:predicate:roles:v1", len(envelope), START)
        self._sealer().append([leaf.encode()])


def _watched(plans: tuple[bytes, bytes] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    if plans is None:
        return {}, {}
    return {"monitor": digest_of(plans[0])}, {"monitor": digest_of(plans[1])}


def signed_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "project", **options: Any
) -> SignedProject:
    """A signed project in `tmp_path / name`, with keys in a folder of the test's own."""
    at_home(tmp_path, monkeypatch)
    root = tmp_path / name
    root.mkdir()
    return SignedProject(root, **options)


def fork(signed: SignedProject, folder: Path) -> SignedProject:
    """The same project in a folder of its own, with the same keys: what happens to it, the first one does not see."""
    root = folder / "project"
    shutil.copytree(signed.root, root)
    other = copy.copy(signed)
    other.root, other.home = root, root / ".lockgate"
    other.clock = replace(signed.clock)
    other.registry = RegistryStore(other.home / "registry")
    other.data = BlobStore(other.home / "data" / "sha256", other.home / "state" / "tmp")
    other.ledger = other.open_ledger()
    pin.pin(other.created.project_id, root, other.clock())
    return other


def at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the keys, pins and seen checkpoints below `folder`: its own for each project, shared or not."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))


def register_here(
    project: SignedProject, monkeypatch: pytest.MonkeyPatch, name: str = "flights", of: str = OWN
) -> RegisterResult:
    """Register the candidate of the model `of`, with the scan in this process instead of the jail."""
    held = (Probe("everything", "none", holds=True, witness="a test's"),)
    report = JailReport("none", "parse", digest_of(b"settings"), held, {})
    with monkeypatch.context() as patch:
        patch.setattr(register, "look", lambda _workplace, files: (encode(scan(files)), report))
        return register.run(project.workplace(model=of), RegisterSpec(name))
