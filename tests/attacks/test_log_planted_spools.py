"""Threat: who can write into the spool folder, as a gateway that was taken over, has records sealed under new names.

The sealer's hands in this process; the supervisor is real, its children are fakes.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.audit.spool import Spool
from lockgate.errors import LockgateError
from lockgate.serve.appending.announced import Announced
from lockgate.serve.sealer import Carrier
from lockgate.serve.seen import MemorySeen
from lockgate.supervise.announcing import STRAY_SECONDS
from lockgate.supervise.ids import FILE, Ids
from lockgate.supervise.reception import Reception, connect_unix
from tests.support.appending import OTHER, records
from tests.support.houses import Street, street_of
from tests.support.recording import GATEWAY, KEY, SETTINGS, Bench
from tests.support.sealing import Fast

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture(name="street")
def _street(tmp_path: Path) -> Iterator[Street]:
    """A house of two gateways that are started."""
    with street_of(tmp_path) as found:
        yield found


@pytest.fixture(name="bench")
def _bench(tmp_path: Path) -> Bench:
    """A folder in which two gateways recorded: one is announced, the other is not."""
    for gateway in (GATEWAY, OTHER):
        records(tmp_path, 3, gateway)
    return Bench(tmp_path)


def carrier(bench: Bench, *gateways: str) -> Carrier:
    """A sealer's hands, after the supervisor announced these."""
    announced = Announced({"spool": bench.spools})
    announced.add(gateways, "spool")
    return Carrier(
        SETTINGS, KEY.sign, MemorySeen(b""), bench.spools, bench.log_dir, disk=Fast(), announced=announced
    )  # fmt: skip


def test_a_planted_spool_is_not_sealed(bench: Bench) -> None:
    """In form, with numbers from 0: nobody who may append began it. The announced one beside it is sealed whole."""
    hands = carrier(bench, GATEWAY)
    assert hands.carry() == {GATEWAY: 3}
    assert hands.carry() == {}
    assert hands._announced is not None
    assert hands._announced.to_ask(0.0) == {"spool": [OTHER]}
    assert (bench.spools / f"{OTHER}.spool").is_file()
    hands.announce([OTHER], "intake")
    assert hands.carry() == {}


def test_announced_it_is_sealed(bench: Bench) -> None:
    """The positive control: the same files, both announced."""
    assert carrier(bench, GATEWAY, OTHER).carry() == {GATEWAY: 3, OTHER: 3}


@ROOT
def test_another_user_s_file_under_an_announced_name(bench: Bench) -> None:
    """The kernel says whose the file is that is read: refused with LG7022, and sealed once it is this user's."""
    path = bench.spools / f"{GATEWAY}.spool"
    os.chown(path, 12345, 12345)
    hands = carrier(bench, GATEWAY)
    assert hands.carry() == {}
    assert [finding for finding, _ in hands.complaints()] == ["LG7022"]
    os.chown(path, os.geteuid(), os.getegid())
    assert carrier(bench, GATEWAY).carry() == {GATEWAY: 3}


def test_a_file_that_others_can_write(bench: Bench) -> None:
    """As another user's: whoever is of its group could append to it."""
    path = bench.spools / f"{GATEWAY}.spool"
    path.chmod(0o620)
    hands = carrier(bench, GATEWAY)
    assert hands.carry() == {}
    assert [finding for finding, _ in hands.complaints()] == ["LG7022"]
    path.chmod(0o600)
    assert carrier(bench, GATEWAY).carry() == {GATEWAY: 3}


def test_the_house_tells_of_a_planted_spool_once(street: Street) -> None:
    """The sealer asks about it all the time; nothing is told at first, then one line; no announcement."""
    sealer = street.newest("serve.sealer")
    sealer.heard()
    for _ in range(3):
        street.says(sealer, "unknown", spool=[OTHER], intake=[])
        street.now += STRAY_SECONDS
    assert [line.partition(" ")[0] for line in street.said] == ["LG7020"]
    assert OTHER in street.said[0]
    assert [one.what for one in sealer.heard()] == []


def test_what_predict_wrote_into_the_book_is_announced_when_it_is_asked_for(street: Street) -> None:
    """Its line is read then; a gateway begun for another log is not of this one, an appender's not in this folder."""
    sealer = street.newest("serve.sealer")
    sealer.heard()
    ids, log = Ids(street.house._own.home), "origin"
    ids.add(OTHER, by="predict", log=log)
    ids.add("1" * 16, by="predict", log="another")
    ids.add("2" * 16, by="appender mirror", log=log)
    street.says(sealer, "unknown", spool=[OTHER, "1" * 16, "2" * 16], intake=[OTHER, "2" * 16])
    told = [(one.header["folder"], one.header["gateways"]) for one in sealer.heard()]
    assert told == [("spool", [OTHER]), ("intake", ["2" * 16])]


def test_left_overs_of_a_house_that_crashed_are_announced(street: Street) -> None:
    """Its gateways are in the book, its files lie there: a new sealer hears of them at once, and of nobody else."""
    home = street.house._own.home
    ids, spool = Ids(home), home / "state" / "spool"
    spool.mkdir(parents=True)
    former = [one.gateway for one in ids.all()]
    assert former == [member.id for member in street.house.members]
    for gateway in (former[0], OTHER):
        (spool / f"{gateway}.spool").touch()
    street.newest("serve.sealer").code = 1
    street.step(2)
    told = [one for one in street.newest("serve.sealer").heard() if one.what == "announce"]
    assert [one.header["gateways"] for one in told] == [[former[0]]]


def test_a_gateway_is_in_the_book_before_it_begins(street: Street) -> None:
    """A restart is another id, written down and announced before the process is started."""
    street.gateway(0).code = 1
    street.step(2)
    began = Ids(street.house._own.home).find(street.house.members[0].id)
    assert began is not None
    assert (began.by, began.log) == ("gateway-0", "origin")
    announced = [one.header["gateways"] for one in street.newest("serve.sealer").heard() if one.what == "announce"]
    assert [street.house.members[0].id] in announced


def test_a_book_that_others_can_write_is_not_believed(street: Street) -> None:
    """It would let them name a planted spool; 0600 again, it is believed."""
    sealer, home = street.newest("serve.sealer"), street.house._own.home
    Ids(home).add(OTHER, by="predict", log="origin")
    (home / "state" / FILE).chmod(0o666)
    sealer.heard()
    street.says(sealer, "unknown", spool=[OTHER], intake=[])
    assert sealer.heard() == []
    assert street.said[0].startswith("LG7028")
    with pytest.raises(LockgateError, match="only this user"):
        Ids(home).all()
    (home / "state" / FILE).chmod(0o600)
    street.says(sealer, "unknown", spool=[OTHER], intake=[])
    assert [one.what for one in sealer.heard()] == ["announce"]


def test_the_last_line_of_the_book_is_cut_off(tmp_path: Path) -> None:
    """It was never acknowledged: the next one begins a line of its own, and what stood before is there."""
    ids = Ids(tmp_path)
    ids.add(GATEWAY, by="gateway", log="log")
    with (tmp_path / "state" / FILE).open("ab") as file:
        file.write(b'{"by":"x","gate')
    ids.add(OTHER, by="predict", log="log")
    assert [one.gateway for one in Ids(tmp_path).all()] == [GATEWAY, OTHER]


def test_an_id_is_whose_it_was_first(tmp_path: Path) -> None:
    """Refused for another; the same one may say it again."""
    ids = Ids(tmp_path)
    ids.add(GATEWAY, by="appender a", log="log")
    ids.add(GATEWAY, by="appender a", log="log")
    for by, log in (("appender b", "log"), ("appender a", "another"), ("gateway", "log")):
        with pytest.raises(LockgateError) as caught:
            Ids(tmp_path).add(GATEWAY, by=by, log=log)
        assert caught.value.finding == "LG7024"
    assert len(Ids(tmp_path).all()) == 1


@ROOT
def test_another_user_at_the_socket(tmp_path: Path) -> None:
    """The kernel names who is at the other end, whatever that process says: unknown, until its user is enrolled."""
    reception = Reception(tmp_path / "deep" / ("folder" * 20) / "append.sock", open_to_all=True)
    reception.path.parent.chmod(0o755)
    try:
        for uid in (0, 12345):
            child = os.fork()
            if not child:
                _knock(reception.path, uid)
        seen: dict[int, str] = {}
        until = time.monotonic() + 10
        while len(seen) < 2 and time.monotonic() < until:
            for sock, uid, name in reception.step({0: "this user"}):
                sock.close()
                seen[uid] = name
        assert seen == {0: "this user", 12345: ""}
        for _ in range(2):
            os.wait()
    finally:
        reception.close()
    assert not reception.path.exists()


def _knock(path: Path, uid: int) -> None:
    """In a child: connect as another user, and end."""
    code = 1
    try:
        os.chdir(path.parent)
        os.setresuid(uid, uid, uid)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path.name)
            sock.recv(1)
        code = 0
    finally:
        os._exit(code)


def test_this_user_at_the_socket(tmp_path: Path) -> None:
    """Over a path of any length; the socket is this user's alone unless others are enrolled."""
    path = tmp_path / ("folder" * 30) / "append.sock"
    reception = Reception(path, open_to_all=False)
    assert path.stat().st_mode & 0o777 == 0o600
    with connect_unix(path):
        [(sock, uid, name)] = list(reception.step({os.geteuid(): "this user"}))
        sock.close()
    assert (uid, name) == (os.geteuid(), "this user")
    reception.admit(open_to_all=True)
    assert path.stat().st_mode & 0o777 == 0o666
    reception.close()


def test_a_spool_of_the_intake_that_names_a_gateway_of_this_machine(tmp_path: Path) -> None:
    """An intake that was taken over plants what looks like the house's own gateway: it is of the other folder."""
    records(tmp_path, 3)
    bench, intake = Bench(tmp_path), tmp_path / "intake"
    intake.mkdir()
    shutil.move(bench.spools / f"{GATEWAY}.spool", intake)
    announced = Announced({"spool": bench.spools, "intake": intake})
    announced.add([GATEWAY], "spool")
    hands = Carrier(
        SETTINGS, KEY.sign, MemorySeen(b""), bench.spools, bench.log_dir, disk=Fast(), announced=announced
    )  # fmt: skip
    assert hands.carry() == {}
    assert announced.to_ask(0.0) == {"intake": [GATEWAY]}
    with Spool(bench.spools / f"{GATEWAY}.spool"):
        pass
    assert hands.carry() == {}
