"""What an environment's policy says about statements: each rule broken on its own, beside a candidate that passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import jail_level, judge_inputs, quarantined_share
from lockgate.core.digest import Digest
from lockgate.core.verdict import Level
from lockgate.trust.policy import EnvironmentPolicy, Policy
from tests.support.project import POLICY, signed_project

PROD = Policy.from_text(POLICY).environment("prod")
DEV = Policy.from_text(POLICY).environment("dev")


@pytest.fixture(name="inputs", scope="module")
def _inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evidence]:
    with pytest.MonkeyPatch.context() as patch:
        made = signed_project(tmp_path_factory.mktemp("gate"), patch).candidate()
    return {**made, "scan": replace(made["judge"], claim="scan")}


def _findings(inputs: dict[str, Evidence], policy: EnvironmentPolicy = PROD, **more: Any) -> list[tuple[str, Level]]:
    now = inputs["ingest"].time + timedelta(days=more.pop("days", 0), hours=1)
    return [(one.finding, one.level) for one in judge_inputs(inputs, policy, now, **more)]


def _saying(inputs: dict[str, Evidence], claim: str, **changes: Any) -> dict[str, Evidence]:
    one = inputs[claim]
    return {**inputs, claim: replace(one, statement=replace(one.statement, predicate={**one.predicate, **changes}))}


def _training(inputs: dict[str, Evidence], **internal: Any) -> dict[str, Evidence]:
    definition = inputs["train"].predicate["buildDefinition"]
    stated = {"denied": [], **internal}
    return _saying(inputs, "train", buildDefinition={**definition, "internalParameters": stated})


def test_a_sound_candidate_gives_no_reason(inputs: dict[str, Evidence]) -> None:
    """The positive control, in both environments."""
    assert _findings(inputs) == []
    assert _findings(inputs, DEV) == []


@pytest.mark.parametrize("claim", ["ingest", "validate", "train", "judge", "scan"])
def test_a_required_statement_that_is_missing_refuses_everywhere(inputs: dict[str, Evidence], claim: str) -> None:
    """Also in dev: without it the chain proves nothing."""
    inputs = {known: one for known, one in inputs.items() if known != claim}
    policies = [DEV] if claim == "ingest" else [DEV, PROD]
    for policy in policies:
        found = judge_inputs(inputs, policy, next(iter(inputs.values())).time)
        assert ("LG431", Level.REFUSE) in [(one.finding, one.level) for one in found]


@pytest.mark.parametrize("facts", [{"quarantined": 21}, {"quarantined": None}, {"rows": 0}, {"quarantined": 1001}])
def test_too_many_refused_rows_or_no_count_at_all_refuses(inputs: dict[str, Evidence], facts: dict[str, Any]) -> None:
    """Exactly at the bound passes; one row more, or a count that is missing or impossible, does not."""
    strict = replace(PROD, max_quarantined_share=0.02)
    assert _findings(_saying(inputs, "validate", quarantined=20), strict) == []
    assert _findings(_saying(inputs, "validate", **facts), strict) == [("LG432", Level.REFUSE)]


@pytest.mark.parametrize(
    "internal",
    [
        {"jails": {"split": {"level": 3}, "fit": {"level": 2}}},
        {"jails": {"fit": {}}},
        {"jails": {}},
        {"jails": "3"},
        {"jails": {"fit": {"level": True}}},
        {},
    ],
)
def test_the_weakest_jail_counts_and_no_proof_is_no_jail(inputs: dict[str, Evidence], internal: Any) -> None:
    """A level that is not stated in its form is below any level."""
    assert _findings(_training(inputs, jails={"fit": {"level": 3}})) == []
    assert _findings(_training(inputs, **internal)) == [("LG433", Level.REFUSE)]
    assert _findings(_training(inputs, **internal), DEV) == [("LG433", Level.REFUSE)]


@pytest.mark.parametrize("metrics", [{}, None, {"roc_auc": {"value": 0.69}}, {"roc_auc": {"value": float("nan")}}])
def test_a_metric_below_its_bound_or_unmeasured_refuses(inputs: dict[str, Evidence], metrics: Any) -> None:
    """A NaN is within no bound."""
    assert _findings(_saying(inputs, "judge", metrics={"roc_auc": {"value": 0.70}})) == []
    assert _findings(_saying(inputs, "judge", metrics=metrics)) == [("LG434", Level.REFUSE)]
    assert _findings(_saying(inputs, "judge", metrics=metrics), DEV) == []


def test_evidence_ages(inputs: dict[str, Evidence]) -> None:
    """29 days are fresh, 31 are not, and each statement that is too old is named."""
    assert _findings(inputs, days=29) == []
    assert _findings(inputs, days=31) == [("LG435", Level.REFUSE)] * 5
    assert _findings(inputs, DEV, days=3000) == []


def test_what_rests_on_revoked_evidence_is_tainted(inputs: dict[str, Evidence]) -> None:
    """By statement or by the digest of its subject; told in dev, refused in prod, off where the policy says so."""
    for revoked in (inputs["train"].digest, inputs["ingest"].statement.subjects[0].digest):
        assert _findings(inputs, revoked={revoked}) == [("LG436", Level.REFUSE)]
        assert _findings(inputs, DEV, revoked={revoked}) == [("LG436", Level.WARN)]
        assert _findings(inputs, replace(PROD, refuse_tainted=False), revoked={revoked}) == []
    assert _findings(inputs, revoked={Digest("sha256:" + "0" * 64)}) == []


def test_a_denied_attempt_of_the_training_code_is_told_in_dev_and_refused_in_prod(inputs: dict[str, Evidence]) -> None:
    """What the jail kept it from is evidence about it."""
    tried = _training(inputs, jails={"fit": {"level": 3}}, denied=[{"what": "network", "target": "example.org"}])
    assert _findings(tried) == [("LG437", Level.REFUSE)]
    assert _findings(tried, DEV) == [("LG437", Level.WARN)]


def test_a_rule_that_is_off_says_nothing(inputs: dict[str, Evidence]) -> None:
    """The weight of a single rule is the environment's to set."""
    broken = _saying(inputs, "validate", quarantined=900)
    assert _findings(broken, replace(PROD, levels={"max_quarantined_share": "off"})) == []
    assert _findings(broken, replace(PROD, levels={"max_quarantined_share": "warn"})) == [("LG432", Level.WARN)]


def test_facts_are_read_in_one_form_only(inputs: dict[str, Evidence]) -> None:
    """The readers that the gate shares with reports."""
    assert quarantined_share(inputs["validate"]) == 0.001
    assert [jail_level(inputs[claim]) for claim in ("ingest", "validate", "train", "judge")] == [3, 3, 3, 3]


@pytest.mark.parametrize("claim", ["ingest", "validate", "train", "judge"])
def test_every_jail_that_a_model_rests_on_counts(inputs: dict[str, Evidence], claim: str) -> None:
    """The contract is a stranger's code too, and a parser's file is: a weaker jail of any stage is named."""
    one = inputs[claim]
    weak = {**one.predicate, "jail": {"level": 2}, "jails": {}}
    if "buildDefinition" in one.predicate:
        body = one.predicate["buildDefinition"]
        weak = {**one.predicate, "buildDefinition": {**body, "internalParameters": {"jail": {"level": 2}}}}
    found = replace(one, statement=replace(one.statement, predicate=weak))
    assert ("LG433", Level.REFUSE) in _findings({**inputs, claim: found}, PROD)


def test_who_fetched_the_rows_counts_too(inputs: dict[str, Evidence]) -> None:
    """A fetcher's jail has the network: its proof stands beside the parser's, and the weaker of both is the level."""
    body = inputs["ingest"].predicate["buildDefinition"]
    for level, refused in ((3, False), (2, True)):
        inside = {"jail": {"level": 3}, "fetchers": [{"level": level}]}
        found = _saying(inputs, "ingest", buildDefinition={**body, "internalParameters": inside})
        assert (("LG433", Level.REFUSE) in _findings(found, PROD)) is refused
