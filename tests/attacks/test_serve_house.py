"""A real house: supervisor, jailed gateway, contract worker, model worker, sealer, over real HTTP.

Threats: inference manipulation, supply-chain attacks on the way from the registry to memory, model extraction.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.records import opens, parse_receipt
from lockgate.deploy.revoking import revoke
from lockgate.errors import LockgateError, Refused, Unavailable, Usage
from lockgate.sandbox.launch import RunningJail
from lockgate.supervise import run
from lockgate.trust import pin
from tests.support.serving import GOOD, ServableProject, Serving, servable_project, serving


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServableProject:
    """A project with a live model."""
    found = servable_project(tmp_path, monkeypatch)
    found.make_live(monkeypatch)
    return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One house for the tests that leave it as it was."""
    with pytest.MonkeyPatch.context() as patch:
        project = servable_project(tmp_path_factory.mktemp("up"), patch)
        project.make_live(patch)
        with serving(project, client={"rate": 1e6, "burst": 100_000}) as found:
            yield found


def until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait for something to hold; give what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if found := condition():
                return found
        time.sleep(0.1)
    raise AssertionError("it did not come to hold in time")


def log_of(project: ServableProject) -> Log:
    """The predictions log, verified from the roles file's key."""
    root = project.created.project_id
    return Log.open(
        project.home / "log" / PREDICTIONS,
        public_key=project.ledger.roles.sealer_key(),
        origin=origin(root, PREDICTIONS),
    )


def pid_of(up: Serving, name: str) -> int:
    """The host's pid of a process of the house."""
    deadline = time.monotonic() + 10
    while not isinstance(process := up.house.kept[name].process, RunningJail):
        assert time.monotonic() < deadline, f"{name} does not run"
        time.sleep(0.05)
    return process.pid


def runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting for its parent to notice its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("record", "status"),
    [
        ({"distance": 1.0}, 422),
        ({"distance": 1.0, "carrier": "UA", "extra": 1}, 422),
        ({"distance": "far", "carrier": "UA"}, 422),
        ({"distance": 1e30, "carrier": "UA"}, 422),
        ({"distance": 1.0, "carrier": "ZZ"}, 422),
        ({"distance": 1.0, "carrier": "UA", "late": True}, 422),
        ({"distance": None, "carrier": "UA"}, 422),
        ({"distance": 1.0, "carrier": "UA"}, 200),
    ],
)
def test_the_probe_table_gets_its_refusals(up: Serving, record: dict[str, Any], status: int) -> None:
    """A missing field, an unknown one, text, 1e30, the label: each 422 in Pydantic's words; the good one passes."""
    answer = up.predict({"records": [record]})
    assert answer.status_code == status
    assert status == 200 or answer.json()["errors"][0]["loc"][:2] == ["records", 0]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"records":[{"distance":NaN,"carrier":"UA"}]}', 400),
        (b'{"records":[{"distance":Infinity,"carrier":"UA"}]}', 400),
        (b'{"records":[{"distance":1,"distance":2,"carrier":"UA"}]}', 400),
        (b'{"records":[' + b",".join([b'{"distance":1,"carrier":"UA"}'] * 20_000) + b"]}", 413),
        (b"x" * (9 << 20), 413),
    ],
    ids=["nan", "infinity", "duplicate", "rows", "bytes"],
)
def test_what_is_not_json_or_too_much_never_reaches_a_worker(up: Serving, body: bytes, status: int) -> None:
    """NaN, Infinity, duplicate keys, 20,000 rows, 9 MiB."""
    headers = {"Content-Type": "application/json"}
    try:
        answer = up.send("POST", "/predict", content=body, headers=headers)
    except httpx.TransportError:
        assert status == 413, "only an oversized body may be cut off while it is sent"
        return
    assert answer.status_code == status


def test_no_key_no_answer_over_the_network(up: Serving) -> None:
    """401 without a key and with a wrong one, on any path."""
    for path in ("/predict", "/v2", "/", "/v2/health/live"):
        assert up.send("GET", path, key=None).status_code == 401
        assert up.send("GET", path, key="lgk_" + "A" * 43).status_code == 401
    assert "server" not in up.send("GET", "/v2").headers


def test_a_prediction_leaves_a_sealed_record_that_its_receipt_opens(up: Serving) -> None:
    """Within seconds the record is in the signed log, and commits to exactly this request and answer."""
    said = up.predict().json()
    receipts = [parse_receipt(token) for token in said["receipts"]]
    found = until(lambda: PredictionIndex(log_of(up.project)).find(receipts[1]))
    assert opens(found.record, receipts[1], input=GOOD["records"][1], output=said["predictions"][1])
    assert not opens(found.record, receipts[1], input=GOOD["records"][0], output=said["predictions"][1])
    assert found.record.model == said["model"]["digest"]


def test_a_crashed_worker_costs_its_requests_and_no_more(up: Serving) -> None:
    """Kill each worker: never a wrong answer; the others keep their pids; it comes back by itself."""
    for killed in ("model", "contract"):
        before = {name: pid_of(up, name) for name in ("gateway", "sealer", "model", "contract")}
        expected = up.predict().json()["predictions"]
        os.kill(before[killed], 9)
        answer = up.predict()
        assert answer.status_code in (200, 503)
        assert answer.status_code == 200 or answer.headers["Retry-After"] == "1"
        back = until(lambda: (again := up.predict()).status_code == 200 and again)
        assert back.json()["predictions"] == expected
        after = {name: pid_of(up, name) for name in before}
        assert {name for name in before if before[name] != after[name]} == {killed}


def test_a_crashed_sealer_delays_and_loses_nothing(up: Serving) -> None:
    """Predictions go on meanwhile, and are sealed by the next sealer, each once."""
    before = pid_of(up, "sealer")
    os.kill(before, 9)
    receipt = parse_receipt(up.predict().json()["receipts"][1])
    assert until(lambda: PredictionIndex(log_of(up.project)).find(receipt))
    assert pid_of(up, "sealer") != before
    assert PredictionIndex(log_of(up.project)).reasons() == ()


def test_a_crashed_gateway_comes_back_under_another_id(up: Serving) -> None:
    """Its id is never used again, so that no sequence number is; what it had recorded is sealed."""
    first = parse_receipt(up.predict().json()["receipts"][0])
    os.kill(pid_of(up, "gateway"), 9)
    back = until(lambda: (again := up.predict()).status_code == 200 and again)
    second = parse_receipt(back.json()["receipts"][0])
    assert second.gateway != first.gateway
    assert until(lambda: PredictionIndex(log_of(up.project)).find(second))
    index = PredictionIndex(log_of(up.project))
    assert index.find(first) is not None
    assert index.reasons() == ()


def test_a_listener_that_was_shut_down_is_opened_for_the_next_gateway(up: Serving) -> None:
    """The socket is one for all gateways: who took one over could else end the service for those that follow."""
    up.house._own.listeners.shut(0)
    os.kill(pid_of(up, "gateway"), 9)
    until(lambda: up.predict().status_code == 200)


def test_a_client_is_let_in_and_out_without_a_restart(up: Serving) -> None:
    """A new key works within seconds, a revoked one no longer."""
    key = up.project.add_client("eve")
    until(lambda: up.send("GET", "/v2", key=key).status_code == 200)
    up.project.registry_of_clients.revoke("eve", now=datetime.now(UTC))
    until(lambda: up.send("GET", "/v2", key=key).status_code == 401)
    assert up.send("GET", "/v2").status_code == 200


def test_the_rate_holds_over_the_network(project: ServableProject) -> None:
    """Rows above the client's rate: 429 with the time to wait."""
    with serving(project, client={"rate": 0.1, "burst": 4}) as found:
        assert [found.predict().status_code for _ in range(3)] == [200, 200, 429]
        assert int(found.predict().headers["Retry-After"]) > 1


def test_a_new_deployment_is_followed_without_a_wrong_answer(
    project: ServableProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under load the version changes; every answer is 200 and right for the version it names."""
    far = {"records": [{"distance": 5000, "carrier": "UA"}]}
    labels = {1: True, 2: False}
    with serving(project, client={"rate": 1e6, "burst": 100_000}) as found:
        seen: list[tuple[int, int, bool]] = []
        done = threading.Event()

        def load() -> None:
            while not done.is_set():
                answer = found.predict(far)
                said = answer.json()
                seen.append((answer.status_code, said["model"]["version"], said["predictions"][0]["label"]))

        thread = threading.Thread(target=load)
        thread.start()
        try:
            project.make_live(monkeypatch, limit=10_000.0)
            until(lambda: seen and seen[-1][1] == 2)
        finally:
            done.set()
            thread.join()
    assert {status for status, _, _ in seen} == {200}
    assert all(label is labels[version] for _, version, label in seen)
    assert {version for _, version, _ in seen} == {1, 2}
    assert PredictionIndex(log_of(project)).reasons() == ()


def test_a_revoked_model_stops_answering(project: ServableProject) -> None:
    """Within seconds every prediction is 503 with the finding, also after the workers would restart."""
    with serving(project) as found:
        assert found.predict().status_code == 200
        revoke(project.workplace(), "flights@1", "poisoned")
        refused = until(lambda: (answer := found.predict()).status_code == 503 and answer)
        assert refused.json()["finding"] == "LG514"
        assert "poisoned" not in refused.text
        time.sleep(1.5)
        assert found.predict().status_code == 503
    assert any("LG514" in line for line in project.said)


def test_a_model_changed_on_disk_is_never_loaded(project: ServableProject) -> None:
    """One flipped byte in any file that would be loaded: the house does not come up, and says which file."""
    registration = next(one for one in project.ledger.statements("register"))
    names = {entry["name"]: entry["sha256"] for entry in registration.predicate["files"]}
    for name in ("model.onnx", "io.json", "code/contract.py"):
        path = project.home / "registry" / "blobs" / "sha256" / names[name]
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(AssertionError) as caught, serving(project, client={"name": name.replace("/", "-")}):
            pass
        cause = caught.value.__cause__
        assert isinstance(cause, LockgateError)
        assert (cause.finding, cause.exit_code) == ("LG802", 3)
        path.write_bytes(whole)
    with serving(project, client={"name": "control"}) as found:
        assert found.predict().status_code == 200


def test_a_restored_backup_of_the_log_does_not_come_up(project: ServableProject, tmp_path: Path) -> None:
    """The event log without its last entries is signed and whole, but older than what was seen."""
    from shutil import copytree, rmtree

    from lockgate.audit.seen import SeenStore

    events = project.home / "log" / "events"
    copytree(events, tmp_path / "backup")
    revoke(project.workplace(), "flights@1", "poisoned")
    SeenStore(pin.seen_folder(project.created.project_id) / "events").advance((events / "checkpoint").read_bytes())
    rmtree(events)
    copytree(tmp_path / "backup", events)
    project.ledger = project.open_ledger()
    with pytest.raises(AssertionError) as caught, serving(project):
        pass
    cause = caught.value.__cause__
    assert isinstance(cause, LockgateError)
    assert (cause.finding, cause.exit_code) == ("LG707", 3)


def test_nothing_is_left_running_and_everything_answered_is_sealed(project: ServableProject) -> None:
    """After the end: no process, no port, and the log holds every answered record."""
    with serving(project) as found:
        pids = [pid_of(found, name) for name in ("gateway", "sealer", "model", "contract")]
        receipts = [parse_receipt(token) for _ in range(5) for token in found.predict().json()["receipts"]]
    until(lambda: not any(runs(pid) for pid in pids), seconds=2)
    with pytest.raises(httpx.ConnectError):
        found.predict()
    index = PredictionIndex(log_of(project))
    assert all(index.find(receipt) for receipt in receipts)


def test_one_house_per_project(up: Serving) -> None:
    """A second one is refused at once, and the first goes on."""
    with pytest.raises(Unavailable) as caught:
        run.serve(up.project.workplace(now=lambda: datetime.now(UTC)), port=0)
    assert caught.value.finding == "LG807"
    assert up.predict().status_code == 200


def test_refusals_before_anything_starts(project: ServableProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address than loopback, a taken port, a model that is not live, nothing live."""
    place = project.workplace(now=lambda: datetime.now(UTC))
    with pytest.raises(Usage) as usage:
        run.serve(place, host="0.0.0.0", port=0)
    assert usage.value.finding == "LG618"
    project.candidate(7.0)
    with pytest.raises(Refused) as refused:
        run.serve(project.workplace("prod", now=lambda: datetime.now(UTC)), port=0)
    assert refused.value.finding == "LG520"
    project.make_live(monkeypatch, limit=2000.0)
    with pytest.raises(Refused) as refused:
        run.serve(place, port=0, ref="flights@1")
    assert refused.value.finding == "LG634"
