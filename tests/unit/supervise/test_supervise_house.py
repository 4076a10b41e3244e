"""Several gateways under one supervisor: who hears what, and who is started anew. Processes are fakes, sockets real."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import control
from lockgate.serve.control import Told
from lockgate.serve.settings import CONTROL_FD, LISTENER_FD, GatewaySettings
from lockgate.serve.spec import Caps
from lockgate.supervise.house import House
from lockgate.supervise.household import Household
from lockgate.supervise.listening import listening
from lockgate.supervise.tidying import SECONDS
from tests.unit.supervise.test_supervise_process import Fake


class Child(Fake):
    """A process that was started, and our hold of its end of the control socket."""

    def __init__(self, target: Any, descriptors: dict[int, int]) -> None:
        super().__init__()
        self.module = target.module
        self.settings = GatewaySettings.parse(target.arguments) if target.module == "lockgate.serve.gateway" else None
        self.listener = os.fstat(descriptors[LISTENER_FD]).st_ino if LISTENER_FD in descriptors else 0
        self.link = socket.socket(fileno=os.dup(descriptors[CONTROL_FD])) if CONTROL_FD in descriptors else None

    def heard(self) -> list[Told]:
        """All that it was told until now."""
        assert self.link is not None
        self.link.settimeout(0.05)
        found = []
        with suppress(TimeoutError):
            while told := control.hear(self.link, descriptors=1):
                told.drop()
                found.append(told)
        return found


class Street:
    """A house with two gateways, stepped by hand."""

    def __init__(self, household: Household) -> None:
        self.children: list[Child] = []
        self.said: list[str] = []
        self.opened = 0
        self.house = House(household, say=self.said.append, opened=self._open, launch=self._launch)
        self.now = 0.0

    def step(self, times: int = 1) -> None:
        """Time goes on."""
        for _ in range(times):
            self.house.step(self.now)
            self.now += 0.1

    def gateway(self, number: int) -> Child:
        """The newest process of a gateway."""
        return next(one for one in self.children[::-1] if one.settings is not None and one.settings.number == number)

    def _open(self) -> None:
        self.opened += 1

    def _launch(self, _settings: Any, target: Any, descriptors: dict[int, int]) -> Child:
        self.children.append(Child(target, descriptors))
        return self.children[-1]


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Both gateways are started."""
    seen: Any = SimpleNamespace(load=lambda: b"")
    with listening("127.0.0.1", 0, 2) as listeners:
        found = Street(
            Household(
                home=tmp_path,
                root="0" * 64,
                environment="dev",
                name="flights",
                manifest="sha256:" + "0" * 64,
                caps=Caps(),
                sealer_public=bytes(32),
                predictions_origin="origin",
                listeners=listeners,
                events_seen=seen,
                predictions_seen=seen,
                sealer_key=lambda: b"",
                edge_secrets=lambda: b"",
                reloaded={"clients": lambda: b"", "tokens": lambda: b"", "tls": lambda: b"", "shared": lambda: b"x"},
                python_for=lambda _: PythonEnv.own(),
            )
        )
        found.step()
        yield found
        for child in found.children:
            child.code = 0
        found.house.stop(lambda: 0.0)
        for child in found.children:
            if child.link is not None:
                child.link.close()


def test_each_gateway_is_handed_everything_and_knows_which_it_is(street: Street) -> None:
    """In the order that the gateway expects; two ids, two numbers, one sealer, two workers each."""
    street.step()
    for number in (0, 1):
        told = [one.what for one in street.gateway(number).heard()]
        assert told[:6] == ["secrets", "seen", "clients", "tokens", "tls", "shared"]
        assert told.count("worker") == 2
    ids = {street.gateway(number).settings.gateway for number in (0, 1)}  # type: ignore[union-attr]
    assert ids == {member.id for member in street.house.members}
    assert sorted(street.house.kept) == sorted(
        ["sealer", *(f"{kind}-{number}" for kind in ("gateway", "contract", "model") for number in (0, 1))]
    )


def test_the_house_is_open_when_every_gateway_answers(street: Street) -> None:
    """Not at the first one; once; and a gateway that comes back later is told as one line."""
    for number, opened in ((0, 0), (0, 0), (1, 1), (1, 1)):
        control.tell(street.gateway(number).link, "open")  # type: ignore[arg-type]
        street.step(2)
        assert street.opened == opened
    assert street.said == ["gateway-1: answering"]


def test_each_gateway_learns_its_own_place_in_the_log_and_no_other(street: Street) -> None:
    """What the sealer carried is told by id; a place that is none, or of nobody here, reaches nobody."""
    sealer = next(child for child in street.children if child.module == "lockgate.serve.sealer")
    first, second = (street.house.members[number].id for number in (0, 1))
    for found in ({first: 7, "f" * 16: 9}, {second: 8}, {first: -1}, {first: True}, {first: "7"}, [first], None):
        control.tell(sealer.link, "carried", next=found)  # type: ignore[arg-type]
        street.step()
    for number, expected in ((0, [7]), (1, [8])):
        told = [one.header["next"] for one in street.gateway(number).heard() if one.what == "sealed"]
        assert told == expected


def test_a_gateway_that_ends_is_alone_in_it(street: Street) -> None:
    """At once another id on another socket, with workers of its own; the other gateway and its workers stay."""
    street.step()
    before = {name: kept.process for name, kept in street.house.kept.items()}
    old = street.gateway(0)
    old.code = 1
    street.step(2)
    new, after = street.gateway(0), {name: kept.process for name, kept in street.house.kept.items()}
    assert {name for name in before if before[name] is not after[name]} == {"gateway-0", "model-0", "contract-0"}
    assert new.settings is not None
    assert old.settings is not None
    assert new.settings.gateway != old.settings.gateway
    assert new.listener != old.listener
    assert street.said == ["gateway-0 ended with code 1; it was started again"]


def test_an_alarm_and_control_characters_of_a_gateway(street: Street) -> None:
    """Shown as one printable line, with a finding of its form."""
    control.tell(street.gateway(1).link, "alarm", finding="LG6\x1b[2J", message="disk \x1b[2J full")  # type: ignore[arg-type]
    street.step()
    assert street.said == ["gateway-1: LG632 disk [2J full"]


def test_the_spools_of_a_gateway_that_ended_go_while_the_house_goes_on(street: Street) -> None:
    """Minutes later, once the sealer said that it has all of them; what it has not carried stays."""
    spools = street.house._tidying._folder
    spools.mkdir(parents=True)
    ended, running = "e" * 16, street.house.members[0].id
    for gateway in (ended, running, "d" * 16):
        (spools / f"{gateway}.spool").touch()
    sealer = next(child for child in street.children if child.module == "lockgate.serve.sealer")
    control.tell(sealer.link, "carried", next={ended: 3, running: 7})  # type: ignore[arg-type]
    street.step()
    street.house._tidying.close()
    assert len(list(spools.iterdir())) == 3
    street.now += SECONDS
    street.step()
    street.house._tidying.close()
    assert sorted(path.stem for path in spools.iterdir()) == sorted([running, "d" * 16])
