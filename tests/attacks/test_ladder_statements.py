"""The ladder in the log: what a stolen guard's key can do to it, and what a deployer's, a replayed word, a false share.

The guard is online. It takes a model off, or puts it lower; it lifts one only as far, as long and under what a deployer
signed. Each refusal stands beside the same move as it is honest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lockgate.errors import VerificationFailed
from lockgate.trust.authority import check_authority
from tests.support.evidence import with_predicate
from tests.support.ladder import ENOUGH, RUNGS, Ladder


def test_the_guard_climbs_rung_by_rung_on_an_authorisation() -> None:
    """The positive control: shadow, canary, quarter, live, each its own move, and a loader loads each."""
    log = Ladder()
    word = log.allow()
    for rung in ("canary", "quarter", "live"):
        log.climb(rung, word)
        assert (log.finding(), log.stands()) == ("", (2, rung))
    assert (log.load().live.version, log.load().candidate) == (2, None)
    previous = log.load().previous
    assert previous is not None
    assert previous.version == 1


def _nothing(log: Ladder) -> None:
    log.climb("canary", None)


def _not_of_the_log(log: Ladder) -> None:
    log.climb("canary", None, authorisation=log.first.digest)


def _expired(log: Ladder) -> None:
    word = log.allow(lasts=timedelta(hours=1))
    log.now += timedelta(hours=2)
    log.climb("canary", word)


def _too_long(log: Ladder) -> None:
    log.climb("canary", log.allow(lasts=timedelta(days=11)))


def _revoked(log: Ladder) -> None:
    word = log.allow()
    log.revoke(word.digest)
    log.climb("canary", word)


def _another_model(log: Ladder) -> None:
    log.climb("canary", log.allow(log.three))


def _another_environment(log: Ladder) -> None:
    log.climb("canary", log.authorise(log.two, "prod", rungs=RUNGS))


def _another_manifest(log: Ladder) -> None:
    log.allow(log.three, name="flights", version=2)
    log.climb("canary", log.evidences[-1])


def _skipped(log: Ladder) -> None:
    log.climb("quarter", log.allow())


def _wrong_share(log: Ladder) -> None:
    log.climb("canary", log.allow(), share=0.5)


def _wrong_rungs(log: Ladder) -> None:
    word = log.allow(rungs=[("shadow", 0.0), ("canary", 0.5), ("live", 1.0)])
    log.climb("canary", word, share=0.5)


def _a_rung_left_out(log: Ladder) -> None:
    log.climb("quarter", log.allow(rungs=[("shadow", 0.0), ("quarter", 0.25), ("live", 1.0)]))


def _another_policy(log: Ladder) -> None:
    word = log.allow()
    log.policy("policy 2", log.rules)
    log.climb("canary", word)


def _authorised_under_another_policy(log: Ladder) -> None:
    log.policy("policy 2", log.rules)
    log.climb("canary", log.allow())


def _authorised_before_the_policy(log: Ladder) -> None:
    word = log.allow()
    log.policy("policy 2", log.rules)
    log.put("shadow")
    log.climb("canary", word)


def _by_the_guard_itself(log: Ladder) -> None:
    log.climb("canary", log.allow(role="guard"))


def _by_an_approver(log: Ladder) -> None:
    log.climb("canary", log.allow(role="approver"))


def _after_it(log: Ladder) -> None:
    moved = log.climb("canary", None, authorisation="sha256:" + "0" * 64)
    word = log.allow()
    log.evidences[:] = log.changed(moved, with_predicate(authorisation=word.digest))


def _of_an_earlier_ladder(log: Ladder) -> None:
    word = log.allow()
    log.climb("canary", word)
    log.withdraw()
    log.put("shadow")
    log.climb("canary", word)


def _another_summary(log: Ladder) -> None:
    word = log.allow()
    log.climb("canary", word, summary=log.summary(log.two))


def _another_candidate(log: Ladder) -> None:
    log.climb("shadow", log.allow(), log.three, summary=log.summary(log.three))


def _another_under_its_summary(log: Ladder) -> None:
    log.climb("canary", log.allow(), log.three, summary=log.under)


def _twice(log: Ladder) -> None:
    word = log.allow()
    log.climb("canary", word)
    log.climb("canary", word)


def _beyond_live(log: Ladder) -> None:
    word = log.allow()
    for rung in ("canary", "quarter", "live", "canary"):
        log.climb(rung, word)


def _with_a_floor(log: Ladder) -> None:
    log.climb("canary", log.allow(), floor=2)


def _live_with_a_floor(log: Ladder) -> None:
    word = log.allow()
    log.climb("canary", word)
    log.climb("quarter", word)
    log.climb("live", word, floor=2)


def _without_numbers(log: Ladder) -> None:
    log.climb("canary", log.allow(), checks=None)


def _too_early(log: Ladder) -> None:
    log.climb("canary", log.allow(), checks={**ENOUGH, "rows": 9})


def _against_an_alarm(log: Ladder) -> None:
    results = [{**ENOUGH["results"][0], "alarm": True}]
    log.climb("canary", log.allow(), checks={**ENOUGH, "results": results})


_UP = [
    _nothing,
    _not_of_the_log,
    _expired,
    _too_long,
    _revoked,
    _another_model,
    _another_environment,
    _another_manifest,
    _skipped,
    _wrong_share,
    _wrong_rungs,
    _a_rung_left_out,
    _another_policy,
    _authorised_under_another_policy,
    _authorised_before_the_policy,
    _by_the_guard_itself,
    _by_an_approver,
    _after_it,
    _of_an_earlier_ladder,
    _another_summary,
    _another_candidate,
    _another_under_its_summary,
    _twice,
    _beyond_live,
    _with_a_floor,
    _live_with_a_floor,
    _without_numbers,
    _too_early,
    _against_an_alarm,
]


@pytest.mark.parametrize("attack", _UP, ids=lambda attack: attack.__name__[1:])
def test_the_guard_lifts_no_model_otherwise(attack: Callable[[Ladder], None]) -> None:
    """Without a deployer's word, beyond it, after its end, under another policy or without the numbers: not loaded."""
    log = Ladder()
    attack(log)
    assert log.finding() in {"LG522", "LG524", "LG515", "LG547"}


def test_what_the_policy_does_not_lend_no_authorisation_does() -> None:
    """Where a deployer climbs each time, the same authorisation is refused."""
    log = Ladder(climb="deployer")
    log.climb("canary", log.allow())
    assert log.finding() == "LG522"


def test_the_table_asks_the_guard_for_an_authorisation() -> None:
    """LG817 at signing already: up without naming one; the names alone do not pass a reader, see above."""
    log = Ladder()
    word = log.allow()
    assert check_authority(log.climb("canary", word).statement, "guard", ["dev"]) == "dev"
    for bad in (None, "", 7):
        with pytest.raises(VerificationFailed) as no:
            check_authority(with_predicate(authorisation=bad)(log.moves[-1]).statement, "guard", ["dev"])
        assert no.value.finding == "LG817"
    with pytest.raises(VerificationFailed) as own:
        check_authority(word.statement, "guard", ["dev"])
    assert own.value.finding == "LG817"
