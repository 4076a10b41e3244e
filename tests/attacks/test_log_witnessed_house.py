"""A whole house beside a whole witness: both logs are cosigned while it answers, and a fork is called out.

Threat: a served project whose logs nobody else ever sees can be rewritten by whoever holds its disk and its key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from lockgate.audit import cosigned
from lockgate.audit.ledger import EVENTS, PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.verify import full_verify
from lockgate.audit.witness.client import poster
from lockgate.audit.witness.collect import collect
from lockgate.audit.witness.diary import diary
from lockgate.core.checkpoint import VerifierKey
from lockgate.supervise import courier
from tests.support.project import at_home
from tests.support.serving import ServableProject, serving
from tests.support.witnesses import key_of, running

POLICY = """version = 1
[environment.dev]
[witness.w1]
key = "{vkey}"
url = "{url}"
"""


def _until(true: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _cosigned(folder: Path, key: VerifierKey) -> bool:
    return bool(cosigned.cosignatures((folder / "checkpoint").read_bytes(), {"w1": key}))


@pytest.mark.nightly
def test_both_logs_are_cosigned_while_the_house_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event log beside its checkpoint at once; the predictions by the sealer, which has verified the lines."""
    at_home(tmp_path, monkeypatch)
    monkeypatch.setattr(courier, "SECONDS", 1.0)
    (tmp_path / "project").mkdir()
    # The witness must know the logs, whose key is made with the project; the policy must know the witness.
    named = key_of(9, "later.example/w").verifier
    project = ServableProject(tmp_path / "project", policy=POLICY.format(vkey=named.line(), url="http://127.0.0.1:9"))
    project.make_live(monkeypatch)
    sealer = project.created.roles.sealer_key()
    logs = {name: VerifierKey(origin(project.created.project_id, name), sealer) for name in (EVENTS, PREDICTIONS)}
    with running(tmp_path / "w", tuple(logs.values())) as one:
        newer = POLICY.format(vkey=one.vkey, url=one.url).replace("version = 1", "version = 2")
        policy = type(project.policy).from_text(newer)
        project.ledger.append(project.keyring.signer("policy").sign(policy.statement(project.clock())))
        key = one.witness().key
        with serving(project) as up:
            assert up.predict().status_code == 200
            for name in logs:
                folder = project.home / "log" / name
                _until(partial(_cosigned, folder, key))
            _until(lambda: diary(project.home, PREDICTIONS).get("w1", {}).get("size") == 1)
            assert not [line for line in up.said if "LG70" in line]
        for name, of in logs.items():
            report = full_verify(project.home / "log" / name, public_key=sealer, origin=of.name, witnesses=[key, named])
            assert report.checkpoint.size >= 1
        assert {one.origin for one in one.told} == {of.name for of in logs.values()}


@pytest.mark.nightly
def test_a_house_says_that_its_log_waits_for_witnesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The witness is gone, and the log grows: answers go on, and stderr says for how long; then it is back."""
    at_home(tmp_path, monkeypatch)
    monkeypatch.setattr(courier, "SECONDS", 1.0)
    (tmp_path / "project").mkdir()
    named = key_of(9, "later.example/w").verifier
    project = ServableProject(tmp_path / "project", policy=POLICY.format(vkey=named.line(), url="http://127.0.0.1:9"))
    project.make_live(monkeypatch)
    sealer = project.created.roles.sealer_key()
    log = VerifierKey(origin(project.created.project_id, EVENTS), sealer)

    def grow(version: int, vkey: str, url: str) -> None:
        text = POLICY.format(vkey=vkey, url=url).replace("version = 1", f"version = {version}")
        text = text.replace("[environment.dev]", '[environment.dev]\nenforce = "enforce"\nmin_witnesses = 1')
        project.policy = type(project.policy).from_text(text)
        project.ledger.append(project.keyring.signer("policy").sign(project.policy.statement(project.clock())))

    def told(words: str) -> bool:
        return any("LG7010" in line and words in line for line in up.said)

    with ExitStack() as first:
        one = first.enter_context(running(tmp_path / "w", [log]))
        grow(2, one.vkey, one.url)
        found = collect(EVENTS, lambda: _log(project), [one.witness()], None, poster())
        assert cosigned.attach(project.home / "log" / EVENTS, found.lines, [one.witness().key]) is not None
        project.ledger.refresh()
        with serving(project) as up:
            assert up.predict().status_code == 200
            first.close()
            grow(3, one.vkey, one.url)
            _until(lambda: told("answers go on from what was loaded before, until "), 40)
            assert up.predict().status_code == 200


def _log(project: ServableProject) -> Log:
    key, name = project.created.roles.sealer_key(), origin(project.created.project_id, EVENTS)
    return Log.open(project.home / "log" / EVENTS, public_key=key, origin=name)
