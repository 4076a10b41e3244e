"""Scoring a file of which no row is accepted says what to do with the file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.audit.entries import Registration
from lockgate.errors import Refused
from lockgate.pipeline.scoring.judge import check_any
from lockgate.validate.examine import Examined


def judged(accepted: int, *rules: tuple[str, str]) -> Examined:
    """What the contract's jail counted."""
    by_rule = [{"field": field, "rule": rule, "count": 9} for field, rule in rules]
    return cast("Examined", SimpleNamespace(reckoning=SimpleNamespace(accepted=accepted, rows=9, by_rule=by_rule)))


def said(*rules: tuple[str, str]) -> Any:
    """The command, or the edit, that the refusal names."""
    with pytest.raises(Refused, match="accepts none of 9 rows") as caught:
        check_any(judged(0, *rules), cast("Registration", SimpleNamespace(ref="late@1")), "a.csv")
    assert caught.value.finding == "LG674"
    return caught.value.next


def test_a_file_with_its_label_is_told_to_leave_it_out() -> None:
    """The commonest mistake: the column is named. Where something else is wrong too, the model's page is named."""
    assert said(("minutes", "extra_forbidden")).startswith("leave minutes out of a.csv")
    assert said(("minutes", "extra_forbidden"), ("age", "missing")).startswith("lockgate show late@1")
    assert said(("age", "missing")).startswith("lockgate show late@1")


def test_one_accepted_row_is_enough() -> None:
    """Positive control."""
    check_any(judged(1, ("minutes", "extra_forbidden")), cast("Registration", SimpleNamespace(ref="late@1")), "a.csv")
