"""A machine that has nothing of the project answers; the project's own sealer seals its records. By commands alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.trust import pin
from tests.scripts.test_carry import Machine, ask, until, until_sealed
from tests.support.appending import HOST, MIRROR, ROOT
from tests.support.carried import TOML
from tests.support.registry import docker_registry, needs_registry
from tests.support.serving import servable_project

pytestmark = [needs_registry, pytest.mark.nightly]


@contextmanager
def sealing(machine: Machine, at: str) -> Iterator[str]:
    """`lockgate log seal` in the background; its address."""
    log = machine.home / "seal.log"
    certificate = str(HOST.write(machine.home, "host"))
    command = ["log", "seal", "--listen", "127.0.0.1:0", "--tls-cert", certificate]
    command += ["--tls-key", certificate.replace(".pem", ".key"), "--json", "-C", at]
    with log.open("wb") as talk:
        process = subprocess.Popen(
            [sys.executable, "-m", "lockgate", *command],
            cwd=machine.home,
            env=machine.environment(),
            stdout=subprocess.PIPE,
            stderr=talk,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        yield json.loads(line)["address"].replace("127.0.0.1", "localhost")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()
    assert process.returncode == 0, log.read_text()


def test_records_of_a_mirror_are_sealed_by_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Push; seal here; enrol; serve there with --sealer: the receipt is verified where the log is, and the mirror has
    no log of its own. A certificate that is not enrolled waits, and is sealed once it is.
    """
    owner, other = Machine(tmp_path / "owner"), Machine(tmp_path / "other")
    for machine in (owner, other):
        machine.home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(owner.home / "config"))
        patch.setenv("XDG_STATE_HOME", str(owner.home / "state"))
        project = servable_project(owner.home, patch)
        for name in ("CONFIG", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(owner.home / name.lower()))
        project.make_live(patch)
        (project.root / "lockgate.toml").write_text(TOML)
        pin.pin(project.created.project_id, project.root, datetime.now(UTC))
    at, root = str(project.root), project.created.project_id
    mine, authority = MIRROR.write(other.home, "mine"), ROOT.write(other.home, "root")
    with docker_registry(tmp_path / "registry") as registry, sealing(owner, at) as address:
        remote = f"{registry.host}/team/flights"
        assert owner("push", "latest", remote, "-C", at).code == 0
        there = ("--sealer", address, "--sealer-ca", str(authority))
        refused = other("serve", f"{remote}:v1", "--root", root, *there)
        assert (refused.code, "LG7027" in refused.err) == (2, True)
        own = ("--sealer-cert", str(mine), "--sealer-key", str(mine.with_suffix(".key")))
        with other.serving(f"{remote}:v1", "--root", root, *there, *own) as url:
            (mirror,) = (other.home / "data/lockgate/served").glob("*/team/flights")
            key = other("clients", "add", "ada", "--json", "-C", str(mirror)).json["key"]
            answer = until(lambda: ask(url, key), 200)
            receipt = answer.json()["receipts"][0]
            assert owner("log", "appender", "add", "mirror", "--cert", str(mine), "-C", at).code == 0
            assert until_sealed(owner, receipt, project.root)["state"] == "sealed"
        assert not (mirror / ".lockgate/log/predictions/checkpoint").exists()
        [enrolled] = owner("log", "appender", "list", "--json", "-C", at).json["appenders"]
        assert len(enrolled["gateways"]) == 1
        assert owner("log", "appender", "remove", "mirror", "-C", at).code == 0
    assert "LG7026" in (other.home / "serve.log").read_text()
    assert "LG7023" in (owner.home / "seal.log").read_text()
    assert owner("log", "verify", "-C", at).code == 0
