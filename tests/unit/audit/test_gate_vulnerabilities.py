"""Known vulnerabilities in the gate: counted where a database was asked, and demanded where the policy says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import judge_inputs
from lockgate.core.moments import rfc3339
from lockgate.core.verdict import Level
from lockgate.project.policies import compare
from lockgate.trust.policy import EnvironmentPolicy, Policy
from tests.support.project import POLICY, signed_project

PROD = Policy.from_text(POLICY).environment("prod")
DEV = Policy.from_text(POLICY).environment("dev")
HIT = {"package": "numpy", "version": "1.0", "id": "PYSEC-1", "aliases": [], "severity": "", "summary": ""}


@pytest.fixture(name="inputs", scope="module")
def _inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evidence]:
    with pytest.MonkeyPatch.context() as patch:
        made = signed_project(tmp_path_factory.mktemp("gate"), patch).candidate()
    return {**made, "scan": replace(made["judge"], claim="scan")}


def _knowing(inputs: dict[str, Evidence], osv: Any) -> dict[str, Evidence]:
    one = inputs["train"]
    definition = one.predicate["buildDefinition"]
    internal = {**definition["internalParameters"], "environment": {"tree": None, "osv": osv}}
    predicate = {**one.predicate, "buildDefinition": {**definition, "internalParameters": internal}}
    return {**inputs, "train": replace(one, statement=replace(one.statement, predicate=predicate))}


def _findings(inputs: dict[str, Evidence], policy: EnvironmentPolicy) -> list[tuple[str, Level]]:
    now = inputs["ingest"].time + timedelta(hours=1)
    return [(one.finding, one.level) for one in judge_inputs(inputs, policy, now)]


def _osv(inputs: dict[str, Evidence], *found: Any, days: int = 0) -> dict[str, Any]:
    modified = rfc3339(inputs["ingest"].time - timedelta(days=days))
    return {"digest": "sha256:" + "0" * 64, "modified": modified, "entries": 9, "found": list(found)}


def test_a_hit_refuses_in_prod_and_warns_in_dev(inputs: dict[str, Evidence]) -> None:
    """With a database, one hit is one too many; without a hit, and as many as the policy allows, are none."""
    known = _knowing(inputs, _osv(inputs, HIT))
    assert _findings(known, PROD) == [("LG358", Level.REFUSE)]
    assert _findings(known, DEV) == [("LG358", Level.WARN)]
    assert _findings(_knowing(inputs, _osv(inputs)), PROD) == []
    assert _findings(known, replace(PROD, max_vulnerabilities=1)) == []


def test_a_database_is_demanded_where_the_policy_says_so(inputs: dict[str, Evidence]) -> None:
    """None asked, or an old one: LG359. A young one passes; without the rule nobody asks."""
    strict = replace(PROD, max_osv_age_days=7.0)
    assert _findings(inputs, PROD) == []
    assert _findings(inputs, strict) == [("LG359", Level.REFUSE)]
    assert _findings(_knowing(inputs, _osv(inputs, days=8)), strict) == [("LG359", Level.REFUSE)]
    assert _findings(_knowing(inputs, _osv(inputs, days=6)), strict) == []


def test_a_database_of_the_future_has_no_age(inputs: dict[str, Evidence]) -> None:
    """One entry with a wrong date would make it young for ever: LG359. Clocks may differ by hours."""
    strict = replace(PROD, max_osv_age_days=7.0)
    assert _findings(_knowing(inputs, _osv(inputs, days=-2)), strict) == [("LG359", Level.REFUSE)]
    assert _findings(_knowing(inputs, _osv(inputs, days=-1)), strict) == []


@pytest.mark.parametrize("osv", [3, {}, {"found": [], "modified": "yesterday"}, {"found": [{}], "modified": None}])
def test_what_is_not_in_form_counts_as_not_asked(inputs: dict[str, Evidence], osv: Any) -> None:
    """Never as `nothing is known`."""
    assert _findings(_knowing(inputs, osv), replace(PROD, max_osv_age_days=7.0)) == [("LG359", Level.REFUSE)]


def test_a_looser_rule_is_said() -> None:
    """Raising what is allowed, or demanding no database any more, is looser."""
    strict = POLICY.replace("approvals = 1", "approvals = 1\nmax_vulnerabilities = 0\nmax_osv_age_days = 7")
    loose = POLICY.replace("approvals = 1", "approvals = 1\nmax_vulnerabilities = 2")
    found = {one.what: one.direction for one in compare(Policy.from_text(strict), Policy.from_text(loose))}
    assert found == {"max_vulnerabilities": "looser", "max_osv_age_days": "looser"}
