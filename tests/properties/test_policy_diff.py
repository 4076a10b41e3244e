"""`policy diff` against the gate: what lets something pass that was refused is called looser, and the reverse stricter.

Random pairs of one environment's rules, and random facts near their bounds. With `--hypothesis-profile=nightly` ten
times as many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import CHECKS, judge_inputs
from lockgate.core.digest import digest_of
from lockgate.core.moments import rfc3339
from lockgate.core.robustness_words import DEFAULT_ATTACKS
from lockgate.core.statement import TEST_RESULT, Statement, Subject
from lockgate.core.verdict import Verdict
from lockgate.project.policies import compare
from lockgate.trust.policy import CLAIMS, RULES, EnvironmentPolicy, Policy
from lockgate.trust.policy_control import ControlPolicy
from lockgate.trust.policy_screen import ScreenPolicy
from lockgate.trust.policy_values import Bounds, Licences, Parity, SliceFloor

NOW = datetime(2026, 11, 26, tzinfo=UTC)
REVOKED = digest_of(b"revoked")
SCREEN = digest_of(b"screen")
CASES = 30 * settings().max_examples // 100
FACTS = 10
LICENCES = ("MIT", "GPL-3.0-or-later", "GPL-3.0-only", "LicenseRef-x")

few = st.integers(0, 3)
maybe = st.none() | few
flags = st.booleans()
shares = st.sampled_from([0.0, 0.1, 0.2, 1.0])
names = st.sampled_from(["roc_auc", "mae"])
licences = st.sampled_from(LICENCES)
bounds = st.builds(Bounds, maybe, maybe, flags)
weights: st.SearchStrategy[Any] = st.sampled_from(["off", "warn", "enforce", "enforce", "enforce"])

SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "require": st.lists(st.sampled_from(CLAIMS), unique=True).map(tuple),
    "signers": st.dictionaries(
        st.sampled_from(CLAIMS), st.lists(st.sampled_from(["ci", "mara"]), min_size=1, unique=True).map(tuple)
    ),
    "max_quarantined_share": shares,
    "max_screen_findings": maybe,
    "max_flagged_share": st.none() | shares,
    "screen": st.dictionaries(st.sampled_from(["conflicts", "triggers"]), weights).map(ScreenPolicy),
    "min_jail_level": few,
    "metrics": st.dictionaries(names, bounds),
    "slices": st.dictionaries(names, st.builds(SliceFloor, bounds, few)),
    "robustness": st.dictionaries(names, bounds),
    "max_robustness_drop": maybe,
    "min_robustness_rows": few,
    "min_robustness_queries": few,
    "parity": st.dictionaries(names, st.builds(Parity, st.sampled_from(["higher", "lower"]), few, flags)),
    "control": st.builds(ControlPolicy, maybe, st.none() | shares),
    "max_age_days": maybe,
    "max_age_days_of": st.dictionaries(st.sampled_from(CLAIMS), few),
    "refuse_tainted": flags,
    "max_denied_attempts": few,
    "max_vulnerabilities": few,
    "max_osv_age_days": maybe,
    "licences": st.builds(
        Licences,
        st.lists(licences, unique=True).map(tuple),
        st.lists(licences, unique=True).map(tuple),
        maybe,
    ),
}

LAX = EnvironmentPolicy(
    name="prod",
    enforce="enforce",
    require=(),
    max_quarantined_share=1.0,
    min_jail_level=0,
    max_age_days=None,
    approvals=0,
    refuse_tainted=False,
    separation="off",
    metrics={},
    levels={},
    max_vulnerabilities=9,
    max_denied_attempts=9,
)
"""Refuses hardly anything: what is drawn on top decides."""


class Facts:
    """What five statements state, near the bounds that the policies draw; now and then a fact is missing."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)

    def _few(self) -> int:
        return self.draw.randint(0, 3)

    def _some(self, value: Any, missing: Any = None) -> Any:
        return missing if self.draw.random() < 0.04 else value

    def _metrics(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in ("roc_auc", "mae"):
            value, width = self._few(), self.draw.choice([0, 1])
            found[name] = self._some({"value": value, "low": value - width, "high": value + width}, {"value": value})
        return {name: each for name, each in found.items() if self._some(value=True)}

    def _judge(self) -> dict[str, Any]:
        parts = [
            {"field": "a", "value": n, "rows": self._few(), "metrics": self._metrics()} for n in range(self._few())
        ]
        said = {"metrics": self._metrics(), "robustness": self._metrics(), "slices": self._some(parts)}
        said |= {"control": self._some(self._control()), "attacked": self._some(self._attacked())}
        return {**said, "jail": {"level": self._few()}, "heldout": str(self.draw.randint(0, 1))}

    def _control(self) -> dict[str, Any]:
        apart = {"mae": {"value": self._few()}, "roc_auc": {"value": -self._few()}}
        changed = {"value": self.draw.choice([0.0, 0.1, 0.2, 0.9])}
        found = {"screen": self._some(SCREEN), "left_out": self._few(), "headline": self.draw.choice([*apart])}
        return {**found, "difference": apart, "flagged": {"changed": self._some(changed)}}

    def _attacked(self) -> dict[str, Any]:
        value = self._few()
        drop = {"value": value, "low": value - 1, "high": self._some(value + 1)}
        judge = digest_of(f"judge {self.draw.randint(0, 1)}".encode())
        tried = [{"attack": name, "status": self._some("ran", "failed")} for name in DEFAULT_ATTACKS]
        said = {"rows": self._few(), "queries": self._few(), "tried": tried}
        return {**said, "live": self._some([{"judge": judge, "drop": {"0.5": drop}}])}

    def _train(self) -> dict[str, Any]:
        wheels = [
            {"name": f"wheel/{n}", "annotations": {"licence": self.draw.choice([*LICENCES, None])}}
            for n in range(self._few())
        ]
        modified = rfc3339(NOW - timedelta(days=self._few(), hours=1))
        hits = [{"package": "a", "version": "1", "id": str(n)} for n in range(self._few())]
        inside: dict[str, Any] = {
            "jails": {"fit": {"level": self._few()}},
            "denied": self._some([{}] * self._few()),
            "environment": {"osv": self._some({"found": hits, "modified": modified})},
        }
        return {"buildDefinition": {"internalParameters": inside, "resolvedDependencies": wheels}}

    def _validate(self) -> dict[str, Any]:
        found = {"finding": "LG214", "rule": "conflicts", "rows": 2, "good": 1}
        screen = {
            "findings": [found] * self._few(),
            "flagged": self.draw.choice([0, 10, 20]),
            "doubtful": self.draw.choice([0, 10, 10]),
            "rules": {rule: self.draw.choice(["ran", "ran", "off"]) for rule in ("conflicts", "triggers")},
        }
        said = {"rows": 100, "quarantined": self.draw.choice([0, 10, 20]), "accepted": 100}
        return {**said, "jails": {"check": {"level": self._few()}}, "screen": self._some(screen)}

    def statements(self) -> dict[str, Evidence]:
        """By claim."""
        said: dict[str, Any] = {claim: {"jail": {"level": self._few()}} for claim in ("ingest", "scan")}
        said |= {"validate": self._validate(), "train": self._train(), "judge": self._judge()}
        return {claim: self._evidence(claim, said[claim]) for claim in CLAIMS if self._some(value=True)}

    def _evidence(self, claim: str, said: Any) -> Evidence:
        subjects = (Subject("it", self._some(digest_of(b"sound"), REVOKED)), Subject("screen.parquet", SCREEN))
        statement = Statement(subjects, TEST_RESULT, said)
        person, time = self.draw.choice(["ci", "mara"]), NOW - timedelta(days=self._few(), hours=1)
        digest = digest_of(f"{claim} {self.draw.randint(0, 1)}".encode())
        return Evidence(1, digest, b"", statement, claim, claim, person, "k", time)


def _pairs(rule: str) -> st.SearchStrategy[tuple[EnvironmentPolicy, EnvironmentPolicy]]:
    """A lax policy that asks for `rule`, and the same with its settings changed; now and then the weights too."""
    return st.tuples(_policies(rule), _policies(rule))


@st.composite
def _policies(draw: st.DrawFn, rule: str) -> EnvironmentPolicy:
    changed = {key: draw(SETTINGS[key]) for key in RULES[rule].settings}
    other = draw(st.sampled_from(["nothing", "weights", "another"]))
    if other == "weights":
        changed |= {"levels": draw(st.dictionaries(st.just(rule), weights)), "enforce": draw(weights)}
    elif other == "another":
        changed |= {key: draw(SETTINGS[key]) for key in RULES[draw(st.sampled_from(sorted(CHECKS)))].settings}
    return replace(LAX, **changed)


def _directions(old: EnvironmentPolicy, new: EnvironmentPolicy) -> set[str]:
    policies = [Policy(1, {"prod": each}, "", digest_of(b"")) for each in (old, new)]
    return {change.direction for change in compare(*policies)}


def _passes(found: Mapping[str, Evidence], policy: EnvironmentPolicy, live: Mapping[str, Evidence] | None) -> bool:
    return Verdict(judge_inputs(found, policy, NOW, {REVOKED}, live=live)).passed


def test_every_setting_of_the_gate_is_drawn() -> None:
    """A rule that joins the table joins this test."""
    asked = {key for rule in CHECKS for key in RULES[rule].settings}
    assert asked == set(SETTINGS)


@pytest.mark.parametrize("rule", CHECKS)
@given(st.data(), st.integers(0, 1 << 32))
@settings(max_examples=CASES, deadline=None)
def test_what_passes_and_was_refused_is_called_looser(rule: str, data: st.DataObject, seed: int) -> None:
    """For every set of facts; and what is refused and passed before is called stricter. No change, nothing is said."""
    old, new = data.draw(_pairs(rule))
    directions, facts = _directions(old, new), Facts(seed)
    live = facts.statements() if seed % 4 else None
    for _ in range(FACTS):
        each = facts.statements()
        before, after = _passes(each, old, live), _passes(each, new, live)
        assert before or not after or "looser" in directions
        assert after or not before or "stricter" in directions
    assert _directions(old, old) == set()
