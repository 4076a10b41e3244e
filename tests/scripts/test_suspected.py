"""A client attacks a model that is served: seen, explained, held back by policy, and cleared, all by real commands."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.shell import Done, Shell

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
PATIENCE = 30.0
LIMIT = """
[environment.dev.abuse.external]
respond = "limit"
"""


@dataclass(frozen=True)
class Up:
    """A project that is served."""

    shell: Shell
    root: Path
    port: int

    def says(self, *words: str) -> Done:
        """One command."""
        return self.shell(*words, at=self.root)

    def data(self, *words: str) -> Any:
        """What it says under `--json`."""
        done = self.says(*words, "--json")
        assert done.code == 0, done.err
        return done.json

    def ask(self, key: str, *records: Mapping[str, Any]) -> tuple[int, Any, Mapping[str, Any]]:
        """Status, body and headers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/predict",
            json.dumps({"records": records}).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, json.load(reply), dict(reply.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error), dict(error.headers)

    def until(self, found: Callable[[], bool]) -> bool:
        """Whether it comes to be so in time."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found():
                return True
            time.sleep(0.2)
        return False


@contextmanager
def served(shell: Shell, root: Path) -> Iterator[Up]:
    """By `lockgate serve`, until it answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    with (root.parent / "serve.txt").open("wb") as said:
        command = [sys.executable, "-m", "lockgate", "serve", "--port", str(port)]
        process = subprocess.Popen(command, cwd=root, env=shell.environment(), stdout=said, stderr=said)
        try:
            up = Up(shell, root, port)
            assert up.until(lambda: _listens(port)), (root.parent / "serve.txt").read_text()
            yield up
        finally:
            process.terminate()
            process.wait(30)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def flights(month: int, count: int, seed: int) -> list[dict[str, Any]]:
    """As a client sends them."""
    table = pq.read_table(FLIGHTS / "data" / f"flights-2013-{month:02}.parquet").to_pylist()
    found = random.Random(seed).sample([row for row in table if row["late"] is not None], count)
    return [
        {name: value.isoformat() if name == "scheduled" else value for name, value in row.items() if name != "late"}
        for row in found
    ]


def steps(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """A walk around one flight."""
    (base,), rng = flights(6, 1, 5), random.Random(seed)
    for _ in range(count):
        yield base | {"distance": base["distance"] + rng.randint(-6, 6), "minute": rng.randint(0, 59)}


@pytest.mark.nightly
def test_an_attack_from_the_first_row_to_the_clearing(tmp_path: Path) -> None:
    """Honest customers of this and of later months are left alone all the while."""
    shell, root = Shell(tmp_path), tmp_path / "flights"
    shutil.copytree(FLIGHTS, root, ignore=shutil.ignore_patterns(".lockgate", "__pycache__"))
    settings = root / "lockgate.toml"
    settings.write_text(settings.read_text().replace("2013-0[1-6]", "2013-0[3-6]"))
    for words in (("init", root), ("run", "-C", root), ("deploy", "latest", "-C", root)):
        done = shell(*words, timeout=1200)
        assert done.code == 0, done.err
    told(shell, root)


def told(shell: Shell, root: Path) -> None:
    """The whole story, of a project with a live model."""
    with served(shell, root) as up:
        mal, ada = (up.data("clients", "add", name)["key"] for name in ("mal", "ada"))
        assert up.until(lambda: up.ask(ada, *flights(4, 1, 1))[0] == 200)
        # Observed: every answer stays as it is.
        assert {200} == {up.ask(mal, step)[0] for step in steps(150, 1)}
        assert {200} == {up.ask(ada, row)[0] for month in (4, 7) for row in flights(month, 150, 2)}
        assert up.until(lambda: "mal" in [one["name"] for one in up.data("clients", "review")["suspects"]])
        assert [one["name"] for one in up.data("clients", "review")["suspects"]] == ["mal"]
        why = up.says("clients", "why", "mal")
        assert "observed: every answer stayed as it was" in why.out
        assert "it counts" in why.out
        assert "mal is suspected" in up.says("status").out
        assert "unseen" not in up.says("status").out
        # The policy lets something follow.
        policy = root / "policy.toml"
        raised = policy.read_text().replace("\nversion = 1\n", "\nversion = 2\n")
        policy.write_text(raised + LIMIT)
        assert "limit" in up.says("policy", "diff").out
        assert up.says("policy", "sign").code == 0
        time.sleep(6)
        answered = [up.ask(mal, step) for step in steps(400, 2)]
        status, body, headers = answered[-1]
        assert (status, body["finding"], headers["Retry-After"]) == (429, "LG6100", "3600")
        assert answered[0][0] == 200
        assert up.ask(ada, *flights(8, 5, 3))[0] == 200
        assert "refused with 429" in up.says("clients", "why", "mal").out
        # An operator's word.
        assert up.says("clients", "clear", "mal", "--reason", "it was a test").code == 0
        assert up.until(lambda: up.ask(mal, *flights(5, 1, 4))[0] == 200)
        assert up.until(lambda: "no longer suspected" in up.says("clients", "why", "mal").out)
        why = up.says("clients", "why", "mal")
        assert "nothing counts now" in why.out
        assert "it was a test" in why.out
        assert up.data("clients", "review")["suspects"] == []
    assert shell("verify", "--all", at=root).code == 0
