"""trust.policy_witness: whom a policy calls witness, and what changes when it calls others so."""

from __future__ import annotations

import pytest

from lockgate.errors import Usage
from lockgate.project.policies import compare
from lockgate.trust.policy import Policy
from lockgate.trust.policy_witness import facts
from tests.support.sealing import ORIGIN, PUBLIC
from tests.support.witnesses import LOG, key_of

ONE, TWO = (key_of(number, f"witness.example/w{number}").verifier for number in (1, 2))


def _policy(*named: str, rules: str = "min_witnesses = 1") -> Policy:
    return Policy.from_text("\n".join(("version = 1", "[environment.prod]", rules, *named)) + "\n")


def _named(name: str, key: str, url: str = "") -> str:
    return f'[witness.{name}]\nkey = "{key}"\nurl = "{url}"'


def test_a_witness_is_read() -> None:
    """Key, address without a slash at its end, and how many must have cosigned."""
    policy = _policy(
        _named("one", ONE.line(), "https://w.example/sub/"), rules='min_witnesses = 1\nmax_witness_age = "1 d"'
    )
    rules = policy.environment("prod")
    assert (policy.witnesses["one"].key, policy.witnesses["one"].url) == (ONE, "https://w.example/sub")
    assert (rules.min_witnesses, rules.max_witness_age, rules.weight("min_witnesses")) == (1, 86400.0, "enforce")
    assert facts(policy.witnesses["one"])["key"] == ONE.line()
    assert _policy(rules="").witnesses == {}


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (_named("one", LOG.line()), "verifier key of type 0x04"),
        (_named("one", ONE.line()[:-4]), "verifier key of type 0x04"),
        (_named("One", ONE.line()), "short lower-case word"),
        (_named("one", ONE.line(), "ftp://w.example"), "begins with https"),
        (_named("one", ONE.line(), "https://u:p@w.example"), "without a user"),
        (_named("one", ONE.line(), "https://w.example/?a=b"), "without a user"),
        (_named("one", ONE.line(), "w.example"), "begins with https"),
        (_named("one", ONE.line(), "http://w.example"), "this machine"),
        (_named("one", ONE.line(), "http://127.0.0.1.w.example"), "this machine"),
        (_named("one", ONE.line(), "http://localhost.w.example:80/x"), "this machine"),
        (_named("one", ONE.line()) + "\n" + _named("two", key_of(1, "other").verifier.line()), "have the same key"),
        ("\n".join(_named(f"w{n}", key_of(n, f"w{n}").verifier.line()) for n in range(1, 18)), "at most 16 witnesses"),
    ],
)
def test_flaws_are_named(named: str, says: str) -> None:
    """With file and line; nobody counts twice."""
    with pytest.raises(Usage) as caught:
        _policy(named)
    assert caught.value.finding == "LG840"
    assert caught.value.message.startswith("policy.toml:")
    assert says in caught.value.message


@pytest.mark.parametrize("url", ["http://localhost", "http://127.0.0.1:8099/sub", "http://[::1]:1"])
def test_in_the_clear_a_witness_is_asked_on_this_machine_alone(url: str) -> None:
    """What it says unsigned, that a log forked, is an alarm: nobody on the way may say it."""
    assert url == _policy(_named("one", ONE.line(), url)).witnesses["one"].url


def test_more_than_there_are_cannot_be_demanded() -> None:
    """It would refuse for ever."""
    with pytest.raises(Usage) as caught:
        _policy(_named("one", ONE.line()), rules="min_witnesses = 2")
    assert "policy.toml:3: min_witnesses = 2, and 1 are named" in caught.value.message


def test_who_may_stand_in_is_looser_and_who_is_gone_stricter() -> None:
    """Another key under the old name is both; another address neither, for only signatures count."""

    def ways(old: Policy, new: Policy) -> set[str]:
        return {change.direction for change in compare(old, new)}

    one, both = _policy(_named("one", ONE.line())), _policy(_named("one", ONE.line()), _named("two", TWO.line()))
    assert ways(one, both) == {"looser"}
    assert ways(both, one) == {"stricter"}
    assert ways(one, _policy(_named("one", TWO.line()))) == {"looser", "stricter"}
    assert ways(one, _policy(_named("one", ONE.line(), "https://w.example"))) == set()
    none = _policy(_named("one", ONE.line()), rules="")
    assert ways(none, one) == {"stricter"}
    assert ways(_policy(rules=""), none) == set()
    assert (LOG.name, LOG.public_key) == (ORIGIN, PUBLIC)
