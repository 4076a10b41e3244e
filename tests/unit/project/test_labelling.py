"""Receipts of rows, and labels that come weeks later: matched with the log, recorded, counted once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit.labels import counted
from lockgate.audit.log import Log
from lockgate.core.encoding import encode
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.project import Project
from lockgate.project.label_files import read_rows
from lockgate.project.labelling import NOBODY, Asked, On, Told
from lockgate.serve import rules
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.labels import INDEX
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.spec import Served
from lockgate.trust import pin
from lockgate.trust._edgefile import edge_secrets
from tests.support.project import SignedProject, at_home, register_here
from tests.support.recording import ADA, Bench, given, made
from tests.support.sealed_predictions import seal_predictions

EVE = replace(ADA, name="eve")
IDS: list[tuple[str, list[float], Any]] = [
    ("order-1", [1.5], ADA),
    ("order-2", [2.5, 3.5], ADA),
    ("order-3", [4.5], ADA),
    ("order-3", [5.5], EVE),
    ("", [6.5], ADA),
]


class Answered:
    """A project whose gateway has answered `IDS`, and the receipts of each request."""

    def __init__(self, project: SignedProject, manifest: Any) -> None:
        self.made = project
        self.project = Project(project.root, now=project.clock)
        self.secrets = edge_secrets(pin.key_folder(project.created.project_id) / "edge.json")
        self.served = Served("flights", 1, manifest, "dev", "live", "regression", "delay", (), ())
        self.bench = Bench(project.home / "state")
        self.receipts: list[list[str]] = []
        self.answer(IDS)

    def answer(self, requests: list[tuple[str, list[float], Any]], gateway: str = "ab" * 8) -> None:
        """A gateway's life, and the sealer's."""

        async def scene(recorder: SpoolRecorder) -> None:
            entries = [
                Entry(self.served, client, [encode(given(x)) for x in rows], [encode(made(x)) for x in rows], name)
                for name, rows, client in requests
            ]
            self.receipts += [list(tokens) for tokens in recorder.write(entries)]

        self.bench.play(scene, gateway=gateway, key=self.secrets.pseudonym)
        self.seal()

    def seal(self) -> Log:
        """All that waits is in the project's log of predictions."""
        return seal_predictions(self.made, self.bench.spools)

    def feedback(self, lines: str, on: On = "id", **more: str) -> Told:
        """A file of labels."""
        file = self.made.root / "labels.csv"
        file.write_text(lines)
        return self.project.feedback(file, Asked(on, **more))

    def verify(self, token: str, record: object = None) -> Any:
        """`lockgate verify RECEIPT --input FILE`."""
        file = self.made.root / "record.json"
        file.write_text(json.dumps(record))
        return self.project.verify_receipt(token, record=file if record is not None else None)


@pytest.fixture(name="up", scope="module")
def _up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    folder = tmp_path_factory.mktemp("labelled")
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        (folder / "project").mkdir()
        (folder / "project" / "lockgate.toml").write_text('[data]\nsource = "x.csv"\n')
        project = SignedProject(folder / "project")
        pin.pin(project.created.project_id, project.root, project.clock())
        project.candidate(1.0)
        result = register_here(project, patch)
        yield Answered(project, result.manifest)


def test_a_receipt_of_a_row_opens_with_the_row_the_request_or_the_answer(up: Answered) -> None:
    """Each way in which a client may have kept what it asked and got; another row's does not do."""
    tokens = up.receipts[1]
    whole = {"records": [given(2.5), given(3.5)], "id": "order-2"}
    answer = {"model": {}, "predictions": [made(2.5), made(3.5)], "receipts": tokens}
    for file, opened in [
        (given(3.5), {"input": True}),
        ({"input": given(3.5), "output": made(3.5)}, {"input": True, "output": True}),
        (whole, {"input": True}),
        (answer, {"output": True}),
        (whole | answer, {"input": True, "output": True}),
    ]:
        report = up.verify(tokens[1], file)
        assert report.opened == opened
        assert (report.record["row"], report.record["kind"], report.record["ref"]) == (1, "predictions", "flights@1")
    assert "answered by flights@1" in up.verify(tokens[1]).text()


@pytest.mark.parametrize(
    "file",
    [given(2.5), {"records": [given(3.5), given(2.5)]}, {"input": given(3.5), "output": made(2.5)}, {"records": []}],
)
def test_what_was_not_asked_or_answered_there_is_refused(file: object, up: Answered) -> None:
    """Rows that are swapped, another answer, none."""
    with pytest.raises(VerificationFailed) as error:
        up.verify(up.receipts[1][1], file)
    assert error.value.finding == "LG729"


def test_a_receipt_of_no_row_is_refused(up: Answered) -> None:
    """A number beyond the request, or the wrong version of receipt."""
    token = up.receipts[1][1]
    for other in (token.replace(".1.", ".2.", 1), token.replace(".0.", ".1.").replace("lgr1", "lgr2")):
        with pytest.raises(LockgateError) as error:
            up.verify(other.replace(".1.1.", ".1.7."))
        assert error.value.finding == "LG728"


def test_labels_find_their_predictions_once(up: Answered) -> None:
    """By id, by id and row, by client where two had the same, by receipt; a second time they are told as known."""
    file = "id,row,label\norder-1,,1\norder-2,,2\norder-2,1,true\norder-3,,4\norder-9,,5\norder-1,,9\n"
    assert up.feedback(file) == Told(recorded=2, duplicate=1, unmatched=1, ambiguous=2)
    assert up.feedback(file) == Told(recorded=0, duplicate=3, unmatched=1, ambiguous=2), "before they are sealed"
    log = up.seal()
    assert up.feedback(file) == Told(recorded=0, duplicate=3, unmatched=1, ambiguous=2), "and after"
    lines = "".join(json.dumps({"order": "order-3", "truth": label}) + "\n" for label in ("late", "early"))
    assert up.feedback(lines, column="order", label="truth", client="eve") == Told(1, 1, 0, 0)
    assert up.feedback(f"receipt,label\n{up.receipts[4][0]},7\nlgr1.x,1\n", "receipt") == Told(1, 0, 1, 0)
    log = up.seal()
    (up.bench.spools / INDEX).unlink()
    assert up.feedback(file) == Told(recorded=0, duplicate=3, unmatched=1, ambiguous=2), "the log knows it as well"
    counting = counted(log)
    assert {(of.seq, of.row) for of in counting} == {(0, 0), (1, 1), (3, 0), (4, 0)}
    nobody = rules.pseudonym(up.secrets.pseudonym, NOBODY)
    assert {one.record.client for one in counting.values()} == {nobody}
    said = [json.loads(line) for line in (up.made.home / "state/feedback/labels.jsonl").read_text().splitlines()]
    assert [one["label"] for one in said] == [1, True, "late", 7]
    assert up.verify(said[2]["receipt"], {"label": "late"}).opened == {"label": True}
    assert "a label was told of row 0" in up.verify(said[2]["receipt"]).text()
    assert up.project.verify_logs().warnings == ()


def test_a_file_without_any_match_is_refused(up: Answered) -> None:
    """Exit 1, and what was looked for."""
    with pytest.raises(Refused) as error:
        up.feedback("id,label\nnobody's,1\n")
    assert (error.value.finding, error.value.exit_code) == ("LG667", 1)


@pytest.mark.parametrize(
    "text",
    [
        "id,label\n,1\n",
        "id,label\na,\n",
        "id,label\na\n",
        "id,label\na,1,2\n",
        "key,label\na,1\n",
        "id,label,row\na,1,-1\n",
        "id,label,row\na,1,x\n",
        'id,label\n"a,1\n',
        '{"id": "a", "label": null}\n',
        '{"id": "a", "label": [1]}\n',
        '{"id": 1, "label": 1}\n',
        '{"id": "a", "label": 1}\n{"id": "a", "id": "b", "label": 1}\n',
        '{"id": "a", "label": NaN}\n',
        '{"id": "a", "label": 1, "row": true}\n',
        '{"id": "a"\n',
        "id,label\n\udc80,1\n",
        "id,label\na," + "x" * 300 + "\n",
    ],
)
def test_a_wrong_line_refuses_the_file(text: str, tmp_path: Path) -> None:
    """Usage LG668 with the line, never a traceback and never half of the labels."""
    file = tmp_path / "labels"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Usage) as error:
        list(read_rows(file, "id", "label"))
    assert error.value.finding == "LG668"


def test_labels_are_read_as_what_they_look_like(tmp_path: Path) -> None:
    """CSV has no types: numbers, truth, and text otherwise; a leading zero is text."""
    file = tmp_path / "labels.csv"
    file.write_text("id,label\na,1\nb,-2.5e3\nc,True\nd,late\ne,007\nf,false\n", encoding="utf-8-sig")
    assert [row.label for row in read_rows(file, "id", "label")] == [1, -2500.0, True, "late", "007", False]
    with pytest.raises(Usage):
        list(read_rows(tmp_path / "none.csv", "id", "label"))
