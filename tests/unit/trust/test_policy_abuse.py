"""`[environment.NAME.abuse]`: what is read, what is refused, and which change is called looser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.errors import Usage
from lockgate.project.policies import compare, describe_abuse
from lockgate.trust.policy import Policy, default_policy
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule, differences

EVERYTHING = (
    'leak_day = 20000\nleak_life = 200000\nshared = "respond"\n'
    '[environment.prod.abuse.external]\nrespond = "limit"\nquiet = "coarsen"\n'
)


def _policy(lines: str) -> Policy:
    return Policy.from_text(f"version = 1\n[environment.prod]\n[environment.prod.abuse]\n{lines}\n")


def _read(lines: str) -> AbusePolicy:
    return _policy(lines).environment("prod").abuse


def test_by_itself_it_only_observes() -> None:
    """No cap, no refusal, nothing done in silence: whether the table is there or not, and in what `init` writes."""
    observed = AbuseRule("observe", "off")
    for found in (_read(""), AbusePolicy(), Policy.from_text(default_policy()).environment("prod").abuse):
        assert (found.leak_day, found.leak_life, found.shared) == (0, 0, "observe")
        assert found.rule("external") == found.rule("internal") == observed


def test_each_word_is_read_and_shown() -> None:
    """Internal clients have no leak budget, and a kind that no policy can name is external."""
    found = _read(EVERYTHING)
    assert found == AbusePolicy(20000, 200000, "respond", {"external": AbuseRule("limit", "coarsen")})
    assert found.rule("partner") == AbuseRule("limit", "coarsen")
    assert (found.caps("internal"), found.caps("partner")) == ((0, 0), (20000, 200000))
    assert dict(describe_abuse(_policy(EVERYTHING).environment("prod"))) == {
        "leak_day": "20000 bits",
        "leak_life": "200000 bits",
        "shared": "respond",
        "external": "coarsen, then limit",
        "internal": "observe",
    }
    assert dict(describe_abuse(_policy("").environment("prod")))["leak_day"] == "no cap"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("leak_day = -1", "from 0"),
        ("leak_day = 0.5", "whole number"),
        ("leak_week = 3", "leak_week"),
        ('shared = "limit"', '"observe" or "respond"'),
        ('[environment.prod.abuse.external]\nrespond = "block"', '"observe" or "limit"'),
        ('[environment.prod.abuse.internal]\nquiet = "round"', '"off" or "coarsen" or "slow"'),
        ('[environment.prod.abuse.partner]\nquiet = "slow"', "partner"),
    ],
)
def test_what_cannot_be_meant_is_refused(lines: str, words: str) -> None:
    """LG840, and what is expected."""
    with pytest.raises(Usage) as caught:
        _read(lines)
    assert caught.value.finding == "LG840"
    assert words in str([caught.value.message, caught.value.seen])


_RULES = st.builds(
    AbuseRule, respond=st.sampled_from(["observe", "limit"]), quiet=st.sampled_from(["off", "coarsen", "slow"])
)
_POLICIES = st.builds(
    AbusePolicy,
    leak_day=st.sampled_from([0, 10, 20]),
    leak_life=st.sampled_from([0, 100, 200]),
    shared=st.sampled_from(["observe", "respond"]),
    kinds=st.fixed_dictionaries({}, optional={"external": _RULES, "internal": _RULES}),
)


def _allowed(policy: AbusePolicy) -> set[Any]:
    """What a client of each kind may still do after a suspicion, or at so many bits."""
    found: set[Any] = set()
    for kind in ("external", "internal"):
        rule = policy.rule(kind)
        found |= {(kind, "answered")} if rule.respond == "observe" else set()
        found |= {(kind, "not", quiet) for quiet in ("coarsen", "slow") if quiet != rule.quiet}
    for name in ("leak_day", "leak_life"):
        cap = getattr(policy, name)
        found |= {(name, bits) for bits in (10, 20, 100, 200, 10**9) if not cap or bits <= cap}
    return found | ({"shared"} if policy.shared == "observe" else set())


@given(_POLICIES, _POLICIES)
def test_looser_is_exactly_what_lets_something_more_pass(old: AbusePolicy, new: AbusePolicy) -> None:
    """And stricter what takes something away; the same policy differs in nothing."""
    ways = {one.direction for one in differences(old, new)}
    assert ("looser" in ways) == bool(_allowed(new) - _allowed(old))
    assert ("stricter" in ways) == bool(_allowed(old) - _allowed(new))


def test_policy_diff_names_it() -> None:
    """By environment, in words."""
    assert [str(one) for one in compare(_policy(EVERYTHING), _policy(""))] == [
        "looser   prod: abuse leak_day 20000 bits -> no cap",
        "looser   prod: abuse leak_life 200000 bits -> no cap",
        "looser   prod: abuse shared respond -> observe",
        "looser   prod: abuse external respond limit -> observe",
        "looser   prod: abuse external quiet coarsen done -> not done",
    ]
