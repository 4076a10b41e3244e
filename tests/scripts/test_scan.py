"""`lockgate scan` by the real command line and in the real jail."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.support.imports import safetensors
from tests.support.shell import Shell


def _onnx() -> bytes:
    node = helper.make_node("Relu", ["x"], ["y"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = helper.make_graph([node], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(name="model")
def _model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(_onnx())
    (folder / "w.safetensors").write_bytes(safetensors())
    (folder / "config.json").write_bytes(b'{"model_type": "bert"}')
    np.save(folder / "a.npy", np.ones(3))
    (folder / "w.safetensors").chmod(0o600)
    return folder


def test_a_harmless_folder_is_exit_0(shell: Shell, model: Path) -> None:
    """Without a project or keys; each file with its form and the digest of its bytes."""
    done = shell("scan", model, "--json")
    assert (done.code, done.json["harmless"]) == (0, True), done.err
    forms = {Path(one["path"]).name: one["format"] for one in done.json["files"]}
    assert forms == {"model.onnx": "onnx", "w.safetensors": "safetensors", "config.json": "json", "a.npy": "npy"}
    assert done.json["counts"] == {"ok": 4, "refused": 0, "skipped": 0, "failed": 0, "excluded": 0}


def test_anything_not_proved_harmless_is_exit_1_and_said(shell: Shell, model: Path) -> None:
    """A pickle in disguise, a link, a pipe, a name that steers terminals: one line each, counts, SARIF."""
    (model / "vocab.txt").write_bytes(pickle.dumps(os.system, 0))
    (model / "link.txt").symlink_to("config.json")
    os.mkfifo(model / "pipe")
    (model / "e\x1b[2J\nvil.bin").write_bytes(b"text")
    done = shell("scan", model, "--sarif", shell.home / "out.sarif")
    assert done.code == 1
    assert done.out == "6 files looked at: 4 harmless, 2 refused; 2 not looked at\n"
    assert ("\x1b" in done.err, "reaches for posix.system" in done.err, "next:" in done.err) == (False, True, True)
    run = json.loads((shell.home / "out.sarif").read_bytes())["runs"][0]
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [("LG410", "error"), ("LG463", "warning")]
    assert "vocab.txt" in done.err.splitlines()[0]
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 2


def test_one_file_of_a_folder_with_a_socket_is_looked_at(shell: Shell, model: Path) -> None:
    """SARIF on standard output is nothing but that."""
    os.mkfifo(model / "pipe")
    done = shell("scan", model / "a.npy", model / "model.onnx", "--sarif", "-")
    assert (done.code, done.json["runs"][0]["results"]) == (0, [])


def test_what_a_person_excludes_is_listed_and_changes_no_exit_code(shell: Shell, model: Path) -> None:
    """Here a pickle and a pipe; the rest is proved harmless. One of another name is still exit 1."""
    (model / "old").mkdir()
    for name in ("old/x.pkl", "y.pkl"):
        (model / name).write_bytes(pickle.dumps(os.system))
    os.mkfifo(model / "pipe")
    how: list[str | Path] = [
        "--exclude",
        "pipe",
        "--exclude",
        f"{model}/old",
        "--json",
        "--sarif",
        shell.home / "out.sarif",
    ]
    done = shell("scan", model, *how, "--exclude", "*.pkl")
    assert (done.code, done.json["counts"]["excluded"], len(done.json["not_looked_at"])) == (0, 3, 3), done.err
    (run,) = json.loads((shell.home / "out.sarif").read_bytes())["runs"]
    assert [one["level"] for one in run["invocations"][0]["toolExecutionNotifications"]] == ["note"] * 3
    done = shell("scan", model, *how)
    assert (done.code, done.json["counts"]["refused"], done.json["counts"]["excluded"]) == (1, 1, 2)


def test_nothing_to_look_at_is_no_all_clear(shell: Shell) -> None:
    """An empty folder is exit 1, a path that is not there exit 2."""
    (shell.home / "empty").mkdir()
    done = shell("scan", "empty", "--json")
    assert (done.code, done.json["finding"]) == (1, "LG475")
    done = shell.here("scan", "nothing", "--json")
    assert (done.code, done.json["finding"]) == (2, "LG940")
    assert shell.here("scan", "empty", "--json", "--sarif", "-").code == 2
    os.mkfifo(shell.home / "empty" / "pipe")
    done = shell("scan", "empty", "--exclude", "*", "--json")
    assert (done.code, done.json["finding"]) == (1, "LG475")
