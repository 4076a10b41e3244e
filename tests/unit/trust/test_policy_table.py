"""One table of rules: the form of policy.toml, the gate, `policy diff` and the documents all have each of them."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockgate.core.catalog.all import FINDINGS
from lockgate.core.checkpoint import COSIGNATURE, VerifierKey
from lockgate.core.licences import acceptable, canonical, canonical_one
from lockgate.core.strict import Named, Table
from lockgate.errors import Usage
from lockgate.project.policies import compare, describe
from lockgate.trust.policy import RULES, SCHEMA, EnvironmentPolicy, Policy, default_policy

ROOT = Path(__file__).resolve().parents[3]
HOW_TO = ROOT / "docs" / "how-to" / "write-a-policy.md"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEY = VerifierKey("witness.example/w1", bytes(32), COSIGNATURE).line()
WITNESS = f'[witness.w1]\nkey = "{KEY}"'

PAIRS = [
    ("require", 'require = ["train"]', 'require = ["train", "judge"]'),
    ("signers", "", 'signers = { train = ["ci"] }'),
    ("signers", 'signers = { train = ["ci", "mara"] }', 'signers = { train = ["ci"] }'),
    ("max_quarantined_share", "max_quarantined_share = 0.2", 'max_quarantined_share = "10 %"'),
    ("max_screen_findings", "", "max_screen_findings = 3"),
    ("max_flagged_share", "max_flagged_share = 0.5", "max_flagged_share = 0.4"),
    ("screen", 'screen = { triggers = "off" }', ""),
    ("screen", "", 'screen = { labels = "enforce", leak = "enforce" }'),
    ("min_jail_level", "min_jail_level = 2", "min_jail_level = 3"),
    ("metrics", "metrics = { roc_auc = { min = 0.7 } }", "metrics = { roc_auc = { min = 0.7, interval = true } }"),
    ("metrics", "", "metrics = { roc_auc = {} }"),
    ("metrics", "metrics = { mae = { max = 3 } }", "metrics = { mae = { max = 2 } }"),
    ("slices", "slices = { mae = { max = 3, rows = 10 } }", "slices = { mae = { max = 2, rows = 10 } }"),
    ("slices", "", "slices = { mae = {} }"),
    ("robustness", "robustness = { noise = { min = 0.5 } }", "robustness = { noise = { min = 0.6 } }"),
    ("robustness", "", "max_robustness_drop = 0.1"),
    ("robustness", "max_robustness_drop = 0.1", "max_robustness_drop = 0"),
    ("robustness", "", "min_robustness_rows = 1"),
    ("robustness", "min_robustness_queries = 500", "min_robustness_queries = 1000"),
    ("parity", "parity = { mae = { worse = 1 } }", "parity = { mae = {} }"),
    ("parity", "parity = { mae = {} }", "parity = { mae = { same_rows = true } }"),
    ("parity", "", "parity = { mae = { worse = 9 } }"),
    ("control", "", "control = { max_changed = 0.5 }"),
    ("control", "control = { max_loss = 0.1 }", "control = { max_loss = 0.05 }"),
    ("max_age_days", "", "max_age_days = 30"),
    ("max_age_days", "max_age_days = 30", "max_age_days = 30\nmax_age_days_of = { judge = 7 }"),
    ("refuse_tainted", "refuse_tainted = false", ""),
    ("max_denied_attempts", "max_denied_attempts = 3", ""),
    ("max_vulnerabilities", "max_vulnerabilities = 1", ""),
    ("max_osv_age_days", "", "max_osv_age_days = 7"),
    ("licences", "", "licences = { max_unknown = 3 }"),
    ("licences", 'licences = { allowed = ["MIT", "ISC"] }', 'licences = { allowed = ["ISC"] }'),
    ("licences", 'licences = { refused = ["MIT"] }', 'licences = { refused = ["MIT", "ISC"] }'),
    ("min_witnesses", WITNESS, f"min_witnesses = 1\n{WITNESS}"),
    ("min_witnesses", f'max_witness_age = "2 d"\n{WITNESS}', f'max_witness_age = "1 d"\n{WITNESS}'),
    ("approvals", "approvals = 1", "approvals = 2"),
    ("separation", 'separation = "warn"', 'separation = "enforce"'),
]


def _policy(rules: str, name: str = "prod") -> Policy:
    return Policy.from_text(f"version = 1\n[environment.{name}]\n{rules}\n")


def _directions(old: str, new: str) -> set[str]:
    return {change.direction for change in compare(_policy(old), _policy(new))}


def test_every_rule_has_a_pair_here() -> None:
    """A rule that joins the table joins this test, with every key that it has."""
    assert {rule for rule, _, _ in PAIRS} == set(RULES)
    shown = " ".join(old + new for _, old, new in PAIRS)
    assert [key for rule in RULES.values() for key in rule.settings if key not in shown] == []


@pytest.mark.parametrize(("rule", "loose", "strict"), PAIRS)
def test_each_rule_says_what_became_looser(rule: str, loose: str, strict: str) -> None:
    """In both directions, naming the rule's key; no difference says nothing."""
    assert _directions(strict, loose) == {"looser"}
    assert _directions(loose, strict) == {"stricter"}
    assert _directions(loose, loose) == set()
    (said,) = {change.what.split()[0] for change in compare(_policy(strict), _policy(loose))}
    assert said in {*RULES[rule].settings, rule, "weight", "judge"}


def test_a_reversed_direction_is_both() -> None:
    """Where the other way is better now, what passed may be refused and what was refused may pass."""
    higher, lower = (f'parity = {{ cost = {{ better = "{way}" }} }}' for way in ("higher", "lower"))
    assert _directions(higher, lower) == {"looser", "stricter"}


@pytest.mark.parametrize("name", ["GPL-3.0-or-later", "LicenseRef-x"])
def test_the_first_licence_that_is_allowed_can_be_both(name: str) -> None:
    """By its name it is allowed beside a refused relative, and where nobody could tell; without the list it is not."""
    refused = 'refused = ["GPL-3.0-only"]'
    named = f'licences = {{ {refused}, allowed = ["{name}"] }}'
    assert _directions(f"licences = {{ {refused} }}", named) == {"looser", "stricter"}
    assert _directions(named, f"licences = {{ {refused} }}") == {"looser", "stricter"}


def test_larger_slices_are_both() -> None:
    """With more rows asked for, fewer slices count, and the one that must count is harder to find."""
    few, many = (f"slices = {{ mae = {{ max = 3, rows = {rows} }} }}" for rows in (10, 30))
    assert _directions(few, many) == _directions(many, few) == {"looser", "stricter"}


def test_a_new_environment_is_looser_and_one_that_is_gone_stricter() -> None:
    """Nothing could go where no policy said what must hold."""
    one, two = _policy(""), Policy.from_text("version = 2\n[environment.prod]\n[environment.edge]\n")
    assert [(c.environment, c.direction) for c in compare(one, two)] == [("edge", "looser")]
    assert [(c.environment, c.direction) for c in compare(two, one)] == [("edge", "stricter")]


def test_rules_that_weigh_less_together_are_one_line() -> None:
    """An environment that only warns: one line that names the rules, not one for each."""
    changes = list(compare(_policy(""), _policy('enforce = "warn"')))
    assert [(c.before, c.after, c.direction) for c in changes] == [("enforce", "warn", "looser")]
    assert set(changes[0].what.removeprefix("weight of ").split(", ")) == {
        name for name, rule in RULES.items() if not rule.everywhere and name != "separation"
    }


def test_form_values_and_words_have_each_rule() -> None:
    """The form of policy.toml has each key, an environment's rules each value, `policy show` each rule."""
    named = SCHEMA.items["environment"]
    assert isinstance(named, Named)
    assert isinstance(named.item, Table)
    keys = {key for rule in RULES.values() for key in rule.settings}
    assert set(named.item.items) == keys | {
        "enforce",
        "separation",
        "levels",
        "serve",
        "ladder",
        "monitor",
        "abuse",
        "automatic",
    }
    fields = {each.name for each in dataclasses.fields(EnvironmentPolicy)}
    assert fields == set(named.item.items) | {"name"}
    levels = named.item.items["levels"]
    assert isinstance(levels, Table)
    assert [*levels.items, "separation"] == list(RULES)
    assert [line.rule for line in describe(_policy("").environment("prod"))] == list(RULES)


def test_each_rule_has_findings_that_belong_to_it() -> None:
    """Every id is known, and no two rules share one."""
    ids = Counter(found for rule in RULES.values() for found in rule.findings)
    assert set(ids) <= set(FINDINGS)
    assert set(ids.values()) == {1}


def test_the_how_to_names_each_rule() -> None:
    """The table in the document has a row for each rule, with its keys and its findings, in order."""
    rows = re.findall(r"^\| `(\w+)` \|(.*)$", HOW_TO.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [name for name, _ in rows] == list(RULES)
    for name, row in rows:
        missing = [each for each in (*RULES[name].settings, *RULES[name].findings) if each not in row and each != name]
        assert missing == [], name


def test_the_examples_of_the_default_policy_are_in_form() -> None:
    """What `init` writes as comments can be taken out of its comment as it stands."""
    taken = re.sub(r"^# (?=\[|[a-z_]+ = )", "", default_policy(), flags=re.MULTILINE)
    prod = Policy.from_text(taken).environment("prod")
    assert prod.metrics["roc_auc"].interval
    assert (prod.slices["accuracy"].rows, prod.parity["roc_auc"].worse) == (100, 0.005)
    assert prod.signers == {"train": ("ci",)}
    assert prod.licences.unknown == 5


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("max_denied_attempt = 3", "did you mean environment.prod.max_denied_attempts?"),
        ("max_denied_attempts = 100", "from 0 to 99"),
        ("signers = { trian = ['ci'] }", "did you mean environment.prod.signers.train?"),
        ("signers = { train = [] }", "at least 1"),
        ("parity = { cost = {} }", 'policy.toml:3: nobody knows which way cost is better: say better = "higher" or'),
        ("parity = { roc_acu = {} }", "did you mean roc_auc?"),
        ('licences = { allowed = ["MIT OR ISC"] }', "one SPDX licence id"),
        ('licences = { refused = ["GPLv3"] }', 'entry 1 is "GPLv3"'),
        ("slices = { accuracy = { floor = 1 } }", "unknown key environment.prod.slices.accuracy.floor"),
    ],
)
def test_flaws_are_named(rules: str, says: str) -> None:
    """File, line, what was expected, the nearest word."""
    with pytest.raises(Usage) as caught:
        _policy(rules)
    assert caught.value.finding == "LG840"
    assert caught.value.message.startswith("policy.toml:3: ")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("expression", "allowed", "verdict"),
    [
        ("MIT", {"MIT"}, True),
        ("MIT OR ISC AND Zlib", {"MIT"}, True),
        ("(MIT OR ISC) AND Zlib", {"MIT"}, False),
        ("(MIT OR ISC) AND Zlib", {"ISC", "Zlib"}, True),
        ("GPL-3.0-only WITH GCC-exception-3.1", {"GPL-3.0-only"}, False),
        ("GPL-3.0-only WITH GCC-exception-3.1", {"GPL-3.0-only WITH GCC-exception-3.1"}, True),
        ("MIT AND", {"MIT"}, None),
        ("MIT ISC", {"MIT"}, None),
        ("(MIT", {"MIT"}, None),
        (")", {"MIT"}, None),
        ("", {"MIT"}, None),
        ("(" * 41 + "MIT" + ")" * 41, {"MIT"}, None),
    ],
)
def test_expressions(expression: str, allowed: set[str], verdict: bool | None) -> None:
    """AND binds closer than OR; what is no expression is neither acceptable nor refused."""
    assert acceptable(expression, allowed, ()) is verdict


def test_expressions_have_one_spelling() -> None:
    """SPDX's own; free text, unknown ids and endless ones are none."""
    assert canonical("mit or (apache-2.0 and ISC)") == "MIT OR (Apache-2.0 AND ISC)"
    assert [canonical(text) for text in ("Apache License", "", "MIT " * 900, "(" * 500)] == [None] * 4
    assert canonical_one("gpl-3.0-only with gcc-exception-3.1") == "GPL-3.0-only WITH GCC-exception-3.1"
    assert canonical_one("MIT AND ISC") is None
