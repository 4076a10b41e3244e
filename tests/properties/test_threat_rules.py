"""threats.rules: nothing that gets worse makes a status better, and HELD needs everything that a threat names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.drills.replays.all import DRILLS as PLAYED
from lockgate.project.threats.catalogue import shipped
from lockgate.threats.facts import Accepted, Facts
from lockgate.threats.levers import WORSE, Lever
from tests.support.threats import CLAIMS, JAILED, NOW, held, of, proof, statuses, threat, without

DRILLS: Final = sorted({name for threat in shipped().threats.values() for name in threat.drills})
RANK: Final = {"OUT": 0, "HELD": 1, "ACCEPTED": 2, "STALE": 3, "UNPROVEN": 4, "BROKEN": 5}
OTHER: Final = "sha256:" + "0" * 64
Step = Callable[[Facts], Facts]


def _drill(name: str, worse: int) -> Step:
    """Its result becomes older, of another program, of another policy, is gone, or the attack got through."""

    def step(facts: Facts) -> Facts:
        found = facts.drills.get(name)
        if found is None or found.stopped is False:
            return facts
        later = [
            replace(found, at=found.at - timedelta(days=40)),
            replace(found, program=OTHER),
            replace(found, policy=OTHER),
            replace(found, stopped="part"),
            replace(found, stopped=False),
        ]
        rest = without(facts.drills, name)
        return replace(facts, drills=rest if worse == len(later) else {**rest, name: later[worse]})

    return step


def _proof(claim: str, worse: int) -> Step:
    """The statement becomes older, is gone, or shows the contrary."""

    def step(facts: Facts) -> Facts:
        found = facts.proofs.get(claim)
        if found is None or found.wrong:
            return facts
        later = [replace(found, at=found.at - timedelta(days=400)), replace(found, wrong="revoked")]
        rest = without(facts.proofs, claim)
        return replace(facts, proofs=rest if worse == len(later) else {**rest, claim: later[worse]})

    return step


def _lever(name: str, worse: int) -> Step:
    """The policy becomes looser."""

    def step(facts: Facts) -> Facts:
        now = WORSE.index(facts.levers[name].state)
        return replace(facts, levers={**facts.levers, name: Lever(name, WORSE[max(now, worse)])})

    return step


def _jail(claim: str, level: int) -> Step:
    """A jail was weaker; 0 stands for no proof of any."""

    def step(facts: Facts) -> Facts:
        now = facts.jails[claim]
        return replace(facts, jails={**facts.jails, claim: min(now or 0, level) or None})

    return step


_SINGLE: Final[tuple[Step, ...]] = (
    lambda facts: replace(facts, pinned=False),
    lambda facts: replace(facts, alone=("mara",)),
    lambda facts: replace(facts, screen=None),
    lambda facts: replace(facts, refused={"screen": "LG455 it found something"}),
    lambda facts: replace(facts, accepted={}),
    lambda facts: replace(facts, asked=facts.asked + timedelta(days=50)),
)


def _steps(id_: str) -> st.SearchStrategy[Step]:
    """What can get worse for one threat: few things, so that several of them come together."""
    one, controls = shipped().threats[id_], shipped().controls
    mine = [controls[name] for name in one.controls]
    claims = sorted({each.proof for each in mine} - {"drill"})
    rules = sorted({each.rule for each in mine if each.rule})
    kinds: list[st.SearchStrategy[Step]] = [
        st.builds(_drill, st.sampled_from(sorted(one.drills)), st.integers(0, 5)),
        st.builds(_jail, st.sampled_from(JAILED), st.integers(0, 3)),
        st.sampled_from(_SINGLE),
    ]
    kinds += [st.builds(_proof, st.sampled_from(claims), st.integers(0, 2))] if claims else []
    kinds += [st.builds(_lever, st.sampled_from(rules), st.integers(0, 3))] if rules else []
    return st.one_of(kinds)


@given(st.sampled_from([one.id for one in shipped().threats.values() if not one.out]), st.data())
@settings(max_examples=300)
def test_nothing_gets_better_by_what_gets_worse(id_: str, data: st.DataObject) -> None:
    """From wherever things stand, one step down leaves a status where it was, or lower."""
    waiver = Accepted(NOW + timedelta(days=90), "ada", "see #12", 3)
    facts = held(accepted={id_: waiver} if data.draw(st.booleans()) else {})
    for each in data.draw(st.lists(_steps(id_), max_size=5)):
        facts = each(facts)
    was = threat(id_, facts)
    now = threat(id_, data.draw(_steps(id_))(facts))
    assert RANK[was.status] <= RANK[now.status], (was, now)
    assert RANK[was.worst] <= RANK[now.worst], (was, now)


@given(st.sets(st.sampled_from(DRILLS)), st.sets(st.sampled_from(CLAIMS)))
def test_held_needs_everything(drills: set[str], claims: set[str]) -> None:
    """With some results and statements alone: HELD is exactly what has all its drills and proofs among them."""
    facts = held(drills={name: of(name) for name in drills}, proofs=dict.fromkeys(claims, proof()))
    catalogue = shipped()
    wanted = {
        one.id
        for one in catalogue.threats.values()
        if not one.out
        and drills.issuperset(one.drills)
        and {PLAYED[name].control for name in drills}.issuperset(
            name for name in one.controls if catalogue.controls[name].proof == "drill"
        )
        and {*claims, "drill"}.issuperset(catalogue.controls[name].proof for name in one.controls)
    }
    assert {name for name, status in statuses(facts).items() if status == "HELD"} == wanted
