"""A model is pushed to a real registry, served by a machine that has nothing of the project, and revoked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from lockgate.trust import pin
from tests.scripts.conftest import Done
from tests.support.carried import TOML
from tests.support.registry import docker_registry, needs_registry
from tests.support.serving import GOOD, servable_project


@dataclass(frozen=True)
class Machine:
    """A user of a machine: a home of its own, and nothing else in common with others than the network."""

    home: Path

    def environment(self) -> dict[str, str]:
        """What its shell sets."""
        names = {f"XDG_{name}_HOME": str(self.home / name.lower()) for name in ("CONFIG", "STATE", "DATA")}
        return {**os.environ, **names, "HOME": str(self.home), "NO_COLOR": "1"}

    def __call__(self, *arguments: str) -> Done:
        """Run one command."""
        done = subprocess.run(
            [sys.executable, "-m", "lockgate", *arguments],
            cwd=self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "LG999" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[str]:
        """`lockgate serve` in the background; its URL."""
        log = self.home / "serve.log"
        with log.open("wb") as talk:
            process = subprocess.Popen(
                [sys.executable, "-m", "lockgate", "serve", *arguments, "--port", "0", "--json"],
                cwd=self.home,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=talk,
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield json.loads(line)["url"]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            if process.stdout is not None:
                process.stdout.close()
        assert process.returncode == 0, log.read_text()


def ask(url: str, key: str) -> httpx.Response:
    """Two records."""
    return httpx.post(f"{url}/predict", json=GOOD, headers={"Authorization": f"Bearer {key}"}, timeout=20)


@needs_registry
def test_a_machine_without_the_project_serves_and_stops_when_it_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Push; serve elsewhere from the address and the fingerprint alone; the same answers, receipts that verify there;
    revoke and push, and within the time that `serve --help` states nothing is answered any more.
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
    with docker_registry(tmp_path / "registry") as registry:
        remote = f"{registry.host}/team/flights"
        pushed = owner("push", "latest", remote, "--json", "-C", at)
        assert pushed.code == 0, pushed.err
        assert (pushed.json["tag"], pushed.json["checked"], pushed.json["log_entries"]) == ("v1", True, 10)

        with other.serving(f"{remote}:v1", "--root", root) as url:
            (mirror,) = (other.home / "data/lockgate/served").glob("*/team/flights")
            key = other("clients", "add", "ada", "--json", "-C", str(mirror)).json["key"]
            answer = until(lambda: ask(url, key), 200)
            predictions = answer.json()["predictions"]
            assert [one["label"] for one in predictions] == [False, True]
            assert predictions[0]["scores"]["true"] == pytest.approx(0.000335, abs=1e-6)

            receipt = answer.json()["receipts"][0]
            sealed = until_sealed(other, receipt, mirror)
            assert sealed["state"] == "sealed"
            assert other("verify", "--all", "-C", str(mirror)).code == 0

            assert owner("revoke", "flights@1", "--reason", "its labels were wrong", "-C", at).code == 0
            assert owner("push", "flights@1", remote, "-C", at).code == 0
            refused = until(lambda: ask(url, key), 503)
            assert refused.json()["finding"] == "LG514"
        talk = (other.home / "serve.log").read_text()
        assert "a key of this machine, which no roles file names" in talk
        assert other("serve", f"{remote}:v1", "--root", root).code == 1


def until(call: Any, status: int) -> httpx.Response:
    """Ask until the answer has this status."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        found: httpx.Response = call()
        if found.status_code == status:
            return found
        time.sleep(0.5)
    raise AssertionError(f"no {status} in time")


def until_sealed(machine: Machine, receipt: str, mirror: Path) -> Any:
    """What `verify` says of a receipt, once it is sealed."""
    for _ in range(20):
        found = machine("verify", receipt, "--json", "-C", str(mirror))
        assert found.code == 0, found.err
        if found.json["state"] != "pending":
            return found.json
        time.sleep(0.5)
    raise AssertionError("it was not sealed in time")
