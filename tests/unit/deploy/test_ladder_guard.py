"""The guard on a ladder, on a signed project: what it is lent, what it takes away, and what status knows of it."""

from __future__ import annotations

from datetime import timedelta

from lockgate.deploy.authorising import authorise
from lockgate.deploy.revoking import revoke
from lockgate.deploy.spec import DeploySpec
from lockgate.errors import Usage
from lockgate.trust.policy import Policy
from tests.support.laddering import (
    Here,
    allow,
    facts_of,
    guard,
    move,
    refused,
    rules_of,
    standing_in,
    stands,
    status_in,
    until,
)


def test_the_guard_climbs_on_an_authorisation(here: Here) -> None:
    """`--authorise` puts it on the first rung; each step names the word it was made on."""
    done = allow(here, until(here, days=7))
    assert done.deployed is not None
    assert [name for name, _ in done.authorisation.rungs] == ["shadow", "canary", "quarter", "live"]
    for rung in ("canary", "quarter"):
        assert guard(here, rung).candidate.rung == rung  # type: ignore[union-attr]
    assert guard(here, "live", authorisation=done.authorisation.evidence.digest).live.version == 2
    said = here.moves[-1]
    assert (said.role, said.predicate["authorisation"]) == ("guard", done.authorisation.evidence.digest)
    assert refused(lambda: allow(here, until(here, days=7))).finding == "LG548"


def test_the_guard_moves_nothing_up_on_its_own_word(here: Here) -> None:
    """No authorisation, an expired or a revoked one, the wrong rung, too few rows; a log that has moved on."""
    move(here)
    assert refused(lambda: guard(here, "canary")).finding == "LG545"
    word = allow(here, until(here, minutes=5))
    assert word.deployed is None
    assert refused(lambda: guard(here, "quarter")).finding == "LG545"
    assert refused(lambda: guard(here, "canary", sequence=1)).finding == "LG545"
    assert refused(lambda: guard(here, "canary", manifest="sha256:" + "0" * 64)).finding == "LG545"
    assert refused(lambda: guard(here, "canary", manifest=standing_in(here).live.manifest)).finding == "LG545"
    assert refused(lambda: guard(here, "canary", rows=1999)).finding == "LG864"
    assert refused(lambda: guard(here, "canary", checks=None)).finding == "LG864"
    here.project.clock.now += timedelta(minutes=6)
    assert refused(lambda: guard(here, "canary")).finding == "LG545"
    later = allow(here, until(here, days=1))
    revoke(here.workplace(), str(later.authorisation.evidence.index), "no")
    assert refused(lambda: guard(here, "canary")).finding == "LG545"
    assert stands(here) == (1, "shadow")


def test_the_guard_takes_away_without_asking(here: Here) -> None:
    """Lower, to where it stood; and off. Once more there is nothing to take off."""
    move(here)
    move(here, "canary", facts_of())
    assert refused(lambda: guard(here, "quarter", move="down")).finding == "LG545"
    assert refused(lambda: guard(here, "canary", move="down")).finding == "LG545"
    assert guard(here, "shadow", move="down").candidate.rung == "shadow"  # type: ignore[union-attr]
    assert guard(here, "live", move="down", reason="alarm: errors").candidate is None
    said = here.moves[-1]
    assert (said.role, said.predicate["move"], said.predicate["reason"]) == ("guard", "down", "alarm: errors")
    assert refused(lambda: guard(here, "live", move="down")).finding == "LG545"


def test_an_authorisation_is_what_the_policy_allows(own: Here) -> None:
    """For so long; where the policy says so; for a model that is to climb; under the policy in force."""
    for span in ({"days": 11}, {"days": -1}):
        no = refused(lambda span=span: allow(own, until(own, **span)))  # type: ignore[misc]
        assert (no.finding, type(no)) == ("LG548", Usage)
    assert stands(own) == (1, "")
    hand = Policy.from_text(rules_of(2, "dev", authorised="deployer"))
    closed = own.workplace(policy=hand)
    assert (
        refused(lambda: authorise(closed, DeploySpec("flights@2", own.environment), until(own, days=1))).finding
        == "LG548"
    )
    first = refused(lambda: allow(own, until(own, days=1), "flights@1"))
    assert (first.finding, "nothing to climb" in first.message) == ("LG548", True)
    move(own)
    own.renew(rules_of(2, "dev"))
    old = refused(lambda: allow(own, until(own, days=1)))
    assert (old.finding, "under an earlier policy" in old.message) == ("LG548", True)
    move(own, "shadow")
    allow(own, until(own, days=1))


def test_status_knows_who_stands_where_and_who_was_taken_off(here: Here) -> None:
    """The rung, what it asks for, who moves it; after a withdrawal by itself, its numbers."""
    move(here)
    found = status_in(here, facts_of(412))
    on = found.candidate
    assert on is not None
    assert (found.version, on.version, on.rung, on.facts and on.facts.rows) == (1, 2, "shadow", 412)
    assert (on.rung_policy and on.rung_policy.rows, on.unattended) == (2000, "no deployer has authorised it")
    allow(here, until(here, days=1))
    on = status_in(here).candidate
    assert on is not None
    assert (on.authorised_until is not None, on.unattended) == (True, "")
    guard(here, "live", move="down")
    gone = status_in(here)
    assert gone.taken is not None
    assert (gone.candidate, gone.taken.ref, gone.taken.rung, gone.taken.checks["rows"]) == (
        None,
        "flights@2",
        "shadow",
        2000,
    )
