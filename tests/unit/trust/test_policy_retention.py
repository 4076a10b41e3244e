"""How long labels and records are kept, by the signed policy: looser, stricter, and never below six months."""

from __future__ import annotations

import pytest

from lockgate.errors import Usage
from lockgate.project.policies import compare
from lockgate.trust.policy import Policy


def _policy(serve: str) -> Policy:
    return Policy.from_text(f"version = 1\n[environment.prod.serve]\n{serve}\n")


def test_without_a_word_labels_stay_and_records_half_a_year() -> None:
    """The defaults; the log itself never removes a record."""
    rules = _policy("").environment("prod").serve
    assert (rules.payload_days, rules.label_days, rules.record_days) == (0, None, 183)


@pytest.mark.parametrize("serve", ["record_days = 182", "record_days = 0", "label_days = 0", 'label_days = "30"'])
def test_no_policy_makes_the_log_shorter_than_six_months(serve: str) -> None:
    """Regulation (EU) 2024/1689, Article 19(1); the least that passes is 183 days."""
    with pytest.raises(Usage) as error:
        _policy(serve)
    assert error.value.finding == "LG840"
    assert _policy("record_days = 183").environment("prod").serve.record_days == 183


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        ("", "label_days = 30", "stricter"),
        ("label_days = 30", "label_days = 90", "looser"),
        ("label_days = 90", "", "looser"),
        ("", "record_days = 3650", "stricter"),
        ("record_days = 3650", "record_days = 365", "looser"),
        ("payload_days = 30", "payload_days = 90", "looser"),
    ],
)
def test_longer_is_looser_for_what_is_personal_and_stricter_for_records(old: str, new: str, direction: str) -> None:
    """`policy diff` names each, once, and the other way round it is the other."""
    before, after = _policy(old), _policy(new)
    assert [direction] == [one.direction for one in compare(before, after)]
    assert [{"looser": "stricter", "stricter": "looser"}[direction]] == [
        one.direction for one in compare(after, before)
    ]
    assert not list(compare(before, before))
