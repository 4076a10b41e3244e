"""Workers of several models for one gateway: which it gets, how many, and when they go. Processes are fakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.errors import Refused, Unavailable
from lockgate.sandbox.settings import PythonEnv
from lockgate.supervise.crew import RETIRE_SECONDS, UNASKED_SECONDS
from lockgate.supervise.house import MOST_FALLS
from tests.support.houses import FIRST, Child, Street, street_of

SECOND, THIRD, FOURTH, UNKNOWN = (f"sha256:{digit * 64}" for digit in "1234")
PAIR = {"model", "contract"}
TWO = {*PAIR, "model:11111111", "contract:11111111"}
THREE = {*TWO, "model:22222222", "contract:22222222"}


def python_for(manifest: str) -> PythonEnv:
    """The evidence names four models, one of them no more."""
    if manifest == UNKNOWN:
        raise Refused("LG634", "it is nowhere")
    return PythonEnv.own()


@pytest.fixture(name="street")
def _street(tmp_path: Path) -> Iterator[Street]:
    """One gateway, which has asked for the workers of what is live."""
    with street_of(tmp_path, gateways=1, python_for=python_for) as found:
        found.step()
        found.says(found.gateway(0), "need", manifest=FIRST)
        found.gateway(0).heard()
        yield found


def offers(street: Street) -> list[tuple[str, str]]:
    """The workers that the gateway was offered since it was last looked."""
    return sorted((one.text("kind"), one.text("manifest")) for one in street.gateway(0).heard() if one.what == "worker")


def need(street: Street, *manifests: str) -> None:
    """The gateway asks, one after the other."""
    for manifest in manifests:
        street.says(street.gateway(0), "need", manifest=manifest)


def test_a_candidate_s_workers_come_beside_those_of_what_is_live(street: Street) -> None:
    """Both stay, under names of their own; asking twice brings no second pair."""
    before = street.workers()
    need(street, SECOND, SECOND)
    assert set(street.workers()) == TWO
    assert {name: street.workers()[name] for name in PAIR} == before
    assert offers(street) == [("contract", SECOND), ("model", SECOND)]


def test_a_fourth_model_and_nonsense_get_nothing(street: Street) -> None:
    """Refused, and told to a person once however often it is asked; the three that there are stay as they were."""
    need(street, SECOND, THIRD)
    before, said = street.workers(), len(street.said)
    street.gateway(0).heard()
    for manifest in (FOURTH, "nonsense", UNKNOWN, FOURTH, FOURTH):
        need(street, manifest)
    told = [one.header for one in street.gateway(0).heard()]
    expected = [(FOURTH, "LG691"), ("nonsense", "LG691"), (UNKNOWN, "LG691"), (FOURTH, "LG691"), (FOURTH, "LG691")]
    assert [(one["manifest"], one["finding"]) for one in told if one["tell"] == "refused"] == expected
    assert street.workers() == before
    assert set(before) == THREE
    assert len(street.said) - said == 4


def test_a_model_that_the_evidence_does_not_name_gets_nothing(street: Street) -> None:
    """While there is room too: it is asked of the evidence, not counted."""
    need(street, UNKNOWN)
    refused = [one.header["finding"] for one in street.gateway(0).heard() if one.what == "refused"]
    assert refused == ["LG634"]
    assert set(street.workers()) == PAIR


def test_what_is_done_with_ends_later_and_makes_room(street: Street) -> None:
    """It finishes what it has first; asked for again meanwhile, there are fresh workers."""
    need(street, SECOND, THIRD)
    old = street.workers()["model:11111111"]
    street.gateway(0).heard()
    street.says(street.gateway(0), "done", manifest=SECOND)
    assert old.code is None
    assert set(street.workers()) == THREE - {"model:11111111", "contract:11111111"}
    need(street, SECOND)
    assert offers(street) == [("contract", SECOND), ("model", SECOND)]
    assert street.workers()["model:11111111"] is not old
    street.now += street.house._own.caps.answer + RETIRE_SECONDS + 1
    street.step()
    assert old.killed
    assert not street.workers()["model:11111111"].killed


def test_asking_and_sending_home_in_a_loop_fills_no_machine(street: Street) -> None:
    """A gateway that was taken over: of what it sends home only a few are still ending."""
    for _ in range(12):
        need(street, SECOND)
        street.says(street.gateway(0), "done", manifest=SECOND)
    assert len([child for child in street.children if child.code is None and child.settings is None]) <= 2 + 2 * 3 + 1
    street.says(street.gateway(0), "done", manifest="nonsense")
    assert set(street.workers()) == PAIR


def test_a_gateway_s_restart_brings_workers_for_what_it_then_asks(street: Street) -> None:
    """All go with it. Ahead of its word only those that it answered from are started; the candidate's when it asks."""
    need(street, SECOND)
    street.says(street.gateway(0), "open", model={"digest": SECOND}, rung="live")
    street.says(street.gateway(0), "open", model={"digest": FIRST}, rung="canary")
    before = street.workers()
    street.gateway(0).code = 1
    street.step(3)
    assert set(street.workers()) == TWO - PAIR
    assert all(worker.killed for worker in before.values())
    street.gateway(0).heard()
    need(street, SECOND, FIRST)
    assert offers(street) == [("contract", FIRST), ("model", FIRST)]
    assert set(street.workers()) == TWO


def test_workers_that_nobody_asks_for_go_again(tmp_path: Path) -> None:
    """Started ahead, and the gateway has other wishes: sent home they are not started again, and then forgotten."""
    with street_of(tmp_path, gateways=1, python_for=python_for) as street:
        street.step()
        ahead = street.workers()
        assert set(ahead) == PAIR
        ahead["model"].code = 0
        street.step(3)
        assert "model" not in street.workers()
        street.now += UNASKED_SECONDS + 1
        street.step()
        assert street.workers() == {}
        assert ahead["contract"].killed
        need(street, FIRST)
        assert set(street.workers()) == PAIR


def fall(street: Street, name: str, times: int) -> None:
    """A worker ends again and again, as soon as it is started."""
    for _ in range(times):
        before: Child = street.workers()[name]
        before.code = 1
        while street.workers().get(name) in (None, before):
            street.now += 5
            street.step()


def test_a_candidate_that_dies_takes_nothing_down_and_is_told_once(street: Street) -> None:
    """Before the house is open as well: it comes up with what is live. The control: what is live must stay up."""
    need(street, SECOND)
    said = len(street.said)
    fall(street, "model:11111111", MOST_FALLS + 3)
    assert street.said[said:] == ["model:11111111 ended with code 1; it was started again (LG625)"]
    assert street.opened == 0
    with pytest.raises(Unavailable) as caught:
        fall(street, "model", MOST_FALLS + 3)
    assert caught.value.finding == "LG625"


def test_only_the_worker_that_was_named_is_broken_off(street: Street) -> None:
    """By kind and by model; a name of none breaks nothing."""
    need(street, SECOND)
    before = street.workers()
    street.says(street.gateway(0), "lost", kind="model", manifest=THIRD, why="x")
    street.says(street.gateway(0), "lost", kind="sealer", manifest=SECOND, why="x")
    assert street.workers() == before
    street.says(street.gateway(0), "lost", kind="model", manifest=SECOND, why="it stalled")
    street.step()
    assert {name for name, worker in before.items() if worker.killed} == {"model:11111111"}
    assert "model:11111111 worker broken off: it stalled" in street.said
