"""The ladder and automatic approval in policy.toml: what is read, what is refused, and what is called looser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockgate.errors import Usage
from lockgate.project.policies import compare, describe_ladder
from lockgate.trust.policy import Policy, default_policy
from lockgate.trust.policy_automatic import AutomaticPolicy
from lockgate.trust.policy_ladder import LadderPolicy, Rung
from lockgate.trust.policy_ladder_order import differences
from lockgate.trust.policy_serving import ServePolicy

LADDER = """version = 1
[environment.prod.ladder]
{settings}
[[environment.prod.ladder.rung]]
name = "shadow"
share = 0
{shadow}
[[environment.prod.ladder.rung]]
name = "canary"
share = "5 %"
{canary}
"""
AUTOMATIC = """version = 1
[environment.prod]
{settings}
[environment.prod.automatic]
{automatic}
"""
BOTH = LadderPolicy((Rung("shadow", 0.0), Rung("canary", 0.05, pairs=0.0)))


def _ladder(settings: str = "", shadow: str = "", canary: str = "", more: str = "") -> LadderPolicy:
    text = LADDER.format(settings=settings, shadow=shadow, canary=canary) + more
    return Policy.from_text(text).environment("prod").ladder


def _automatic(automatic: str, settings: str = "") -> AutomaticPolicy | None:
    return Policy.from_text(AUTOMATIC.format(settings=settings, automatic=automatic)).environment("prod").automatic


def test_a_ladder_is_read_with_its_defaults() -> None:
    """All rows in pairs where the share is 0, none elsewhere; 2,000 rows, a week."""
    assert _ladder() == BOTH
    found = _ladder('climb = "authorised"\nscale = 10', "pairs = '10 %'\nwait = '2 d'", "rows = 7\nlabels = 3")
    assert (found.climb, found.scale) == ("authorised", 10.0)
    assert found.rungs[0] == Rung("shadow", 0.0, pairs=0.1, wait=172800.0)
    assert found.rung("canary") == Rung("canary", 0.05, rows=7, labels=3, pairs=0.0)


def test_live_follows_the_last_rung() -> None:
    """And the first, where there is no ladder."""
    assert (BOTH.next(None), BOTH.next("shadow"), BOTH.next("canary")) == ("shadow", "canary", "live")
    assert (LadderPolicy().next(None), BOTH.names) == ("live", ("shadow", "canary"))
    for name in ("live", "quarter"):
        with pytest.raises(KeyError):
            BOTH.next(name)


def test_what_init_writes_has_a_ladder_in_prod_and_none_in_dev() -> None:
    """Shadow, 5 %, 25 %; approvals by persons."""
    policy = Policy.from_text(default_policy())
    assert [(rung.name, rung.share) for rung in policy.environment("prod").ladder.rungs] == [
        ("shadow", 0.0), ("canary", 0.05), ("quarter", 0.25)
    ]  # fmt: skip
    assert policy.environment("dev").ladder == LadderPolicy()
    assert policy.environment("prod").automatic is None


THIRD = '[[environment.prod.ladder.rung]]\nname = "{}"\nshare = {}\n'


@pytest.mark.parametrize(
    ("changes", "line", "words"),
    [
        ({"more": THIRD.format("half", 0.05)}, 14, "half has 0.05, canary before it 0.05"),
        ({"more": THIRD.format("half", 0.01)}, 14, "write a larger one"),
        ({"more": THIRD.format("late", 0)}, 14, "late has the share 0, so it can only be the first rung"),
        ({"more": THIRD.format("canary", 0.5)}, 13, "a second rung called canary: give it a name of its own"),
        ({"more": THIRD.format("live", 0.5)}, 13, "live is no rung of its own"),
        ({"more": THIRD.format("all", 1)}, 14, "a share of 1 is live"),
        ({"more": THIRD.format("Half", 0.5)}, 13, "expects a name of small letters"),
        ({"more": THIRD.format("half", 1.5)}, 14, "expects a share from 0 to 1"),
        ({"settings": "checks = ['errors', 'risks']"}, 3, 'entry 2 is "risks"'),
        ({"settings": "checks = []"}, 3, "at least 1"),
        ({"settings": "checks = ['errors', 'errors']"}, 3, "a check stands there twice"),
        ({"settings": "checks = ['errors']", "canary": "labels = 1"}, 11, 'labels are for the check "risk"'),
        ({"settings": "false_stops = 0"}, 3, "false_stops is above 0"),
        ({"settings": "false_stops = 9e-10"}, 3, "false_stops is at least 1e-09: with less nothing ever stops"),
        ({"settings": "false_stops = 1e-320"}, 3, "false_stops is at least 1e-09"),
        ({"settings": "false_stops = 0.3"}, 3, "a number from 0 to 0.2"),
        ({"settings": "longest_authorisation = 0"}, 3, "longest_authorisation is above 0"),
        ({"settings": "scale = 0"}, 3, "scale is above 0"),
        ({"settings": "latency_quantile = 1"}, 3, "from 0.5 to 0.999"),
        ({"settings": 'sticky = "user"'}, 3, "sticky"),
        ({"settings": "cimb = 'authorised'"}, 3, "did you mean environment.prod.ladder.climb?"),
        ({"canary": "rows = 0"}, 11, "a whole number from 1"),
        ({"canary": "wait = '0 s'"}, 11, "from 1 min to 366 d"),
        ({"canary": "wait = 7"}, 11, "a time from 1 min to 366 d"),
        ({"shadow": "pairs = 0"}, 7, "nobody would ask the new model on this rung"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_where_it_stands(changes: dict[str, str], line: int, words: str) -> None:
    """With file, line, and what to write."""
    with pytest.raises(Usage) as caught:
        _ladder(**changes)
    assert caught.value.finding == "LG840"
    assert caught.value.message.startswith(f"policy.toml:{line}: ")
    assert words in caught.value.message


def test_settings_that_nothing_uses_are_refused() -> None:
    """A ladder without rungs; replay without a rung on which it could stand in; seventeen rungs."""
    with pytest.raises(
        Usage, match=r"policy\.toml:2: a ladder without a rung does nothing: write \[\[environment\.prod"
    ):
        Policy.from_text('version = 1\n[environment.prod.ladder]\nclimb = "authorised"\n')
    lone = "version = 1\n[environment.prod.ladder]\nreplay = true\n" + THIRD.format("canary", 0.05)
    with pytest.raises(Usage, match=r"policy\.toml:3: replayed rows stand in"):
        Policy.from_text(lone)
    with pytest.raises(Usage, match="more than 16 rungs"):
        _ladder(more="".join(THIRD.format(f"r{number}", 0.1 + number / 100) for number in range(15)))


def test_automatic_approval_is_read() -> None:
    """The direction is known for our metrics, and said for others."""
    assert _automatic('metric = "roc_auc"\nworse = 0.005\nevery = "7 d"') == AutomaticPolicy("roc_auc", 0.005, 7.0)
    assert _automatic('metric = "mae"\nworse = 1\nevery = "36 h"') == AutomaticPolicy("mae", 1.0, 1.5, "lower")
    found = _automatic('metric = "own"\nworse = 1\nevery = "1 d"\nbetter = "lower"')
    assert found == AutomaticPolicy("own", 1.0, 1.0, "lower")


@pytest.mark.parametrize(
    ("automatic", "settings", "words"),
    [
        ("", "", "metric is missing"),
        ('metric = "roc_auc"', "", "worse is missing"),
        ('metric = "roc_auc"\nworse = 0.1', "", "every is missing"),
        ('metric = "roc_acu"\nworse = 0.1\nevery = "7 d"', "", "did you mean roc_auc?"),
        ('metric = "own"\nworse = 0.1\nevery = "7 d"', "", 'say better = "higher" or "lower"'),
        ('metric = "roc_auc"\nworse = -0.1\nevery = "7 d"', "", "a number of at least 0"),
        ('metric = "roc_auc"\nworse = 0.1\nevery = "1 min"', "", "a time from 1 h to 366 d"),
        ('metric = "roc_auc"\nworse = 0.1\nevery = "7 d"', "approvals = 0", "prod asks for no approval"),
    ],
)
def test_automatic_approval_is_said_wholly(automatic: str, settings: str, words: str) -> None:
    """A half-said one is refused, and one that stands in for nothing."""
    with pytest.raises(Usage) as caught:
        _automatic(automatic, settings)
    assert words in caught.value.message


def _words(old: LadderPolicy, new: LadderPolicy) -> set[str]:
    return {each.direction for each in differences(old, new)}


def _rung(**changes: Any) -> LadderPolicy:
    return replace(BOTH, rungs=(BOTH.rungs[0], replace(BOTH.rungs[1], **changes)))


@pytest.mark.parametrize(
    ("looser", "also"),
    [
        (LadderPolicy(), set()),  # straight to live
        (LadderPolicy(BOTH.rungs[1:]), set()),
        (_rung(rows=1000), set()),
        (_rung(share=0.10), set()),
        (_rung(wait=999999.0), set()),
        (replace(BOTH, rungs=(replace(BOTH.rungs[0], pairs=0.5), BOTH.rungs[1])), set()),
        (replace(BOTH, false_stops=0.001), set()),
        (replace(BOTH, most_disagreement=0.2), set()),
        (replace(BOTH, outputs_margin=0.2), set()),
        (replace(BOTH, latency_margin=0.5), set()),
        (replace(BOTH, errors_margin=0.5), set()),
        (replace(BOTH, risk_margin=0.5), set()),
        (replace(BOTH, climb="authorised"), set()),
        (replace(BOTH, longest_authorisation=90.0), set()),
        (replace(BOTH, replay=True), set()),
        (replace(BOTH, sticky="client"), set()),
        (replace(BOTH, sticky="key"), set()),
        # The checks that are left get the share of false_stops that the one taken out had.
        (replace(BOTH, checks=BOTH.checks[:-1]), {"stricter"}),
        (replace(BOTH, latency_quantile=0.9), {"stricter"}),
    ],
)
def test_less_asked_or_more_given_is_looser(looser: LadderPolicy, also: set[str]) -> None:
    """A rung left out, fewer rows, more traffic, a longer wait, a check less, fewer persons; and back: stricter."""
    assert _words(BOTH, looser) == {"looser"} | also
    assert "stricter" in _words(looser, BOTH)
    assert _words(looser, looser) == set()


def test_the_scale_of_a_regression() -> None:
    """Without one three checks are not asked; a larger one makes differences smaller."""
    some, larger = replace(BOTH, scale=1.0), replace(BOTH, scale=2.0)
    assert (_words(BOTH, some), _words(some, BOTH)) == ({"stricter"}, {"looser"})
    assert (_words(some, larger), _words(larger, some)) == ({"looser"}, {"stricter"})


def test_each_setting_of_a_ladder_is_compared() -> None:
    """One that joins joins the comparison: changed alone, it is told."""
    changed: dict[str, Any] = {
        "sticky": "key", "false_stops": 0.02, "checks": ("risk",), "errors_margin": 0.5, "latency_quantile": 0.5,
        "latency_margin": 0.5, "most_disagreement": 0.5, "outputs_margin": 0.5, "risk_margin": 0.5, "scale": 9.0,
        "climb": "authorised", "longest_authorisation": 9.0, "replay": True, "rungs": (),
    }  # fmt: skip
    assert set(changed) == set(vars(BOTH))
    assert [name for name, value in changed.items() if not _words(BOTH, replace(BOTH, **{name: value}))] == []
    rung = {"share": 0.2, "rows": 9, "labels": 9, "wait": 99.0, "pairs": 0.9, "name": "other"}
    assert set(rung) == set(vars(BOTH.rungs[0]))
    assert [name for name, value in rung.items() if not _words(BOTH, _rung(**{name: value}))] == []


@pytest.mark.parametrize(
    ("before", "after", "directions"),
    [
        ("", 'metric = "mae"\nworse = 1\nevery = "7 d"', ["looser"]),
        ('metric = "mae"\nworse = 1\nevery = "7 d"', 'metric = "mae"\nworse = 2\nevery = "7 d"', ["looser"]),
        ('metric = "mae"\nworse = 1\nevery = "7 d"', 'metric = "mae"\nworse = 1\nevery = "1 d"', ["looser"]),
        ('metric = "mae"\nworse = 1\nevery = "7 d"', 'metric = "r2"\nworse = 1\nevery = "7 d"', ["stricter", "looser"]),
    ],
)  # fmt: skip
def test_automatic_approval_added_or_widened_is_looser(before: str, after: str, directions: list[str]) -> None:
    """Back it is stricter; another metric is another rule."""

    def policy(text: str) -> Policy:
        table = f"[environment.prod.automatic]\n{text}\n" if text else ""
        return Policy.from_text(f"version = 1\n[environment.prod]\n{table}")

    assert [change.direction for change in compare(policy(before), policy(after))] == directions
    assert {"stricter"} <= {change.direction for change in compare(policy(after), policy(before))}


def test_what_a_blind_gateway_does_is_compared() -> None:
    """Longer, or with an alarm only, is looser."""
    policy = "version = 1\n[environment.prod.serve]\n{}\n"
    base = Policy.from_text(policy.format(""))
    assert base.environment("prod").serve == ServePolicy()
    for text in ("max_staleness = '5 min'", "stale = 'alarm'"):
        other = Policy.from_text(policy.format(text))
        assert [each.direction for each in compare(base, other)] == ["looser"]
        assert [each.direction for each in compare(other, base)] == ["stricter"]
    with pytest.raises(Usage, match="from 5 s to 30 d"):
        Policy.from_text(policy.format("max_staleness = '1 s'"))


def test_the_ladder_is_shown_in_words() -> None:
    """Each rung a line; where there is none, nothing."""
    environment = Policy.from_text(LADDER.format(settings="", shadow="", canary="labels = 3")).environment("prod")
    words = dict(describe_ladder(environment))
    assert words["canary"] == "5 % of the traffic until 2000 rows, 3 labels; holds after 7 days"
    assert words["shadow"].endswith("holds after 7 days, 100 % of the rows asked of both")
    assert words["climb"] == "deployer"
    assert dict(describe_ladder(Policy.from_text("version = 1\n[environment.dev]\n").environment("dev"))) == {}
