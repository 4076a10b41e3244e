"""`lockgate serve` as a person starts it, in a process of its own, and callers whose rows come true.

The house of a ladder: what it does by itself is seen from outside, in the logs and in answers.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from lockgate.audit import deployments
from lockgate.audit.entries import Deployment
from lockgate.audit.ledger import Ledger
from lockgate.audit.standings import Standing
from tests.support.ladder_models import FAR
from tests.support.ladders import LadderProject
from tests.support.load import Load, loading
from tests.support.registry import free_port
from tests.support.shell import Done, Shell

UP_SECONDS, MOVE_SECONDS = 60.0, 90.0
RARE = 12
"""One flight of so many is UA's: fewer than may be answered otherwise, enough for labels to tell."""
NAME = "flights"

TOML = """[project]
name = "flights"
[data]
sources = ["data/none.csv"]
contract = "contract.py:Flight"
label = "late"
"""


@dataclass(frozen=True)
class Rows:
    """What callers ask: the records of request `number`, and their labels."""

    records: Callable[[int], Sequence[Mapping[str, Any]]]
    labels: Callable[[int], Sequence[Any]]

    def body(self, number: int) -> bytes:
        """The request."""
        return json.dumps({"records": self.records(number)}).encode()


def _record(number: int) -> dict[str, Any]:
    return {"carrier": "AA" if number % RARE else "UA", "distance": float(50 + 37 * number % 2900)}


TINY = Rows(lambda number: [_record(number)], lambda number: [bool(_record(number)["distance"] > FAR)])
"""Distances on both sides of the limit, for both carriers of `LadderProject`."""


@dataclass(frozen=True)
class Folder:
    """A project as it lies there: its folder, the fingerprint of its root, an environment, and its person's shell."""

    root: Path
    fingerprint: str
    environment: str
    shell: Shell

    @staticmethod
    def of(project: LadderProject) -> Folder:
        """One whose statements were made by hand."""
        (project.root / "lockgate.toml").write_text(TOML)
        return Folder(project.root, project.created.project_id, "dev", Shell(project.root.parent))

    def lockgate(self, *arguments: str | Path) -> Done:
        """A command in this process, which must end well."""
        done = self.shell.here(*arguments, at=self.root)
        assert done.code == 0, done.err
        return done

    def chain(self) -> tuple[Deployment, ...]:
        """All moves, by the log."""
        statements = Ledger(self.root / ".lockgate", self.fingerprint).statements()
        return deployments.chain(self.environment, NAME, statements)

    def standing(self) -> Standing:
        """Who is where, by the log."""
        statements = Ledger(self.root / ".lockgate", self.fingerprint).statements()
        found = deployments.standing_of(self.environment, NAME, statements)
        assert found is not None
        return found


@dataclass
class House:
    """A house that is up."""

    folder: Folder
    url: str
    key: str
    said: list[str] = field(default_factory=list)

    def until(self, true: Callable[[Standing], bool], seconds: float = MOVE_SECONDS) -> Standing:
        """Wait for it."""
        deadline = time.monotonic() + seconds
        while not true(found := self.folder.standing()):
            if time.monotonic() > deadline:
                raise AssertionError("\n".join([*self.said[-20:], self.folder.lockgate("status").out]))
            time.sleep(0.1)
        return found

    @contextmanager
    def callers(
        self, rows: Rows = TINY, *, connections: int = 4, pause: float = 0.002, labels: bool = False
    ) -> Iterator[Load]:
        """Callers for as long as the block runs. `labels`: they tell what came true, by `/feedback`."""
        with loading(self.url, self.key, rows.body, connections=connections, pause=pause) as load:
            over = threading.Event()
            telling = threading.Thread(target=self._tell, args=(load, rows, over))
            if labels:
                telling.start()
            try:
                yield load
            finally:
                over.set()
                if labels:
                    telling.join(30)

    def _tell(self, load: Load, rows: Rows, over: threading.Event) -> None:
        told = 0
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=20) as client:
            while not over.wait(0.2):
                new, told = load.got[told:], len(load.got)
                labels = [
                    {"receipt": receipt, "label": label}
                    for one in new
                    if one.status == 200
                    for receipt, label in zip(one.said["receipts"], rows.labels(one.number), strict=True)
                ]
                for start in range(0, len(labels), 200):
                    client.post("/feedback", json={"feedback": labels[start : start + 200]}).raise_for_status()


@contextmanager
def house(folder: Folder, *options: str, rows: Rows = TINY) -> Iterator[House]:
    """`lockgate serve`, until the end of the block; it must end in order. It answers `rows` when the block begins."""
    port = free_port()
    wide = (
        "--rate",
        "1000000/s",
        "--burst",
        "1000000",
        "--in-flight",
        "1000",
        "--action",
        "predict",
        "--action",
        "label",
    )
    key = folder.lockgate("clients", "add", "ada", *wide, "--json").json["key"]
    command = [sys.executable, "-m", "lockgate", "serve", "--env", folder.environment, "--port", str(port), *options]
    process = subprocess.Popen(
        command,
        cwd=folder.root,
        env=dict(folder.shell.environment()),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    up = House(folder, f"http://127.0.0.1:{port}", key)
    reading = threading.Thread(target=_read, args=(process, up.said))
    reading.start()
    try:
        _wait(up, process, rows)
        yield up
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait(10)
        reading.join(10)
        assert process.stderr is not None
        process.stderr.close()
    assert code in (0, 130), up.said[-20:]


def _read(process: subprocess.Popen[str], said: list[str]) -> None:
    assert process.stderr is not None
    said.extend(line.rstrip("\n") for line in process.stderr)


def _wait(up: House, process: subprocess.Popen[str], rows: Rows) -> None:
    deadline = time.monotonic() + UP_SECONDS
    headers = {"Authorization": f"Bearer {up.key}", "Content-Type": "application/json"}
    while True:
        try:
            answer = httpx.post(f"{up.url}/predict", content=rows.body(1), timeout=5, headers=headers)
            if answer.status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, up.said
        assert time.monotonic() < deadline, up.said
        time.sleep(0.1)


def alarms(checks: Mapping[str, Any] | None) -> set[str]:
    """The checks that a move says alarm."""
    assert checks is not None
    return {one["check"] for one in checks["results"] if one["alarm"]}
