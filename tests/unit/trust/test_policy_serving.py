"""[environment.NAME.serve]: what the policy says of serving, its defaults, and which change is looser."""

from __future__ import annotations

import re

import pytest

from lockgate.errors import Usage
from lockgate.project.policies import compare, describe_serving
from lockgate.trust.policy import Policy, default_policy
from lockgate.trust.policy_serving import OutputRule, ServePolicy


def _policy(lines: str, table: str = "serve") -> Policy:
    return Policy.from_text(f"version = 1\n[environment.prod]\n[environment.prod.{table}]\n{lines}\n")


def _serve(lines: str, table: str = "serve") -> ServePolicy:
    return _policy(lines, table).environment("prod").serve


def test_a_policy_without_the_table_has_the_defaults() -> None:
    """Everything is answered to everybody, once its record is on the disk; nothing is kept."""
    old = Policy.from_text("version = 1\n[environment.prod]\n").environment("prod").serve
    assert old == ServePolicy() == _serve("")
    assert (old.record, old.unrecorded, old.payload_days) == ("synced", "refuse", 0)
    assert (old.shared_rates, old.shared_budgets) == ("open", "closed")
    assert old.output("external") == old.output("internal") == OutputRule("full")


def test_each_word_is_read() -> None:
    """All keys of the table and of an output, and nobody else's output changes."""
    found = _serve(
        'record = "sealed"\nunrecorded = "answer"\npayload_days = 30\n'
        'shared_rates = "closed"\nshared_budgets = "open"\n'
        '[environment.prod.serve.output.external]\nscores = "top"\ndigits = 2\ntop = 4\nabstain_below = 0.25\n'
    )
    assert found == ServePolicy({"external": OutputRule("top", 2, 4, 0.25)}, "sealed", "answer", 30, "closed", "open")
    assert found.output("internal") == OutputRule()


def test_a_kind_that_no_policy_can_name_is_external() -> None:
    """Whoever writes another kind into the client registry does not get round the policy."""
    assert _serve('scores = "label"', "serve.output.external").output("partner") == OutputRule("label")


@pytest.mark.parametrize(
    ("table", "lines", "says"),
    [
        ("serve", 'record = "sync"', 'expects "written" or "synced" or "sealed", not "sync" (nearest: "synced")'),
        ("serve", "payload_day = 3", "did you mean environment.prod.serve.payload_days?"),
        ("serve", "payload_days = -1", "from 0 to 36500"),
        ("serve.output.extrenal", 'scores = "label"', "did you mean environment.prod.serve.output.external?"),
        ("serve.output.external", "digits = 16", "from 0 to 15"),
        ("serve.output.external", "top = 0", "from 1 to 1000"),
        ("serve.output.external", "abstain_below = 2", "from 0 to 1"),
        ("serve.output.external", 'scores = "none"', 'expects "full" or "rounded" or "top" or "label"'),
    ],
)
def test_flaws_are_named(table: str, lines: str, says: str) -> None:
    """A misspelt kind of client would let everything out: it is refused, with its line and the nearest word."""
    with pytest.raises(Usage) as caught:
        _policy(lines, table)
    assert caught.value.finding == "LG840"
    assert says in str([caught.value.message, caught.value.seen])


PAIRS = [
    ("serve", 'record = "written"', ""),
    ("serve", "", 'record = "sealed"'),
    ("serve", 'unrecorded = "answer"', ""),
    ("serve", "payload_days = 30", "payload_days = 7"),
    ("serve", "", 'shared_rates = "closed"'),
    ("serve", 'shared_budgets = "open"', ""),
    ("serve.output.external", "", 'scores = "label"'),
    ("serve.output.external", "", 'scores = "rounded"'),
    ("serve.output.external", 'scores = "rounded"\ndigits = 4', 'scores = "rounded"\ndigits = 3'),
    ("serve.output.external", 'scores = "label"\ndigits = 4', 'scores = "label"\ndigits = 3'),
    ("serve.output.external", 'scores = "top"\ntop = 3', 'scores = "top"\ntop = 2'),
    ("serve.output.external", 'scores = "rounded"', 'scores = "label"'),
    ("serve.output.internal", 'scores = "top"', 'scores = "label"'),
    ("serve.output.internal", "", "abstain_below = 0.1"),
]


@pytest.mark.parametrize(("table", "loose", "strict"), PAIRS)
def test_each_setting_says_what_became_looser(table: str, loose: str, strict: str) -> None:
    """In both directions, in one line each; no difference says nothing."""
    lax, tight = _policy(loose, table), _policy(strict, table)
    assert [each.direction for each in compare(tight, lax)] == ["looser"]
    assert [each.direction for each in compare(lax, tight)] == ["stricter"]
    assert list(compare(lax, lax)) == []


def test_rounded_against_top_is_both() -> None:
    """All scores a little, or one score wholly: each tells what the other leaves out."""
    one, other = (_policy(f'scores = "{each}"', "serve.output.external") for each in ("rounded", "top"))
    assert {each.direction for each in compare(one, other)} == {"looser", "stricter"}


def test_the_change_is_told_in_words() -> None:
    """Setting, kind of client, before and after."""
    strict = 'record = "sealed"\n[environment.prod.serve.output.external]\nscores = "rounded"\nabstain_below = 0.2\n'
    assert [str(each) for each in compare(_policy(""), _policy(strict))] == [
        "stricter prod: serve record synced -> sealed",
        "stricter prod: serve output external full -> rounded to 3 digits",
        "stricter prod: serve output external abstain_below 0 -> 0.2",
    ]
    words = dict(describe_serving(_serve(strict)))
    assert words["output external"] == "rounded to 3 digits, none below a margin of 0.2"
    assert (words["record"], words["output internal"], words["payload_days"]) == ("sealed", "full", "0")


def test_what_init_writes_as_a_comment_is_in_form() -> None:
    """The example can be taken out of its comment as it stands."""
    taken = re.sub(r"^# (?=\[|[a-z_]+ = )", "", default_policy(), flags=re.MULTILINE)
    serve = Policy.from_text(taken).environment("prod").serve
    assert (serve.record, serve.output("external")) == ("sealed", OutputRule("rounded", 2, 1, 0.1))
