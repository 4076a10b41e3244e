"""`Project.monitor`: what the two logs say of what answers, and what people answer to an alarm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lockgate.audit.alarms import Alarm
from lockgate.audit.evidence import Evidence
from lockgate.audit.lives import life_of
from lockgate.core.digest import Digest
from lockgate.deploy.run import deploy
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import LockgateError, Refused, Usage, VerificationFailed
from lockgate.project.acknowledging import Reference, accept, acknowledge_statement, find_alarm
from lockgate.project.new_reference import reference_since
from lockgate.project.statement_words import words_of
from lockgate.project.watched_models import NO_LOG
from tests.support.drifting import FIELDS, Drifting, drifting, fork


@dataclass(frozen=True)
class Alarmed:
    """flights@1 is live, six windows as its reference, six of another mean; flights@2 is registered."""

    house: Drifting
    alarm: Evidence


@pytest.fixture(scope="module", name="alarmed")
def _alarmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alarmed]:
    with pytest.MonkeyPatch.context() as patch:
        house = drifting(tmp_path_factory.mktemp("drift"), patch, models=2)
        house.serve(6, labelled=100)
        yield Alarmed(house, house.alarm(house.serve(6, shift=0.5)))


@pytest.fixture(name="house")
def _house(alarmed: Alarmed, tmp_path: Path) -> Drifting:
    """One of its own, to be changed."""
    return fork(alarmed.house, tmp_path)


def words(house: Drifting) -> str:
    """The page as a terminal shows it."""
    return "\n".join(text for _, text in house.project.monitor().lines())


def test_the_page_tells_what_alarms_since_when_and_how_large(alarmed: Alarmed) -> None:
    """The shifted field first, with its size, since the window in which it changed; the others far from it."""
    (one,) = alarmed.house.project.monitor().models
    first = one.streams[0]
    assert (one.ref, one.rung, one.environment, one.life) == ("flights@1", "live", "dev", 0)
    assert (one.counted.rows, one.counted.windows, one.counted.seen) == (12_000, 12, 12_000)
    assert (first.name, first.alarm, first.log_e > one.threshold) == ("age", True, True)
    assert first.effect == pytest.approx(0.5, abs=0.08)
    assert first.since == one.alarms[0].streams[0].since
    assert {each.name for each in one.streams if each.alarm}.isdisjoint(FIELDS[1:])
    assert one.unwatched.keys() == {"flown"}
    assert (first.notice, [each.name for each in one.notices if each.alarm]) == (True, [])


def test_reference_and_present_stand_side_by_side(alarmed: Alarmed) -> None:
    """By bin: shares of the reference, rows of when it alarmed; words for each bin."""
    page = alarmed.house.project.monitor()
    shown = page.models[0].alarms[0].streams[0].shown
    assert (len(shown.labels), sum(shown.current)) == (16, 1000)
    assert sum(shown.reference) == pytest.approx(1, abs=1e-5)
    text = words(alarmed.house)
    assert "reference" in text
    assert "missing or <= -3" in text
    assert text.index("ALARM") < text.index("age ")


def test_estimate_and_count_of_errors_stand_beside_what_was_judged(alarmed: Alarmed) -> None:
    """ATC with its warning; where labels came, a confidence sequence that holds the truth."""
    (one,) = alarmed.house.project.monitor().models
    assert one.estimate is not None
    assert one.risk is not None
    assert one.estimate.accuracy == pytest.approx(one.estimate.judged, abs=0.03)
    assert one.risk.labelled == 600
    assert one.risk.low < 0.1 < one.risk.high
    assert "it sees only part of a loss" in words(alarmed.house)


def test_what_to_run_next_names_the_alarm(alarmed: Alarmed) -> None:
    """Seen, accepted, or back: each with the digits that the commands take."""
    page = alarmed.house.project.monitor()
    name = alarmed.alarm.digest.removeprefix("sha256:")[:12]
    assert [f"monitor {verb} {name}" in " ".join(page.next) for verb in ("ack", "accept")] == [True, True]
    assert "lockgate rollback dev" in " ".join(page.next)


def test_a_look_costs_what_is_new(house: Drifting) -> None:
    """One that looks again counts on; it says the same as one that reads all."""
    watching = house.project.watching()
    assert watching.look().models[0].counted.windows == 12
    house.serve(1, shift=0.5)
    again, fresh = watching.look().models[0], house.project.monitor().models[0]
    assert (again.counted.windows, again.streams) == (13, fresh.streams)


def test_without_a_log_of_predictions_the_models_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was served: no numbers, no error."""
    house = drifting(tmp_path, monkeypatch)
    page = house.project.monitor()
    assert (page.absent, page.models[0].counted.rows, page.models[0].streams) == (NO_LOG, 0, ())


def test_a_changed_log_is_refused(house: Drifting) -> None:
    """What is shown was verified: one byte of a record, and nothing is."""
    for tile in (house.signed.home / "log" / "predictions" / "tile" / "entries").rglob("000.p/*"):
        tile.write_bytes(tile.read_bytes().replace(b'"rows":1000', b'"rows":1001', 1))
    with pytest.raises(VerificationFailed):
        house.project.monitor()


def test_an_acknowledged_alarm_is_closed_and_stays_closed(house: Drifting) -> None:
    """Once: the second answer is the first one. The reference is the same; the test begins anew, and what goes on
    alarms again, which is not this alarm.
    """
    done = house.project.acknowledge(reason="a new fleet")
    assert (done.cached, done.accepted, done.streams[0]) == (False, None, "age")
    again = house.project.acknowledge(done.alarm[7:15], reason="twice")
    assert (again.cached, again.index) == (True, done.index)
    (one,) = house.project.monitor().models
    assert (one.open_alarms, one.life, one.accepted) == ((), done.index, False)
    assert (one.alarms[0].answered, one.counted.rows) == ("acknowledged by mara: a new fleet", 0)
    with pytest.raises(Usage) as caught:
        house.project.acknowledge(reason="there is no other")
    assert caught.value.finding == "LG980"


def test_what_is_accepted_is_the_reference_of_a_new_life(house: Drifting) -> None:
    """Its rows are those after the window of the change; such rows alarm nobody then, and a return to before does."""
    done = house.project.accept(reason="summer")
    assert done.accepted is not None
    assert done.accepted.rows == 5000
    (one,) = house.project.monitor().models
    assert (one.life, one.alarms, one.counted.rows) == (done.index, (), 0)
    assert one.reference_rows == pytest.approx(4500, abs=200)
    house.serve(6, shift=0.5, labelled=50)
    (one,) = house.project.monitor().models
    assert (one.counted.rows, [each.name for each in one.streams if each.alarm]) == (6000, [])
    assert one.estimate is not None
    assert one.risk is not None
    log = house.serve(4)
    assert house.project.monitor().models[0].streams[0].name == "age"
    assert house.alarm(log).predicate["life"] == done.index


def test_the_new_reference_is_counted_again_by_whoever_reads(house: Drifting) -> None:
    """Other balls than the log's, signed by the right person: the model is shown by nobody (LG778)."""
    statements = house.statements
    alarm = find_alarm("latest", statements, answered=False)
    found = reference_since(house.project, house.project.ledger(), alarm, None)
    balls = [[[*bins] for bins in strata] for strata in found.balls]
    balls[0][0][0] += 1
    house.signed.record(
        "approver",
        acknowledge_statement(alarm, reason="x", now=house.signed.clock(), reference=replace(found, balls=balls)),
    )
    with pytest.raises(VerificationFailed) as caught:
        house.project.monitor()
    assert caught.value.finding == "LG778"


@pytest.mark.parametrize(("since", "rows"), [(2500, 3000), (6000, 6000)])
def test_so_many_of_the_newest_rows_can_be_accepted(since: int, rows: int, house: Drifting) -> None:
    """Whole windows, as many as it takes."""
    done = house.project.accept(reason="x", since=since)
    assert done.accepted is not None
    assert done.accepted.rows == rows


def test_rows_since_a_time_can_be_accepted(house: Drifting) -> None:
    """Windows that began then or later."""
    began = house.project.monitor().models[0].alarms[0].streams[0].since  # of that window itself
    assert began is not None
    assert house.project.accept(reason="x", since=began).as_json()["accepted"]["rows"] == 6000


def test_too_few_rows_are_no_reference(house: Drifting) -> None:
    """LG982 says how many there are, and nothing is signed."""
    before = len(house.statements)
    house.serve(1, rows=900)
    with pytest.raises(Refused) as caught:
        house.project.accept(reason="x", since=900)
    assert (caught.value.finding, caught.value.seen["rows"]) == ("LG982", 900)
    assert len(house.statements) == before


def test_an_alarm_of_an_older_life_is_not_accepted_again(house: Drifting) -> None:
    """A new reference was accepted since: nobody goes back behind it by an old alarm."""
    first = house.project.accept(reason="summer")
    house.serve(2, shift=0.5)
    for again in (
        lambda: house.project.accept(first.alarm, reason="again"),
        lambda: house.project.asked_of_alarm(first.alarm, accept=True),
    ):
        with pytest.raises(Usage) as caught:
            again()
        assert caught.value.finding == "LG980"


def test_an_alarm_of_a_life_that_is_over_is_not_the_latest(house: Drifting, alarmed: Alarmed) -> None:
    """Nobody answered it, and a new reference did: `latest` is of the life that goes on."""
    one = alarmed.alarm
    other = replace(one, digest=Digest("sha256:" + "7" * 64), index=one.index + 1)
    before = [*house.statements, other]
    assert find_alarm("latest", before, answered=False).digest == other.digest
    house.project.accept(reason="summer")
    with pytest.raises(Usage) as caught:
        find_alarm("latest", [*before, house.statements[-1]], answered=False)
    assert caught.value.finding == "LG980"


def test_without_its_records_nothing_becomes_the_reference(house: Drifting, tmp_path: Path) -> None:
    """LG660: the log of predictions ends before the alarm, or is not here."""
    alarm = find_alarm("latest", house.statements, answered=False)
    with pytest.raises(Refused) as caught:
        reference_since(house.project, house.project.ledger(), replace(alarm, size=alarm.size + 1), None)
    assert caught.value.finding == "LG660"
    shutil.rmtree(house.signed.home / "log" / "predictions")
    stranger = replace(house.project, seen_folder=tmp_path / "nothing")
    with pytest.raises(Refused) as caught:
        reference_since(stranger, stranger.ledger(), alarm, None)
    assert caught.value.finding == "LG660"


def test_a_life_that_another_began_meanwhile_is_not_replaced(house: Drifting) -> None:
    """Two persons accept at once: what the second one was shown is of a life that is over when he signs."""
    place = house.signed.workplace()

    def slow(alarm: Alarm) -> Reference:
        house.project.accept(reason="the first")
        return reference_since(house.project, house.project.ledger(), alarm, None)

    with pytest.raises(Usage) as caught:
        accept(place, "latest", reason="the second", reference=slow, show=lambda _: None)
    assert caught.value.finding == "LG980"


def test_a_retrained_model_begins_a_life_of_its_own(house: Drifting) -> None:
    """Another manifest, its own reference: alarms and acceptances of the one before are not its affair."""
    house.project.accept(reason="summer")
    deploy(house.signed.workplace(), DeploySpec("flights@2", "dev", reason="trained anew"))
    house.serve(2, version=2)
    (one,) = house.project.monitor().models
    assert (one.ref, one.life, one.alarms, one.counted.rows) == ("flights@2", 0, (), 2000)
    assert life_of(house.statements, "dev", one.manifest).sequence == 0
    assert [each.name for each in one.streams if each.alarm] == []


@pytest.mark.parametrize(
    ("what", "finding"), [("", "LG980"), ("abc", "LG980"), ("zzzz", "LG980"), ("0000", "LG980"), ("latest!", "LG980")]
)
def test_a_name_that_fits_no_alarm_is_refused(what: str, finding: str, alarmed: Alarmed) -> None:
    """At least four digits of the digest, or `latest`; the alarms that there are, are listed."""
    with pytest.raises(Usage) as caught:
        find_alarm(what, alarmed.house.statements, answered=False)
    assert caught.value.finding == finding
    assert list(caught.value.seen) == [alarmed.alarm.digest[7:19]]


def test_digits_that_fit_two_alarms_are_refused(alarmed: Alarmed) -> None:
    """LG981: never guessed."""
    one = alarmed.alarm
    other = replace(one, digest=Digest(one.digest[:-1] + ("0" if one.digest[-1] != "0" else "1")), index=one.index + 1)
    with pytest.raises(Usage) as caught:
        find_alarm(one.digest[:20], [*alarmed.house.statements, other], answered=False)
    assert caught.value.finding == "LG981"


def test_an_answer_without_a_reason_is_not_signed(alarmed: Alarmed) -> None:
    """LG533."""
    with pytest.raises(Usage) as caught:
        alarmed.house.project.acknowledge(reason=" ")
    assert caught.value.finding == "LG533"


@pytest.mark.parametrize("role", ["guard", "deployer", "validator"])
def test_another_role_answers_no_alarm(role: str, house: Drifting) -> None:
    """Only an approver's key does: with another one the statement is not sealed."""
    alarm = find_alarm("latest", house.statements, answered=False)
    with pytest.raises(LockgateError) as caught:
        house.signed.record(role, acknowledge_statement(alarm, reason="quiet", now=house.signed.clock()))
    assert caught.value.finding == "LG817"
    (one,) = house.project.monitor().models[0].open_alarms
    assert one.as_json()["finding"] == "LG565"


def test_an_answer_to_nothing_is_not_sealed(house: Drifting) -> None:
    """LG848: an alarm that is not in the log, or of another model."""
    alarm = find_alarm("latest", house.statements, answered=False)
    other = house.model(2)
    strange = replace(alarm, name=other.name, version=other.version, manifest=other.manifest)
    for one in (replace(alarm, environment="prod"), strange):
        with pytest.raises(Refused) as caught:
            house.signed.record("approver", acknowledge_statement(one, reason="x", now=house.signed.clock()))
        assert (caught.value.finding, caught.value.seen["because"]) == ("LG864", "LG848")


def test_who_signs_for_another_reads_what_it_does(alarmed: Alarmed) -> None:
    """Of a statement that was made elsewhere: which alarm of which model, and that it changes the reference."""
    house, statements = alarmed.house, alarmed.house.statements
    alarm = find_alarm("latest", statements, answered=False)
    made = acknowledge_statement(
        alarm, reason="summer", now=house.signed.clock(), reference=Reference(7, 9, 2000, [[[5, 6]]])
    )
    told = "\n".join(words_of(made, statements))
    assert f"answer the alarm of log entry {alarmed.alarm.index} for flights@1" in told
    assert "ACCEPT what entries 7 to 8 of the predictions counted AS THE REFERENCE" in told
    assert "reason: summer" in told
    with pytest.raises(VerificationFailed) as caught:
        words_of(made, [one for one in statements if one.claim != "alarm"])
    assert caught.value.finding == "LG846"


def test_a_notebook_shows_it_as_a_table(alarmed: Alarmed) -> None:
    """Plain HTML, with what others may have said escaped."""
    page = alarmed.house.project.monitor()
    one = replace(page.models[0], ref="<script>")
    html = replace(page, models=(one,))._repr_html_()
    assert ("&lt;script&gt;" in html, "<script>" in html, "<td>age</td>" in html) == (True, False, True)
