"""Threat: the controller is taken over, or dies: its real jail, and a real house. Continues test_controller.py."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit import deployments
from lockgate.errors import Refused
from lockgate.sandbox.launch import Jail, RunningJail, Target
from lockgate.serve.settings import HOME, PREDICTIONS, ControllerSettings
from lockgate.supervise import jails
from lockgate.supervise.guarding import CONTROLLER
from lockgate.supervise.ids import Ids
from tests.attacks.test_serve_edge_jail import ATTEMPTS, KNOWN, attempts
from tests.support.laddered import Laddered, on_shadow
from tests.support.ladders import LadderProject, ladder_project
from tests.support.serving import model, serving
from tests.support.told_rows import Gateway, Step

LOAD = "import sys; sys.path.insert(0, '/lockgate'); import lockgate.supervise.controller\n"


@pytest.fixture(name="house", scope="module")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    """A model with six honest pairs on its first rung; nobody changes it."""
    with pytest.MonkeyPatch.context() as patch:
        yield on_shadow(tmp_path_factory.mktemp("controller"), patch)


@pytest.fixture(name="want")
def _want(house: Laddered, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What an attacker would like, with the host's own names for it; and listeners to reach."""
    home, keyring = house.signed.home, house.signed.keyring
    (home / "state" / "spool").mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        stack.callback(other.wait)
        stack.callback(other.kill)
        listeners = [stack.enter_context(socket.socket(family)) for family in (socket.AF_INET, 1, 1)]
        abstract = f"lockgate-controller-{os.getpid()}"
        addresses: list[tuple[str, int] | str] = [("127.0.0.1", 0), str(tmp_path / "s"), "\0" + abstract]
        for listener, address in zip(listeners, addresses, strict=True):
            listener.bind(address)
            listener.listen(16)
        blob = next((home / "registry" / "blobs" / "sha256").iterdir())
        yield {
            "keys": [*map(str, sorted(keyring.folder.iterdir())), str(keyring.root_key), str(blob)],
            "folders": [str(home / name) for name in ("registry", "state/spool", "log/events")],
            "files": [str(home / "log" / name / "checkpoint") for name in ("events", "predictions")],
            "places": [str(home / "log" / name) for name in ("events", "predictions")],
            "pids": {"supervisor": os.getpid(), "sealer": other.pid},
            "port": listeners[0].getsockname()[1],
            "unix": str(tmp_path / "s"),
            "abstract": abstract,
        }


def test_a_taken_over_controller_reaches_nothing(house: Laddered, want: dict[str, Any]) -> None:
    """No key, no model, no spool, no tile, no process, no address: each refused inside, each possible outside."""
    settings = ControllerSettings(house.signed.created.project_id, "dev", "flights", "origin", "0" * 64)
    jail, _ = jails.controller(house.signed.home, settings)
    inside = [f"{HOME}/log/events", PREDICTIONS]
    more = {"files": [*want["files"], *(f"{place}/checkpoint" for place in inside)]}
    more["places"] = [*want["places"], *inside]
    wishes = {**want, **more, "folders": [*want["folders"], f"{HOME}/registry", "/spool"]}
    result = Jail(jail).run(Target(command=("python", "-c", LOAD + ATTEMPTS, json.dumps(wishes))))
    assert result.exit_code == 0, result.talk
    found = json.loads(result.talk)
    tried = attempts(found)
    assert {name for name, said in tried.items() if not said.startswith("no:")} <= KNOWN
    assert len(tried) > 50
    assert found["processes"] <= 3
    outside = subprocess.run([sys.executable, "-c", ATTEMPTS, json.dumps(want)], capture_output=True, check=True)
    refused = {name for name, said in attempts(json.loads(outside.stdout)).items() if said.startswith("no:")}
    assert os.geteuid() != 0 or refused == set()
    assert refused <= {
        name for name in tried if name.split(" ")[0] in ("environment", "descriptors", "memory", "trace")
    }


def test_the_controller_reads_both_logs_and_knows_no_way_to_a_key(house: Laddered) -> None:
    """The other positive control: what it needs is there. And no module that it loads can sign or seal."""
    settings = ControllerSettings(house.signed.created.project_id, "dev", "flights", "origin", "0" * 64)
    jail, _ = jails.controller(house.signed.home, settings)
    script = (
        LOAD + "import json; print(json.dumps({'m': sorted(sys.modules), 'read': ["
        f"len(open(place + '/checkpoint').read()) for place in ('{HOME}/log/events', '{PREDICTIONS}')]}}))"
    )
    result = Jail(jail).run(Target(command=("python", "-c", script)))
    assert result.exit_code == 0, result.talk
    found = json.loads(result.talk)
    assert min(found["read"]) > 100
    assert "lockgate.deploy.watch" in found["m"]
    forbidden = {"lockgate.trust.signer", "lockgate.trust.keyring", "lockgate.trust._keyfile", "lockgate.audit.seal"}
    assert forbidden & set(found["m"]) == set()


def climbing(folder: Path, patch: pytest.MonkeyPatch) -> LadderProject:
    """One model live, another on the shadow rung."""
    project = ladder_project(folder, patch)
    for limit in (1000.0, 2000.0):
        project.move(project.register(patch, model(limit)).version)
    return project


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for something to hold; give what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to hold in time")


def test_a_real_controller_dies_comes_back_and_takes_a_failing_model_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real jails: killed, it costs no answer and is told; then sealed records of errors, and within a second the
    guard's statement is in the log, by the controller's numbers, and the controller ends.
    """
    project = climbing(tmp_path, monkeypatch)
    with serving(project, client={"rate": 1e6, "burst": 100_000}) as up:

        def controller(but: int = 0) -> int:
            kept = up.house.kept.get(CONTROLLER)
            process = kept.process if kept is not None else None
            return process.pid if isinstance(process, RunningJail) and process.pid != but else 0

        pid = eventually(controller)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: controller(but=pid))
        assert up.predict().status_code == 200
        assert any("controller: LG683" in line for line in project.said)
        found = deployments.standing_of("dev", "flights", project.open_ledger().statements())
        assert found is not None
        assert found.candidate is not None
        assert up.house._own.python_for(found.candidate.manifest) is not None
        gateway = Gateway("a" * 16, Step(found.candidate.manifest, found.live.manifest, found.candidate.sequence))
        gateway.time = round(time.time() * 1000)
        gateway.began()
        gateway.rows(found.live.manifest, 40)
        gateway.counted(0, 40, pairs_requests=40, pairs_failed=40)
        Ids(project.home).add("a" * 16, by="gateway", log=up.house._own.predictions_origin)
        gateway.spool(project.home / "state" / "spool")

        def withdrawn() -> Any:
            moves = deployments.chain("dev", "flights", project.open_ledger().statements())
            return moves[-1] if moves[-1].evidence.role == "guard" else None

        move = eventually(withdrawn)
        assert (move.move, move.rung, move.version) == ("down", "live", 1)
        assert move.checks["results"][0]["alarm"] is True
        eventually(lambda: CONTROLLER not in up.house.kept)
        assert up.predict().json()["model"]["version"] == 1
        assert up.house._own.python_for(found.live.manifest) is not None
        with pytest.raises(Refused) as caught:
            up.house._own.python_for(found.candidate.manifest)
        assert caught.value.finding == "LG634"
    assert any("guard: LG553 flights@2 is off shadow" in line for line in project.said)
