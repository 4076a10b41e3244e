"""skopeo reads an imported model from our registry by its tag, with every digest unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lockgate.core.digest import digest_of
from tests.support.imports import huggingface, import_here, yes
from tests.support.project import signed_project

pytestmark = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (apt install skopeo)")


def test_an_import_is_a_model_of_the_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the tag lies the manifest that the statement names; a copy has each file as a layer, by its digest."""
    project = signed_project(tmp_path, monkeypatch)
    one = import_here(project, monkeypatch, huggingface(tmp_path / "bert"), confirm=yes).imported
    source = f"oci:{project.registry.folder}:bert-v1"
    raw = subprocess.run(["skopeo", "inspect", "--raw", source], capture_output=True, check=True).stdout
    assert digest_of(raw) == one.manifest
    target = tmp_path / "copy"
    command = ["skopeo", "--insecure-policy", "copy", "-q", source, f"oci:{target}:bert-v1"]
    subprocess.run(command, capture_output=True, check=True)
    carried = {f"sha256:{path.name}" for path in (target / "blobs" / "sha256").iterdir()}
    assert {one.manifest, *(file.digest for file in one.files)} <= carried
    assert json.loads((target / "index.json").read_bytes())["manifests"][0]["digest"] == one.manifest
