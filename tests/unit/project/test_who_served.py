"""`log who-served`: what was in force at a time, and which version answered which client, from the two logs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockgate.audit.ledger import PREDICTIONS
from lockgate.cli.main import run
from lockgate.core.moments import rfc3339
from lockgate.errors import Refused, Usage
from lockgate.project import Project
from lockgate.project.who_served import NONE_HERE, Asked
from lockgate.serve import rules
from lockgate.serve.client_file import FILE, render_clients
from lockgate.trust import pin
from lockgate.trust._edgefile import edge_secrets
from tests.support.laddered import Laddered, fork, on_canary, on_shadow
from tests.support.recording import ADA
from tests.support.told_rows import CLIENT, Gateway


@dataclass
class Evening:
    """A house whose ladder is over, with its moments. `ada`: the pseudonym of a client."""

    house: Laddered
    before: datetime
    shadow: datetime
    canary: datetime
    after: datetime
    ada: str

    @property
    def project(self) -> Project:
        """As its owner opens it."""
        return Project(self.house.signed.root, now=self.house.signed.clock)


@pytest.fixture(scope="module", name="evening")
def _evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    with pytest.MonkeyPatch.context() as patch:
        house = on_shadow(tmp_path_factory.mktemp("evening"), patch)
        signed = house.signed
        root = signed.created.project_id
        pin.pin(root, signed.root, signed.clock())
        key = edge_secrets(pin.key_folder(root) / "edge.json").pseudonym
        known = replace(ADA, digest="0" * 64, created="2026-11-23T09:00:00Z")
        (signed.home / "state" / FILE).write_bytes(render_clients([known]))
        (signed.home / "state" / FILE).chmod(0o600)
        ada = rules.pseudonym(key, "ada")
        moves = {one.sequence: one.evidence.time for one in house.chain}
        before, shadow = moves[2] - timedelta(seconds=1), signed.clock()
        signed.clock.now += timedelta(minutes=10)
        house.gateway.client = ada
        log = on_canary(house, requests=30)
        canary = signed.clock()
        signed.clock.now += timedelta(minutes=10)
        house.withdraw(house.checks(log))
        quiet = Gateway("d" * 16, house.gateway.step, client=ada, time=round(canary.timestamp() * 1000) + 2000)
        quiet.refuse(quiet.step.base)
        quiet.scored(quiet.step.base, 500)
        house.seal(quiet)
        signed.clock.now += timedelta(minutes=10)
        yield Evening(house, before, shadow, canary, signed.clock(), ada)


def test_each_time_has_the_statements_that_were_in_force(evening: Evening) -> None:
    """Live alone, then beside it the candidate on each rung with its share, then live alone again."""
    said = []
    for at in (evening.before, evening.shadow, evening.canary, evening.after):
        (one,) = evening.project.who_served(Asked(at)).in_force
        beside = one.candidate
        said.append((one.live.version, None if beside is None else (beside.version, beside.rung, beside.share)))
    assert said == [(1, None), (1, (2, "shadow", 0.0)), (1, (2, "canary", 0.05)), (1, None)]


def test_a_client_is_told_which_version_answered_it(evening: Evening) -> None:
    """Rows answered and refused, by model and rung; a file that was scored is one line of its own."""
    found = evening.project.who_served(Asked(evening.canary)).answers
    assert [(one.model, one.rung, one.name, one.rows, one.refused) for one in found] == [
        ("flights@1", "live", "a file, scored as a whole", 500, 0),
        ("flights@1", "live", "ada", 30, 1),
        ("flights@2", "canary", "ada", 1, 0),
    ]
    assert {one.client for one in found} == {evening.ada}
    assert found[1].first < found[1].last < found[1].first + timedelta(seconds=10)


def test_only_what_was_answered_around_that_time_is_told(evening: Evening) -> None:
    """Nothing of the shadow's hour in the canary's, and the other way round; a longer look finds both."""
    project = evening.project
    assert [(one.model, one.client, one.name) for one in project.who_served(Asked(evening.shadow)).answers] == [
        ("flights@1", CLIENT, "")
    ]
    assert project.who_served(Asked(evening.after)).answers == ()
    wide = project.who_served(Asked(evening.shadow, timedelta(minutes=15))).answers
    assert {one.client for one in wide} == {CLIENT, evening.ada}


def test_one_client_is_asked_for_by_name_or_by_pseudonym(evening: Evening) -> None:
    """The same lines; a name that nobody has is answered with nothing."""
    asked = [Asked(evening.canary, client=client) for client in ("ada", evening.ada, "bob")]
    by_name, by_pseudonym, nobody = (evening.project.who_served(one).answers for one in asked)
    assert len(by_name) == 3
    assert by_pseudonym == by_name
    assert nobody == ()


def test_another_environment_has_nothing(evening: Evening) -> None:
    """Neither statements nor records."""
    found = evening.project.who_served(Asked(evening.canary, environment="prod"))
    assert (found.in_force, found.answers) == ((), ())
    assert "nothing was live in prod" in found.text()


@pytest.mark.parametrize("when", ["future", "before"])
def test_a_time_outside_the_log_is_refused(when: str, evening: Evening) -> None:
    """LG776 says where the log begins, and what time it is."""
    shift = timedelta(days=1)
    at = evening.after + shift if when == "future" else evening.before - shift
    with pytest.raises(Usage) as caught:
        evening.project.who_served(Asked(at))
    assert caught.value.finding == "LG776"
    assert {"at", "log_begins", "now"} == set(caught.value.seen)


def test_names_need_the_gateways_key(evening: Evening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user sees pseudonyms, may ask for one, and makes no key by asking."""
    root = evening.house.signed.created.project_id
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another"))
    pin.pin(root, evening.house.signed.root, evening.after)
    found = evening.project.who_served(Asked(evening.canary, client=evening.ada)).answers
    assert [one.name for one in found] == ["", "a file, scored as a whole", ""]
    with pytest.raises(Refused) as caught:
        evening.project.who_served(Asked(evening.canary, client="ada"))
    assert caught.value.finding == "LG775"
    assert not (pin.key_folder(root) / "edge.json").exists()


def test_without_the_log_of_predictions_the_statements_are_told(evening: Evening, tmp_path: Path) -> None:
    """And that nothing is known of answers, plainly."""
    house = fork(evening.house, tmp_path)
    shutil.rmtree(house.signed.home / "log" / PREDICTIONS)
    pin.pin(house.signed.created.project_id, house.signed.root, evening.after)
    found = house.reader().who_served(Asked(evening.canary))
    assert (found.answers, found.absent) == ((), NONE_HERE)
    assert len(found.in_force) == 1


@pytest.fixture(name="says")
def _says(evening: Evening, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr("lockgate.project.folder.now", evening.house.signed.clock)
    monkeypatch.setattr(Project, "open", lambda _: evening.project)

    def said(*arguments: str) -> tuple[int, str]:
        code = run(["log", "who-served", *arguments])
        return code, capsys.readouterr().out

    return said


def test_the_command_tells_it_in_lines_and_as_json(evening: Evening, says: object) -> None:
    """Times with a zone, or so long ago."""
    assert callable(says)
    code, text = says("--at", rfc3339(evening.canary))
    assert code == 0
    assert "dev: flights@1 (move 1, log entry 9) is live; beside it flights@2 on canary with 5 % of" in text
    assert f"ada ({evening.ada})" in text
    offset = evening.canary.astimezone().replace(microsecond=0).isoformat()
    ago = f"{int((evening.house.signed.clock.now - evening.canary).total_seconds())}s"
    for at in (offset, ago):
        code, text = says("--at", at, "--within", "2m", "--client", "ada", "--env", "dev", "--json")
        found = json.loads(text)
        assert (code, found["schema"], found["within_seconds"]) == (0, "lockgate.who-served/v1", 120)
        assert found["in_force"][0]["candidate"]["share"] == 0.05
        assert [one["rows"] for one in found["answers"]] == [500, 30, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--at", "yesterday"),
        ("--at", "2026-11-23T09:30:00"),
        ("--at", "2026-13-01"),
        ("--at", "99999d"),
        ("--at", "9999-12-31T23:59:59-23:59"),
        ("--at", "10m", "--within", "0s"),
        ("--at", "10m", "--within", "1"),
        ("--at", "2100-01-01"),
    ],
)
def test_what_is_no_time_is_a_wrong_call(arguments: tuple[str, ...], says: object) -> None:
    """A time without a zone could be two; exit 2, and no traceback."""
    assert callable(says)
    assert says(*arguments) == (2, "")


def test_a_mistyped_client_or_environment_is_told(evening: Evening) -> None:
    """Nobody takes a typing mistake for an answer; of those that are, nothing is said."""
    ask = evening.project.who_served
    typo = ask(Asked(evening.canary, client="adda", environment="dve"))
    assert "no client 'adda' was ever enrolled here" in typo.text()
    assert "nothing was live in dve: nothing was ever deployed there, only in dev" in typo.text()
    assert typo.as_json()["ever_deployed"] == ["dev"]
    right = ask(Asked(evening.before, timedelta(seconds=1), client="ada", environment="dev")).text()
    assert "enrolled" not in right
    assert "ever deployed" not in right
