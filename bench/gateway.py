"""The gateway with all its controls, beside the servers that people use, which have none.

    python -m bench.gateway [--seconds 6] [--rounds 3] [--peers mosec,fastapi,...] [--json FILE]

The same model, the same rows, the same load: wrk with one thread on the same machine, closed loop, keep-alive, JSON;
64 and 16 connections with one row a request, 16 with 32 rows. One worker process each. Every server's answer is
compared with the model's before it is loaded. A round runs each server once, one after another; figures are medians
over the rounds, and each claim is a ratio of them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import wrk
from bench.environments import BENCH, interpreter
from bench.gateway_project import Made, Up, made, running, served
from bench.wrk import Load

Rows = list[dict[str, float]]
Truth = list[float]
SHAPES = {"64 x 1": (64, "one"), "16 x 1": (16, "one"), "16 x 32": (16, "many")}
OURS = "lockgate"
CLOSE = 1e-4
MEMORY = 120


@dataclass(frozen=True)
class Peer:
    """How a server is asked: path, the body for rows, and where each row's best score stands in its answer."""

    path: str
    body: Callable[[Rows], Any]
    scores: Callable[[Any], list[float]]


def _lists(rows: Rows) -> list[list[float]]:
    return [list(row.values()) for row in rows]


def _tensor(rows: Rows) -> dict[str, Any]:
    flat = [value for row in rows for value in row.values()]
    return {"inputs": [{"name": "x", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": flat}]}


def _best(said: Any) -> list[float]:
    return [max(row) for row in said["scores"]]


def _ours(said: Any) -> list[float]:
    return [max(row["scores"].values()) for row in said["predictions"]]


def _outputs(answer: Any) -> list[float]:
    flat = next(one["data"] for one in answer["outputs"] if one["name"] == "scores")
    return [max(pair) for pair in zip(flat[::2], flat[1::2], strict=True)]


PEERS = {
    "mosec": Peer("/inference", lambda rows: {"inputs": _lists(rows)}, _best),
    "fastapi": Peer("/predict", lambda rows: {"inputs": _lists(rows)}, _best),
    "mlserver": Peer("/v2/models/m/infer", _tensor, _outputs),
    "kserve": Peer("/v1/models/m:predict", lambda rows: {"instances": _lists(rows)}, _best),
    "bentoml": Peer("/predict", lambda rows: {"inputs": _lists(rows)}, _best),
}
LOCKGATE = Peer("/predict", lambda rows: {"records": rows}, _ours)


@contextmanager
def peer_up(name: str, project: Made, port: int) -> Iterator[Up]:
    """A peer in its own environment."""
    python = interpreter(name)
    program = BENCH / "gateway_peers" / f"{name}_app.py"
    command = [str(python), str(program), str(project.model), str(port)]
    with running(command, cwd=program.parent, env={**os.environ, "BENTOML_DO_NOT_TRACK": "1"}) as process:
        try:
            yield Up(f"http://127.0.0.1:{port}{PEERS[name].path}", process.pid, {})
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def ask(up: Up, body: Any, seconds: float = 60.0) -> Any:
    """One answer; waits until the server is up. Stops when it has none in so many seconds."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **up.headers}
    end = time.monotonic() + seconds
    while True:
        try:
            return httpx.post(up.url, content=data, headers=headers, timeout=10).raise_for_status().json()
        except httpx.HTTPError as error:
            if time.monotonic() > end:
                raise SystemExit(f"{up.url} does not answer: {error}") from None
            time.sleep(0.2)


def loaded(name: str, peer: Peer, up: Up, project: Made, expected: Truth, seconds: int) -> dict[str, Load]:
    """One server under each load."""
    for rows in (project.one, project.many):
        scores = peer.scores(ask(up, peer.body(rows)))
        wanted = expected[: len(rows)]
        if len(scores) != len(wanted) or any(abs(a - b) > CLOSE for a, b in zip(scores, wanted, strict=True)):
            raise SystemExit(f"{name} answers {scores}, the model says {wanted}")
    found = {}
    for shape, (connections, which) in SHAPES.items():
        body = json.dumps(peer.body(getattr(project, which))).encode()
        wrk.load(up.url, body, connections=connections, seconds=1, root=up.root, headers=up.headers)
        found[shape] = wrk.load(
            up.url, body, connections=connections, seconds=seconds, root=up.root, headers=up.headers
        )
        print(f"  {name:<10}{shape:<9}{found[shape].line()}", file=sys.stderr)
    return found


def truth(project: Made) -> Truth:
    """The best score of each row, by onnxruntime itself."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(str(project.model))
    scores = session.run(None, {"X": np.asarray(_lists(project.many), np.float64)})[1]
    return [float(row.max()) for row in scores]


def measure(arguments: argparse.Namespace) -> tuple[dict[str, dict[str, list[Load]]], dict[str, float]]:
    """All servers, `rounds` times; and the memory of Lockgate's processes under load."""
    project = made()
    expected = truth(project)
    wanted = [name for name in arguments.peers.split(",") if name]
    found: dict[str, dict[str, list[Load]]] = {name: {s: [] for s in SHAPES} for name in (OURS, *wanted)}
    memory: dict[str, float] = {}
    port = 18100
    for turn in range(arguments.rounds):
        print(f"round {turn + 1} of {arguments.rounds}", file=sys.stderr)
        for name in (OURS, *wanted):
            port += 10
            server = served(project, port) if name == OURS else peer_up(name, project, port)
            with server as up:
                peer = LOCKGATE if name == OURS else PEERS[name]
                for shape, one in loaded(name, peer, up, project, expected, arguments.seconds).items():
                    found[name][shape].append(one)
                if name == OURS:
                    memory = wrk.proportional(up.root)
            time.sleep(1)
    return found, memory


def middle(loads: list[Load]) -> Load:
    """The median of each figure."""
    return Load(
        statistics.median(one.requests for one in loads),
        statistics.median(one.p50 for one in loads),
        statistics.median(one.p99 for one in loads),
        statistics.median(one.cpu for one in loads),
        sum(one.errors for one in loads),
    )


FACTORS = {"fastapi": 4.0, "mlserver": 8.0, "kserve": 8.0, "bentoml": 20.0}


def claims(found: dict[str, dict[str, Load]]) -> list[tuple[str, float, float]]:
    """What is claimed, the ratio, and what it must at least be."""
    ours = found[OURS]
    said = []
    for name, theirs in found.items():
        if name == OURS:
            continue
        said += [
            (f"requests, {shape}, over {name}", ours[shape].requests / theirs[shape].requests, 1.0) for shape in SHAPES
        ]
        if name in FACTORS:
            ratio = ours["64 x 1"].requests / theirs["64 x 1"].requests
            said.append((f"requests, 64 x 1, over {name}", ratio, FACTORS[name]))
        else:
            said.append((f"p99, 64 x 1, {name}'s over ours", theirs["64 x 1"].p99 / ours["64 x 1"].p99, 1.0))
    return said


def main() -> None:
    """Measure, print, and say which claims hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    rounds, memory = measure(arguments)
    found = {name: {shape: middle(loads) for shape, loads in shapes.items()} for name, shapes in rounds.items()}
    for name, shapes in found.items():
        for shape, load in shapes.items():
            print(f"{name:<10}{shape:<9}{load.line()}")
    print("proportional memory of our processes under load, MiB:")
    for words, size in memory.items():
        print(f"  {size:6.1f}  {words}")
    claimed = [(f"{words}: {ratio:.2f} (at least {least:g})", ratio >= least) for words, ratio, least in claims(found)]
    wrong = {name: sum(load.errors for load in shapes.values()) for name, shapes in found.items()}
    words = ", ".join(f"{name} {count}" for name, count in wrong.items() if count)
    both = memory["gateway"] + memory["model worker"]
    claimed += [
        (f"requests refused or broken under load: {words or 'none'}", not words),
        (f"memory of gateway and worker: {both:.1f} MiB (at most {MEMORY})", both <= MEMORY),
    ]
    for words, holds in claimed:
        print(f"{'holds' if holds else 'NOT':<6}{words}")
    if arguments.json:
        said = {name: {shape: asdict(load) for shape, load in shapes.items()} for name, shapes in found.items()}
        arguments.json.write_text(json.dumps({"loads": said, "memory": memory}, indent=1), encoding="utf-8")
    sys.exit(0 if all(holds for _, holds in claimed) else 1)


if __name__ == "__main__":
    main()
