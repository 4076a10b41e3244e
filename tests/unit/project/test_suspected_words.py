"""What a suspicion means, in words: each rule and each count that there can be has some."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockgate.core import record_suspicion
from lockgate.project.suspected_words import (
    LEVELS,
    RULES,
    SCOPES,
    SHORT_LEVELS,
    counts_in_words,
    level_in_words,
    rule_in_words,
)

MORE_THAN_KNOWN = "yet-unknown"


def test_whatever_a_record_can_say_has_words() -> None:
    """The rules, scopes and levels of the records, and no others."""
    assert set(record_suspicion.RULES) == set(RULES)
    assert set(record_suspicion.SCOPES) == set(SCOPES)
    assert set(range(record_suspicion.LIMITED + 1)) == set(LEVELS) == set(SHORT_LEVELS)


def test_each_rule_says_who_else_it_can_be_and_what_to_do() -> None:
    """One line each, without a line break; no two rules say the same was seen."""
    for rule in RULES.values():
        for said in (rule.sentence, rule.looks_like, rule.false_alarm, rule.do):
            assert said
            assert said.isprintable()
    assert len(RULES) == len({rule.sentence for rule in RULES.values()})


def test_one_and_several_are_told_apart() -> None:
    """Known counts in their order, all rows at the end; what a later version counts by its name."""
    assert counts_in_words({"rows": 1, "flips": 1, "odd": 12_000}) == (
        "1 flip of the answer between such rows, 12,000 as odd as 1 in 100 of the population, 1 row in all"
    )
    assert counts_in_words({MORE_THAN_KNOWN: 3, "rows": 2}) == "2 rows in all, yet-unknown 3"
    assert counts_in_words({}) == "no count"
    assert MORE_THAN_KNOWN in rule_in_words(MORE_THAN_KNOWN)
    assert level_in_words(9) == "level 9, which this version does not know"


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9.-]{0,31}", fullmatch=True), st.integers(1, 10**12), max_size=32))
def test_no_count_is_left_out(counts: dict[str, int]) -> None:
    """Each number stands in the line, in one line."""
    line = counts_in_words(counts)
    assert line.isprintable()
    assert len(counts) == len(line.split(", ")) or not counts
    for count in counts.values():
        assert f"{count:,}" in line
