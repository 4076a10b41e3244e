"""Threat: the controller is taken over, or dies. It has no key; what can it still bring about?

It can have the model on the ladder taken off, and be silent about an alarm. It can move nothing up that a deployer has
not authorised and the log's own records do not bear out, and it can hold nobody up.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.audit import deployments
from lockgate.core.verdict import Level
from lockgate.core.wire import PREFIX
from lockgate.deploy.revoking import revoke
from lockgate.errors import LockgateError, Refused, Usage
from lockgate.supervise.book import Book
from lockgate.supervise.guard import Guard, guard_of
from lockgate.supervise.guarding import CONTROLLER
from lockgate.supervise.moving import PAUSE_SECONDS
from lockgate.supervise.proposal import Proposal
from lockgate.trust.keyring import Keyring
from tests.support.houses import Street, street_of
from tests.support.laddered import Laddered, fork, log_of, on_shadow


@pytest.fixture(name="first", scope="module")
def _first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laddered]:
    """A model with six honest pairs on its first rung, and a deployer's word that it may climb."""
    with pytest.MonkeyPatch.context() as patch:
        yield on_shadow(tmp_path_factory.mktemp("controller"), patch)


@pytest.fixture
def house(first: Laddered, tmp_path: Path) -> Laddered:
    """The same, for one test."""
    return fork(first, tmp_path)


def guard(house: Laddered) -> Guard:
    """The supervisor's hand."""
    return Guard(house.signed.workplace(), "flights", lambda: log_of(house))


def honest(house: Laddered, **changes: Any) -> Proposal:
    """The step up that the log bears out."""
    step = house.step()
    found = Proposal("up", step.model, step.step, "canary", house.checks(log_of(house)))
    return replace(found, **changes)


def size(house: Laddered) -> int:
    """Of the event log on disk."""
    return house.signed.open_ledger().checkpoint.size


def standing(house: Laddered) -> Any:
    """As the log on disk has it."""
    return deployments.standing_of("dev", "flights", house.signed.open_ledger().statements())


LIES: dict[str, Callable[[Laddered, Proposal], Proposal]] = {
    "a rung left out": lambda _, one: replace(one, to="live"),
    "the model that is live": lambda house, one: replace(one, manifest=house.step().base),
    "a model that nobody knows": lambda _, one: replace(one, manifest="sha256:" + "e" * 64),  # type: ignore[arg-type]
    "a move that was": lambda _, one: replace(one, sequence=1),
    "what is live, down, to the candidate": lambda _, one: replace(one, move="down", to="live"),
    "down, and no alarm": lambda house, one: replace(one, move="down", manifest=house.step().base, to="live"),
    "down, to a rung": lambda _, one: replace(one, move="down", to="shadow"),
}


def test_no_lie_moves_a_model_up(house: Laddered) -> None:
    """Under a deployer's word too: another model, rung or way is not signed. The control: what the log bears out is."""
    before, hand = size(house), guard(house)
    for name, lie in LIES.items():
        with pytest.raises(LockgateError) as caught:
            hand(lie(house, honest(house)))
        assert caught.value.finding in ("LG684", "LG545"), name
    assert size(house) == before
    hand(honest(house))
    assert standing(house).candidate.rung == "canary"


def test_without_a_deployer_s_word_the_truth_moves_nothing_up(house: Laddered) -> None:
    """The word was taken back: enough evidence is not enough."""
    word = next(one for one in house.signed.ledger.statements() if one.claim == "authorise")
    revoke(house.signed.workplace(), word.digest, "not any more")
    before = size(house)
    with pytest.raises(Refused) as caught:
        guard(house)(honest(house))
    assert caught.value.finding == "LG545"
    assert size(house) == before


def alarm(house: Laddered) -> Proposal:
    """A withdrawal with invented numbers: that much a hostile controller can have."""
    result = {"check": "errors", "alarm": True, "log_e": 9.5, "threshold": 4.6, "rows": 6, "seen": {"candidate": 0.5}}
    checks = {**house.checks(log_of(house)), "results": [result]}
    return honest(house, move="down", manifest=house.step().base, to="live", checks=checks)


def findings(house: Laddered) -> list[tuple[str, Level]]:
    """What `verify --all` and `verify REF` warn of, which is the same. Raises what they raise."""
    house.signed.ledger.refresh()
    whole, model = house.verify()
    assert whole.logs.warnings == model.warnings
    return [(one.finding, one.level) for one in model.warnings]


def _of(house: Laddered, **changes: Any) -> Proposal:
    one = alarm(house)
    return replace(one, checks={**one.checks, **changes})


INVENTED: dict[str, Callable[[Laddered], Proposal]] = {
    "an alarm that there is not": alarm,
    "a log that is longer": lambda house: _of(house, log={"size": 10**9, "root": "0" * 64}),
    "a log of another root": lambda house: _of(house, log={"size": 3, "root": "0" * 64}),
    "rows that nobody counted": lambda house: _of(house, rows=10**9),
}


@pytest.mark.parametrize("lie", INVENTED)
def test_invented_numbers_of_a_withdrawal_are_told_and_turn_nothing_red(lie: str, house: Laddered) -> None:
    """LG771, a warning, for ever; a refusal for ever would be in the hands of a process without a key."""
    assert findings(house) == []
    guard(house)(INVENTED[lie](house))
    assert findings(house) == [("LG771", Level.WARN)]


GARBLED: dict[str, Callable[[Laddered], Mapping[str, Any]]] = {
    "an alarm and nothing else": lambda _: {"results": [{"alarm": True}]},
    "an alarm of a megabyte": lambda _: {"results": [{"check": "x" * (1 << 20), "alarm": True}]},
    "nothing": lambda _: {},
    "a root that is none": lambda house: {**alarm(house).checks, "log": {"size": 3, "root": "no"}},
    "infinite evidence": lambda house: {
        **alarm(house).checks, "results": [{**alarm(house).checks["results"][0], "log_e": float("inf")}]
    },
}  # fmt: skip


@pytest.mark.parametrize("what", GARBLED)
def test_garbled_numbers_keep_nobody_on_the_ladder(what: str, house: Laddered) -> None:
    """An alarm is not lost for a number that was spoilt: it is signed without any, and said so. Nothing turns red."""
    words = guard(house)(replace(alarm(house), checks=GARBLED[what](house)))
    assert "told what are no numbers of a ladder: none are signed" in words
    assert standing(house).candidate is None
    assert house.signed.open_ledger().statements()[-1].predicate.get("checks") is None
    assert findings(house) == [("LG771", Level.WARN)]


def test_a_loop_of_withdrawals_is_one_withdrawal(house: Laddered) -> None:
    """What is left stays live: each further one finds nobody on the ladder, and the log does not grow."""
    hand, before, proposal = guard(house), size(house), alarm(house)
    assert "LG553 flights@2 is off shadow in dev: errors (9.5 against 4.6; candidate 0.5)" in hand(proposal)
    live = standing(house).live
    for sequence in range(2, 8):
        with pytest.raises(Refused):
            hand(replace(proposal, sequence=sequence))
    assert size(house) == before + 1
    assert (standing(house).candidate, standing(house).live) == (None, live)
    assert standing(house).live.version == 1


def test_the_last_checkpoint_seen_moves_on_with_a_move(house: Laddered) -> None:
    """Kept outside of the project: who restores the log as it was before a withdrawal is noticed."""
    from lockgate.audit.seen import SeenStore

    seen = SeenStore(house.signed.root / "outside")
    ledger = house.signed.open_ledger()
    ledger._seen = seen
    hand = Guard(replace(house.signed.workplace(), ledger=ledger), "flights", lambda: log_of(house))
    hand(alarm(house))
    assert seen.load() == (house.signed.home / "log/events/checkpoint").read_bytes()


@pytest.fixture(name="street")
def _street(house: Laddered) -> Iterator[Street]:
    """A house with the real evidence and the real guard; its processes are fakes, the controller a hostile one."""
    said: list[str] = []
    signed = house.signed
    book = Book(signed.open_ledger(), "dev", "flights", said.append)
    with street_of(signed.root, gateways=2, home=signed.home, book=book, guard=guard(house)) as found:
        found.step()
        yield found


def propose(street: Street, proposal: Proposal) -> None:
    """As the controller says it; and what the guard makes of it, which takes a moment."""
    said = {"to": proposal.to, "sequence": proposal.sequence, "manifest": proposal.manifest, "checks": proposal.checks}
    street.now += PAUSE_SECONDS
    street.says(street.newest("supervise.controller"), "move", move=proposal.move, **said)
    for _ in range(200):
        street.step()
        mover = street.house._guarding._mover  # type: ignore[union-attr]
        if mover._thread is None:  # type: ignore[union-attr]
            return
    raise AssertionError("the move did not end")


def told(street: Street, what: str) -> list[int]:
    """How often each gateway was told this."""
    return [sum(one.what == what for one in street.gateway(number).heard()) for number in (0, 1)]


def test_a_withdrawal_reaches_every_gateway_and_ends_the_controller(street: Street, house: Laddered) -> None:
    """They look at once; a person reads what and why; nobody is on the ladder, so nobody watches it."""
    assert CONTROLLER in street.house.kept
    told(street, "look")
    propose(street, alarm(house))
    assert told(street, "look") == [1, 1]
    assert [line.split(":")[0] for line in street.said] == ["guard"]
    street.now += 2
    street.step(3)
    assert CONTROLLER not in street.house.kept
    assert street.newest("supervise.controller").killed


def test_a_hostile_controller_only_hurts_itself(street: Street, house: Laddered) -> None:
    """Garbage, a frame without end, moves of every form, a flood: no move, no crash, no word to a gateway."""
    before = size(house)
    link = street.newest("supervise.controller").link
    assert link is not None
    headers: tuple[dict[str, Any], ...] = (
        {"tell": "move"},
        {"tell": "move", "move": "sideways", "manifest": "sha256:" + "0" * 64, "sequence": 2, "to": "x", "checks": {}},
        {"tell": "move", "move": "up", "manifest": 3, "sequence": "2", "to": [], "checks": None},
        {"tell": "sealed"},
        {"tell": "need", "manifest": house.step().model},
        {"tell": None},
    )
    for header in headers:
        street.says(street.newest("supervise.controller"), **{"what": header.pop("tell"), **header})
    for name, lie in LIES.items():
        assert name
        propose(street, lie(house, honest(house)))
    refused = [one for one in street.newest("supervise.controller").heard() if one.what == "refused"]
    assert {one.header["finding"] for one in refused} <= {"LG684", "LG545"}
    assert len(refused) == 3 + len(LIES)
    assert not any("under way" in one.text("message") for one in refused)
    assert told(street, "look") == [0, 0]
    for garbage in (b"\xff" * 4096, PREFIX.pack(1 << 31, 1 << 31), PREFIX.pack(10, 10) + b"{"):
        link.settimeout(1)
        link.sendall(garbage)
        street.step(2)
        fallen = street.newest("supervise.controller")
        fallen.code = 1
        while street.newest("supervise.controller") is fallen:
            street.step()
        link = street.newest("supervise.controller").link
        assert link is not None
    assert size(house) == before
    assert sum("LG683" in line for line in street.said) <= 2


def test_where_the_guard_s_key_is_not_nothing_is_moved_and_that_is_said(house: Laddered, tmp_path: Path) -> None:
    """Serving goes on without it, and in a mirror. A key that is here and cannot be opened stops it. The control: one
    that can is taken.
    """
    place, said = house.signed.workplace(), house.signed.said
    said.clear()
    predictions = lambda: log_of(house)  # noqa: E731 - one for all
    assert guard_of(place, "flights", predictions, mirror=False) is not None
    assert said == []
    assert guard_of(place, "flights", predictions, mirror=True) is None
    folder = tmp_path / "keys"
    shutil.copytree(place.keyring.folder, folder)
    other = replace(place, keyring=Keyring(place.keyring.project_id, folder, place.keyring.root_key))
    (folder / "guard.key").write_bytes(b"no key")
    with pytest.raises(Usage):
        guard_of(other, "flights", predictions, mirror=False)
    (folder / "guard.key").unlink()
    assert guard_of(other, "flights", predictions, mirror=False) is None
    assert [line[:5] for line in said] == ["LG685", "LG685"]


def test_what_is_asked_where_there_is_no_guard_is_refused(house: Laddered) -> None:
    """The controller learns it, and tells people by itself."""
    book = Book(house.signed.open_ledger(), "dev", "flights", print)
    with street_of(house.signed.root, gateways=1, home=house.signed.home, book=book) as street:
        street.step()
        said = alarm(house)
        fields = {"move": "down", "manifest": said.manifest, "sequence": 2, "to": "live", "checks": dict(said.checks)}
        street.says(street.newest("supervise.controller"), "move", **fields)
        told = [one.header for one in street.newest("supervise.controller").heard() if one.what == "refused"]
        assert [one["finding"] for one in told] == ["LG685"]
        street.says(street.newest("supervise.controller"), "judged", finding="LG553", message="alarm \x1b[2J: x")
        assert street.said == ["controller: LG553 alarm [2J: x"]
