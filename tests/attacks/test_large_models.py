"""A model whose tensors lie beside its graph, from the candidate to the answer: model.onnx.data is believed nowhere.

AML.T0010 (supply chain), AML.T0043 (a model that was exchanged): by whoever writes to the folders of data and registry.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from lockgate.audit import joins
from lockgate.audit.entries import Registration, registrations
from lockgate.core.digest import digest_of, hex_of
from lockgate.core.statement import Statement, Subject
from lockgate.core.table import pack_table
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError
from lockgate.pipeline.scoring.worker import Worker
from lockgate.project.materialize import materialize_model
from lockgate.register import run as register
from lockgate.register.spec import RegisterSpec
from lockgate.runtime import channel, serving
from lockgate.runtime.sizes import DATA
from lockgate.sandbox.launch import Jail
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import evidence
from lockgate.supervise import jails
from lockgate.train.reproduction import same_files
from tests.support.large import matrices, split
from tests.support.project import IO, register_here
from tests.support.serving import CODE, GOOD, SPEC, ServableProject, model, servable_project
from tests.support.serving import serving as served

MODEL, WEIGHTS = split(model(1000.0))


@pytest.fixture(scope="module", name="project")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServableProject]:
    """flights@1, registered with the real scan in its jail, and live."""
    with pytest.MonkeyPatch.context() as patch:
        found = servable_project(tmp_path_factory.mktemp("large"), patch)
        found.candidate(model=MODEL, data=WEIGHTS, io=SPEC.encode(), code=CODE)
        register.run(found.workplace(), RegisterSpec("flights"))
        deploy(found.workplace(), DeploySpec("flights@1", "dev"))
        yield found


@pytest.fixture(name="registration")
def _registration(project: ServableProject) -> Registration:
    return registrations(project.ledger.statements())[0]


def blob(project: ServableProject, registration: Registration) -> Path:
    """Where the data lie."""
    return project.home / "registry" / "blobs" / "sha256" / hex_of(registration.file(DATA).digest)


@contextmanager
def tampered(path: Path, change: Callable[[Path], object]) -> Iterator[None]:
    """`change` the file within the block."""
    whole = path.read_bytes()
    path.chmod(0o644)
    try:
        change(path)
        yield
    finally:
        path.write_bytes(whole)


def test_it_is_served_by_the_whole_house(project: ServableProject, registration: Registration) -> None:
    """Scanned, signed with all its files, answered from: the data are in the closure as weights."""
    assert registration.file(DATA).digest == digest_of(WEIGHTS)
    layers = {one["annotations"]["org.cncf.model.filepath"]: one["mediaType"] for one in _layers(project, registration)}
    assert layers[DATA] == "application/vnd.cncf.model.weight.v1.raw"
    with served(project) as found:
        answers = found.predict().json()["predictions"]
    assert [one["label"] for one in answers] == [False, True]
    assert len(answers) == len(GOOD["records"])


def _layers(project: ServableProject, registration: Registration) -> list[dict[str, Any]]:
    return list(json.loads(project.registry.blobs.read(registration.manifest))["layers"])


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda path: path.write_bytes(WEIGHTS[::-1]), "LG802"),
    "truncated": (lambda path: os.truncate(path, len(WEIGHTS) - 1), "LG802"),
    "longer": (lambda path: path.write_bytes(WEIGHTS + b"\0"), "LG802"),
    "another file": (lambda path: path.write_bytes(MODEL), "LG802"),
    "missing": (lambda path: path.unlink(), "LG805"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_data_than_the_registered_are_not_loaded(
    project: ServableProject, registration: Registration, what: str, tmp_path: Path
) -> None:
    """Neither verified, nor written out."""
    change, finding = CHANGES[what]
    with tampered(blob(project, registration), change):
        with pytest.raises(LockgateError) as read:
            evidence.read(registration, project.ledger, project.registry)
        with pytest.raises(LockgateError) as written:
            materialize_model(registration, project.registry, tmp_path / "out")
        assert not (tmp_path / "out" / DATA).exists()
    assert {read.value.finding, written.value.finding} == {finding}


@pytest.mark.parametrize("name", ["model.onnx", DATA])
@pytest.mark.parametrize("what", ["changed", "longer", "missing"])
def test_what_changes_between_verification_and_load_is_not_loaded(
    project: ServableProject, registration: Registration, what: str, name: str
) -> None:
    """Exchanged after it was hashed: refused by name, and the jail is gone."""
    path = project.home / "registry" / "blobs" / "sha256" / hex_of(registration.file(name).digest)
    closed = evidence.read(registration, project.ledger, project.registry)
    with tampered(path, CHANGES[what][0]):
        worker = Worker(registration, closed, PythonEnv.own())
        with pytest.raises(LockgateError) as caught, worker:
            pass
    assert caught.value.finding == ("LG805" if what == "missing" else "LG619")
    assert worker._jail is not None
    assert worker._jail.wait(10) != 0


def test_written_out_it_runs_anywhere(project: ServableProject, registration: Registration, tmp_path: Path) -> None:
    """Every signed file under its name: onnxruntime finds the data beside the graph."""
    materialize_model(registration, project.registry, tmp_path / "out")
    assert (tmp_path / "out" / DATA).read_bytes() == WEIGHTS
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"), providers=["CPUExecutionProvider"])
    given = {"distance": np.array([[5000.5]], np.float32), "carrier": np.array([["AA"]])}
    assert session.run(["label"], given)[0].tolist() == [[True]]


@pytest.mark.parametrize(
    ("graph", "data"),
    [(MODEL, WEIGHTS + b"hidden"), (MODEL, WEIGHTS[:-1]), (MODEL, None), (model(1000.0), WEIGHTS)],
    ids=["more than the tensors", "less", "none", "of no tensor"],
)
def test_data_that_the_graph_does_not_account_for_are_not_registered(
    project: ServableProject, monkeypatch: pytest.MonkeyPatch, graph: bytes, data: bytes | None
) -> None:
    """Every byte belongs to a tensor, and every tensor is there."""
    project.candidate(model=graph, data=data, io=SPEC.encode(), code=CODE)
    with pytest.raises(LockgateError) as caught:
        register_here(project, monkeypatch)
    assert caught.value.finding in {"LG410", "LG411", "LG414", "LG419", "LG423"}


def test_who_judged_other_data_judged_another_model() -> None:
    """Trained with data, judged without, or with others; and a small model is joined as ever."""
    digests = {name: digest_of(name.encode()) for name in ("model.onnx", "io.json", DATA)}

    def about(*names: str, **others: str) -> Statement:
        subjects = (Subject(name, digest_of(others.get(name.replace(".", "_"), name).encode())) for name in names)
        return Statement(tuple(subjects), "urn:x", {})

    large, small = tuple(digests), ("model.onnx", "io.json")
    assert joins.gap("judge", about(*large), about(*large)) == ""
    assert joins.gap("judge", about(*small), about(*small)) == ""
    assert DATA in joins.gap("judge", about(*small), about(*large))
    assert DATA in joins.gap("judge", about(*large), about(*small))
    assert DATA in joins.gap("judge", about(*large, model_onnx_data="other"), about(*large))
    assert joins.candidate(about(*large)) == digests


def test_a_run_is_not_repeated_when_its_data_are_others() -> None:
    """`bytes` means every file of the model."""
    one = {name: digest_of(name.encode()) for name in ("model.onnx", "io.json")}
    assert same_files(one, one) == ()
    large = {**one, DATA: digest_of(b"w")}
    assert same_files(large, large) == ()
    assert same_files(large, one) == same_files(one, large) == same_files(large, {**large, DATA: digest_of(b"v")})
    assert same_files(large, one) == (DATA,)


def test_the_worker_of_a_large_model_gets_its_memory_and_a_machine_without_it_says_so() -> None:
    """Twice of nothing: the base, and the data once; refused before anything is started."""
    settings, _ = jails.worker("model", PythonEnv.own(), 1 << 20, 3 << 30)
    assert (settings.limits.memory, settings.limits.tmp_bytes) == (5 << 30, 3 << 30)
    small, _ = jails.worker("model", PythonEnv.own(), 1 << 20)
    assert (small.limits.memory, small.limits.tmp_bytes) == (2 << 30, 256 << 20)
    jails.refuse_beyond_machine("flights@1", 1 << 20, 0)
    with pytest.raises(LockgateError) as caught:
        jails.refuse_beyond_machine("flights@1", 1 << 20, 1 << 50)
    assert (caught.value.finding, caught.value.exit_code) == ("LG426", 4)


@pytest.mark.nightly
def test_more_than_two_gibibytes_are_served_and_held_once(tmp_path: Path) -> None:
    """2.25 GiB of matrices: loaded from the stored file into a jail in which they have no room twice."""
    free = {line.split(":")[0]: int(line.split()[1]) << 10 for line in Path("/proc/meminfo").read_text().splitlines()}
    if free["MemAvailable"] < 9 << 30 or shutil.disk_usage(tmp_path).free < 6 << 30:
        pytest.skip("needs 9 GiB of free memory and 6 GiB of disk")
    graph, data = matrices(tmp_path, 8192, 9)
    size = data.stat().st_size
    assert size > 2 << 30
    source = os.open(data, os.O_RDONLY)
    sealed = [channel.seal(graph.read_bytes(), "model.onnx"), channel.seal(IO, "io.json")]
    held = channel.seal_file(source, DATA, max_bytes=size)
    held.close()
    listed = [
        {"name": name, "sha256": hex_of(digest)}
        for name, digest in zip(
            ("model.onnx", "io.json", DATA), (*(one.digest for one in sealed), held.digest), strict=True
        )
    ]
    ours, theirs = socket.socketpair()
    ours.settimeout(300)
    settings, target = jails.worker("model", PythonEnv.own(), graph.stat().st_size, size)
    once = replace(settings.limits, memory=size + (512 << 20))
    running = Jail(replace(settings, limits=once)).start(target, descriptors={jails.WORKER_FD: theirs.fileno()})
    theirs.close()
    channel.send(ours, {"op": "load", "files": listed}, files=[*(one.fd for one in sealed), source])
    ready = channel.receive(ours)
    assert ready is not None
    spec = serving.parse(IO)
    header, payload = pack_table(spec.field_types, [[1.0], [2.0]], 1)
    channel.send(ours, {"op": "predict", "id": 1, **header}, payload)
    answer = channel.receive(ours)
    assert answer is not None
    assert answer[0].header["op"] == "answer"
    ours.close()
    assert running.wait(60) == 0
