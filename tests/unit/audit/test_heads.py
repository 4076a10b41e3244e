"""Which statement speaks for a stage, and what a rollback leaves behind."""

from __future__ import annotations

import pytest

from lockgate.audit.heads import head_statement, pick_head, stale
from lockgate.audit.joins import gap
from lockgate.core.moments import rfc3339
from lockgate.errors import VerificationFailed
from tests.support.evidence import START, Chronicle, blob


def _back(log: Chronicle, stage: str, target: str, role: str) -> None:
    log.add(head_statement(stage, target, time=rfc3339(START), reason="test"), role=role)  # type: ignore[arg-type]


def test_the_newest_statement_is_the_head() -> None:
    """Without a rollback, what was done last counts; a stage that never ran has no head."""
    log = Chronicle()
    first, second = log.candidate("a"), log.candidate("b")
    assert pick_head("train", log.evidences) is second["train"]
    assert pick_head("train", log.without(second["train"])) is first["train"]
    assert pick_head("register", log.evidences) is None


def test_a_rollback_makes_an_earlier_statement_the_head_until_the_next_run() -> None:
    """The stage's own role may point back; a run after that makes a new head."""
    log = Chronicle()
    first, _ = log.candidate("a"), log.candidate("b")
    _back(log, "train", first["train"].digest, "trainer")
    assert pick_head("train", log.evidences) is first["train"]
    assert pick_head("judge", log.evidences) is not first["judge"]
    third = log.candidate("c")
    assert pick_head("train", log.evidences) is third["train"]


def test_a_head_moved_by_another_role_stops() -> None:
    """A validator cannot choose which training counts, even where its key may sign stage heads."""
    log = Chronicle()
    first, _ = log.candidate("a"), log.candidate("b")
    _back(log, "train", first["train"].digest, "validator")
    with pytest.raises(VerificationFailed) as no:
        pick_head("train", log.evidences)
    assert no.value.finding == "LG541"


@pytest.mark.parametrize("what", ["unknown", "another claim", "later"])
def test_a_head_that_points_nowhere_stops(what: str) -> None:
    """A target that is missing, of another stage, or younger than the pointer is never skipped silently."""
    log = Chronicle()
    first = log.candidate("a")
    target = {"unknown": blob("x"), "another claim": first["judge"].digest, "later": "sha256:" + "0" * 64}[what]
    _back(log, "train", target, "trainer")
    evidences = list(log.evidences)
    with pytest.raises(VerificationFailed) as no:
        pick_head("train", evidences)
    assert no.value.finding == "LG542"


def test_what_follows_a_rolled_back_stage_is_stale() -> None:
    """Going back in validate leaves train, judge and the registration behind; going back in all mends it."""
    log = Chronicle()
    first = log.candidate("a")
    one = log.register(first)
    second = log.candidate("b")
    two = log.register(second, version=2)
    claims = ("ingest", "validate", "train", "judge", "register")

    assert stale({claim: pick_head(claim, log.evidences) for claim in claims}) == ()
    _back(log, "ingest", first["ingest"].digest, "ingester")
    _back(log, "validate", first["validate"].digest, "validator")
    found = stale({claim: pick_head(claim, log.evidences) for claim in claims})
    assert [one.stage for one in found] == ["train", "judge", "register"]

    for stage, role in (("train", "trainer"), ("judge", "judge")):
        _back(log, stage, first[stage].digest, role)
    _back(log, "register", one.digest, "signer")
    heads = {claim: pick_head(claim, log.evidences) for claim in claims}
    assert stale(heads) == ()
    assert (heads["register"], two is heads["register"]) == (one, False)


def test_a_stage_whose_input_never_ran_is_stale() -> None:
    """A validate statement without any ingest statement rests on nothing."""
    log = Chronicle()
    first = log.candidate("a")
    found = stale({**first, "ingest": None})
    assert [one.stage for one in found][:1] == ["validate"]


@pytest.mark.parametrize(("stage", "before"), [("validate", "ingest"), ("train", "validate"), ("judge", "train")])
def test_statements_join_by_digest_alone(stage: str, before: str) -> None:
    """Two pipelines with the same names do not fit each other; each fits itself."""
    log = Chronicle()
    first, second = log.candidate("a"), log.candidate("b")
    assert gap(stage, first[stage].statement, first[before].statement) == ""
    assert gap(stage, first[stage].statement, second[before].statement) != ""
