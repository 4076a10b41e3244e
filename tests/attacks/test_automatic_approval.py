"""The deployer's key in the wrong hands, where approvals may count as given: what a loader makes of each try.

The thief signs a summary that says PASSED and a deployment under it, for whatever is registered. Only for a model that
the judge has shown to be no worse do approvals count as given, and only so often.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockgate.audit.automatic import MOST_IN_A_ROW, no_worse
from lockgate.audit.entries import registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.gate.facts import Measured
from lockgate.audit.load import load_decision
from lockgate.core.moments import rfc3339
from lockgate.core.statement import ROLES, WAIVER, Statement, claim_uri, resource
from lockgate.deploy.rules import ruling
from lockgate.errors import LockgateError
from lockgate.trust.policy import Policy
from lockgate.trust.policy_automatic import AutomaticPolicy
from tests.support.evidence import Chronicle, with_predicate

RULES = """
[environment.shop]
approvals = 1
{more}
[environment.shop.metrics]
roc_auc = {{ min = 0.5 }}
[environment.shop.automatic]
metric = "roc_auc"
worse = 0.03
every = "7 d"
"""
WIDTH = 0.01


class Shop(Chronicle):
    """A log whose judge measures; the first model is live in `shop` by a person's approval."""

    def __init__(self, *, more: str = "", auc: float = 0.70) -> None:
        super().__init__()
        self.policy(rules=RULES.format(more=more))
        self.versions = 0
        self.first = self.add_model(auc)
        self.go(self.first, self.approve(self.first, "shop"))
        self.later(days=30)

    def later(self, **time: float) -> None:
        """Time goes by."""
        self.now += timedelta(**time)

    def add_model(
        self, auc: float | None, *, rows: str = "rows", width: float | None = WIDTH, name: str = "flights"
    ) -> Evidence:
        """A registered model of which the judge said `auc`, on `rows`."""
        self.versions += 1
        inputs = self.candidate(f"model {self.versions}")
        bounds = {"low": auc - width, "high": auc + width} if auc is not None and width is not None else {}
        metrics = {} if auc is None else {"roc_auc": {"value": auc, **bounds}}
        judged = with_predicate(metrics=metrics, heldout=rows)(inputs["judge"])
        self.evidences[judged.index] = judged
        return self.register({**inputs, "judge": judged}, version=self.versions, name=name)

    def go(self, registered: Evidence, *rests_on: Evidence, **changes: Any) -> Evidence:
        """A summary that rests on the model and on `rests_on`, and a move under it."""
        said = registered.predicate
        digests = (registered.digest, *said["inputs"].values(), *(one.digest for one in rests_on))
        named = [resource(f"n{number}", digest) for number, digest in enumerate(digests)]
        summary = self.summary(registered, "shop", inputAttestations=named)
        return self.deploy(registered, "shop", summary=summary, **changes)

    def judge_of(self, registered: Evidence) -> Evidence:
        """What the judge said of a model."""
        return next(one for one in self.evidences if one.digest == registered.predicate["inputs"]["judge"])

    def unapproved(self, registered: Evidence, beside: Evidence | None = None) -> Evidence:
        """The thief's move: no person approved; named is what the judge said of the model beside which it stands."""
        return self.go(registered, self.judge_of(beside or self.first))

    def waive(self) -> Evidence:
        """A person waives what nobody broke, for every model here."""
        said = next(one for one in self.evidences if one.claim == "policy").statement.subjects
        predicate = {
            "claim": claim_uri("waive"),
            "time": rfc3339(self.now),
            "environment": "shop",
            "finding": "LG434",
            "manifest": None,
            "reason": "try",
            "expires": rfc3339(self.now + timedelta(days=20)),
        }
        return self.add(Statement(said, WAIVER, predicate), role="approver")

    def loads(self) -> str:
        """What a loader answers from, or why it does not."""
        try:
            found = load_decision(self.evidences, "shop", self.now + timedelta(seconds=1), name="flights")
        except LockgateError as no:
            return f"{no.finding} {no.message}"
        return found.registration.ref


def test_a_model_that_is_no_worse_needs_nobody() -> None:
    """The honest case: the judge shows it, on the same rows; every loader loads it."""
    shop = Shop()
    shop.unapproved(shop.add_model(0.70))
    assert shop.loads() == "flights@2"
    decision = load_decision(shop.evidences, "shop", shop.now + timedelta(seconds=1))
    assert decision.automatic == "roc_auc 0.7 [0.69, 0.71] against 0.7 [0.69, 0.71] live, at most 0.03 worse allowed"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"auc": 0.66}, "do not show that it is no worse by more"),
        ({"auc": 0.68}, "do not show that it is no worse by more"),  # nearer than the margin, but not surely
        ({"auc": 0.90, "rows": "others"}, "on other held-out rows"),
        ({"auc": 0.90, "width": None}, "do not show that it is no worse by more"),
        ({"auc": None}, "roc_auc of it was not measured"),
    ],
)
def test_what_the_judge_does_not_show_is_not_approved(told: dict[str, Any], why: str) -> None:
    """A worse metric, one that may be worse, other rows, no interval, nothing measured."""
    shop = Shop(more="enforce = 'warn'\n[environment.shop.levels]\napprovals = 'enforce'")
    shop.unapproved(shop.add_model(**told))
    assert shop.loads().startswith("LG535 ")
    assert why in shop.loads()


def test_the_first_model_of_an_environment_is_never_approved_automatically() -> None:
    """Nothing is live that it could be compared with."""
    shop = Shop()
    shop.evidences = [one for one in shop.evidences if one.claim not in {"deploy", "promote", "approve"}]
    shop.unapproved(shop.first)
    assert "nothing is live" in shop.loads()


def test_one_in_the_time_that_the_policy_says() -> None:
    """A second one within seven days is refused; on the eighth it passes."""
    shop = Shop()
    two, three = shop.add_model(0.71), shop.add_model(0.72)
    shop.unapproved(two)
    shop.later(days=6, hours=23)
    early = len(shop.evidences)
    shop.unapproved(three, two)
    assert "within 7 days" in shop.loads()
    del shop.evidences[early:]
    shop.later(hours=2)
    shop.unapproved(three, two)
    assert shop.loads() == "flights@3"


def test_a_summary_that_is_dated_forward_is_not_later() -> None:
    """The deployer's key says that a week has passed; the log's own time says that it has not."""
    shop = Shop()
    two, three = shop.add_model(0.71), shop.add_model(0.72)
    shop.unapproved(two)
    shop.later(days=2)
    summary = shop.summary(three, "shop", timeVerified=rfc3339(shop.now + timedelta(days=6)))
    named = [resource("n", one) for one in (three.digest, *three.predicate["inputs"].values())]
    named.append(resource("n", shop.judge_of(two).digest))
    dated = with_predicate(inputAttestations=named)(summary)
    shop.evidences[dated.index] = dated
    shop.deploy(three, "shop", summary=dated)
    assert "within 7 days" in shop.loads()


def test_a_waived_finding_needs_a_person() -> None:
    """Neither a model whose verdict rests on a waiver, nor one beside a live model whose verdict did."""
    shop = Shop()
    waiver = shop.waive()
    two = shop.add_model(0.75)
    shop.go(two, shop.judge_of(shop.first), waiver)
    assert "a finding is waived for it" in shop.loads()
    shop = Shop()
    waiver = shop.waive()
    shop.go(shop.first, shop.approve(shop.first, "shop", person="bob"), waiver)
    shop.unapproved(shop.add_model(0.75))
    assert "a finding is waived for the live model" in shop.loads()


def test_a_revoked_live_model_is_nothing_to_be_compared_with() -> None:
    """Nor is one whose approval was revoked."""
    for is_approval in (False, True):
        shop = Shop()
        approval = next(one.digest for one in shop.evidences if one.claim == "approve")
        shop.revoke(approval if is_approval else shop.first.statement.subjects[0].digest)
        shop.unapproved(shop.add_model(0.75))
        assert "what is live could not be loaded: LG514" in shop.loads()


def test_what_it_was_compared_with_is_named_and_taking_it_back_takes_it_down() -> None:
    """The judge's word about the live model is part of what the move rests on."""
    shop = Shop()
    shop.go(shop.add_model(0.71))
    assert "does not name what it was compared with" in shop.loads()
    shop = Shop()
    shop.unapproved(shop.add_model(0.71))
    assert shop.loads() == "flights@2"
    shop.revoke(shop.judge_of(shop.first).digest)
    assert shop.loads().startswith("LG514")


def test_a_bad_model_put_live_by_the_thief_is_no_measure() -> None:
    """Nobody approved the bad one, so no loader loads it; what follows it is not approved by it."""
    shop = Shop()
    bad, better = shop.add_model(0.55), shop.add_model(0.56)
    shop.unapproved(bad)
    shop.later(days=30)
    shop.unapproved(better, bad)
    assert "what is live could not be loaded: LG535" in shop.loads()


def test_going_back_to_a_bad_model_does_not_lower_the_measure() -> None:
    """The thief may return to a worse one that was live; the next must still be no worse than the best."""
    shop = Shop(auc=0.60)
    good, middle = shop.add_model(0.75), shop.add_model(0.62)
    shop.go(good, shop.approve(good, "shop"))
    shop.later(days=30)
    back = next(one for one in shop.evidences if one.claim == "promote")
    shop.deploy(shop.first, "shop", summary=back, move="down")
    assert shop.loads() == "flights@1"
    shop.unapproved(middle)
    assert "of flights@2, which was live before" in shop.loads()


def test_many_small_steps_do_not_lead_down() -> None:
    """Each a little worse than the one before, and all of them no worse than the first by more than the margin."""
    shop = Shop(auc=0.70)
    one, two, three = (shop.add_model(auc, width=0.001) for auc in (0.705, 0.690, 0.670))
    shop.unapproved(one)
    shop.later(days=8)
    shop.unapproved(two, one)
    assert shop.loads() == "flights@3"
    shop.later(days=8)
    shop.unapproved(three, two)
    assert "which was live before" in shop.loads()


def test_what_was_taken_back_comes_again_on_a_persons_word_only() -> None:
    """A model that was left for an older one is as good by the judge as ever; the judge does not know why it went."""
    shop = Shop()
    two = shop.add_model(0.71)
    shop.unapproved(two)
    back = next(one for one in shop.evidences if one.claim == "promote")
    shop.deploy(shop.first, "shop", summary=back, move="down")
    shop.later(days=30)
    shop.unapproved(two)
    assert "was here before and was taken back" in shop.loads()


def test_after_so_many_in_a_row_a_person_approves() -> None:
    """One more is refused, whatever the judge says; with a person's word it goes on, and so does the next without."""
    shop = Shop()
    models = [shop.add_model(0.72, width=0.001) for _ in range(MOST_IN_A_ROW + 2)]
    before = shop.first
    for model in models[:MOST_IN_A_ROW]:
        shop.unapproved(model, before)
        shop.later(days=8)
        before = model
    assert shop.loads() == f"flights@{MOST_IN_A_ROW + 1}"
    shop.unapproved(models[-2], before)
    assert "were approved by nobody" in shop.loads()
    del shop.evidences[-2:]
    shop.go(models[-2], shop.approve(models[-2], "shop"))
    shop.later(days=8)
    shop.unapproved(models[-1], models[-2])
    assert shop.loads() == f"flights@{MOST_IN_A_ROW + 3}"


def test_the_policy_of_the_time_decides() -> None:
    """Allowed later is not allowed then; a policy that takes it out does not undo what was live by it."""
    shop = Shop()
    shop.unapproved(shop.add_model(0.71))
    rules = RULES.format(more="").split("[environment.shop.automatic]")[0]
    shop.policy("stricter", rules)
    assert shop.loads() == "flights@2"
    shop.later(days=30)
    shop.unapproved(shop.add_model(0.72), shop.evidences[-1])
    assert shop.loads().startswith("LG535")


def test_the_live_model_itself_stays_approved_when_it_is_moved_again() -> None:
    """Its floor is raised: the same word still counts, and still falls with what it was compared with."""
    shop = Shop()
    two = shop.add_model(0.71)
    shop.unapproved(two)
    shop.go(two)
    assert "does not name what it was compared with" in shop.loads()
    del shop.evidences[-2:]
    shop.unapproved(two)
    assert shop.loads() == "flights@2"
    shop.revoke(shop.judge_of(shop.first).digest)
    assert shop.loads().startswith("LG514")


def test_a_live_model_is_not_its_own_measure() -> None:
    """One person approved it when one was asked for; now two are, and moving it again needs the second."""
    shop = Shop()
    shop.policy("two persons", RULES.format(more="").replace("approvals = 1", "approvals = 2"))
    assert shop.loads() == "flights@1"
    shop.go(shop.first, next(one for one in shop.evidences if one.claim == "approve"), shop.judge_of(shop.first))
    assert "it is live itself, and there is nothing to compare it with" in shop.loads()


def test_what_a_revoked_key_of_the_judge_said_shows_nothing() -> None:
    """It keeps what is live live, and opens nothing any more."""
    shop = Shop()
    two = shop.add_model(0.75)
    roles = {"claim": claim_uri("roles"), "revoked": {"mara/judge": "stolen"}}
    shop.add(Statement(two.statement.subjects, ROLES, roles), role="root")
    assert shop.loads() == "flights@1"
    shop.unapproved(two)
    assert "was taken back" in shop.loads()


def test_deploy_asks_the_same_and_says_so() -> None:
    """The verdict names what was compared; where it is refused, it says why, and how a person approves."""
    shop = Shop()
    for auc, passed, words in (
        (0.71, True, "approved automatically: roc_auc 0.71 [0.7, 0.72] against 0.7 [0.69, 0.71] live, at most 0.03"),
        (0.60, False, "not approved automatically: roc_auc 0.6"),
    ):
        one = registration(shop.add_model(auc))
        inputs = {claim: next(e for e in shop.evidences if e.digest == each) for claim, each in one.inputs.items()}
        policy = Policy.from_predicate(shop.evidences[0].predicate).environment("shop")
        found = ruling(one, inputs, policy, shop.evidences, shop.now)
        assert found.verdict.passed is passed
        assert any(words in reason.message for reason in found.verdict.reasons)
        assert (shop.judge_of(shop.first).digest in found.named.values()) is passed
        assert passed or found.verdict.refusals[0].next == f"lockgate approve {one.ref} --env shop"


@pytest.mark.parametrize(
    ("this", "other", "better", "shown"),
    [
        (Measured(0.70, 0.69, 0.71), Measured(0.70, 0.69, 0.71), "higher", True),
        (Measured(0.685, 0.675, 0.695), Measured(0.70, 0.69, 0.71), "higher", True),
        (Measured(0.684, 0.674, 0.694), Measured(0.70, 0.69, 0.71), "higher", False),
        (Measured(0.70, 0.69, 0.71), Measured(0.684, 0.674, 0.694), "lower", False),
        (Measured(0.70, 0.69, 0.71), Measured(0.685, 0.675, 0.695), "lower", True),
        (Measured(0.90), Measured(0.70, 0.69, 0.71), "higher", False),
        (Measured(0.90, 0.91, 0.92), Measured(0.70, 0.69, 0.71), "higher", False),
    ],
)
def test_no_worse_is_shown_by_the_interval_of_the_difference(
    this: Measured, other: Measured, better: Any, shown: bool
) -> None:
    """Margin 0.03; two intervals of +-0.01 make one of +-0.01414 for the difference."""
    rule = AutomaticPolicy("m", 0.0292, 7, better)
    assert no_worse(this, other, rule) is shown


def test_another_models_row_of_approvals_is_its_own() -> None:
    """In one environment each model of a project has its own time."""
    shop = Shop()
    other = shop.add_model(0.70, name="weather")
    shop.go(other, shop.approve(other, "shop"))
    two = shop.add_model(0.71)
    shop.unapproved(two)
    shop.unapproved(shop.add_model(0.71, name="weather"), other)
    decision = load_decision(shop.evidences, "shop", shop.now + timedelta(seconds=1), name="weather")
    assert decision.registration.ref == "weather@4"
    assert shop.loads() == "flights@3"


def test_a_statement_of_another_role_is_no_judge() -> None:
    """What the deployer says that the judge said: the model does not even join."""
    shop = Shop()
    two = shop.add_model(0.50)
    forged = with_predicate(metrics={"roc_auc": {"value": 0.99, "low": 0.98, "high": 1.0}})(shop.judge_of(two))
    shop.evidences[forged.index] = replace(forged, role="deployer")
    shop.unapproved(two)
    assert shop.loads().startswith("LG443")
