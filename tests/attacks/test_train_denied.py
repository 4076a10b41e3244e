"""Training code that reaches for the network or for a secret: denied, told with file and line, weighed by policy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.train.run import run
from lockgate.train.spec import TrainSpec
from tests.support.training import training_project

PHONES_HOME = """
import requests, socket, urllib.request
from sklearn.linear_model import LogisticRegression

def train(data, params):
    for reach in (
        lambda: socket.create_connection(("127.0.0.1", {port}), timeout=2),
        lambda: urllib.request.urlopen("http://tracker.invalid/run", timeout=2),
        lambda: open("/root/.ssh/id_ed25519").read(),
        lambda: open("/etc/shadow").read(),
        lambda: requests.get("http://metrics.invalid/run", timeout=2),
    ):
        try:
            reach()
            print("REACHED")
        except OSError as error:
            {handled}
    return LogisticRegression().fit(data[["age"]], data["late"])
"""


@pytest.fixture(name="port")
def _port() -> int:
    """A port on which this machine really listens: outside the jail, the connection succeeds."""
    server = socket.create_server(("127.0.0.1", 0))
    port = int(server.getsockname()[1])
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass
    return port


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_denied_attempt_is_a_note_in_dev_and_a_refusal_in_prod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    """The same code: trained with LG325 and a tainted statement under dev, LG330 and nothing signed under prod."""
    here = training_project(tmp_path, monkeypatch, "late")
    here.write(train=PHONES_HOME.format(port=port, handled="pass"))
    result = run(here.project.workplace(), TrainSpec("late"))
    assert not any("REACHED" in line for line in here.project.said)
    assert "LG325" in [reason.finding for reason in result.reasons]
    told = {(attempt.what, attempt.target, attempt.at) for attempt in result.denied}
    assert ("file", "/root/.ssh/id_ed25519", "train.py:9") in told
    assert ("file", "/etc/shadow", "train.py:10") in told
    assert any(what == "network" and target.startswith("127.0.0.1") for what, target, _ in told)
    assert any(what == "network" and "tracker.invalid" in target for what, target, _ in told)
    assert ("urllib3", "metrics.invalid:80", "train.py:11") in {(a.package, a.target, a.at) for a in result.denied}
    internal = result.evidence.predicate["buildDefinition"]["internalParameters"]
    assert internal["tainted"] is True
    assert len(internal["denied"]) == len(result.denied)
    signed = len(here.project.ledger.statements())
    with pytest.raises(Refused) as raised:
        run(here.project.workplace("prod"), TrainSpec("late"))
    assert raised.value.finding == "LG330"
    assert len(here.project.ledger.statements()) == signed


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_code_that_fails_on_a_denied_attempt_is_refused_for_the_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int
) -> None:
    """The person is told what was tried, where, and what it led to."""
    here = training_project(tmp_path, monkeypatch, "late")
    here.write(train=PHONES_HOME.format(port=port, handled="raise"))
    with pytest.raises(Refused) as raised:
        run(here.project.workplace(), TrainSpec("late"))
    assert raised.value.finding == "LG325"
    assert f"127.0.0.1:{port}" in raised.value.message
    assert "train.py:7" in raised.value.message
    assert "LG310" in raised.value.message


def test_quiet_code_is_not_tainted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control: importing what people import, and plain training, is no attempt."""
    here = training_project(tmp_path, monkeypatch, "late")
    here.write(
        train="""
import asyncio, http.client, json, logging, multiprocessing, ssl, tempfile, urllib3, requests
from sklearn.ensemble import RandomForestClassifier

def train(data, params):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    return RandomForestClassifier(4, n_jobs=2).fit(data[["age"]], data["late"])
"""
    )
    result = run(here.project.workplace(), TrainSpec("late"))
    assert result.denied == ()
    assert "LG325" not in [reason.finding for reason in result.reasons]
