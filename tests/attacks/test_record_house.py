"""Threat: what is proved of the parts does not hold of a served project. Real jails, a real sealer, HTTP.

The policy demands `sealed` and keeps payloads: an answer leaves when the signed log has its record.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.audit.labels import counted
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.record_kinds import Of
from lockgate.core.records import opens, parse_receipt
from lockgate.project import Project
from lockgate.project.labelling import Asked, Told
from lockgate.supervise.sealing import Sealing
from lockgate.trust import pin
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
        (root / "lockgate.toml").write_text('[data]\nsource = "x.csv"\n')
        project = ServableProject(root, policy=POLICY + SEALED)
        project.make_live(patch)
        pin.pin(project.created.project_id, root, project.clock())
        client = {"actions": ("predict", "describe", "label")}
        with serving(project, client=client, subject_field="carrier") as found:
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
    assert project.erase(subject="AA") >= 1


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
