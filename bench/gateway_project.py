"""The model that all servers of `bench.gateway` answer with, made and served by Lockgate as a person would.

Gradient boosting (100 trees, depth 3) on 30 numbers, scikit-learn's breast cancer data. The project is made once in
`bench/.data`; keys and state have folders of their own beside it.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.environments import BENCH

PLACE = BENCH / ".data" / "gateway"
TRAIN = '''"""100 trees of depth 3."""

from sklearn.ensemble import GradientBoostingClassifier


def train(data, params):
    """Fit on the accepted training rows; the label is the last column."""
    model = GradientBoostingClassifier(n_estimators=100, max_depth=3, random_state=0)
    return model.fit(data[data.columns[:-1]], data[data.columns[-1]])
'''
ROWS = 32


@dataclass(frozen=True)
class Made:
    """The project, the plain model beside it, and requests of one and of 32 rows, ordered as the model's inputs."""

    folder: Path
    model: Path
    one: list[dict[str, float]]
    many: list[dict[str, float]]


@dataclass(frozen=True)
class Up:
    """A server that answers."""

    url: str
    root: int
    headers: dict[str, str]


def lockgate(*words: str, cwd: Path = PLACE) -> str:
    """One command of this checkout; its stdout. Stops with what it said when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "lockgate", *words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"lockgate {' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def environment() -> dict[str, str]:
    """Keys and state of the benchmark, not the person's own."""
    return {**os.environ, "XDG_CONFIG_HOME": str(PLACE / "config"), "XDG_STATE_HOME": str(PLACE / "state")}


def made() -> Made:
    """The project, registered and live in dev; made first where it is not there."""
    folder = PLACE / "cells"
    if not (PLACE / "made").exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        PLACE.mkdir(parents=True)
        (BENCH / ".data" / ".gitignore").write_text("*\n", encoding="ascii")
        print("making bench/.data/gateway: init, run, deploy", file=sys.stderr)
        _write_rows(PLACE / "cells.csv")
        lockgate("init", "cells", "--data", "cells.csv", "--label", "benign")
        (folder / "train.py").write_text(TRAIN, encoding="utf-8")
        lockgate("run", cwd=folder)
        lockgate("deploy", "cells@1", "--env", "dev", cwd=folder)
        lockgate("verify", "cells@1", "--materialize", str(PLACE / "plain"), cwd=folder)
        (PLACE / "made").touch()
    rows = _read_rows(PLACE / "cells.csv", PLACE / "plain" / "io.json")
    return Made(folder, PLACE / "plain" / "model.onnx", rows[:1], rows)


def client(project: Made, *options: str) -> str:
    """A client whose rate is out of the way; its key."""
    name = f"bench{time.time_ns():x}"
    wide = ("--rate", "10000000/s", "--burst", "10000000", "--in-flight", "10000", *options)
    found: dict[str, Any] = json.loads(lockgate("clients", "add", name, *wide, "--json", cwd=project.folder))
    return str(found["key"])


@contextmanager
def served(project: Made, port: int, *options: str) -> Iterator[Up]:
    """`lockgate serve` with all controls, as it is by default, its prediction log begun anew.

    At its start the sealer reads the whole log, 5 us a record: after some rounds that would be most of the CPU.
    """
    home = project.folder / ".lockgate"
    for old in (
        home / "log" / "predictions",
        home / "state" / "spool",
        *PLACE.glob("state/lockgate/*/seen/predictions"),
    ):
        shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    key = client(project)
    command = [sys.executable, "-m", "lockgate", "serve", "--port", str(port), *options]
    with running(command, cwd=project.folder, env=environment()) as process:
        up = Up(f"http://127.0.0.1:{port}/predict", process.pid, {"Authorization": f"Bearer {key}"})
        yield up


@contextmanager
def running(command: Sequence[str], *, cwd: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process group that is gone when the block ends."""
    with (PLACE / "talk").open("wb") as talk:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=talk, stderr=talk, start_new_session=True)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _write_rows(path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True).frame
    data.columns = [name.replace(" ", "_") for name in data.columns]
    data = data.rename(columns={"target": "benign"})
    data["benign"] = data["benign"].astype(bool)
    data.to_csv(path, index=False)


def _read_rows(path: Path, io: Path) -> list[dict[str, float]]:
    fields = [field["name"] for field in json.loads(io.read_text(encoding="utf-8"))["fields"]]
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(row[name]) for name in fields} for row in islice(csv.DictReader(file), ROWS)]
