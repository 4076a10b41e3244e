"""What a review of the joins found: code beside the model, the contract that judged, names that lie in the folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from lockgate.audit import joins
from lockgate.audit.evidence import Evidence
from lockgate.audit.origins import inputs_of
from lockgate.core.digest import Digest, digest_of
from lockgate.core.statement import Statement, Subject, resource
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.runtime.jail.predict import Model
from lockgate.runtime.serving import Field, Input, ServingSpec
from lockgate.train.jail import judge
from lockgate.train.jail.frame import Rows
from tests.support.project import SignedProject, register_here, signed_project

OTHER = digest_of(b"other code")


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedProject:
    found = signed_project(tmp_path, monkeypatch)
    found.candidate()
    return found


def _judged_by(validate: Evidence, digest: Digest) -> Statement:
    predicate = {**validate.predicate, "contract": resource("contract.py:Flight", digest)}
    return Statement(validate.statement.subjects, validate.statement.predicate_type, predicate)


def test_the_contract_that_is_trained_with_judged_the_rows(project: SignedProject) -> None:
    """A contract edited between validate and train parts the two statements; the untouched one does not."""
    validate, train = (project.ledger.statements(claim)[0] for claim in ("validate", "train"))
    captured = dict(joins.dependencies(train.statement))["code/contract.py"]
    assert joins.gap("train", train.statement, _judged_by(validate, captured)) == ""
    assert "another contract.py" in joins.gap("train", train.statement, _judged_by(validate, OTHER))


def test_the_signer_alone_cannot_swap_code(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registration that names other code, or another lock, than training captured is refused, though well signed."""
    registration = register_here(project, monkeypatch).registration
    statements = project.open_ledger().statements()
    assert set(inputs_of(registration, statements)) >= {"train", "scan"}
    for name in ("code/contract.py", "requirements.lock"):
        said = registration.evidence
        files = [
            {**entry, "sha256": OTHER[7:]} if entry["name"] == name else entry for entry in said.predicate["files"]
        ]
        statement = replace(said.statement, predicate={**said.predicate, "files": files})
        forged = replace(registration, evidence=replace(said, statement=statement))
        with pytest.raises(VerificationFailed, match=f"{name} that train did not capture") as caught:
            inputs_of(forged, statements)
        assert caught.value.finding == "LG443"


def test_what_was_not_scanned_is_not_registered(project: SignedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registration rests on a scan that passed, of exactly its files: one more, or a scan that failed, is refused."""
    registration = register_here(project, monkeypatch).registration
    statements = project.open_ledger().statements()
    scan = next(one for one in statements if one.claim == "scan")
    more = replace(scan.statement, subjects=(*scan.statement.subjects, Subject("more.txt", OTHER)))
    failed = replace(scan.statement, predicate={**scan.predicate, "result": "FAILED"})
    for statement, word in ((more, "other files"), (failed, "did not pass")):
        swapped = [replace(one, statement=statement) if one is scan else one for one in statements]
        with pytest.raises(VerificationFailed, match=word):
            inputs_of(registration, swapped)


def test_a_folder_does_not_answer_for_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify latest` beside a folder called `latest` is refused as ambiguous; nothing is reported as verified."""
    from lockgate.cli.verify import command

    monkeypatch.chdir(tmp_path)
    (tmp_path / "latest").mkdir()
    done = CliRunner().invoke(command, ["latest"])
    assert isinstance(done.exception, Usage), done.output
    assert done.exception.finding == "LG940"


def test_init_does_not_begin_anew_where_evidence_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a project was pinned, `init` refuses though `.lockgate` is gone, and leaves nothing behind."""
    from lockgate.project import Project

    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    root = tmp_path / "p"
    root.mkdir()
    settings = '[project]\nname = "p"\n[data]\nsources = ["d.csv"]\ncontract = "contract.py:C"\nlabel = "y"\n'
    (root / "lockgate.toml").write_text(settings, encoding="utf-8")
    Project.create(root)
    shutil.rmtree(root / ".lockgate")
    with pytest.raises(Refused) as caught:
        Project.create(root)
    assert caught.value.finding == "LG947"
    assert not (root / ".lockgate").exists()


def test_init_puts_no_logs_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that nobody pinned, without the event log's checkpoint, is a damaged project; a killed init is none."""
    from lockgate.project import Project
    from lockgate.trust import pin

    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    root, copy = tmp_path / "p", tmp_path / "copy"
    root.mkdir()
    settings = '[project]\nname = "p"\n[data]\nsources = ["d.csv"]\ncontract = "contract.py:C"\nlabel = "y"\n'
    (root / "lockgate.toml").write_text(settings, encoding="utf-8")
    Project.create(root)
    shutil.copytree(root, copy)
    (copy / ".lockgate" / "log" / "events" / "checkpoint").unlink()
    with pytest.raises(Refused) as caught:
        Project.create(copy)
    assert caught.value.finding == "LG947"
    assert (copy / ".lockgate" / "log" / "events" / "tile").is_dir()
    shutil.rmtree(copy / ".lockgate" / "log" / "events" / "tile")
    # Still a loss: what is left names a project that this user pinned. A killed init had not come so far.
    with pytest.raises(Refused):
        Project.create(copy)
    for one in list(pin.pins()):
        pin.unpin(one.project_id)
    Project.create(copy)
    assert (copy / ".lockgate" / "log" / "events" / "checkpoint").is_file()


SPEC = ServingSpec("regression", "y", None, (Field("x", "float"),), (Input("x", ("x",), "float32"),), None, None, "v")


def _model(*, counts_rows: bool) -> Model:
    """Answers x; with `counts_rows` 0 where fewer than 100 rows are asked at once."""
    hundred = numpy_helper.from_array(np.array([100], np.int64), "hundred")
    nothing = numpy_helper.from_array(np.array([[0]], np.float32), "nothing")
    first = numpy_helper.from_array(np.array([0], np.int64), "first")
    nodes = [helper.make_node("Identity", ["x"], ["v"])]
    if counts_rows:
        nodes = [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Gather", ["shape", "first"], ["rows"]),
            helper.make_node("Less", ["rows", "hundred"], ["few"]),
            helper.make_node("Where", ["few", "nothing", "x"], ["v"]),
        ]
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("x", "v")]
    graph = helper.make_graph(nodes, "g", shapes[:1], shapes[1:], [hundred, nothing, first] if counts_rows else [])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 9
    onnx.checker.check_model(made)
    return Model(made.SerializeToString(), SPEC)


def test_a_model_that_counts_its_rows_is_not_judged() -> None:
    """A graph that answers the judge's many rows well, and a gateway's few otherwise, is refused: LG320."""
    values = np.linspace(1, 9, 300)
    rows = Rows(pd.DataFrame({"x": values, "y": values}), {"x": "float"}, "y", "float", ())
    assert judge.judge(_model(counts_rows=False), rows)[0]["rows"] == 300
    with pytest.raises(Refused, match="asked with it") as caught:
        judge.judge(_model(counts_rows=True), rows)
    assert caught.value.finding == "LG320"
