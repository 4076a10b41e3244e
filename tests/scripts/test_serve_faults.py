"""Faults under load: whatever of the house ends, no answer is wrong and no record is lost.

Each answer of the load is compared with what the model says; each receipt is looked up in the log at the end.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.records import opens, parse_receipt
from lockgate.sandbox.launch import RunningJail
from tests.support.load import CUT, Got, Load, loading
from tests.support.serving import ServableProject, Serving, servable_project, serving

LIMITS = {1: 1000.0, 2: 2500.0}
CONNECTIONS = 8
ROWS = 3


def body(number: int) -> bytes:
    """Another request for each number: one row, or three."""
    return json.dumps({"records": records(number)}).encode()


def records(number: int) -> list[dict[str, Any]]:
    """Of the request with this number, on both sides of both limits. Every fifth needs Pydantic: its number is text."""
    rows = [
        {"carrier": "AA" if number % 2 else "UA", "distance": (number * 37 + row * 911) % 4000}
        for row in range(ROWS if number % 4 == 0 else 1)
    ]
    return [{**row, "distance": str(row["distance"])} for row in rows] if number % 5 == 0 else rows


@dataclass(frozen=True)
class Round:
    """One fault, and when it happened."""

    name: str
    moment: float


def one_fault(up: Serving, load: Load, name: str, fault: Callable[[], Any], *, settle: float = 10.0) -> Round:
    """Do it, and wait until answers are 200 again on every gateway; what was refused meanwhile."""
    before, lines = {process: _pid(up, process) for process in up.house.kept}, len(up.said)
    moment = time.monotonic()
    fault()
    deadline = moment + settle
    while True:
        time.sleep(0.1)
        assert time.monotonic() < deadline, (name, up.said[-5:])
        recent = load.since(time.monotonic() - 0.3)
        if name.startswith("kill") and {process: _pid(up, process) for process in up.house.kept} == before:
            continue
        if "gateway" in name and f"{name.split()[1]}: answering" not in up.said[lines:]:
            continue
        if time.monotonic() > moment + 0.6 and len(recent) > 5 and {one.status for one in recent} == {200}:
            break
    return Round(name, moment)


def _pid(up: Serving, name: str) -> int | None:
    process = up.house.kept[name].process
    return process.pid if isinstance(process, RunningJail) else None


def kill(up: Serving, name: str) -> Callable[[], None]:
    """SIGKILL to a process of the house."""

    def run() -> None:
        pid = _pid(up, name)
        assert pid is not None
        os.kill(pid, 9)

    return run


def check_answers(got: list[Got]) -> set[int]:
    """Every 200 is the model's own answer for its request, of the version that it names. The versions seen."""
    versions = set()
    for one in got:
        if one.status != 200:
            continue
        said = one.said
        version, asked = said["model"]["version"], records(one.number)
        versions.add(version)
        assert len(said["predictions"]) == len(asked) == len(said["receipts"])
        for record, prediction in zip(asked, said["predictions"], strict=True):
            late = 1 / (1 + math.exp((LIMITS[version] - float(record["distance"])) / 100))
            assert prediction["label"] is (late > 0.5), (one.number, version)
            assert prediction["scores"]["true"] == pytest.approx(late, rel=1e-4, abs=1e-6), (one.number, version)
    return versions


def check_records(project: ServableProject, got: list[Got]) -> int:
    """Every receipt of an answer opens a record in the log, to this request and this answer; no number is missing."""
    log = Log.open(
        project.home / "log" / PREDICTIONS,
        public_key=project.ledger.roles.sealer_key(),
        origin=origin(project.created.project_id, PREDICTIONS),
    )
    index = PredictionIndex(log)
    assert index.reasons() == ()
    count = 0
    for one in got:
        if one.status != 200:
            continue
        said = one.said
        for record, prediction, token in zip(records(one.number), said["predictions"], said["receipts"], strict=True):
            receipt = parse_receipt(token)
            found = index.find(receipt)
            assert found is not None, token
            assert opens(found.record, receipt, input=record, output=prediction), token
            count += 1
    return count


def refusals(rounds: list[Round], got: list[Got]) -> dict[str, Counter[str]]:
    """What was refused or cut, by the fault that came last before it.

    Fails where more of the requests under way were refused than were under way, where a connection was cut that no
    gateway's end explains, and where a refusal does not say when to come back.
    """
    found: dict[str, Counter[str]] = {}
    for one in got:
        assert one.status in (200, 503, CUT), (one.status, one.body)
        assert one.status != 503 or int(one.headers["retry-after"]) >= 1
        if one.status != 200:
            last = max((fault for fault in rounds if fault.moment <= one.came), key=lambda fault: fault.moment)
            when = "under way" if one.sent < last.moment else "in the gap"
            found.setdefault(last.name, Counter())[f"{'cut' if one.status == CUT else one.status} {when}"] += 1
    for name, counts in found.items():
        times = sum(fault.name == name for fault in rounds)
        assert sum(count for what, count in counts.items() if "under way" in what) <= CONNECTIONS * times, found
        assert "gateway" in name or not any("cut" in what for what in counts), found
    return found


@pytest.mark.nightly  # a quarter of a minute
def test_faults_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gateways: each kind of process killed, clients changed, a model deployed; 0 wrong, 0 lost, few refused."""
    project = servable_project(tmp_path, monkeypatch)
    project.make_live(monkeypatch, LIMITS[1])
    with serving(project, client={"rate": 1e6, "burst": 100_000}, gateways=2) as up:
        with loading(up.url, up.key, body, connections=CONNECTIONS, pause=0.02) as load:
            rounds = [
                one_fault(up, load, f"kill {name}", kill(up, name))
                for name in ("model-0", "contract-1", "sealer", "gateway-0")
            ]
            rounds.append(one_fault(up, load, "clients", lambda: project.add_client("eve")))
            rounds.append(one_fault(up, load, "deploy", lambda: project.make_live(monkeypatch, LIMITS[2])))
            deadline = time.monotonic() + 10
            while not any(one.status == 200 and one.said["model"]["version"] == 2 for one in load.got[-20:]):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        gateways = {parse_receipt(one.said["receipts"][0]).gateway for one in load.got if one.status == 200}
    assert check_answers(load.got) == {1, 2}
    assert check_records(project, load.got) > 200
    assert len(gateways) >= 3
    assert refusals(rounds, load.got).keys() <= {"kill gateway-0"}


@pytest.mark.nightly
@pytest.mark.parametrize("gateways", [1, 3])
def test_many_faults_under_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateways: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for minutes, without a pause between requests, one fault after another; the counts are written down."""
    project = servable_project(tmp_path, monkeypatch)
    project.make_live(monkeypatch, LIMITS[1])
    rounds: list[Round] = []
    with (
        serving(project, client={"rate": 1e6, "burst": 100_000}, gateways=gateways) as up,
        loading(up.url, up.key, body, connections=CONNECTIONS) as load,
    ):
        names = [name for name in up.house.kept if name != "sealer"]
        for turn in range(5):
            rounds += [one_fault(up, load, f"kill {name}", kill(up, name), settle=60.0) for name in ("sealer", *names)]
            key = f"eve-{turn}"
            rounds.append(one_fault(up, load, "clients", partial(project.add_client, key)))
            revoke = partial(project.registry_of_clients.revoke, key, now=datetime.now(UTC))
            rounds.append(one_fault(up, load, "clients", revoke))
        rounds.append(one_fault(up, load, "deploy", lambda: project.make_live(monkeypatch, LIMITS[2]), settle=60))
    check_answers(load.got)
    count = check_records(project, load.got)
    refused = {name: dict(counts) for name, counts in refusals(rounds, load.got).items()}
    found = {"gateways": gateways, "faults": len(rounds), "requests": len(load.got), "rows": count, "refused": refused}
    if folder := os.environ.get("LOCKGATE_BENCH_OUT"):
        Path(folder, f"serve-faults-{gateways}.json").write_text(json.dumps(found))
    with capsys.disabled():
        sys.stdout.write(f"\n{found}\n")
