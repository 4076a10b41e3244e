"""trust.policy: strict to read, dev warns, prod enforces, versions only rise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.trust.policy import RULES, Bounds, Policy, default_policy

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REASON = Reason("LG000", Level.NOTE, "a reason")
MINIMAL = "version = 1\n[environment.dev]\n[environment.prod]\n"


def test_the_default_policy_is_what_the_defaults_say() -> None:
    """The file that `init` writes hides nothing: leaving its settings out gives nearly the same rules."""
    policy = Policy.from_text(default_policy())
    assert set(policy.environments) == {"dev", "prod"}
    assert policy.environment("dev") == Policy.from_text(MINIMAL).environment("dev")
    prod = policy.environment("prod")
    assert (prod.max_quarantined_share, prod.max_age_days, prod.approvals) == (0.02, 30, 1)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "separation"])
def test_dev_warns_and_prod_enforces(rule: str) -> None:
    """But for the three rules without which the chain proves nothing, and `screen`, whose own rules say what warns."""
    policy = Policy.from_text(MINIMAL)
    always = rule in {"require", "max_quarantined_share", "min_jail_level", "screen"}
    assert policy.environment("dev").judge(rule, ok=False, reason=REASON).level is (
        Level.REFUSE if always else Level.WARN
    )
    assert policy.environment("prod").judge(rule, ok=False, reason=REASON).level is Level.REFUSE
    assert policy.environment("prod").judge(rule, ok=True, reason=REASON).level is Level.NOTE


def test_weights_can_be_set_by_rule() -> None:
    """`levels` overrides `enforce`; `off` only notes."""
    text = 'version = 1\n[environment.dev]\nenforce = "enforce"\nseparation = "enforce"\n[environment.dev.levels]\n'
    dev = Policy.from_text(text + 'require = "off"\nmetrics = "warn"\n').environment("dev")
    assert [dev.weight(rule) for rule in ("require", "metrics", "approvals", "separation")] == [
        "off",
        "warn",
        "enforce",
        "enforce",
    ]
    assert dev.judge("require", ok=False, reason=REASON).level is Level.NOTE
    with pytest.raises(KeyError):
        dev.weight("typo")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "policy.toml:1: version is missing"),
        ("version = 1\n", "no environment"),
        ("version = 0\n[environment.dev]\n", "from 1 to 2147483648"),
        (f"version = {2**31 + 1}\n[environment.dev]\n", "from 1 to 2147483648"),
        (f"version = {'9' * 300}\n[environment.dev]\n", "not a huge number"),
        (f"version = 1\n[environment.dev]\napprovals = {2**53 + 1}\n", "too large"),
        ("version = 1\n[environment.dev]\nmax_age_days = 1000000000\n", "from 0 to 36500"),
        ("version = 1\n[environment.dev]\nmax_osv_age_days = 1e18\n", "from 0 to 36500"),
        ("version = 1\n[environment.dev.max_age_days_of]\njudge = 36501\n", "from 0 to 36500"),
        ("version = 1\n[environment.dev]\nmax_age = 3\n", "policy.toml:3: unknown key environment.dev.max_age"),
        ("version = 1\n[environment.dev]\nenforce = true\n", 'expects "off" or "warn" or "enforce"'),
        ("version = 1\n[environment.dev]\nmin_jail_level = 4\n", "from 0 to 3"),
        ('version = 1\n[environment.dev]\nrequire = ["trian"]\n', 'entry 1 is "trian"'),
        (
            "version = 1\n[environment.dev.levels]\nseparation = 'off'\n",
            "unknown key environment.dev.levels.separation",
        ),
        ("version = 1\n[environment.dev.metrics]\nauc = 0.7\n", "environment.dev.metrics.auc is a table"),
        ("version = 1\n[environment.dev.metrics.auc]\nmim = 0.7\n", "did you mean environment.dev.metrics.auc.min?"),
    ],
)
def test_flaws_are_named(text: str, says: str) -> None:
    """Unknown keys, wrong types and impossible values, with their line."""
    with pytest.raises(Usage) as caught:
        Policy.from_text(text)
    assert caught.value.finding == "LG840"
    assert says in caught.value.message


def test_an_unknown_environment_is_refused_with_the_nearest() -> None:
    """Where no policy says what must hold, nothing may go."""
    with pytest.raises(Usage) as caught:
        Policy.from_text(MINIMAL).environment("prd")
    assert caught.value.finding == "LG843"
    assert "did you mean prod?" in caught.value.message


def test_bounds() -> None:
    """Inclusive; a metric that is no number never holds."""
    bounds = Policy.from_text("version = 1\n[environment.dev.metrics]\nauc = { min = 0.5, max = 1 }\n")
    auc = bounds.environment("dev").metrics["auc"]
    assert [auc.holds(value) for value in (0.5, 1.0, 0.49, 1.01, float("nan"))] == [True, True, False, False, False]
    assert Bounds(None, None).holds(-1e9)
    assert not Bounds(None, None).holds(float("nan"))


def test_the_statement_carries_the_whole_text() -> None:
    """What was signed can be read again, comments included, and only in one form."""
    policy = Policy.from_text(default_policy())
    statement = policy.statement(NOW)
    assert Policy.from_predicate(statement.predicate) == policy
    assert statement.subjects[0].digest == policy.digest
    changes: list[dict[str, Any]] = [
        {"text": default_policy() + "\n"},
        {"text": "version = 1\n"},
        {"text": 7},
        {"version": 2},
        {"version": True},
        {"digest": "sha256:" + "0" * 64},
        {"note": "x"},
    ]
    for change in changes:
        with pytest.raises(VerificationFailed) as caught:
            Policy.from_predicate({**statement.predicate, **change})
        assert caught.value.finding == "LG841"


def test_versions_only_rise() -> None:
    """The same or an older version is refused, whatever it says."""
    two = Policy.from_text(MINIMAL.replace("= 1", "= 2"))
    Policy.from_text(MINIMAL.replace("= 1", "= 3")).check_follows(two)
    for text in (MINIMAL, MINIMAL.replace("= 1", "= 2")):
        with pytest.raises(Refused) as caught:
            Policy.from_text(text).check_follows(two)
        assert caught.value.finding == "LG842"
        assert "set version = 3" in caught.value.next


def test_no_policy_reads_otherwise_than_it_looks() -> None:
    """Refused as a file, and where it comes without one; a policy in force from before is read on and can be left."""
    hidden = MINIMAL.replace("= 1", "= 2", 1) + "# \u2028min_jail_level = 3\n"
    line = hidden.count("\n")
    with pytest.raises(Usage, match=rf"^policy\.toml:{line}: .*U\+2028") as caught:
        Policy.from_text(hidden)
    assert caught.value.finding == "LG840"
    sealed = Policy.from_text(hidden, sealed=True)
    carried = Policy.from_predicate(sealed.statement(datetime(2026, 11, 26, tzinfo=UTC)).predicate)
    with pytest.raises(Usage, match="U\\+2028"):
        carried.check_follows(Policy.from_text(MINIMAL))
    Policy.from_text(MINIMAL.replace("= 1", "= 3", 1)).check_follows(carried)


def test_no_policy_uses_up_the_versions() -> None:
    """A version rises by at most 1000: whoever signs one policy leaves room for the next, which ends what they did."""
    two, last, far = (Policy.from_text(MINIMAL.replace("= 1", f"= {version}")) for version in (2, 1002, 1003))
    last.check_follows(two)
    far.check_follows(last)
    with pytest.raises(Refused) as caught:
        far.check_follows(two)
    assert (caught.value.finding, "at most 1000" in caught.value.message) == ("LG842", True)


@pytest.mark.parametrize(
    ("level", "weight", "least"),
    [(3, "enforce", 3), (2, "enforce", 2), (3, "warn", 2), (3, "off", 2), (1, "warn", 1), (0, "enforce", 1)],
)
def test_a_jail_with_a_hole_never_starts(level: int, weight: str, least: int) -> None:
    """A rule that only warns lets a weaker launcher in, never a jail in which a probe is open (level 0)."""
    text = f"version = 1\n[environment.dev]\nmin_jail_level = {level}\n"
    text += f'[environment.dev.levels]\nmin_jail_level = "{weight}"\n'
    assert Policy.from_text(text).environment("dev").least_jail_level == least
