"""Threat: what is proved of the parts does not hold of a served project. Real jails, a real sealer, HTTP.

The policy demands `sealed` and keeps payloads: an answer leaves when the signed log has its record.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.audit.labels import counted
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.prove import check_proof, parse_proof
from lockgate.core.record_kinds import Of, parse_any
from lockgate.core.records import opens, parse_receipt
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.project import Project
from lockgate.project.labelling import Asked, Told
from lockgate.project.offline import verify_proof
from lockgate.sandbox.launch import RunningJail
from lockgate.supervise.preparing import Listen
from lockgate.supervise.sealing import Sealing
from lockgate.trust import pin
from tests.support.kept_payloads import TOML
from tests.support.project import POLICY, at_home
from tests.support.serving import GOOD, ServableProject, Serving, serving

SEALED = '[environment.dev.serve]\nrecord = "sealed"\npayload_days = 30\n'


@pytest.fixture(name="up", scope="module")
def _up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("sealed")
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        root = folder / "project"
        root.mkdir()
        (root / "lockgate.toml").write_text(TOML)
        project = ServableProject(root, policy=POLICY + SEALED)
        project.make_live(patch)
        pin.pin(project.created.project_id, root, project.clock())
        client = {"actions": ("predict", "describe", "label")}
        # With an intake beside it: every jail of a house that is shown the spools comes up while answers wait.
        with serving(project, client=client, subject_field="distance", listen=Listen()) as found:
            yield found


def _log(project: ServableProject) -> Log:
    sealing = Sealing.of(project.workplace())
    return Log.open(project.home / "log/predictions", public_key=sealing.public, origin=sealing.origin)


def test_an_answer_is_in_the_signed_log_when_it_arrives(up: Serving) -> None:
    """No waiting, no polling: the receipt opens its row at once; and the payload is read back, and erased."""
    answers = []
    for _ in range(3):
        answer = up.predict(GOOD | {"id": "first"})
        answers.append(answer)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        index = PredictionIndex(_log(up.project))
        for sent, made, token in zip(GOOD["records"], said["predictions"], said["receipts"], strict=True):
            found = index.find(parse_receipt(token))
            assert found is not None
            assert opens(found.record, parse_receipt(token), input=sent, output=made)
    project, said = Project(up.project.root, now=up.project.clock), answers[0].json()
    kept = project.payload(said["receipts"][1])
    assert (kept.input, kept.output, kept.committed) == (GOOD["records"][1], said["predictions"][1], True)
    assert project.erase(subject=str(GOOD["records"][1]["distance"])).counts.keys >= 1


def _process(up: Serving, name: str, other: int = 0) -> int:
    """The host's pid of a process of the house, once it is not `other`."""
    deadline = time.monotonic() + 20
    while not isinstance(process := up.house.kept[name].process, RunningJail) or process.pid == other:
        assert time.monotonic() < deadline, f"{name} does not run"
        time.sleep(0.05)
    return process.pid


def _quickest(up: Serving) -> float:
    """Seconds of the quickest of some answers."""
    waits = []
    for _ in range(6):
        began = time.monotonic()
        assert up.predict().status_code == 200
        waits.append(time.monotonic() - began)
    return min(waits)


def _ends(up: Serving) -> set[str]:
    """Which ends of the house's bell other processes have."""
    found, pipe = set(), os.fstat(up.house._bell._heard).st_ino
    for each in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if each.readlink() == Path(f"pipe:[{pipe}]") and each.parents[1].name != str(os.getpid()):
                info = (each.parents[1] / "fdinfo" / each.name).read_text()
                writes = int(info.split("flags:")[1].split()[0], 8) & os.O_ACCMODE == os.O_WRONLY
                found.add("rung" if writes else "heard")
    return found


def test_the_bell_is_heard_from_jail_to_jail(up: Serving) -> None:
    """No jail can make a pipe, or be shown one in a folder: both ends are handed down, also to a sealer that starts
    anew. An answer waits for none of the sealer's own looks, of which the next is half a second after the one before.
    """
    assert _quickest(up) < 0.3
    before = _process(up, "sealer")
    assert {"heard", "rung"} == _ends(up)
    os.kill(before, signal.SIGKILL)
    _process(up, "sealer", before)
    assert _quickest(up) < 0.3
    assert {"heard", "rung"} == _ends(up)
    assert [line for line in up.said if "LG7001" in line or "LG664" in line] == []


def test_an_answer_carries_the_proof_of_its_record(up: Serving) -> None:
    """One for all rows of a record: with it and the receipt a client needs neither log nor gateway any more."""
    sealing = Sealing.of(up.project.workplace())
    for body in (GOOD, GOOD | {"records": GOOD["records"][:1]}):
        said = up.predict(body).json()
        (proof,) = said["proofs"]
        leaf = parse_proof(proof.encode()).extra
        assert leaf is not None
        check_proof(proof.encode(), leaf, sealing.public, sealing.origin)
        for sent, made, token in zip(body["records"], said["predictions"], said["receipts"], strict=True):
            assert opens(parse_any(leaf), parse_receipt(token), input=sent, output=made)


def test_a_stranger_checks_it_with_the_roles_files_alone(up: Serving, tmp_path: Path) -> None:
    """Those were handed over once, with another proof; the leaf is in the answer's own. One byte off, and it fails."""
    project = Project(up.project.root, now=up.project.clock)
    project.hand_out_proof(project.prove("0"), tmp_path / "handed")
    (tmp_path / "answers").mkdir()
    (tmp_path / "handed" / "roles").rename(tmp_path / "answers" / "roles")
    said = up.predict(GOOD).json()
    path, root = tmp_path / "answers" / "1.tlog-proof", up.project.created.project_id
    path.write_text(said["proofs"][0])
    found = verify_proof(path, up.project.clock(), root=root)
    receipt = parse_receipt(said["receipts"][0])
    assert ("predictions", receipt.gateway, receipt.seq) == (found.log, found.record["gateway"], found.record["seq"])
    proof = parse_proof(path.read_bytes())
    other = replace(proof, extra=(proof.extra or b"").replace(b'"seq":', b'"seq":1'))
    path.write_bytes(other.encode())
    with pytest.raises(VerificationFailed) as raised:
        verify_proof(path, up.project.clock(), root=root)
    assert raised.value.finding == "LG716"


def test_proofs_come_with_tensors_too(up: Serving) -> None:
    """As a parameter of the response: a JSON array in a string, for a parameter is no list there."""
    inputs = [
        {"name": "distance", "datatype": "FP64", "shape": [1], "data": [200.0]},
        {"name": "carrier", "datatype": "BYTES", "shape": [1], "data": ["UA"]},
    ]
    answer = up.send("POST", "/v2/models/flights/infer", json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    (proof,) = json.loads(answer.json()["parameters"]["proofs"])
    sealing = Sealing.of(up.project.workplace())
    check_proof(proof.encode(), parse_proof(proof.encode()).extra or b"", sealing.public, sealing.origin)


def test_labels_are_taken_over_http_and_from_a_file(up: Serving, tmp_path: Path) -> None:
    """Each once: the second is 409, also when the first came by the other way."""
    receipts = up.predict(GOOD | {"id": "order-77"}).json()["receipts"]
    body = {"feedback": [{"receipt": receipts[0], "label": True}]}
    first = up.send("POST", "/feedback", json=body)
    assert first.status_code == 202, first.text
    again = up.send("POST", "/feedback", json=body)
    assert (again.status_code, again.json()["finding"]) == (409, "LG663")
    file = tmp_path / "labels.csv"
    file.write_text("id,row,label\norder-77,0,false\norder-77,1,false\nnobody,,1\n")
    project = Project(up.project.root, now=up.project.clock)
    assert project.feedback(file, Asked("id")) == Told(recorded=1, duplicate=1, unmatched=1, ambiguous=0)
    late = up.send("POST", "/feedback", json={"feedback": [{"receipt": receipts[1], "label": True}]})
    assert late.status_code == 409
    assert Of.by(parse_receipt(receipts[0])) in counted(_log(up.project))


def test_whom_a_record_is_about_is_nowhere_but_in_its_sealed_payload(up: Serving) -> None:
    """Log, index, spool, spans, metrics, payloads and keys, before and after; then nobody reads it, and it verifies."""
    canary = "5512.731191"
    watcher = up.project.add_client("watching", actions=("metrics",))
    answer = up.predict(
        {"records": [{"distance": float(canary), "carrier": "AA"}, *GOOD["records"]], "id": "of-a-canary"}
    )
    assert answer.status_code == 200, answer.text
    receipt = answer.json()["receipts"][0]
    assert up.send("POST", "/feedback", json={"feedback": [{"receipt": receipt, "label": True}]}).status_code == 202
    project = Project(up.project.root, now=up.project.clock)
    assert project.payload(receipt).input["distance"] == float(canary)
    done = project.erase(subject=canary, reason="request 17")
    assert (done.counts.keys, done.counts.payloads, done.counts.labels) == (1, 1, 1)
    with pytest.raises(LockgateError) as error:
        project.payload(receipt)
    assert error.value.finding == "LG670"
    told = project.verify_receipt(receipt).payload
    assert told.startswith("its payload was erased on 2026-11-23; log entries of that day: ")
    assert told.endswith(str(done.index))
    assert [one.finding for one in project.verify_logs().warnings if one.finding.startswith("LG706")] == []
    # Asked again in the same minute: nothing more of theirs is kept, not even under the key that is gone.
    later = up.predict({"records": [{"distance": float(canary), "carrier": "AA"}, *GOOD["records"]]}).json()["receipts"]
    deadline = time.monotonic() + 10
    while project.verify_receipt(later[1]).payload != "its payload is kept":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert project.verify_receipt(later[0]).payload == ""
    assert [one for one in up.said if "payloads are not kept" in one or "LG7067" in one] == []
    metrics = up.send("GET", "/metrics", key=watcher).text
    everything = {path: path.read_bytes() for path in up.project.home.rglob("*") if path.is_file()}
    # The positive control: what is in the log is found.
    assert [path for path, data in everything.items() if parse_receipt(receipt).gateway.encode() in data]
    for form in (
        canary.encode(),
        struct.pack("<d", float(canary)),
        base64.b64encode(canary.encode()).rstrip(b"=")[:-1],
    ):
        assert [str(path) for path, data in everything.items() if form in data] == []
    assert canary not in metrics + repr(up.said)
