"""threats.levers against `policy diff`: what is looser than the policy that `init` writes leaves no lever on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from lockgate.project.policies import compare
from lockgate.threats.defaults import UNCONCERNED, looser
from lockgate.threats.levers import LEVERS, levers
from lockgate.trust.policy import Policy, default_policy
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule
from lockgate.trust.policy_automatic import AutomaticPolicy
from lockgate.trust.policy_monitor import MonitorPolicy
from lockgate.trust.policy_serving import OutputRule, ServePolicy
from tests.properties.test_policy_diff import SETTINGS, weights

OURS: Final = Policy.from_text(default_policy())
RUNGS: Final = OURS.environment("prod").ladder.rungs

serving = st.builds(
    ServePolicy,
    outputs=st.dictionaries(st.just("external"), st.builds(OutputRule, st.sampled_from(["label", "full"]))),
    record=st.sampled_from(["written", "synced", "sealed"]),
    unrecorded=st.sampled_from(["refuse", "answer"]),
    payload_days=st.sampled_from([0, 30]),
    shared_budgets=st.sampled_from(["open", "closed"]),
    max_staleness=st.sampled_from([5.0, 60.0, 61.0]),
    stale=st.sampled_from(["stop", "alarm"]),
    label_days=st.sampled_from([None, 30]),
)
watching = st.builds(
    MonitorPolicy,
    false_alarms=st.sampled_from([0.001, 0.01, 0.1]),
    band=st.sampled_from([0.0, 0.05]),
    test=st.sampled_from(["lifetime", "restart"]),
    webhooks=st.sampled_from([(), ("https://a.example/",)]),
)
suspicion = st.builds(
    AbusePolicy,
    leak_day=st.sampled_from([0, 10]),
    kinds=st.dictionaries(
        st.sampled_from(["external", "internal"]), st.builds(AbuseRule, st.sampled_from(["observe", "limit"]))
    ),
)
ladders = st.builds(
    lambda rungs, stops: replace(OURS.environment("prod").ladder, rungs=rungs, false_stops=stops),
    st.lists(st.sampled_from([*RUNGS, replace(RUNGS[0], rows=1)]), min_size=1, unique_by=lambda rung: rung.name).map(
        lambda rungs: tuple(sorted(rungs, key=lambda rung: rung.share))
    ),
    st.sampled_from([0.001, 0.01, 0.1]),
)
DRAWN: Final[dict[str, st.SearchStrategy[Any]]] = SETTINGS | {
    "approvals": st.integers(0, 2),
    "separation": weights,
    "enforce": weights,
    "levels": st.dictionaries(st.sampled_from(["screen", "metrics", "approvals", "min_jail_level"]), weights),
    "serve": serving,
    "monitor": watching,
    "abuse": suspicion,
    "ladder": ladders,
    "automatic": st.none() | st.just(AutomaticPolicy("roc_auc", 0.1, 7.0)),
}


@given(st.sampled_from(["dev", "prod"]), st.lists(st.sampled_from(sorted(DRAWN)), max_size=3, unique=True), st.data())
def test_what_is_looser_leaves_no_lever_on(name: str, changed: list[str], data: st.DataObject) -> None:
    """Each difference that `policy diff` calls looser has its lever, and none of them is on; nothing else weakens."""
    ours = OURS.environment(name)
    theirs = replace(ours, **{key: data.draw(DRAWN[key], key) for key in changed})
    changes = compare(OURS, replace(OURS, environments={**OURS.environments, name: theirs}))
    told = {each.what for each in changes if each.direction == "looser" and not each.what.startswith(UNCONCERNED)}
    found = looser(theirs)
    assert set(found) <= set(LEVERS)
    whats = {each.what for lever in found.values() for each in lever}
    # Rules of one weight stand in one line there. Rungs have our names here, and dev's are held to those of prod.
    assert {each for each in told if not each.startswith(("weight of", "ladder"))} == {
        each for each in whats if not each.startswith(("weight of", "ladder"))
    }
    weakened = {rule for each in told if each.startswith("weight of ") for rule in each[10:].split(", ")}
    assert weakened == {each[10:] for each in whats if each.startswith("weight of ")}
    if any(each.startswith("ladder") for each in told):
        assert "ladder" in found
    state = {lever: one.state for lever, one in levers(theirs).items()}
    assert not {lever for lever in found if state[lever] == "on"}
    weak = {lever for lever in LEVERS if state[lever] == "weak"} - {"abuse"}
    assert weak <= set(found)
