"""Threat: payloads, keys and subjects leak into what is kept or shown for watching: logs, traces, metrics, state.

Each request below carries a canary somewhere; afterwards everything that serving wrote or said is searched for it.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.serve import logs
from tests.support.serving import GOOD, Serving, servable_project, serving

VALUE = "canary-value-7311"
NUMBER = "7311.735191"
NAME = "canary-client-7311"
PATH = "canary-path-7311"
HEADER = "canary-header-7311"
ROLE_KEY = "canary-rolekey-7311"
RAW = b"canary-raw-7311"
BODIES: list[Any] = [
    {"records": [{"distance": 200, "carrier": VALUE}]},
    {"records": [{"distance": float(NUMBER), "carrier": "AA"}]},
    {"records": [{"distance": NUMBER, "carrier": "AA"}]},
    {"records": [{"distance": -float(NUMBER), "carrier": "AA"}]},
    {"records": [{"distance": 1, "carrier": "AA", VALUE: VALUE}]},
    {"records": [{"distance": {VALUE: VALUE}, "carrier": [VALUE]}]},
    {"records": VALUE},
    {VALUE: []},
    GOOD | {"id": "x" * 200 + VALUE},
    GOOD | {VALUE: 1},
]
RAW_BODIES = [
    b'{"records": [' + RAW, b'{"records": [{"carrier": "' + RAW + b'", "carrier": 1}]}', RAW, b"\xff" + RAW,
    b'{"records": [NaN, "' + RAW + b'"]}',
]  # fmt: skip
HEADS = [
    b"GET /" + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\n" + HEADER.encode() + b": " + HEADER.encode() + b"\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: " + HEADER.encode() + b"\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + HEADER.encode() + b"\r\n\r\n" + RAW,
    RAW + b"\r\n\r\n",
]


@dataclass
class Watched:
    """What was sent, and all that can be looked at afterwards."""

    project: Path
    keys: list[str]
    said: str
    metrics: str
    denied: list[int]
    statuses: list[int]


@pytest.fixture(scope="module", name="watched")
def _watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A gateway with every span kept, after all these requests; its house has ended."""
    with pytest.MonkeyPatch.context() as patch:
        project = servable_project(tmp_path_factory.mktemp("canaries"), patch)
        project.make_live(patch)
        # Serving needs one role's key: the unit that `export systemd` writes hides all others.
        others = [path for path in project.keyring.folder.glob("*.key") if path.name != "sealer.key"]
        assert len(others) > 4
        for path in others:
            path.write_text(ROLE_KEY)
        watcher = project.add_client("watcher", actions=("metrics",))
        wrong = "lgk_" + "canary7311".ljust(43, "x")
        with serving(project, client={"name": NAME, "rate": 500.0, "burst": 5000}, traces=1.0) as found:
            statuses = _ask(found, wrong)
            metrics = found.send("GET", "/metrics", key=watcher).text
            denied = [found.send("GET", "/metrics", key=key).status_code for key in (found.key, None)]
            denied.append(found.send("POST", "/predict", key=watcher, json=GOOD).status_code)
        said = "\n".join(logs.as_json(line, datetime.now(UTC)) for line in found.said)
        yield Watched(project.home, [found.key, wrong, watcher], said, metrics, denied, statuses)


def _ask(found: Serving, wrong: str) -> list[int]:
    more = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "tracestate": HEADER, "baggage": HEADER, "X-Canary": HEADER}
    statuses = [found.send("POST", "/predict", json=body, headers=more).status_code for body in BODIES]
    json = {"Content-Type": "application/json"}
    statuses += [found.send("POST", "/predict", content=raw, headers=json).status_code for raw in RAW_BODIES]
    for path in (f"/{PATH}", f"/predict?{PATH}={PATH}", f"/v2/models/{PATH}/infer", f"/v2/models/{PATH}"):
        statuses += [found.send(method, path, headers=more).status_code for method in ("GET", "POST", "DELETE")]
    tensors = {"inputs": [{"name": VALUE, "shape": [1, 1], "datatype": "BYTES", "data": [VALUE]}], "id": VALUE}
    statuses.append(found.send("POST", "/v2/models/flights/infer", json=tensors).status_code)
    labels = {"labels": [{"receipt": f"lgr1.{VALUE}", "label": VALUE}]}
    statuses.append(found.send("POST", "/feedback", json=labels).status_code)
    statuses += [found.send("POST", "/predict", key=key, json=GOOD).status_code for key in (wrong, NAME, None)]
    statuses.append(found.predict().status_code)
    port = int(found.url.rpartition(":")[2])
    for head in HEADS:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
            raw.sendall(head.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer " + found.key.encode() + b"\r\n\r\n", 1))
            raw.settimeout(1)
            try:
                statuses.append(int(raw.recv(4096).split()[1]))
            except TimeoutError:
                statuses.append(0)
    return statuses


def canaries(watched: Watched) -> dict[str, list[bytes]]:
    """Each, as it may be written: as it is, and in base64."""
    texts = {
        "value": VALUE,
        "number": NUMBER,
        "client": NAME,
        "path": PATH,
        "header": HEADER,
        "role": ROLE_KEY,
        "raw": RAW.decode(),
    }
    texts |= {f"key {number}": key for number, key in enumerate(watched.keys)}
    return {name: [text.encode(), base64.b64encode(text.encode())[:-4]] for name, text in texts.items()}


def leaks(data: bytes, watched: Watched) -> list[str]:
    """Which canaries are in it."""
    return [name for name, forms in canaries(watched).items() if any(form in data for form in forms)]


def test_the_requests_went_every_way(watched: Watched) -> None:
    """Predicted, refused by form, by contract, by path, by method, by key; and none was a fault of ours."""
    assert {200, 400, 401, 404, 422} <= set(watched.statuses)
    assert [status for status in watched.statuses if status >= 500] == []


def test_what_is_said_holds_none(watched: Watched) -> None:
    """Logs, as text and as JSON, of gateway, workers, sealer and supervisor."""
    assert leaks(watched.said.encode(), watched) == []


def test_metrics_hold_none(watched: Watched) -> None:
    """What is counted is there; who asked and what, is not."""
    assert 'lockgate_requests_total{gateway="0",call="predict",status="200"}' in watched.metrics
    assert leaks(watched.metrics.encode(), watched) == []


def test_metrics_are_for_those_who_watch_and_no_others(watched: Watched) -> None:
    """A client that may predict may not see them, nobody without a key may, and whoever watches may not predict."""
    assert watched.denied == [403, 401, 403]


def test_traces_hold_none_but_the_ids(watched: Watched) -> None:
    """Spans were written, with the caller's trace id, and nothing else that a caller wrote."""
    files = [path.read_bytes() for path in (watched.project / "state" / "traces").iterdir()]
    assert sum(data.count(b'"spanId"') for data in files) >= 20
    assert b"1" * 32 in b"".join(files)
    assert [leaks(data, watched) for data in files] == [[]] * len(files)


def test_no_file_holds_one_but_those_that_are_for_it(watched: Watched) -> None:
    """Spool, log, state: records hold commitments.

    A client's name is in the registry of clients, and in the gateway's book of what it gave away, for the same eyes.
    """
    found = {
        path.relative_to(watched.project).as_posix(): leaked
        for path in watched.project.rglob("*")
        if path.is_file() and not path.is_symlink() and (leaked := leaks(path.read_bytes(), watched))
    }
    books = ("state/clients.json", "state/spool/abuse-dev-0.json")
    assert found == {name: ["client"] for name in books}
    assert {0o600} == {(watched.project / name).stat().st_mode & 0o777 for name in books}


def test_the_search_finds_what_is_there(watched: Watched) -> None:
    """The control: each canary is found in bytes that hold it, in both forms."""
    for name, forms in canaries(watched).items():
        assert [leaks(b"..." + form + b"...", watched) for form in forms] == [[name], [name]]
