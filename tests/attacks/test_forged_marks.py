"""T: data poisoning. Marks that nobody gave: who holds the validator's key drops rows, or clears them of doubt.

Sealing refuses each; and where somebody has the sealer's key too, so does whoever walks a model's chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lockgate.audit.entries import registrations
from lockgate.audit.evidence import Evidence
from lockgate.audit.marks import check_applied, check_mark, mark, marks_in_force
from lockgate.audit.models import said_for
from lockgate.audit.origins import inputs_of
from lockgate.core.digest import Digest, digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import REVOCATION, Statement, Subject, claim_uri
from lockgate.errors import LockgateError
from tests.support.project import register_here
from tests.support.reviewed import Reviewed, digests, mark_statement, reviewed, validate_statement


@pytest.fixture(name="house", scope="module")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    """A project with rows under review; each test adds marks of its own."""
    with pytest.MonkeyPatch.context() as patch:
        yield reviewed(tmp_path_factory.mktemp("marks"), patch)


def _finding(act: Callable[[], object]) -> str:
    with pytest.raises(LockgateError) as caught:
        act()
    return str(caught.value.seen.get("because", caught.value.finding))


def _validate(house: Reviewed, marks: Any, bad: Any = 0, of: str = "", **changes: Any) -> Evidence:
    left = changes.pop("marks_left", [digest for digest in _in_force(house, of) if digest not in marks])
    facts = {
        "marks_left": left,
        "marks_left_bad": _bad(house, left) if isinstance(left, list) else 0,
        "marks": marks if isinstance(marks, str) else list(marks),
        "marked_bad": bad,
        "quarantined": 4,
        "accepted": 8,
        **changes,
    }
    return house.signed.record("validator", said_for(validate_statement(house.signed, **facts), of))


def _bad(house: Reviewed, digests: Sequence[Any]) -> int:
    said = {one.digest: one for one in house.signed.open_ledger().statements("mark")}
    return sum(said[digest].predicate["mark"] == "bad" for digest in digests if digest in said)


def _in_force(house: Reviewed, of: str = "") -> list[Digest]:
    return digests(*(one.evidence for one in marks_in_force(house.signed.open_ledger().statements(), of)))


def _revoke(house: Reviewed, target: Digest) -> None:
    predicate = {"claim": claim_uri("revoke"), "time": rfc3339(house.signed.clock()), "reason": "stolen",
                 "project": house.signed.created.project_id, "statement": target, "of": "mark"}  # fmt: skip
    house.signed.record("revoker", Statement((Subject("mark statement", target),), REVOCATION, predicate))


def test_rows_are_dropped_on_an_approvers_word_alone(house: Reviewed) -> None:
    """Marked bad: with a mark that says so, and not more rows than were quarantined. Without one, or on one that says
    good, whoever holds the validator's key drops what he does not like.
    """
    bad, good = house.mark("bad"), house.mark("good")
    assert _validate(house, digests(bad, good), bad=3).claim == "validate"
    assert _validate(house, digests(good)).claim == "validate"
    for marks, count in (((), 3), ([good.digest], 3), ([bad.digest], 5)):
        assert _finding(partial(_validate, house, marks, bad=count)) == "LG781"
    for strange in (-1, "3", True, None):
        assert _finding(partial(_validate, house, [bad.digest], bad=strange)) == "LG526"


def test_an_invented_mark_is_refused(house: Reviewed) -> None:
    """A digest of nothing, of a statement that is no mark, twice the same, in another order; the honest one goes in."""
    one, two = house.mark(), house.mark()
    assert _validate(house, digests(one, two), bad=1).claim == "validate"
    for marks in ([digest_of(b"none")], [house.validate.digest], [one.digest] * 2, digests(two, one)):
        assert _finding(partial(_validate, house, marks, bad=1)) == "LG780"
    for strange in ("all", [7], [None]):
        assert _finding(partial(_validate, house, strange)) == "LG526"


def test_a_mark_is_not_passed_over(house: Reviewed) -> None:
    """The validator's key alone cannot do as if nobody had said anything: each mark is named, or told to be left."""
    said = house.mark("bad")
    others = [digest for digest in _in_force(house) if digest != said.digest]
    for marks, left in (([said.digest], []), ([], [said.digest])):
        assert _validate(house, marks, marks_left=[*others, *left]).claim == "validate"
        assert _finding(partial(_validate, house, (), marks_left=others)) == "LG780"
    for strange in ("none", [7]):
        assert _finding(partial(_validate, house, (), marks_left=strange)) == "LG526"
    _revoke(house, said.digest)
    assert _validate(house, (), marks_left=others).claim == "validate"


def test_a_mark_is_left_only_where_the_contract_is_another(house: Reviewed) -> None:
    """One on rows that the very same code judged could have been applied; and how many say bad is not hidden: the gate
    refuses those.
    """
    code: dict[str, Any] = {"closure": digest_of(b"code"), "versions": {"pydantic": "2"}}
    judged = _validate(house, (), **code)
    said = house.mark("bad", validate=judged.digest)
    others = [digest for digest in _in_force(house) if digest != said.digest]
    left = [*others, said.digest]
    others_code: tuple[dict[str, Any], ...] = ({"closure": digest_of(b"other code")}, {"versions": {"pydantic": "3"}})
    for changes in others_code:
        assert _validate(house, (), marks_left=left, **{**code, **changes}).claim == "validate"
    assert _finding(partial(_validate, house, (), marks_left=left, **code)) == "LG780"
    assert _validate(house, [said.digest], marks_left=others, **code).claim == "validate"
    assert _finding(partial(_validate, house, (), marks_left=[*left, digest_of(b"none")])) == "LG780"
    for lie in (0, 99):
        assert _finding(partial(_validate, house, (), marks_left=left, marks_left_bad=lie)) == "LG781"
    for strange in ("1", None, True):
        assert _finding(partial(_validate, house, (), marks_left=left, marks_left_bad=strange)) == "LG526"


def test_a_later_mark_is_refused(house: Reviewed) -> None:
    """The validator's statement cannot name what was said after it; the same statement after it can."""
    said = house.mark()
    validate, log = _validate(house, [said.digest], bad=1), house.signed.open_ledger().statements()
    check_applied(validate, log)
    early = replace(validate, index=said.index)
    assert _finding(lambda: check_applied(early, log)) == "LG780"


def test_another_models_mark_is_refused(house: Reviewed) -> None:
    """On rows of one model nothing is said of those of another, whose rows may look the same."""
    other = _validate(house, (), of="other")
    said = house.mark(of="other", validate=other.digest)
    assert _validate(house, [said.digest], bad=1, of="other").claim == "validate"
    assert _finding(lambda: _validate(house, [said.digest], bad=1)) == "LG780"
    assert (said.digest in _in_force(house, "other"), said.digest in _in_force(house)) == (True, False)


def test_a_mark_that_was_taken_back_is_refused(house: Reviewed) -> None:
    """After a revocation it is as never said: it is in force no more, and no later statement may rest on it."""
    kept, gone = house.mark(), house.mark()
    before = _validate(house, digests(kept, gone), bad=2)
    _revoke(house, gone.digest)
    log = house.signed.open_ledger().statements()
    check_applied(before, log)
    assert _validate(house, [kept.digest], bad=2).claim == "validate"
    assert _finding(lambda: _validate(house, digests(kept, gone), bad=2)) == "LG780"
    assert (kept.digest in _in_force(house), gone.digest in _in_force(house)) == (True, False)


def test_only_an_approver_marks(house: Reviewed) -> None:
    """The validator's own key, or the trainer's, signs no mark."""
    assert house.mark().role == "approver"
    for role in ("validator", "trainer", "ingester"):
        assert _finding(partial(house.mark, role=role)) == "LG817"


def test_a_mark_says_what_it_is_about(house: Reviewed) -> None:
    """A word that is none, no rows, another file than its subject, rows that were never judged: not sealed."""
    assert house.mark().claim == "mark"
    strange: list[dict[str, Any]] = [
        *({"mark": word} for word in ("fine", "", None)),
        *({"rows": rows} for rows in (0, -1, True, "1")),
        *({"findings": found} for found in (None, "LG233", ["x"], [233], ["LG233"] * 51)),
        {"reason": ""},
        {"environment": "prod"},
    ]
    for changes in strange:
        assert _finding(partial(house.mark, **changes)) == "LG526"
    two = mark_statement(house)
    swapped = replace(two, subjects=(Subject("marks.parquet", digest_of(b"others")),))
    assert _finding(lambda: house.signed.record("approver", swapped)) == "LG526"
    ingest = house.signed.candidate(of="fresh", skip=["validate", "train", "judge"])["ingest"]
    for about in (digest_of(b"never"), ingest.digest):
        assert _finding(partial(house.mark, validate=about)) == "LG782"
    assert _finding(lambda: house.mark(of="fresh")) == "LG782"
    honest, log = mark(house.mark()), house.signed.open_ledger().statements()
    check_mark(honest, log)
    early = replace(honest, evidence=replace(honest.evidence, index=house.validate.index))
    assert _finding(lambda: check_mark(early, log)) == "LG782"


def test_a_model_on_forged_marks_is_not_verified(house: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed by somebody with the sealer's key too: its chain ends at the validate statement. The honest one holds."""
    given = house.mark()
    house.signed.candidate(of="chained")
    register_here(house.signed, monkeypatch, "chained", "chained")
    log = house.signed.open_ledger().statements()
    registration = next(one for one in registrations(log) if one.name == "chained")
    honest = inputs_of(registration, log)["validate"]
    for facts, finding in (
        ({"marks": [given.digest]}, "LG780"),
        ({"marks": [digest_of(b"none")]}, "LG780"),
        ({"marked_bad": 1}, "LG781"),
    ):
        said = replace(honest.statement, predicate={**honest.predicate, **facts})
        forged = [replace(one, statement=said) if one is honest else one for one in log]
        assert _finding(partial(inputs_of, registration, forged)) == finding
