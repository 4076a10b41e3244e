"""The same model files by the real command, in its jail: `lockgate scan` over the folder of all hostile ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.benign import corpus as benign_corpus
from tests.support.hostile import corpus as hostile_corpus
from tests.support.hostile.case import Hostile
from tests.support.hostile.onnx_external import adding, outside
from tests.support.shell import Shell

Placed = tuple[Path, Mapping[str, Hostile]]


@pytest.fixture(scope="module", name="bad")
def _bad(tmp_path_factory: pytest.TempPathFactory) -> Placed:
    folder = tmp_path_factory.mktemp("scan") / "bad"
    return folder, hostile_corpus.write(folder)


@pytest.fixture(name="shell")
def _shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def _by_path(report: Mapping[str, Any], folder: Path) -> dict[str, Mapping[str, Any]]:
    return {str(Path(file["path"]).relative_to(folder)): file for file in report["files"]}


def test_the_command_refuses_the_whole_corpus(shell: Shell, bad: Placed) -> None:
    """Exit code 1; each hostile file is refused, failed or skipped, none is left out, and the digests are theirs."""
    folder, placed = bad
    done = shell("scan", folder, "--json")
    told = _by_path(done.json, folder)
    assert done.code == 1
    assert sorted(set(placed) - set(told)) == []
    assert [(placed[path].why, path) for path in placed if told[path]["verdict"] == "ok"] == []
    wrong = [
        path
        for path, one in placed.items()
        if told[path]["verdict"] == "refused" and told[path]["sha256"] != hashlib.sha256(one.data).hexdigest()
    ]
    assert wrong == []
    assert done.json["counts"]["refused"] >= len(placed)


def test_the_command_lets_the_benign_corpus_by(shell: Shell, tmp_path: Path) -> None:
    """Exit code 0 over all files that real libraries wrote; 1 as soon as one hostile file lies among them."""
    placed = benign_corpus.write(tmp_path / "good")
    done = shell("scan", tmp_path / "good", "--json")
    told = _by_path(done.json, tmp_path / "good")
    assert [(placed[path].family, told[path]) for path in placed if told[path]["verdict"] != "ok"] == []
    assert (done.code, done.json["counts"]["ok"]) == (0, len(told))
    (tmp_path / "good/0000/README.md").write_bytes(b"cos\nsystem\n(Vtrue\ntR.")
    done = shell("scan", tmp_path / "good", "--json")
    assert (done.code, [file["path"] for file in done.json["files"] if file["verdict"] != "ok"]) == (
        1,
        [str(tmp_path / "good/0000/README.md")],
    )


def test_what_is_no_file_is_skipped_and_said(shell: Shell, tmp_path: Path) -> None:
    """Links (out of the folder, in a circle, to nowhere) and pipes: none is followed or opened; exit code 1."""
    names = hostile_corpus.write_odd(tmp_path / "odd")
    done = shell("scan", tmp_path / "odd", "--json")
    told = _by_path(done.json, tmp_path / "odd")
    assert {name: told[name]["verdict"] for name in names} == dict.fromkeys(names, "skipped")
    assert (done.code, told["target.txt"]["verdict"]) == (1, "ok")
    assert {str(Path(one["path"]).relative_to(tmp_path / "odd")) for one in done.json["not_looked_at"]} == set(names)


def test_a_text_is_not_weights_as_well(shell: Shell, tmp_path: Path) -> None:
    """A model that calls README.md its weights: one file is not two things, so the folder does not pass."""
    (tmp_path / "two").mkdir()
    (tmp_path / "two/README.md").write_bytes(b"texttext")
    (tmp_path / "two/model.onnx").write_bytes(adding(outside("W0", location="README.md", offset=0, length=8)))
    assert shell("scan", tmp_path / "two", "--json").code == 1
    (tmp_path / "two/README.md").rename(tmp_path / "two/model.onnx.data")
    (tmp_path / "two/model.onnx").write_bytes(adding(outside("W0", location="model.onnx.data", offset=0, length=8)))
    assert shell("scan", tmp_path / "two", "--json").code == 0
