"""Several gateways under one supervisor: who hears what, and who is started anew. Processes are fakes, sockets real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.serve import control
from lockgate.supervise.tidying import SECONDS
from tests.support.houses import Street, street_of


@pytest.fixture(name="street")
def _street(tmp_path: Path) -> Iterator[Street]:
    """Both gateways are started."""
    with street_of(tmp_path) as found:
        yield found


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
    sealer = street.newest("serve.sealer")
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
    assert street.said == ["gateway-0 ended with code 1; it was started again (LG625)"]


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
    sealer = street.newest("serve.sealer")
    control.tell(sealer.link, "carried", next={ended: 3, running: 7})  # type: ignore[arg-type]
    street.step()
    street.house._tidying.close()
    assert len(list(spools.iterdir())) == 3
    street.now += SECONDS
    street.step()
    street.house._tidying.close()
    assert sorted(path.stem for path in spools.iterdir()) == sorted([running, "d" * 16])
