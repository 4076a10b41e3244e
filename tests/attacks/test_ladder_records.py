"""Threat: a ladder is climbed on evidence that nobody has. A gateway, a controller, the guard's key or the disk lies.

Beside each attack the honest ladder verifies: once up, once down, with every number computed again from the records.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.audit import admission
from lockgate.audit.evidence import Evidence, Leaf
from lockgate.audit.ladder.checks import Observed
from lockgate.audit.ladder.told import told
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.recount import Recount, notes_of_withdrawals, told_moves
from lockgate.audit.seal import Sealer
from lockgate.core.digest import digest_of
from lockgate.core.record_kinds import ObservedRecord, parse_any
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused, VerificationFailed
from lockgate.project import everything, recounting
from lockgate.project.folder import Folder
from lockgate.project.ladder_report import THEIR_WORD
from lockgate.project.prediction_log import PredictionLog, prediction_log
from lockgate.project.recounting import task_of
from lockgate.trust.policy import Policy
from tests.support.laddered import GATEWAY, POLICY, Checks, Laddered, fork, log_of, on_canary, on_shadow
from tests.support.sealing import Fast
from tests.support.told_rows import Gateway

EVIL = "e" * 16


@pytest.fixture(scope="module", name="first")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    with pytest.MonkeyPatch.context() as patch:
        yield on_shadow(tmp_path_factory.mktemp("laddered"), patch)


@pytest.fixture(name="house")
def _house(first: Laddered, tmp_path: Path) -> Laddered:
    """One's own, with the candidate on shadow and enough pairs to climb."""
    return fork(first, tmp_path)


def refused(house: Laddered, seen: Path | None = None) -> VerificationFailed:
    """What `verify --all` and `verify REF` say, which is the same."""
    root = house.signed.created.project_id
    reader = house.reader(seen)
    with pytest.raises(VerificationFailed) as whole:
        reader.verify_everything(root=root)
    with pytest.raises(VerificationFailed) as one:
        reader.verify("flights@2", root=root)
    assert whole.value.finding == one.value.finding
    return whole.value


def test_the_honest_ladder_verifies(house: Laddered) -> None:
    """Up and down by the guard; what nobody can prove is said."""
    house.withdraw(house.checks(on_canary(house)))
    whole, model = house.verify()
    assert whole.logs.ladder.as_json() == {
        "observed": {"records": 5, "rows": 47, "untold": 0},
        "moves": 2,
        "recounted": True,
    }
    said = "5 records of what gateways counted agree with 47 rows answered; the numbers of 2 moves are the log's own"
    assert [link.text for link in model.links if link.box == "ladder"] == [said]
    assert THEIR_WORD in model.not_proved
    assert THEIR_WORD in whole.not_proved
    assert model.warnings == whole.logs.warnings == ()


LIES: dict[str, Callable[[Gateway], None]] = {
    "rows of the candidate that it never answered": lambda one: one.counted(9, 0, candidate_requests=9),
    "pairs of a replay that nobody scored": lambda one: one.observed({"replay.rows": 50, "pairs.rows": 50}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_gateway_that_counts_other_rows_than_it_answered_is_found(lie: str, house: Laddered) -> None:
    """LG770, though controller and guard took its word and told honestly what the log says."""
    LIES[lie](house.gateway)
    house.climb(house.checks(house.seal()))
    found = refused(house)
    assert (found.finding, found.seen["gateway"]) == ("LG770", GATEWAY)
    assert found.seen["step"] == 2


def test_counts_under_a_name_that_never_answered_are_found(house: Laddered) -> None:
    """A spool of its own, by whoever reaches the folder: no answers, and fifty good pairs."""
    evil = Gateway(EVIL, house.step())
    evil.counted(0, 50, pairs_rows=50)
    house.climb(house.checks(house.seal(house.gateway, evil)))
    assert refused(house).seen["gateway"] == EVIL


@pytest.mark.parametrize("change", ["rows", "log_e", "root"])
def test_a_move_that_tells_other_numbers_than_the_log_is_found(change: str, house: Laddered) -> None:
    """LG768 names statement, what was told and what was found. By the guard's own key, on a true authorisation."""
    checks = house.checks(log_of(house))
    if change == "rows":
        checks["rows"] += 1
    elif change == "log_e":
        checks["results"][0]["log_e"] -= 0.001
    else:
        checks["log"]["root"] = "0" * 64
    move = house.climb(checks)
    found = refused(house)
    assert (found.finding, found.seen["statement"]) == ("LG768", move.digest)
    assert (found.seen["log_index"], found.seen["model"]) == (move.index, "flights@2")
    assert change == "root" or change in found.message


@pytest.fixture(scope="module", name="climbed")
def _climbed(first: Laddered, tmp_path_factory: pytest.TempPathFactory) -> Laddered:
    """Withdrawn from canary, by numbers of eleven records. Only read."""
    house = fork(first, tmp_path_factory.mktemp("climbed"))
    house.withdraw(house.checks(on_canary(house)))
    return house


def _first_result(**changed: object) -> Callable[[Checks], object]:
    return lambda checks: checks["results"][0].update(changed)


CHANGES: dict[str, Callable[[Checks], object]] = {
    "rows": lambda checks: checks.update(rows=99),
    "rows as true": lambda checks: checks.update(rows=True),
    "labels": lambda checks: checks.update(labels=1),
    "the ladder's beginning": lambda checks: checks.update(since=1),
    "a size that has another root": lambda checks: checks["log"].update(size=checks["log"]["size"] - 1),
    "the state before, of other numbers": lambda checks: checks["log"].update(size=2, root="EARLIER"),
    "more entries than there are": lambda checks: checks["log"].update(size=12),
    "a size that is none": lambda checks: checks["log"].update(size=-1),
    "a root that is none": lambda checks: checks["log"].update(root="no"),
    "no log": lambda checks: checks.pop("log"),
    "a log that is a list": lambda checks: checks.update(log=[11]),
    "no results": lambda checks: checks.update(results=[]),
    "results that are none": lambda checks: checks.update(results=7),
    "a result more": lambda checks: checks["results"].append(checks["results"][0]),
    "another check": _first_result(check="latency"),
    "less evidence": _first_result(log_e=4.0),
    "no evidence": _first_result(log_e=None),
    "another alarm": lambda checks: checks["results"][0].update(alarm=not checks["results"][0]["alarm"]),
    "another threshold": _first_result(threshold=99.0),
    "other rows of a check": _first_result(rows=46),
    "other figures": _first_result(seen={"candidate": 0.0, "live": 0.0}),
    "more than is asked": lambda checks: checks.update(more=1),
}


def told_again(climbed: Laddered, place: int, change: str) -> tuple[Evidence, tuple[Reason, ...]]:
    """A move, its numbers changed, is the newest in a log; what counting again says of it, in notes."""
    statements, log = climbed.signed.ledger.statements()[: place or None], log_of(climbed)
    honest = climbed.signed.ledger.statements()[place - 1]
    checks = copy.deepcopy(dict(honest.predicate["checks"]))
    if change:
        CHANGES[change](checks)
    if checks.get("log") == {"size": 2, "root": "EARLIER"}:
        checks["log"]["root"] = log.subtree(0, 2).hex()
    predicate = {**honest.predicate, "checks": checks}
    last = replace(honest, statement=replace(honest.statement, predicate=predicate))
    statements[-1] = last
    found = Recount(told_moves(statements), log, lambda one: task_of(climbed.signed.registry, one))
    for index, entry in enumerate(log.entries(0, log.size)):
        record = parse_any(entry)
        if isinstance(record, ObservedRecord):
            found.take(index, record)
    return honest, (*found.check(), *notes_of_withdrawals(statements))


WITHDRAWAL, CLIMB = 0, -1
"""The newest statement, and the one before it."""


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_that_a_climb_tells_can_be_changed(change: str, climbed: Laddered) -> None:
    """Each field of each number, its form, and the log that it is of. The control: unchanged it is counted again."""
    assert told_again(climbed, CLIMB, "")[1] == ()
    with pytest.raises(VerificationFailed) as caught:
        told_again(climbed, CLIMB, change)
    assert caught.value.finding == ("LG769" if change == "another alarm" else "LG768")
    assert caught.value.seen["statement"] == climbed.signed.ledger.statements()[-2].digest


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_a_withdrawal_tells_it_turns_nothing_red(change: str, climbed: Laddered) -> None:
    """The controller has no key, and its numbers are in it: false ones are told (LG771), and refuse nothing."""
    honest, none = told_again(climbed, WITHDRAWAL, "")
    _, notes = told_again(climbed, WITHDRAWAL, change)
    assert none == ()
    # Without the alarm that it told there are two things to say.
    assert {one.finding for one in notes} == {"LG771"}
    assert {one.level for one in notes} == {Level.WARN}
    assert {one.seen["statement"] for one in notes} == {honest.digest}


@pytest.mark.parametrize("lie", ["no numbers", "too few rows", "an alarm"])
def test_a_climb_by_the_guard_without_its_evidence_is_found(
    lie: str, house: Laddered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Honest hands do not seal it; whoever holds the guard's key and the sealer's can, and then verify finds LG769."""
    checks: Checks | None = house.checks(log_of(house))
    assert checks is not None
    if lie == "too few rows":
        checks["rows"] = 5
    elif lie == "an alarm":
        checks["results"][0]["alarm"] = True
    given = None if lie == "no numbers" else checks
    with pytest.raises(Refused) as unsealed:
        house.climb(given)
    assert unsealed.value.finding == "LG864"
    monkeypatch.setattr(admission, "check_admissible", lambda *_: None)
    move = house.climb(given)
    house.withdraw(None, "a person asked for it")  # a loader asks only about where a model stands now
    found = refused(house)
    assert (found.finding, found.seen["statement"]) == ("LG769", move.digest)


def test_a_withdrawal_without_an_alarm_is_told_with_its_reason(house: Laddered) -> None:
    """It is no failure: down may always be."""
    house.withdraw(None, "its worker died three times")
    whole, model = house.verify()
    assert [reason.finding for reason in model.warnings] == ["LG771"]
    assert model.warnings[0].message.endswith("told no alarm: its worker died three times")
    assert whole.logs.warnings == model.warnings


def test_records_of_another_ladder_do_not_count(house: Laddered) -> None:
    """Another environment, base, candidate or step, by gateways that are honest of it; and who counts them is found."""
    step, other = house.step(), digest_of(b"another model")
    places = (
        replace(step, environment="prod"),
        replace(step, base=other),
        replace(step, model=other),
        replace(step, step=1),
        replace(step, step=3),
        replace(step, rung="canary"),
    )
    gateways = [Gateway(f"{number:016x}", place) for number, place in enumerate(places)]
    for gateway in gateways:
        gateway.began()
        gateway.rows(gateway.step.base, 7)
        gateway.counted(0, 7, pairs_rows=7)
    log = house.seal(house.gateway, *gateways)
    checks = house.checks(log)
    assert checks["rows"] == 6
    greedy = fork(house, house.signed.root / "greedy")
    house.climb(checks)
    assert house.verify()[0].logs.ladder.moves == 1

    counted = Observed(Policy.from_text(POLICY).environment("dev").ladder, "regression")
    for entry in log.entries(0, log.size):
        record = parse_any(entry)
        if isinstance(record, ObservedRecord):
            counted.add(record)
    rows, labels = counted.rung(2)
    assert rows > 6
    greedy.climb(told(counted.results(), log.size, log.root, since=2, rows=rows, labels=labels))
    assert refused(greedy).finding == "LG768"


def test_a_log_that_is_cut_back_below_a_moves_numbers_is_found(house: Laddered, tmp_path: Path) -> None:
    """By who has seen it longer (LG707); a stranger is told, from the withdrawal itself (LG771).

    Of a climb's numbers it is a refusal: "more entries than there are", above.
    """
    predictions = house.signed.home / "log" / PREDICTIONS
    shutil.copytree(predictions, tmp_path / "earlier")
    house.withdraw(house.checks(on_canary(house)))
    house.verify(tmp_path / "seen")
    shutil.rmtree(predictions)
    shutil.copytree(tmp_path / "earlier", predictions)
    assert refused(house, tmp_path / "seen").finding == "LG707"
    (note,) = house.verify(tmp_path / "nothing seen")[1].warnings
    assert (note.finding, note.seen["told"], note.seen["found"]) == ("LG771", 11, 7)


def test_a_restored_backup_does_not_undo_a_withdrawal(house: Laddered, tmp_path: Path) -> None:
    """The whole folder, as it was while the candidate had traffic: whoever saw the withdrawal says so."""
    log = on_canary(house)
    earlier = fork(house, tmp_path / "earlier")
    house.withdraw(house.checks(log))
    house.verify(tmp_path / "seen")
    earlier.verify(tmp_path / "nothing seen")
    assert refused(earlier, tmp_path / "seen").finding == "LG707"


def test_a_move_is_not_made_twice(house: Laddered) -> None:
    """The guard's climb, sealed once more after the withdrawal: the sealer's key alone puts nobody on the ladder."""
    log = on_canary(house)
    climb = house.signed.ledger.statements()[-1]
    house.withdraw(house.checks(log))
    root = house.signed.created.project_id
    sealer = Sealer(
        house.signed.home / "log" / EVENTS,
        origin=origin(root, EVENTS),
        sign=house.signed.keyring.signer("sealer").sign_note,
        public_key=house.signed.created.roles.sealer_key(),
        disk=Fast(),
    )
    leaf = Leaf(climb.claim, climb.digest, climb.statement.predicate_type, len(climb.envelope), house.signed.clock())
    house.verify()
    sealer.append([leaf.encode()])
    assert refused(house).finding == "LG753"


def test_where_the_log_of_predictions_is_not_here_it_is_said(house: Laddered) -> None:
    """A reader who never saw it cannot count again; one who did knows that it is gone."""
    house.climb(house.checks(log_of(house)))
    reader, root = house.reader(), house.signed.created.project_id
    shutil.move(house.signed.home / "log" / PREDICTIONS, house.signed.root / "away")
    model = reader.verify("flights@2", root=root)
    lack = "the numbers of 1 move on the ladder: the log of predictions that they are of is not here"
    assert lack in model.not_proved
    assert THEIR_WORD not in model.not_proved
    shutil.move(house.signed.root / "away", house.signed.home / "log" / PREDICTIONS)
    assert lack not in reader.verify("flights@2", root=root).not_proved
    shutil.move(house.signed.home / "log" / PREDICTIONS, house.signed.root / "away")
    with pytest.raises(VerificationFailed) as gone:
        reader.verify("flights@2", root=root)
    assert gone.value.finding == "LG701"


def test_a_mirrors_own_log_is_not_taken_for_the_projects(climbed: Laddered, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sealed itself proves no number of the project's moves: that is said, and nothing fails."""

    def own(project: Folder, ledger: Ledger) -> PredictionLog:
        return replace(prediction_log(project, ledger), own=True)

    for place in (recounting, everything):
        monkeypatch.setattr(place, "prediction_log", own)
    whole, one = climbed.verify()
    lack = "the numbers of 2 moves on the ladder: the log of predictions that they are of is not here"
    assert lack in whole.not_proved
    assert lack in one.not_proved
    assert (whole.logs.ladder.moves, whole.logs.ladder.recounted) == (2, False)


def test_rows_that_a_killed_gateway_never_told_are_said(house: Laddered) -> None:
    """Its records are in the log, what it would have counted of them is not: no lie, and no evidence."""
    gateway, step = house.gateway, house.step()
    for _ in range(3):
        gateway.single(step.model, step.rung)
    house.climb(house.checks(house.seal()))
    whole, _ = house.verify()
    assert whole.logs.ladder.agreed.untold == 3
    assert "3 more of candidates are in no count" in whole.text()
