"""The gate's rules that ask for more than the default: each seen to refuse, beside a candidate that passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import CHECKS, judge_inputs
from lockgate.core import screen as screen_words
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.statement import resource
from lockgate.core.verdict import Level
from lockgate.trust.policy import RULES, Policy
from tests.support.project import signed_project

Inputs = dict[str, Evidence]
ROWS = digest_of(b"held-out rows")


@pytest.fixture(name="inputs", scope="module")
def _inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    with pytest.MonkeyPatch.context() as patch:
        made = signed_project(tmp_path_factory.mktemp("gate"), patch).candidate()
    return {**made, "scan": replace(made["judge"], claim="scan")}


def _saying(inputs: Inputs, claim: str, **changes: Any) -> Inputs:
    one = inputs[claim]
    return {**inputs, claim: replace(one, statement=replace(one.statement, predicate={**one.predicate, **changes}))}


def _with_wheels(inputs: Inputs, **licences: str | None) -> Inputs:
    definition = inputs["train"].predicate["buildDefinition"]
    listed = []
    for name, licence in licences.items():
        facts = {"version": "1.0", **({} if licence is None else {"licence": licence})}
        listed.append(resource(f"wheel/{name}", ROWS, **facts))
    return _saying(inputs, "train", buildDefinition={**definition, "resolvedDependencies": listed})


def _asked(rules: str) -> Policy:
    return Policy.from_text(f"version = 1\n[environment.prod]\n{rules}\n")


def _found(inputs: Inputs, rules: str, live: Mapping[str, Evidence] | None = None) -> list[str]:
    """The findings that refuse, after a check that each says rule, fact seen, fact wanted and the next command."""
    now = inputs["train"].time + timedelta(hours=1)
    told = judge_inputs(inputs, _asked(rules).environment("prod"), now, live=live)
    for reason in told:
        assert reason.finding in RULES[str(reason.seen["rule"])].findings
        assert {"seen", "wanted"} <= set(reason.seen)
        assert reason.next
    return [reason.finding for reason in told if reason.level is Level.REFUSE]


def test_the_gate_has_one_function_for_each_of_its_rules() -> None:
    """A rule cannot be in the table and missing in the gate, nor the other way round; the order is the table's."""
    assert list(CHECKS) == [rule.name for rule in RULES.values() if rule.by == "gate"]


def test_a_statement_counts_only_from_those_who_are_named(inputs: Inputs) -> None:
    """Mara signed everything here. A claim that is not named may come from anybody in the role; one that is missing
    was signed by nobody; of an envelope with several signatures one of the named persons is enough.
    """
    assert _found(inputs, 'signers = { train = ["ci", "mara"] }') == []
    assert _found(inputs, 'signers = { train = ["ci"] }') == ["LG445"]
    both = {**inputs, "train": replace(inputs["train"], person="mara", persons=("mara", "ci"))}
    assert _found(both, 'signers = { train = ["ci"] }') == []
    without = {claim: one for claim, one in inputs.items() if claim != "scan"}
    assert _found(without, 'require = ["train"]\nsigners = { scan = ["mara"] }') == ["LG445"]


def test_one_statement_may_have_an_age_of_its_own(inputs: Inputs) -> None:
    """Its own limit replaces the general one, in both directions."""
    old = {**inputs, "judge": replace(inputs["judge"], time=inputs["judge"].time - timedelta(days=9))}
    assert _found(old, "max_age_days = 10") == []
    assert _found(old, "max_age_days = 10\nmax_age_days_of = { judge = 7 }") == ["LG435"]
    assert _found(old, "max_age_days = 8") == ["LG435"]
    assert _found(old, "max_age_days = 8\nmax_age_days_of = { judge = 10 }") == []


def test_an_age_is_counted_from_when_it_was_said(inputs: Inputs) -> None:
    """Not from when it was sealed: whoever has the sealer's key alone cannot make an old judgement young."""
    said = rfc3339(inputs["judge"].time - timedelta(days=9))
    assert _found(_saying(inputs, "judge", time=said), "max_age_days = 8") == ["LG435"]
    assert _found(_saying(inputs, "judge", time=said), "max_age_days = 10") == []


@pytest.mark.parametrize(
    ("screen", "rules", "refused"),
    [
        ({"findings": [], "flagged": 0, "looked": 9}, "max_screen_findings = 0\nmax_flagged_share = 0", []),
        ({"findings": [{"finding": "LG214", "rows": 3}], "flagged": 3}, "max_screen_findings = 1", []),
        ({"findings": [{"finding": "LG214", "rows": 3}], "flagged": 3}, "max_screen_findings = 0", ["LG446"]),
        ({"findings": [{}], "flagged": 0}, "max_screen_findings = 9", ["LG446"]),
        ({"findings": [{"finding": "LG214"}], "more": 9}, "max_screen_findings = 9", ["LG446"]),
        ({"findings": []}, "max_flagged_share = 1", ["LG447"]),
        ({"flagged": 100, "looked": 999}, 'max_flagged_share = "10 %"', ["LG447"]),
        ({"flagged": 99, "looked": 99}, 'max_flagged_share = "10 %"', ["LG447"]),
        ({"flagged": 99}, "max_flagged_share = 1", ["LG447"]),
        ({"flagged": 99, "looked": 1000}, "max_flagged_share = 1", ["LG447"]),
        ({"flagged": 99, "looked": 999}, 'max_flagged_share = "10 %"', []),
        ({"flagged": 1000, "looked": 999}, "max_flagged_share = 1", ["LG447"]),
        (None, "max_screen_findings = 9\nmax_flagged_share = 1", ["LG446", "LG447"]),
        (None, "", []),
    ],
)
def test_the_poisoning_screen(inputs: Inputs, screen: Any, rules: str, refused: list[str]) -> None:
    """Asked for, it must be stated in form; 999 of 1000 rows were accepted here."""
    said = inputs if screen is None else _saying(inputs, "validate", screen=screen)
    assert _found(said, rules) == refused


RAN = {"conflicts": "ran", "labels": "ran", "triggers": "off", "spectral": "absent"}
FOUND = {"finding": "LG214", "rule": "conflicts", "rows": 3, "good": 1}


@pytest.mark.parametrize(
    ("screen", "rules", "refused"),
    [
        ({"rules": RAN, "findings": []}, 'conflicts = "enforce"', 0),
        ({"rules": RAN, "findings": [FOUND]}, 'labels = "enforce"', 0),
        ({"rules": RAN, "findings": [FOUND]}, 'conflicts = "enforce"', 1),
        ({"rules": RAN, "findings": [FOUND, FOUND]}, 'conflicts = "enforce"', 2),
        ({"rules": RAN, "findings": [{**FOUND, "rule": "of tomorrow"}]}, "", 1),
        ({"rules": RAN, "findings": [{**FOUND, "good": 3}]}, 'labels = "enforce"', 1),
        ({"rules": RAN, "findings": [{"finding": "LG214"}]}, 'labels = "enforce"', 1),
        ({"rules": RAN, "findings": []}, 'triggers = "enforce"\nspectral = "enforce"', 2),
        ({"rules": RAN, "findings": []}, 'sources = "enforce"', 1),
        ({"rules": [], "findings": []}, 'conflicts = "enforce"', 1),
        ({"findings": []}, 'conflicts = "enforce"', 1),
        (None, 'conflicts = "enforce"', 1),
        (None, "", 0),
    ],
)
def test_an_enforced_rule_of_the_screen_must_have_run_and_found_nothing(
    inputs: Inputs, screen: Any, rules: str, refused: int
) -> None:
    """Off, absent, unknown, not stated or out of form: not run. One that warns refuses nothing, whatever it found."""
    said = inputs if screen is None else _saying(inputs, "validate", screen=screen)
    assert _found(said, f"[environment.prod.screen]\n{rules}") == ["LG455"] * refused
    without = {claim: one for claim, one in said.items() if claim != "validate"}
    asked = rules.count("enforce")
    assert _found(without, f"require = []\n[environment.prod.screen]\n{rules}") == ["LG455"] * asked


@pytest.mark.parametrize(
    ("left", "refused"), [(None, 0), (0, 0), (1, 1), (2, 1), ("0", 1), (-1, 1), (True, 1)], ids=repr
)
def test_rows_that_a_person_called_bad_do_not_come_back_by_another_contract(
    inputs: Inputs, left: Any, refused: int
) -> None:
    """Their mark cannot be applied, so they are accepted again: refused, also where each rule of the screen is off."""
    said = inputs if left is None else _saying(inputs, "validate", marks_left_bad=left)
    off = "\n".join(f'{rule} = "off"' for rule in screen_words.RULES)
    assert _found(said, "") == _found(said, f"[environment.prod.screen]\n{off}") == ["LG455"] * refused


def test_what_an_enforced_rule_left_out_is_a_warning(inputs: Inputs) -> None:
    """A note of it, rows that no rule sees whole, a sample: told where the rule is enforced, and nowhere else."""

    def told(rules: str, **changes: Any) -> list[Any]:
        screen = {"rules": {**RAN, "triggers": "ran"}, "findings": [], **changes}
        said = _saying(inputs, "validate", screen=screen)
        policy = _asked(f"[environment.prod.screen]\n{rules}").environment("prod")
        found = judge_inputs(said, policy, inputs["train"].time + timedelta(hours=1))
        return [reason.seen["seen"] for reason in found if (reason.finding, reason.level) == ("LG455", Level.WARN)]

    enforced = 'triggers = "enforce"'
    assert told(enforced, notes=["triggers", "labels", "width"], looked=999) == [
        "the rule triggers did not look at everything"
    ]
    assert told(enforced, notes=["rows"], looked=999) == ["no rule saw every row whole"]
    assert told(enforced, notes=[], looked=500) == ["it looked at 500 of 999 accepted rows"]
    for notes in ("rows", None, [7]):
        assert told(enforced, notes=notes, looked=999) == []
    assert told("", notes=["triggers", "rows"], looked=500) == []


def test_what_a_rule_that_warns_has_found_is_told(inputs: Inputs) -> None:
    """As a warning, also where the environment enforces; a rule that is off there says nothing; dev can refuse too."""
    said = _saying(inputs, "validate", screen={"rules": RAN, "findings": [FOUND]})
    for rules, name, level in (
        ("", "prod", Level.WARN),
        ('conflicts = "enforce"', "dev", Level.REFUSE),
        ('conflicts = "enforce"', "prod", Level.REFUSE),
    ):
        policy = Policy.from_text(f"version = 1\n[environment.{name}.screen]\n{rules}\n").environment(name)
        told = [one for one in judge_inputs(said, policy, inputs["train"].time) if one.finding == "LG455"]
        assert [(one.level, one.seen["screen"], one.next) for one in told] == [
            (level, "conflicts", "lockgate review --screen")
        ]
    assert _found(said, 'enforce = "enforce"\n[environment.prod.screen]\nconflicts = "off"') == []


@pytest.mark.parametrize(
    ("measured", "bounds", "refused"),
    [
        ({"value": 0.8, "low": 0.7, "high": 0.9}, "{ min = 0.7, interval = true }", False),
        ({"value": 0.8, "low": 0.69, "high": 0.9}, "{ min = 0.7, interval = true }", True),
        ({"value": 0.8, "low": 0.69, "high": 0.9}, "{ min = 0.7 }", False),
        ({"value": 0.8, "low": 0.7, "high": 0.91}, "{ max = 0.9, interval = true }", True),
        ({"value": 0.8, "low": None, "high": None}, "{ min = 0.7, interval = true }", True),
        ({"value": 0.8, "low": 0.85, "high": 0.9}, "{ min = 0.7, interval = true }", True),
        ({"value": 0.8, "low": "0.7"}, "{ min = 0.7 }", True),
        ({"value": True}, "{ min = 0 }", True),
        ({"value": float("inf")}, "{ min = 0 }", True),
        ({"value": 10**400}, "{ min = 0 }", True),
        ({"value": 1, "low": 0, "high": 10**400}, "{ min = 0 }", True),
        (2**53, "{ min = 0 }", False),
        (2**53 + 1, "{ min = 0 }", True),
        (0.8, "{}", False),
        (None, "{}", True),
    ],
)
def test_bounds_on_a_value_or_its_whole_interval(inputs: Inputs, measured: Any, bounds: str, refused: bool) -> None:
    """For metrics and for robustness alike; what has no interval lies within none."""
    for rule, fact, finding in (("metrics", "metrics", "LG434"), ("robustness", "robustness", "LG449")):
        said = _saying(inputs, "judge", **{fact: {"it": measured}})
        assert _found(said, f"{rule} = {{ it = {bounds} }}") == ([finding] if refused else [])
    assert _found(inputs, f"robustness = {{ it = {bounds} }}") == ["LG449"]


def _part(rows: Any, **metrics: Any) -> dict[str, Any]:
    return {"field": "carrier", "value": "AA", "rows": rows, "metrics": metrics}


@pytest.mark.parametrize(
    ("slices", "refused"),
    [
        ([_part(100, accuracy={"value": 0.6})], 0),
        ([_part(100, accuracy={"value": 0.59})], 1),
        ([_part(99, accuracy={"value": 0.9})], 1),
        ([_part(99, accuracy={"value": 0.1}), _part(100, accuracy={"value": 0.6})], 0),
        ([_part(100, roc_auc={"value": 0.9})], 1),
        ([_part(100, accuracy={"value": 0.1}), _part(500, accuracy={"value": 0.2})], 2),
        ([], 1),
        (None, 1),
        ([_part("100", accuracy={"value": 0.9})], 1),
        ([3], 1),
    ],
)
def test_every_slice_with_enough_rows_has_a_floor(inputs: Inputs, slices: Any, refused: int) -> None:
    """A slice in which it was not measured is below it; one slice out of form, and nothing is known of any. No slice
    with enough rows is no slice in bounds.
    """
    said = _saying(inputs, "judge", slices=slices)
    assert _found(said, "slices = { accuracy = { min = 0.6, rows = 100 } }") == ["LG448"] * refused


def _judged(inputs: Inputs, heldout: Any = ROWS, **metrics: float) -> Inputs:
    return _saying(inputs, "judge", heldout=heldout, metrics={name: {"value": v} for name, v in metrics.items()})


@pytest.mark.parametrize(
    ("mine", "live", "rule", "refused"),
    [
        ({"roc_auc": 0.8}, {"roc_auc": 0.81}, "roc_auc = { worse = 0.02 }", False),
        ({"roc_auc": 0.8}, {"roc_auc": 0.81}, "roc_auc = {}", True),
        ({"roc_auc": 0.8}, {"roc_auc": 0.8}, "roc_auc = {}", False),
        ({"log_loss": 0.5}, {"log_loss": 0.4}, "log_loss = { worse = 0.05 }", True),
        ({"log_loss": 0.4}, {"log_loss": 0.5}, "log_loss = {}", False),
        ({"cost": 3}, {"cost": 2}, 'cost = { better = "higher" }', False),
        ({"cost": 3}, {"cost": 2}, 'cost = { better = "lower" }', True),
        ({}, {"roc_auc": 0.8}, "roc_auc = { worse = 9 }", True),
        ({"roc_auc": 0.8}, {}, "roc_auc = { worse = 9 }", True),
    ],
)
def test_not_worse_than_the_live_model(inputs: Inputs, mine: Any, live: Any, rule: str, refused: bool) -> None:
    """By each metric's own direction; nothing live, nothing asked; what cannot be compared is refused."""
    rules = f"parity = {{ {rule} }}"
    now = _judged(inputs, **mine)
    assert _found(now, rules, live=_judged(inputs, **live)) == (["LG450"] if refused else [])
    assert _found(now, rules, live=None) == []
    assert _found(now, rules, live={}) == ["LG450"]


@pytest.mark.parametrize("heldout", [digest_of(b"others"), None, 7])
def test_a_comparison_on_other_rows_is_said_and_can_be_refused(inputs: Inputs, heldout: Any) -> None:
    """A note by default: the difference may be that of the rows. `same_rows` makes it a refusal."""
    now, live = _judged(inputs, roc_auc=0.8), _judged(inputs, heldout=heldout, roc_auc=0.8)
    policy = _asked("parity = { roc_auc = {} }").environment("prod")
    told = judge_inputs(now, policy, now["train"].time, live=live)
    assert [(reason.finding, reason.level) for reason in told] == [("LG451", Level.NOTE)]
    assert _found(now, "parity = { roc_auc = { same_rows = true } }", live=live) == ["LG450"]
    assert _found(now, "parity = { roc_auc = { same_rows = true } }", live=now) == []


@pytest.mark.parametrize(
    ("licences", "rule", "refused"),
    [
        ({"a": "MIT", "b": "MIT OR GPL-3.0-only"}, 'allowed = ["MIT"]', []),
        ({"a": "MIT", "b": "MIT AND GPL-3.0-only"}, 'allowed = ["MIT"]', ["LG452"]),
        ({"a": "MIT AND GPL-3.0-only"}, 'refused = ["GPL-3.0-only"]', ["LG452"]),
        ({"a": "GPL-3.0-only WITH GCC-exception-3.1"}, 'refused = ["GPL-3.0-only"]', ["LG452"]),
        ({"a": "LicenseRef-BSD-License"}, 'refused = ["GPL-3.0-only"]', ["LG453"]),
        ({"a": "LicenseRef-BSD-License"}, 'allowed = ["LicenseRef-BSD-License"]\nrefused = ["GPL-3.0-only"]', []),
        ({"a": "MIT"}, 'allowed = ["MIT"]\nrefused = ["MIT"]', ["LG452"]),
        ({"a": None, "b": "MIT"}, 'allowed = ["MIT"]', ["LG453"]),
        ({"a": None, "b": "MIT"}, 'allowed = ["MIT"]\nmax_unknown = 1', []),
        ({"a": "MIT AND", "b": ""}, "max_unknown = 1", ["LG453"]),
        ({}, "max_unknown = 9", ["LG453"]),
        ({"a": None}, "", []),
    ],
)
def test_licences_of_the_packages(inputs: Inputs, licences: Any, rule: str, refused: list[str]) -> None:
    """One side of an OR is enough, what is refused is so with an exception too, and what cannot be read is counted."""
    rules = f"[environment.prod.licences]\n{rule}"
    assert _found(_with_wheels(inputs, **licences), rules) == refused


@pytest.mark.parametrize(("found", "refused"), [([], []), ("", ["LG359"]), ({}, ["LG359"]), (None, ["LG359"])])
def test_nothing_found_is_an_empty_list(inputs: Inputs, found: Any, refused: list[str]) -> None:
    """And no empty text or table: whoever states those has not said that a database was asked."""
    definition = inputs["train"].predicate["buildDefinition"]
    osv = {"found": found, "modified": rfc3339(inputs["train"].time)}
    inside = {**definition["internalParameters"], "environment": {"osv": osv}}
    said = _saying(inputs, "train", buildDefinition={**definition, "internalParameters": inside})
    assert _found(said, "max_osv_age_days = 36500") == refused


def test_the_longest_age_can_be_counted(inputs: Inputs) -> None:
    """A hundred years before today is a day, so the rule answers."""
    assert _found(inputs, "max_age_days = 36500\nmax_age_days_of = { judge = 36500 }") == []


def test_denied_attempts_are_a_rule_of_their_own(inputs: Inputs) -> None:
    """As many as are allowed pass; switching revocation's rule off does not switch them off; not stated is not none."""
    definition = inputs["train"].predicate["buildDefinition"]

    def tried(**denied: Any) -> Inputs:
        internal = {"jails": {"fit": {"level": 3}}, **denied}
        return _saying(inputs, "train", buildDefinition={**definition, "internalParameters": internal})

    two = tried(denied=[{"what": "network"}] * 2)
    assert _found(two, "max_denied_attempts = 2") == []
    assert _found(two, "max_denied_attempts = 1") == ["LG437"]
    assert _found(two, "refuse_tainted = false") == ["LG437"]
    assert _found(tried(), "") == ["LG437"]
    assert _found(tried(denied="none"), "") == ["LG437"]
