"""Drills of a real project: a served copy, real HTTP, the real command; and nothing of the project is changed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.shell import Ready

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]

MUTABLE = "empty_server_form_handler,popup_window,https,request_from_other_domain,is_popular,long_url"


def digests(*places: Path) -> dict[str, str]:
    """Every file below, by its digest; the environment is linked, and verified whenever it is used."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for place in places
        for path in sorted(place.rglob("*"))
        if path.is_file() and "env" not in path.relative_to(place).parts
    }


def everything(ready: Ready) -> dict[str, str]:
    """The project with its logs and registry; keys, pins and what was seen of its user."""
    return digests(ready.root, ready.shell.home / "config", ready.shell.home / "state")


def test_drills_change_nothing_of_the_project(ready: Ready, tmp_path: Path) -> None:
    """Both drills measure, write their files and leave no copy; every byte of the project and its keys stays."""
    before = everything(ready)
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        out = tmp_path / "out"
        copied = ready.shell("drill", "extraction", "--queries", "200", "--json", "--out", out, at=ready.root)
        evaded = ready.shell(
            "drill", "evasion", "--rows", "3", "--queries", "100", "--mutable", MUTABLE, "--json", "--out", out,
            at=ready.root,
        )  # fmt: skip
    assert (copied.code, evaded.code) == (0, 0), copied.err + evaded.err
    assert everything(ready) == before
    assert list(scratch.glob("lockgate-drill-*")) == []
    curves = {(one["source"], one["form"]): one["points"] for one in copied.json["curves"]}
    assert curves["natural", "full"][-1]["fidelity"]["value"] > copied.json["base"]
    assert copied.json["live"]["asked"] > 0
    assert {one["attack"] for one in evaded.json["attacks"]} == {"hop-skip-jump", "boundary", "square", "zoo"}
    assert sum(one["flipped"] for one in evaded.json["attacks"]) > 0
    assert {path.name for path in out.iterdir()} == {
        f"drill-{name}.{kind}" for name in ("extraction", "evasion") for kind in ("html", "json")
    }


def test_the_real_gateway_holds_the_customer_back(ready: Ready, tmp_path: Path) -> None:
    """Under `respond = "limit"` made-up queries get 429 LG6100 in the live pass, with the record in the copy's log."""
    policy = ready.root / "policy.toml"
    text = policy.read_text().replace("version = 1\n", "version = 2\n")
    policy.write_text(text + '\n[environment.dev.abuse.external]\nrespond = "limit"\n')
    assert ready.shell("policy", "sign", at=ready.root).code == 0
    done = ready.shell("drill", "extraction", "--queries", "600", "--json", "--out", tmp_path / "out", at=ready.root)
    assert done.code == 0, done.err
    live = done.json["live"]
    assert live["finding"] == "LG6100"
    assert live["held_after"] is not None
    assert {one["rule"] for one in live["records"]} == {"novel"}


@pytest.mark.parametrize(("said", "wait"), [("copying", 2.5), ("attacking", 1.0)])
def test_interrupted_it_leaves_nothing(ready: Ready, tmp_path: Path, said: str, wait: float) -> None:
    """Ctrl-C, as a terminal sends it to each process, while the gateway comes up or is asked: exit code 130, no copy,
    no process, nothing changed.
    """
    before = everything(ready)
    environment = {**ready.shell.environment(), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "lockgate", "drill", "evasion", "--rows", "20", "--mutable", MUTABLE]
    process = subprocess.Popen(
        command, cwd=ready.root, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    while said not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert list(tmp_path.glob("lockgate-drill-*")) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert everything(ready) == before
