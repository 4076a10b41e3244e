"""Threat: the watcher is taken over, or dies. It has no key; what can it still bring about?

It can be silent, and make the supervisor count for nothing. It can have no alarm signed that the log does not bear out
(test_alarms.py), hold nobody up, and flood no terminal.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lockgate.audit import deployments
from lockgate.audit.ledger import PREDICTIONS as LOG
from lockgate.audit.ledger import origin
from lockgate.core.wire import PREFIX
from lockgate.errors import Unavailable
from lockgate.runtime import channel
from lockgate.sandbox.launch import Jail, RunningJail, Target
from lockgate.serve import control
from lockgate.serve.settings import CONTROL_FD, HOME, PREDICTIONS, ControllerSettings
from lockgate.supervise import alarming, jails
from lockgate.supervise.alarming import Alarmer, Signed
from lockgate.supervise.alarms import MOST_LINES
from lockgate.supervise.book import Book
from lockgate.supervise.handed import packed
from lockgate.supervise.ids import Ids
from lockgate.supervise.moving import PAUSE_SECONDS
from lockgate.supervise.watcher import WatchDesk
from lockgate.supervise.watching import WATCHER
from lockgate.supervise.webhook import Webhook
from tests.attacks.test_controller_jail import eventually
from tests.support.alarmed import (
    DRIFT,
    PLAN,
    POLICY,
    Watcher,
    alarmer,
    calm_fixture,  # noqa: F401
    drift,
    house_fixture,  # noqa: F401
    live,
    planned,
    statement_of,
)
from tests.support.houses import Street, street_of
from tests.support.laddered import Laddered, on_shadow
from tests.support.project import at_home
from tests.support.serving import ServableProject, serving
from tests.support.told_rows import Step

LOAD = "import sys; sys.path.insert(0, '/lockgate'); import lockgate.supervise.watcher, lockgate.monitor.detector\n"


def book(house: Laddered) -> Book:
    """As the supervisor makes it."""
    return Book(house.signed.open_ledger(), "dev", "flights", house.signed.said.append)


@contextmanager
def street(house: Laddered, hand: Alarmer | None, webhook: Webhook | None = None) -> Iterator[Street]:
    """A house with the real evidence and the real guard; its processes are fakes, the watcher a hostile one."""
    home = house.signed.home
    with street_of(home.parent, home=home, book=book(house), alarmer=hand, webhook=webhook) as found:
        found.step()
        yield found


def propose(found: Street, **fields: Any) -> None:
    """As the watcher says it; and what comes of it, which takes a moment."""
    found.now += PAUSE_SECONDS
    found.says(found.newest("supervise.watcher"), "alarm", **fields)
    mover = found.house._watching._mover  # type: ignore[union-attr]
    for _ in range(500):
        found.step()
        if mover._thread is None:
            return
    raise AssertionError("it did not end")


def told(found: Street, what: str) -> list[int]:
    """How often each gateway was told this."""
    return [sum(one.what == what for one in found.gateway(number).heard()) for number in (0, 1)]


class Sent(Webhook):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__("https://hooks.example/")
        self.sent: list[Signed] = []

    def send(self, signed: Signed) -> None:
        """Keep it."""
        self.sent.append(signed)


def test_an_alarm_is_signed_sent_and_told_to_every_gateway(house: Laddered) -> None:
    """The honest case: a person reads what and why, the gateways look, the webhook has the guard's envelope."""
    drift(house)
    hook, model = Sent(), live(house)
    with street(house, alarmer(house), hook) as found:
        told(found, "look")
        propose(found, manifest=model, life=0, streams=1)
        assert told(found, "look") == [1, 1]
        assert [line[:12] for line in found.said] == ["guard: LG565"]
    (one,) = hook.sent
    assert one.envelope in [each.envelope for each in house.signed.open_ledger().statements()]
    assert one.predicate["streams"][0]["name"] == "a"


def test_a_hostile_watcher_only_hurts_itself(house: Laddered) -> None:
    """Garbage, proposals of every form, a flood: nothing is signed, no word to a gateway, few lines, no crash."""
    before = house.signed.open_ledger().checkpoint.size
    headers: tuple[dict[str, Any], ...] = (
        {},
        {"manifest": live(house), "life": "0", "streams": 1},
        {"manifest": live(house), "life": -1, "streams": 1},
        {"manifest": "x", "life": 0, "streams": 1},
        {"manifest": live(house), "life": 0, "streams": 10**9},
    )
    with street(house, alarmer(house)) as found:
        told(found, "look")
        for header in headers:
            propose(found, **header)
        for number in range(100):
            found.says(found.newest("supervise.watcher"), "judged", finding="LG694", message=f"{number} \x1b[2J")
        heard = [one for one in found.newest("supervise.watcher").heard() if one.what == "refused"]
        assert [one.header["finding"] for one in heard] == ["LG847"] * 5
        assert len(found.said) <= MOST_LINES
        assert not any("\x1b" in line for line in found.said)
        for garbage in (b"\xff" * 4096, PREFIX.pack(1 << 31, 1 << 31)):
            fallen = found.newest("supervise.watcher")
            assert fallen.link is not None
            fallen.link.sendall(garbage)
            found.step(2)
            fallen.code = 1
            while found.newest("supervise.watcher") is fallen:
                found.step()
        assert told(found, "look") == [0, 0]
        assert sum("LG693" in line for line in found.said) == 1
    assert house.signed.open_ledger().checkpoint.size == before


def test_it_runs_while_what_is_live_has_a_plan(
    house: Laddered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where somebody raises alarms. Of a model without a plan there is none."""
    with street(house, alarmer(house)) as found:
        assert WATCHER in found.house.kept
    with street(house, None) as found:
        assert WATCHER not in found.house.kept
    (tmp_path / "plain").mkdir()
    plain = on_shadow(tmp_path / "plain", monkeypatch)
    with street(plain, alarmer(plain)) as found:
        assert WATCHER not in found.house.kept


def test_without_a_key_it_is_told_and_nothing_is_signed(house: Laddered) -> None:
    """LG695, with what was counted: to a person, and to the watcher, who asks again in a day."""
    drift(house)
    before = house.signed.open_ledger().checkpoint.size
    with street(house, alarmer(house, "the guard's key is not here")) as found:
        propose(found, manifest=live(house), life=0, streams=1)
        (line,) = found.said
    assert line.startswith("watcher: LG695 flights@2 in dev alarms after 5,000 rows: a (+0.68 sd)")
    assert line.endswith("it is not signed: the guard's key is not here")
    assert house.signed.open_ledger().checkpoint.size == before


def test_somebody_who_decides_just_now_is_waited_for_and_asked_again(
    house: Laddered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LG807 is passing: the watcher is refused, asks again, and it is signed."""
    drift(house)
    model = live(house)

    def busy(*_: Any, **__: Any) -> NoReturn:
        raise Unavailable("LG807", "another lockgate process is at work here")

    with street(house, alarmer(house)) as found:
        with monkeypatch.context() as patch:
            patch.setattr(alarming, "turn", busy)
            propose(found, manifest=model, life=0, streams=1)
        heard = [one.header["finding"] for one in found.newest("supervise.watcher").heard() if one.what == "refused"]
        assert heard == ["LG807"]
        propose(found, manifest=model, life=0, streams=1)
        assert "guard: LG565" in found.said[-1]


# The process itself.


def settings(house: Laddered) -> ControllerSettings:
    """What it is started with."""
    root, key = house.signed.created.project_id, house.signed.created.roles.sealer_key()
    return ControllerSettings(root, "dev", "flights", origin(root, LOG), key.hex())


def hand(ours: socket.socket, house: Laddered) -> None:
    """The supervisor hands over statements and plans."""
    sealed = channel.seal(packed(book(house).watched(set())), "statements")
    control.tell(ours, "statements", files=(sealed.fd,), digest=sealed.digest)
    sealed.close()


def heard(ours: socket.socket, seconds: float) -> list[tuple[object, object]]:
    """What it says until it is silent for so long."""
    ours.settimeout(seconds)
    found: list[tuple[object, object]] = []
    while True:
        try:
            told = control.hear(ours)
        except TimeoutError:
            return found
        assert told is not None, "it ended"
        found.append((told.what, told.header.get("finding") or told.header.get("life")))


def test_a_desk_proposes_on_what_it_has_verified_and_nothing_else(house: Laddered) -> None:
    """Without the statements, or without the plan, it says that it judges nothing, once. Then: nothing of a calm log,
    a suspicion and an alarm of one that drifts, once; what was refused, again, and without a key a day later. What is
    signed is not proposed any more.
    """
    ours, theirs = socket.socketpair()
    clock, home = house.signed.clock, house.signed.home
    with ours, theirs:
        empty = {"events": b"", "predictions": b""}
        desk = WatchDesk(settings(house), theirs, empty, home, home / "log" / LOG, clock)

        def says() -> list[tuple[object, object]]:
            desk._look()
            return heard(ours, 0.05)

        assert says() == [("judged", "LG805")]
        sealed = channel.seal(packed(book(house).blobs(set())), "statements")
        control.tell(ours, "statements", files=(sealed.fd,), digest=sealed.digest)
        sealed.close()
        assert desk._hear()
        assert says() == [("judged", "LG805")] or says() == []
        hand(ours, house)
        assert desk._hear()
        assert says() == []
        drift(house)
        assert sorted(map(str, says())) == ["('alarm', 0)", "('judged', 'LG694')"]
        assert says() == []
        control.tell(ours, "refused", sequence=0, finding="LG807", message="busy")
        assert desk._hear()
        assert says() == []
        clock.now += timedelta(seconds=10)
        assert says() == [("alarm", 0)]
        control.tell(ours, "refused", sequence=0, finding="LG695", message="no key")
        assert desk._hear()
        clock.now += timedelta(seconds=10)
        assert says() == []
        clock.now += timedelta(days=1)
        assert ("alarm", 0) in says()
        house.signed.record("guard", statement_of(house))
        clock.now += timedelta(days=1)
        desk = WatchDesk(settings(house), theirs, empty, home, home / "log" / LOG, clock)
        hand(ours, house)
        assert desk._hear()
        assert says() == []


def test_a_real_watcher_reads_both_logs_knows_no_way_to_a_key_and_proposes(house: Laddered) -> None:
    """In the controller's jail, which `test_controller_jail` attacks: no module that can sign or seal. With what it is
    handed it finds the alarm that the log bears out.
    """
    drift(house)
    jail, target = jails.watcher(house.signed.home, settings(house))
    assert jail == jails.controller(house.signed.home, settings(house))[0]
    assert {bind.target for bind in jail.binds} == {f"{HOME}/log/events", PREDICTIONS}
    script = (
        LOAD + "import json; print(json.dumps({'m': sorted(sys.modules), 'read': ["
        f"len(open(place + '/checkpoint').read()) for place in ('{HOME}/log/events', '{PREDICTIONS}')]}}))"
    )
    result = Jail(jail).run(Target(command=("python", "-c", script)))
    assert result.exit_code == 0, result.talk
    seen = json.loads(result.talk)
    assert min(seen["read"]) > 100
    forbidden = {"lockgate.trust.signer", "lockgate.trust.keyring", "lockgate.trust._keyfile", "lockgate.audit.seal"}
    assert forbidden & set(seen["m"]) == set()
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = Jail(jail).start(target, descriptors={CONTROL_FD: theirs.fileno()})
        try:
            for name in ("events", "predictions"):
                control.tell(ours, name, b"")
            hand(ours, house)
            said: list[tuple[object, object]] = []
            while ("alarm", 0) not in said:
                said += heard(ours, 0.2)
                assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.nightly  # five seconds: every process is real
def test_a_real_house_raises_an_alarm_and_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed, the watcher costs no answer and is told. Then windows that drift are sealed: the guard's alarm is in the
    log, the model before is live and answers, and that goes for every loader.
    """
    at_home(tmp_path, monkeypatch)
    (tmp_path / "project").mkdir()
    project = ServableProject(tmp_path / "project", policy=POLICY)
    plan = replace(PLAN, streams=tuple(replace(one, of=("distance",)) for one in PLAN.streams))
    for limit in (1000.0, 2000.0):
        with planned(project, monkeypatch, plan):
            project.make_live(monkeypatch, limit)
    with serving(project) as up:

        def pid(but: int = 0) -> int:
            kept = up.house.kept.get(WATCHER)
            process = kept.process if kept is not None else None
            return process.pid if isinstance(process, RunningJail) and process.pid != but else 0

        first = eventually(pid)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: pid(but=first))
        assert up.predict().json()["model"]["version"] == 2
        assert any("watcher: LG693" in line for line in project.said)
        model = deployments.chain("dev", "flights", project.open_ledger().statements())[-1].manifest
        gateway = Watcher("a" * 16, Step(model, model, 0), time=round(time.time() * 1000))
        for _ in range(3):
            gateway.answered(model, DRIFT)
        Ids(project.home).add("a" * 16, by="gateway", log=up.house._own.predictions_origin)
        gateway.spool(project.home / "state" / "spool")
        eventually(lambda: project.open_ledger().statements()[-1].role == "guard")
        eventually(lambda: up.predict().json()["model"]["version"] == 1)
    claims = [one.claim for one in project.open_ledger().statements() if one.role == "guard"]
    assert claims == ["alarm", "deploy"]
    assert any("guard: LG565 flights@2 in dev alarms" in line for line in project.said)
