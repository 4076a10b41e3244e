"""core.verdict_lines: a line for each environment, the heaviest reasons first, each with the command that mends it."""

from __future__ import annotations

from dataclasses import replace

from lockgate.core.verdict import Level, Reason, Verdict
from lockgate.core.verdict_lines import MOST_TOLD, few_alike, verdict_lines, verdict_words

NOTE = Reason("LG451", Level.NOTE, "other rows")
WARN = Reason("LG434", Level.WARN, "roc_auc is 0.69", next="lockgate train")
NO = Reason("LG512", Level.REFUSE, "no approval", next="lockgate approve it@1 --env prod")


def test_what_is_missing_comes_first() -> None:
    """Mark, environment and count; then each reason with its command."""
    assert list(verdict_lines({"dev": Verdict((WARN, NOTE)), "prod": Verdict((WARN, NO)), "lab": Verdict()})) == [
        "! policy    dev: yes, with warnings",
        "    LG434  roc_auc is 0.69   lockgate train",
        "    LG451  other rows",
        "✗ policy    prod: no, 1 missing",
        "    LG512  no approval   lockgate approve it@1 --env prod",
        "    LG434  roc_auc is 0.69   lockgate train",
        "✓ policy    lab: yes",
    ]


def test_few_lines_stay_few() -> None:
    """What is left out is counted, and where to find it is said."""
    many = tuple(replace(NO, next=f"lockgate approve it@{number}") for number in range(MOST_TOLD + 3))
    lines = list(verdict_lines({"prod": Verdict(many)}))
    assert len(lines) == MOST_TOLD + 2
    assert lines[-1] == "    and 3 more: lockgate policy check --env prod --json"


def test_of_many_that_say_the_same_two_are_told() -> None:
    """Ten rules' findings about rows are one matter with one command; what leads elsewhere is told by itself."""
    many = tuple(replace(WARN, message=f"{number} rows", next="lockgate review --screen") for number in range(10))
    assert [message for _, message in few_alike((*many, WARN))] == [
        "LG434  0 rows",
        "LG434  1 rows (and 8 more such)",
        "LG434  roc_auc is 0.69",
    ]


def test_all_of_it_in_one_line() -> None:
    """With the findings that refuse, each once."""
    said = {"dev": Verdict((WARN,)), "prod": Verdict((NO, NO, WARN)), "lab": Verdict()}
    assert verdict_words(said) == "dev: yes, with warnings; prod: no, 2 missing (LG512); lab: yes"
