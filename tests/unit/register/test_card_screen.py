"""The model card says what the poisoning screen flagged, and keeps its form where nobody screened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.register.card import card
from lockgate.register.spec import Words
from tests.support.project import signed_project


@pytest.fixture(name="heads", scope="module")
def _heads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evidence]:
    with pytest.MonkeyPatch.context() as patch:
        return signed_project(tmp_path_factory.mktemp("card"), patch).candidate()


def _line(heads: dict[str, Evidence], **facts: Any) -> str:
    one = heads["validate"]
    said = replace(one, statement=replace(one.statement, predicate={**one.predicate, **facts}))
    lines = card("flights", Words(), {**heads, "validate": said}).splitlines()
    return next((line for line in lines if "poisoned" in line), "")


def test_the_card_says_how_many_rows_and_by_which_rules(heads: dict[str, Evidence]) -> None:
    """Only rules that looked; what people said of the rows; no mark-up from a statement."""
    rules = {"labels": "ran", "triggers": "ran", "sources": "absent", "<b>": "ran"}
    screen = {"rules": rules, "flagged": 7, "good": 0}
    assert _line(heads, screen=screen, marked_bad=0) == (
        "Screened for poisoned rows: 7 rows flagged, by the rules labels, triggers, &#60;b&#62;."
    )
    assert _line(heads, screen={**screen, "good": 2}, marked_bad=3).endswith(
        "; 2 that they would flag are marked good; 3 were marked bad and are left out."
    )
    assert "no rule could look" in _line(heads, screen={**screen, "rules": {}}, marked_bad=0)


@pytest.mark.parametrize("screen", [None, 3, {}, {"rules": []}, {"rules": {}, "flagged": "many", "good": 0}])
def test_a_statement_without_a_screen_has_the_card_that_it_had(heads: dict[str, Evidence], screen: Any) -> None:
    """One from before, one where all rules were off, and what is in no form that is known."""
    assert _line(heads, screen=screen, marked_bad=0) == ""
    assert _line(heads) == ""
