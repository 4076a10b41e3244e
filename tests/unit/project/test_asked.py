"""`log show` about a model, a client, a dataset or a day, and receipts, by an index of a few segments."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from lockgate.audit.index.store import Place
from lockgate.audit.ledger import PREDICTIONS
from lockgate.cli.main import run
from lockgate.core.record_kinds import FeedbackRecord, Of
from lockgate.core.records import Receipt
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.project import Project, indexed
from lockgate.project.asked import Question
from lockgate.project.pseudonyms import Names, names_here
from lockgate.project.who_served import NONE_HERE, Asked
from lockgate.serve.rules import pseudonym
from lockgate.supervise.ids import Ids
from lockgate.trust import pin
from tests.support.laddered import Laddered, fork, on_canary, on_shadow
from tests.support.told_rows import CLIENT, SAID, Gateway

_FEW = 4


@dataclass
class House:
    """A house with two models, whose predictions are a few segments and a bit. `at`: when the canary was asked."""

    built: Laddered

    @property
    def project(self) -> Project:
        """As its owner opens it."""
        return Project(self.built.signed.root, now=self.built.signed.clock)

    @property
    def day(self) -> date:
        """On which all of it was."""
        return self.built.signed.clock().date()


@pytest.fixture(scope="module", name="house")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        built = on_shadow(tmp_path_factory.mktemp("asked"), patch)
        signed = built.signed
        pin.pin(signed.created.project_id, signed.root, signed.clock())
        log = on_canary(built, requests=30)
        built.withdraw(built.checks(log))
        step, now = built.gateway.step, round(signed.clock().timestamp() * 1000)
        other = Gateway("d" * 16, step, client="e" * 16, time=now)
        other.refuse(step.model)
        other.rows(step.base, 7)
        of = Of(built.gateway.name, 0, 0)
        other.records.append(FeedbackRecord(other.name, 2, now, CLIENT, SAID, of))
        tomorrow = Gateway("f" * 16, step, client="e" * 16, time=now + 86_400_000)
        tomorrow.rows(step.model, 2, "canary")
        built.seal(other)
        built.seal(tomorrow)
        yield House(built)


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed, "Place", lambda folder, manifest: Place(folder, manifest, _FEW))


def test_there_are_segments(house: House) -> None:
    """What follows is answered by them and by what lies behind."""
    index = house.project.reindex_predictions()
    assert index is not None
    assert len(index.segments) >= 2
    assert index.indexed < index.log.size


def test_a_models_statements_and_predictions_are_told(house: House) -> None:
    """What it rests on, what names it, what it answered and was refused, and the labels of it; no other model's."""
    told = house.project.asked_about(Question(model="flights@2"))
    claims = [one.claim for one in told.statements]
    assert claims[:6] == ["ingest", "validate", "train", "judge", "scan", "register"]
    assert {"promote", "deploy", "authorise"} <= set(claims)
    assert told.models == ("flights@2",)
    manifest = house.project.resolve("flights@2").manifest
    assert {key.model for key, _ in told.groups} == {manifest}
    assert {key.kind for key, _ in told.groups} == {"observed", "predictions", "refused"}
    assert told.labels == 0
    assert told.counted_by
    first = house.project.asked_about(Question(model="flights@1"))
    assert not {one.index for one in told.statements} & {
        one.index for one in first.statements if one.claim == "register"
    }
    assert first.labels == 1
    assert first.total is not None
    assert first.total.rows == 5 + 4 + 1 + 1 + 30 + 7


def test_a_dataset_leads_to_its_models_and_their_predictions(house: House) -> None:
    """By log entry, by the statement's digest, by the rows as captured or accepted: all the same."""
    statements = house.project.ledger().statements()
    model = house.project.resolve("flights@1")
    ingest = next(one for one in statements if one.digest == model.inputs["ingest"])
    validate = next(one for one in statements if one.digest == model.inputs["validate"])
    names = [str(ingest.index), ingest.digest, ingest.digest[7:19], ingest.statement.subjects[0].digest]
    names.append(next(one.digest for one in validate.statement.subjects if one.name.startswith("accepted")))
    told = [replace(house.project.asked_about(Question(dataset=one)), question=Question()) for one in names]
    assert told[0].models == ("flights@1",)
    assert ingest.index in [one.index for one in told[0].statements]
    assert {key.model for key, _ in told[0].groups} == {model.manifest}
    for other in told[1:]:
        assert (told[0].models, told[0].groups) == (other.models, other.groups)
        assert [one.index for one in told[0].statements] == [one.index for one in other.statements]


@pytest.mark.parametrize("name", ["1", "99", "sha256:0000", "abc", "flights"])
def test_what_is_no_dataset_is_refused(name: str, house: House) -> None:
    """Another statement, a digest that nobody has, too short a beginning."""
    with pytest.raises(Usage) as caught:
        house.project.asked_about(Question(dataset=name))
    assert caught.value.finding == "LG7052"


def test_a_client_is_told_alone(house: House) -> None:
    """Its answers, refusals and labels, whichever model; a name needs the gateway's key, here nobody's."""
    told = house.project.asked_about(Question(client="e" * 16))
    assert {(key.kind, count.entries) for key, count in told.groups if key.kind == "refused"} == {("refused", 1)}
    assert {getattr(one, "client", None) for _, one in told.newest} == {"e" * 16}
    assert told.labels is None
    assert house.project.asked_about(Question(client="9" * 16)).groups == ()


def test_a_name_that_nobody_here_can_tell_is_refused(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LG775, as `log who-served` has it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))
    pin.pin(house.built.signed.created.project_id, house.built.signed.root, house.built.signed.clock())
    with pytest.raises(Refused) as caught:
        house.project.asked_about(Question(client="ada"))
    assert caught.value.finding == "LG775"


def test_a_day_is_told_and_narrows(house: House) -> None:
    """Statements by the log's time, records by the gateways'; of several conditions all hold."""
    today = house.project.asked_about(Question(day=house.day))
    assert len(today.statements) == len(house.project.ledger().statements())
    tomorrow = house.project.asked_about(Question(day=house.day + timedelta(days=1)))
    assert tomorrow.statements == ()
    assert [count.rows for _, count in tomorrow.groups] == [2]
    both = house.project.asked_about(Question(model="flights@1", day=house.day + timedelta(days=1)))
    assert both.groups == ()
    assert house.project.asked_about(Question(model="flights@1", dataset="10")).groups == ()


def test_the_newest_are_read_back_from_the_log(house: House) -> None:
    """As many as are asked for, in the log's order, across segments."""
    every = house.project.asked_about(Question(day=house.day, limit=100)).newest
    newest = house.project.asked_about(Question(day=house.day, limit=6)).newest
    assert len(every) > 6
    assert every[-6:] == newest


def test_who_served_is_the_same_when_it_is_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many records to read each back: the index's counts are the same, and are said to be its."""
    asked = Asked(house.built.signed.clock(), timedelta(hours=1))
    read = house.project.who_served(asked)
    monkeypatch.setattr("lockgate.project.who_served.READ_BACK", 3)
    counted = house.project.who_served(asked)
    assert read.answers == counted.answers
    assert len(read.answers) >= 3
    assert (read.counted_by, "counted by the index" in counted.text()) == ("", True)


def test_a_receipt_is_proved_by_way_of_the_index(house: House) -> None:
    """Each of a gateway's first records, and one that is pending; `log prove` as well."""
    gateway = house.built.gateway.name
    report = house.project.verify_receipt(Receipt(gateway, 0, bytes(32), 2).token())
    assert (report.state, report.index) == ("sealed", 0)
    pending = house.project.verify_receipt(Receipt(gateway, 999, bytes(32), 0).token())
    assert pending.state == "pending"
    proof = house.project.prove(Receipt("d" * 16, 1, bytes(32), 0).token())
    assert proof.leaf == house.project.asked_about(Question(client="e" * 16)).newest[1][1].encode()


@pytest.mark.parametrize("place", [0, 1])
def test_an_index_that_points_elsewhere_is_found_out(place: int, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """LG7050: what is told is what the log has, and it is about what was asked."""
    monkeypatch.setattr("lockgate.project.asked.places", lambda *_: [place])
    monkeypatch.setattr("lockgate.project.who_served.places", lambda *_: [1])
    with pytest.raises(VerificationFailed) as caught:
        house.project.asked_about(Question(client="e" * 16))
    assert caught.value.finding == "LG7050"
    with pytest.raises(VerificationFailed) as caught:
        house.project.who_served(Asked(house.built.signed.clock(), timedelta(hours=1)))
    assert caught.value.finding == "LG7050"


def test_without_the_log_of_predictions_the_statements_are_told(house: House, tmp_path: Path) -> None:
    """And that nothing is known of answers."""
    copy = fork(house.built, tmp_path)
    shutil.rmtree(copy.signed.home / "log" / PREDICTIONS)
    pin.pin(copy.signed.created.project_id, copy.signed.root, copy.signed.clock())
    told = copy.reader().asked_about(Question(model="flights@1"))
    assert (told.groups, told.absent) == ((), NONE_HERE)
    assert told.statements


def test_in_somebody_elses_project_it_is_all_in_the_own_folder(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may only read the project keeps what was made, and asks as quickly the next time."""
    monkeypatch.setattr("lockgate.project.indexed.os.access", lambda *_: False)
    index = house.project.reindex_predictions()
    assert index is not None
    assert index.place.folder.parent == index.place.manifest.parent
    assert not index.place.folder.is_relative_to(house.project.home)
    assert len(list(index.place.folder.iterdir())) == len(index.segments)
    assert house.project.asked_about(Question(client="e" * 16)).notes == ()


def test_log_verify_compares_the_index(house: House, tmp_path: Path) -> None:
    """A segment that is gone is a warning with the command that makes it again; after that there is none."""
    copy = fork(house.built, tmp_path)
    pin.pin(copy.signed.created.project_id, copy.signed.root, copy.signed.clock())
    project = copy.reader()
    index = project.reindex_predictions()
    assert index is not None
    assert [one for one in project.verify_logs().warnings if one.finding == "LG7051"] == []
    min(index.place.folder.iterdir()).unlink()
    (warning,) = [one for one in project.verify_logs().warnings if one.finding == "LG7051"]
    assert warning.next == "lockgate log reindex"
    project.reindex_predictions()
    assert [one for one in project.verify_logs().warnings if one.finding == "LG7051"] == []


@pytest.fixture(name="says")
def _says(house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr("lockgate.project.folder.now", house.built.signed.clock)
    monkeypatch.setattr(Project, "open", lambda _: house.project)

    def said(*arguments: str) -> tuple[int, str]:
        code = run(["log", "show", *arguments])
        return code, capsys.readouterr().out

    return said


def test_the_command_tells_one_page(house: House, says: object) -> None:
    """In lines, with what was left out said; as JSON with everything counted."""
    assert callable(says)
    code, text = says("--model", "flights@1", "--limit", "3")
    assert code == 0
    assert text.startswith("about model flights@1\n")
    assert "the newest 3 (--limit)" in text
    assert "labels that were told of them: 1" in text
    assert "counted by the index, which this user made from the verified log" in text
    code, text = says("--day", str(house.day), "--client", "e" * 16, "--json")
    found = json.loads(text)
    assert (code, found["schema"], found["about"]["day"]) == (0, "lockgate.log-about/v1", str(house.day))
    assert found["predictions"]["total"]["records"] == sum(one["records"] for one in found["predictions"]["groups"])
    assert "inputs" not in found["predictions"]["newest"][-1]
    assert says("--model", "nobody")[0] == 2
    assert says("--day", "yesterday")[0] == 2
    assert says("--limit", "0", "--model", "flights")[0] == 2


def test_a_mistyped_name_is_no_answer(house: House, says: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of it, and that is said beside that nothing is found; a dataset needs four digits."""
    assert callable(says)
    known = Names(b"k" * 32, {pseudonym(b"k" * 32, "ada"): "ada"})
    monkeypatch.setattr("lockgate.project.asked.names_here", lambda *_: known)
    code, text = says("--client", "adda")
    assert code == 0
    assert "no client 'adda' was ever enrolled here: lockgate clients list\nno record of a prediction" in text
    assert "enrolled" not in says("--client", "ada")[1]
    code, text = says("--client", "9" * 16, "--json")
    assert "was ever enrolled here" in json.loads(text)["predictions"]["stranger"]
    monkeypatch.setattr("lockgate.project.asked.names_here", lambda *_: replace(known, known={}))
    assert "whether 'ada' is a client cannot be told" in says("--client", "ada")[1]
    with pytest.raises(Usage, match="too short: at least 4 digits"):
        house.project.asked_about(Question(dataset="d52"))
    with pytest.raises(Usage, match="names no dataset"):
        house.project.asked_about(Question(dataset="d52f00"))


def test_others_clients_have_other_pseudonyms_and_that_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for a client by name where other machines append gets a part, and is told so; by pseudonym it is all."""
    known = Names(b"k" * 32, {pseudonym(b"k" * 32, "ada"): "ada"})
    for module in ("asked", "who_served"):
        monkeypatch.setattr(f"lockgate.project.{module}.names_here", lambda *_: known)

    def notes(client: str) -> tuple[str, ...]:
        at = Asked(house.built.signed.clock(), timedelta(minutes=1), client)
        found = house.project.asked_about(Question(client=client)).notes
        assert found == house.project.who_served(at).notes
        return found

    assert notes("ada") == ()
    known = replace(known, elsewhere=("berlin",))
    assert len(notes("ada")) == 1
    assert "berlin" in notes("ada")[0]
    assert notes(CLIENT) == ()


def test_whose_gateways_are_of_others_is_in_the_book(house: House) -> None:
    """Of appenders that began one, and of nobody else; a folder without a book has none."""
    home = house.project.home
    root = house.project.ledger().root
    assert names_here(house.project, root).elsewhere == ()
    ids = Ids(home)
    ids.add("1" * 16, by="gateway-0", log="log")
    ids.add("2" * 16, by="appender berlin", log="log")
    try:
        assert names_here(house.project, root).elsewhere == ("berlin",)
    finally:
        ids.path.unlink()


def test_last_is_a_number_of_entries_and_goes_with_no_question(says: object) -> None:
    """Minus one would drop the first; beside a question it would say nothing."""
    assert callable(says)
    assert [says("--last", last)[0] for last in ("-1", "0")] == [2, 2]
    assert says("--last", "3", "--model", "flights@1")[0] == 2


def test_without_a_question_the_log_is_listed(says: object) -> None:
    """As before."""
    assert callable(says)
    code, text = says("--last", "2", "--json")
    assert (code, json.loads(text)["schema"], len(json.loads(text)["entries"])) == (0, "lockgate.log/v1", 2)
