"""From files to a deployed model and back to the root, by the real command line and by other vendors' tools."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shell import Ready

SKOPEO = shutil.which("skopeo")


def test_verify_says_what_is_proved_and_what_is_not(ready: Ready) -> None:
    """`verify REF` exits 0, names every box of the picture, and ends with what is not proved."""
    done = ready.shell("verify", ready.ref, at=ready.root)
    assert done.code == 0, done.err
    for box in ("ingest", "validate", "train", "judge", "scan", "register", "signature", "deploy"):
        assert f"✓ {box}" in done.out
    assert "NOT proved: " in done.out
    assert "none, one person holds 11 of 11 roles" in done.out


def test_verify_all_accounts_for_every_file(ready: Ready) -> None:
    """`verify --all --json` exits 0 and counts what it read."""
    done = ready.shell("verify", "--all", "--json", at=ready.root)
    assert (done.code, done.json["verified"]) == (0, True)
    assert done.json["blobs"] == len(list((ready.root / ".lockgate/registry/blobs/sha256").iterdir()))


def test_a_second_run_is_cached(ready: Ready) -> None:
    """Nothing changed: every stage says so, and no new version is made."""
    done = ready.shell("run", "--json", at=ready.root)
    assert (done.code, done.json["ref"], done.json["cached"]) == (0, ready.ref, True)


def test_the_reference_tool_verifies_what_is_materialized(ready: Ready, tmp_path: Path) -> None:
    """`model_signing verify key` accepts the materialized model, and refuses it with one byte changed."""
    place = tmp_path / "model"
    assert ready.shell.here("verify", ready.ref, "--materialize", place, at=ready.root).code == 0
    keys = next((ready.shell.home / "config" / "lockgate").glob("*/signer.pub"))
    command = [sys.executable, "-m", "model_signing", "verify", "key", "--signature", place / "model.sig"]
    command += ["--public_key", keys, place]
    assert subprocess.run(list(map(str, command)), check=False, capture_output=True).returncode == 0
    content = bytearray((place / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (place / "model.onnx").write_bytes(content)
    assert subprocess.run(list(map(str, command)), check=False, capture_output=True).returncode != 0
    assert ready.shell("verify", f"{place}/", "--key", keys, at=ready.root).code == 3


def test_materialize_wants_an_empty_folder(ready: Ready, tmp_path: Path) -> None:
    """What is materialized is exactly what was signed: nothing may lie beside it."""
    (tmp_path / "other").write_text("x")
    done = ready.shell("verify", ready.ref, "--materialize", tmp_path, "--json", at=ready.root)
    assert (done.code, done.json["finding"]) == (1, "LG952")


@pytest.mark.skipif(SKOPEO is None, reason="skopeo is not installed: apt-get install skopeo")
def test_skopeo_reads_and_carries_the_registry(ready: Ready, tmp_path: Path) -> None:
    """`skopeo inspect --raw` shows the manifest, `skopeo copy` keeps its digest."""
    assert SKOPEO is not None
    registry = ready.root / ".lockgate" / "registry"
    source = f"oci:{registry}:phishing-v1"
    raw = subprocess.run([SKOPEO, "inspect", "--raw", source], check=True, capture_output=True).stdout
    assert json.loads(raw)["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    subprocess.run([SKOPEO, "copy", source, f"oci:{tmp_path}/there:phishing-v1"], check=True, capture_output=True)
    copied = json.loads((tmp_path / "there" / "index.json").read_text())["manifests"][0]["digest"]
    here = ready.shell.here("models", "--json", at=ready.root).json["models"][0]["manifest"]
    assert copied == here


def test_a_clone_is_not_pinned(ready: Ready, tmp_path: Path) -> None:
    """Another user is told so, exit 1; with the fingerprint it verifies; with a wrong one it exits 3."""
    stranger = type(ready.shell)(tmp_path)
    done = stranger.here("verify", ready.ref, "--json", at=ready.root)
    assert (done.code, done.json["finding"]) == (1, "LG825")
    root = done.json["seen"]["root"]
    assert stranger.here("verify", ready.ref, "--root", root, at=ready.root).code == 0
    assert stranger.here("verify", "--all", "--root", root, at=ready.root).code == 0
    assert stranger.here("verify", ready.ref, "--root", "ab" * 32, at=ready.root).code == 3


@pytest.mark.parametrize("stage", ["ingest", "validate", "train", "judge", "register"])
def test_a_stage_can_go_back(ready: Ready, tmp_path: Path, stage: str) -> None:
    """Where there is nothing to go back to, `rollback STAGE` says so; afterwards everything still verifies."""
    copy = ready.copy(tmp_path)
    done = copy.shell.here("rollback", stage, "--json", "-C", copy.root)
    assert (done.code, done.json["finding"]) == (1, "LG532")
    assert copy.shell.here("verify", "--all", "-C", copy.root).code == 0


@pytest.mark.nightly  # half a minute; each stage's heads are tested by themselves
def test_rolled_back_data_turns_what_follows_stale_and_run_goes_on_from_there(ready: Ready, tmp_path: Path) -> None:
    """New rows, then back: validate, train and register are stale, and the next run builds on the older snapshot."""
    copy = ready.copy(tmp_path)
    first = copy.shell("run", "--json", "-C", copy.root).json["stages"][0]["digest"]
    data = copy.root / "data" / "phishing.csv"
    data.write_text("\n".join(data.read_text().splitlines()[:1201]) + "\n")
    second = copy.shell("run", "--json", "-C", copy.root)
    assert (second.code, second.json["ref"]) == (0, "phishing@2"), second.err
    assert second.json["stages"][0]["digest"] != first
    back = copy.shell.here("rollback", "ingest", "--reason", "poisoned delivery", "--json", "-C", copy.root)
    assert back.code == 0, back.err
    assert [one["stage"] for one in back.json["stale"]] == ["validate", "train", "judge", "register"]
    third = copy.shell("run", "--json", "-C", copy.root)
    assert third.code == 0, third.err
    assert third.json["stages"][0]["digest"] == first
    assert copy.shell.here("verify", "--all", "-C", copy.root).code == 0


def test_prod_wants_an_approval(ready: Ready, tmp_path: Path) -> None:
    """Without a person's word prod refuses and says what to run; with it the model is live there."""
    copy = ready.copy(tmp_path)
    refused = copy.shell("deploy", "latest", "--env", "prod", "--json", "-C", copy.root)
    assert refused.code == 1
    assert "approve" in refused.json["next"]
    assert copy.shell.here("approve", "latest", "--env", "prod", "-C", copy.root).code == 0
    assert copy.shell("deploy", "latest", "--env", "prod", "-C", copy.root).code == 0
    assert copy.shell.here("show", "latest", "--json", "-C", copy.root).json["live_in"] == ["dev", "prod"]


def test_a_revoked_model_is_refused(ready: Ready, tmp_path: Path) -> None:
    """`revoke` takes a model out for good: verify and deploy refuse it, and the rest still verifies."""
    copy = ready.copy(tmp_path)
    assert copy.shell.here("revoke", "latest", "--reason", "test", "-C", copy.root).code == 0
    assert copy.shell.here("verify", "latest", "--json", "-C", copy.root).json["finding"] == "LG514"
    assert copy.shell("deploy", "latest", "--json", "-C", copy.root).json["finding"] == "LG514"
    assert copy.shell.here("verify", "--all", "-C", copy.root).code == 0


def test_the_jail_passes_streams_and_status_through(ready: Ready) -> None:
    """`lockgate jail -- CMD`: stdout, stderr and exit status are the command's own; the network is not there."""
    script = "import sys,socket; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    done = ready.shell("jail", "-C", ready.root, "--", "python", "-c", script)
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")
    script = "import socket; socket.create_connection(('127.0.0.1', 1), 1)"
    done = ready.shell(
        "jail", "-C", ready.root, "--", "python", "-c", f"try:\n {script}\nexcept OSError as e:\n print(e)"
    )
    assert done.code == 0
    assert done.out.strip()
