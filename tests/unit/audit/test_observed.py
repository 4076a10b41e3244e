"""audit.observed: what a gateway tells of rows is what it recorded that it answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from lockgate.audit.observed import Agreed, CrossCheck
from lockgate.core.digest import Digest, digest_of
from lockgate.core.record_scan import ENVIRONMENT_AT, IS_OBSERVED, IS_SINGLE, TO_MODEL, answered, place_of
from lockgate.core.records import Record
from lockgate.errors import VerificationFailed
from tests.support.told_rows import Gateway, Step

LIVE, NEW, OTHER = (digest_of(name) for name in (b"live", b"new", b"other"))
STEP = Step(NEW, LIVE, 2)
CANARY = replace(STEP, step=3, rung="canary")


def agreed(*gateways: Gateway) -> Agreed:
    """The records of each gateway in turn."""
    return check([record for gateway in gateways for record in gateway.records])


def check(records: Sequence[Record]) -> Agreed:
    """Records in the order of a log."""
    found = CrossCheck()
    for index, record in enumerate(records):
        entry = record.encode()
        found.take(index, place_of(entry)[0], entry)
    return found.agreed()


def gateway(name: str = "a" * 16) -> Gateway:
    """One that answered before the step began, and twice since: 4 rows live, 1 row of the candidate."""
    one = Gateway(name, STEP)
    one.rows(LIVE, 7)
    one.began()
    one.rows(LIVE, 3)
    one.single(LIVE)
    one.single(NEW, "shadow")
    return one


def test_rows_that_are_as_told_agree() -> None:
    """Since the step began, and since the record before; a record may count nothing that is answered."""
    one = gateway()
    one.counted(1, 4, pairs_rows=4)
    one.counted(0, 0)
    one.rows(LIVE, 2)
    one.counted(0, 2)
    assert agreed(one) == Agreed(4, 7, 0)


def test_what_is_no_answer_of_these_models_here_is_not_counted() -> None:
    """Refused rows, files, another model, another environment, a label."""
    one = gateway()
    one.refuse(LIVE)
    one.refuse(NEW)
    one.scored(NEW, 5)
    one.rows(OTHER, 3)
    for environment in ("tst", "prod"):
        one.single(LIVE, environment=environment)
        one.rows(LIVE, 3, environment=environment)
    one.counted(1, 4)
    assert agreed(one).rows == 5


def test_gateways_are_counted_apart() -> None:
    """However their records are mixed in the log."""
    one, two = gateway(), gateway("b" * 16)
    two.single(NEW, "shadow")
    one.counted(1, 4)
    two.counted(2, 4)
    mixed = [record for pair in zip(one.records, two.records, strict=False) for record in pair]
    mixed.append(two.records[-1])
    assert check(mixed) == Agreed(4, 11, 0)


def test_each_step_counts_for_itself() -> None:
    """The rest of a step is told before the next one begins; what the ladder's end leaves belongs to none."""
    one = gateway()
    one.counted(1, 4)
    one.began(CANARY)
    one.rows(NEW, 5, "canary")
    one.counted(5, 0)
    one.rows(LIVE, 9)
    one.rows(NEW, 9, "live")
    assert agreed(one) == Agreed(4, 10, 0)


def test_a_killed_gateway_leaves_rows_that_nobody_told() -> None:
    """They are counted, and are no lie: its next life has another name."""
    one, two = gateway(), gateway("b" * 16)
    two.counted(1, 4)
    assert agreed(one, two) == Agreed(3, 5, 1)
    one.began(CANARY)
    assert agreed(one, two).untold == 1


LIES: dict[str, Callable[[Gateway], None]] = {
    "more of the candidate": lambda one: one.counted(2, 4),
    "fewer of the candidate": lambda one: one.counted(0, 4),
    "none of what is live": lambda one: one.counted(1, 0),
    "rows with the beginning": lambda one: one.observed({"began": 1, "candidate.rows": 1}),
    "two beginnings": lambda one: one.observed({"began": 2}),
    "a step that it has not begun": lambda one: one.observed({"candidate.rows": 1, "live.rows": 4}, CANARY),
    "another rung": lambda one: one.observed({"candidate.rows": 1, "live.rows": 4}, replace(STEP, rung="canary")),
    "another environment": lambda one: one.observed(
        {"candidate.rows": 1, "live.rows": 4}, replace(STEP, environment="prod")
    ),
    "another base": lambda one: one.observed({"candidate.rows": 1, "live.rows": 4}, replace(STEP, base=OTHER)),
    "the two changed": lambda one: one.observed(
        {"candidate.rows": 1, "live.rows": 4}, replace(STEP, base=NEW, model=LIVE)
    ),
    "a replay of no file": lambda one: one.observed({"replay.rows": 1, "pairs.rows": 1}),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_does_not_add_up_is_told_with_its_place(lie: str) -> None:
    """LG770 names entry, gateway and record; what comes later does not mend it."""
    one = gateway()
    LIES[lie](one)
    one.counted(0, 0)
    with pytest.raises(VerificationFailed) as caught:
        agreed(one)
    assert caught.value.finding == "LG770"
    assert {"log_entry": 5, "gateway": "a" * 16, "record": 5}.items() <= caught.value.seen.items()


def test_counts_of_a_gateway_that_began_nothing_are_a_lie() -> None:
    """Nothing says which of its answers they are of."""
    one = Gateway("a" * 16, STEP)
    one.rows(LIVE, 4)
    one.counted(0, 4)
    with pytest.raises(VerificationFailed, match="has not begun"):
        agreed(one)


def test_a_replay_is_of_two_files_that_were_scored() -> None:
    """And of no more rows than the smaller has, over all its records."""
    one = Gateway("a" * 16, STEP)
    one.scored(LIVE, 12)
    one.scored(NEW, 10)
    one.observed({"replay.rows": 10, "pairs.rows": 6})
    one.observed({"replay.rows": 10, "pairs.rows": 4, "risk.rows": 2})
    assert agreed(one) == Agreed(2, 0, 0)
    one.observed({"replay.rows": 10, "pairs.rows": 1})
    with pytest.raises(VerificationFailed, match="replayed"):
        agreed(one)


@pytest.mark.parametrize(
    ("counts", "models"),
    [
        ({"replay.rows": 11, "pairs.rows": 6}, (LIVE, NEW)),
        ({"replay.rows": 10, "candidate.rows": 1}, (LIVE, NEW)),
        ({"replay.rows": 10, "live.rows": 1}, (LIVE, NEW)),
        ({"replay.rows": 10}, (LIVE, OTHER)),
        ({"replay.rows": 10}, (OTHER, NEW)),
    ],
)
def test_a_replay_that_was_not_scored_is_a_lie(counts: dict[str, int], models: tuple[Digest, Digest]) -> None:
    """More rows than the files have, rows of callers, or files of other models."""
    one = Gateway("a" * 16, STEP)
    for model in models:
        one.scored(model, 10)
    one.observed(counts)
    with pytest.raises(VerificationFailed, match="replayed"):
        agreed(one)


def test_a_record_of_answers_says_how_many() -> None:
    """Read from its bytes alone; nothing of other kinds. And the places that are looked at are those."""
    one = Gateway("a" * 16, CANARY)
    one.single(NEW, "canary")
    one.rows(LIVE, 1)
    one.rows(LIVE, 256)
    one.refuse(NEW)
    one.scored(NEW, 5)
    one.began()
    entries = [record.encode() for record in one.records]
    assert [answered(entry)[0] for entry in entries] == [0, 1, 256, 0, 0, 0]
    places = [ENVIRONMENT_AT + len('"environment":"dev",') + TO_MODEL, answered(entries[1])[1], answered(entries[2])[1]]
    assert [entry[place : place + 8] for entry, place in zip(entries, places, strict=False)] == [b'"model":'] * 3
    assert [entry.startswith(IS_OBSERVED) for entry in entries] == [False] * 5 + [True]
    assert [entry.endswith(IS_SINGLE) for entry in entries] == [True] + [False] * 5
    assert {entry[ENVIRONMENT_AT:].partition(b",")[0] for entry in entries[:3]} == {b'"environment":"dev"'}
