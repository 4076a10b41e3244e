"""Threat: processes and machines end at any moment, and a record is lost or sealed twice. Real jails, TLS, loopback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import Spool
from lockgate.core.encoding import decode_exact, encode
from lockgate.serve.appending import shelf
from lockgate.serve.recording.parts import part_path
from lockgate.supervise import announcing
from lockgate.supervise.ids import Ids
from tests.support.appending import OTHER, records
from tests.support.recording import GATEWAY, ORIGIN
from tests.support.sealing_houses import machines


def _settled(index: PredictionIndex, expected: dict[str, int]) -> None:
    """Every record once, none left out."""
    assert index.reasons() == ()
    assert {gateway: index.next_seq(gateway) for gateway in index.gateways()} == expected


def test_records_of_another_machine_are_sealed_here(tmp_path: Path) -> None:
    """Mutual TLS from spool to log; the machine that recorded hears that they are, with a checkpoint that verifies.

    Nothing of the sealer's key was there: no jail of that machine got it.
    """
    made = records(tmp_path / "made", 50)
    with machines(tmp_path) as both:
        sealing, sending = both.sealing(), both.sending()
        try:
            with both.begin(GATEWAY) as spool:
                spool.append(made)
            log = both.wait(50)
            until = time.monotonic() + 10
            while sending.house.carried.get(GATEWAY) != 50 and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            sending.end()
            sealing.end()
        assert list(log.entries(0, 50)) == made
        _settled(PredictionIndex(both.log()), {GATEWAY: 50})
        assert sending.house.carried == {GATEWAY: 50}
        assert log.note.split(b"\n\n")[0] in {note.split(b"\n\n")[0] for note in sending.house.notes}
        began = Ids(both.sealer).find(GATEWAY)
        assert began is not None
        assert began.by == "appender mirror"
        assert not (both.mirror / "log" / "predictions" / "checkpoint").exists()


def test_whoever_is_killed_nothing_is_lost_and_nothing_twice(tmp_path: Path) -> None:
    """Forwarder, intake and sealer are killed while records come in, and each house is started anew in between."""
    made = {gateway: records(tmp_path / gateway, 90, gateway) for gateway in (GATEWAY, OTHER)}
    with machines(tmp_path) as both:
        sealing, sending = both.sealing(), both.sending()
        try:
            with both.begin(GATEWAY) as first, both.begin(OTHER) as second:
                for start in range(0, 90, 10):
                    first.append(made[GATEWAY][start : start + 10])
                    second.append(made[OTHER][start : start + 10])
                    time.sleep(0.2)
                    if start in (10, 50):
                        sending.kill("forwarder")
                    elif start in (20, 60):
                        sealing.kill("intake")
                    elif start == 30:
                        sealing.kill("sealer")
                    elif start == 40:
                        sending.end()
                        sending = both.sending()
                    elif start == 70:
                        sealing.end()
                        sealing = both.sealing()
            log = both.wait(180)
        finally:
            sending.end()
            sealing.end()
        _settled(PredictionIndex(log), {GATEWAY: 90, OTHER: 90})


def test_a_proof_that_nobody_heard_is_given_again(tmp_path: Path) -> None:
    """Sealed while the mirror was away, or before its forwarder came up anew: it is proved at the next hello.

    Otherwise the spool of a gateway that has ended would stay for ever. Also where the intake came up anew.
    """
    made = records(tmp_path / "made", 20)
    with machines(tmp_path) as both:
        sealing, sending = both.sealing(), both.sending()
        try:
            with both.begin(GATEWAY) as spool:
                spool.append(made)
            both.wait(20)
            sending.end()
            sealing.end()
            sealing, sending = both.sealing(), both.sending()
            until = time.monotonic() + 20
            while sending.house.carried != {GATEWAY: 20} and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            sending.end()
            sealing.end()
        assert sending.house.carried == {GATEWAY: 20}
        assert [line for line in both.said if "LG71" in line] == []


def test_another_process_of_this_machine_over_the_socket(tmp_path: Path) -> None:
    """No TLS: the kernel says who is at the other end. What was there before the link was up is sent as well."""
    made = records(tmp_path / "made", 20)
    with machines(tmp_path) as both:
        with both.begin(GATEWAY) as spool:
            spool.append(made)
        sending = both.sending(local=True)
        time.sleep(0.5)
        sealing = both.sealing()
        try:
            both.wait(20)
        finally:
            sending.end()
            sealing.end()
        _settled(PredictionIndex(both.log()), {GATEWAY: 20})
        assert any(line.startswith("LG7026") for line in both.said)
        began = Ids(both.sealer).find(GATEWAY)
        assert began is not None
        assert began.by == "appender this user"


@pytest.mark.parametrize("planted", [True, False])
def test_a_planted_spool_lies_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, planted: bool) -> None:
    """In a real jail, by the owner and mode that the jail sees: the one in the book is sealed, the other is told of."""
    monkeypatch.setattr(announcing, "STRAY_SECONDS", 0.5)
    made = records(tmp_path / "made", 5)
    with machines(tmp_path) as both:
        if not planted:
            Ids(both.sealer).add(GATEWAY, by="predict", log=ORIGIN)
        with Spool(both.sealer / "state" / "spool" / f"{GATEWAY}.spool") as spool:
            spool.append(made)
        sealing = both.sealing()
        try:
            until = time.monotonic() + 12
            while time.monotonic() < until and not both.said and planted:
                time.sleep(0.1)
            log = both.wait(0 if planted else 5)
        finally:
            sealing.end()
        assert log.size == (0 if planted else 5)
        assert [line.split(" ")[0] for line in both.said] == (["LG7020"] if planted else [])


@pytest.mark.nightly
@pytest.mark.parametrize("killed", [False, True])
def test_a_long_run_arrives_once(tmp_path: Path, *, killed: bool) -> None:
    """200,000 records of one gateway, in parts of its spool as it goes on: past many parts of the intake's.

    Each is in the log once and in its order, the other side is proved the last one, and of the intake's files only the
    newest is left, which is empty. `killed`: the intake and the forwarder, on the way.
    """
    many, part = 200_000, 40_000
    model = decode_exact(records(tmp_path / "made", 1)[0])
    made = [encode({**model, "seq": number}) for number in range(many)]
    assert sum(map(len, made)) > 6 * shelf.PART_BYTES
    with machines(tmp_path) as both:
        sealing, sending = both.sealing(), both.sending()
        try:
            both.begin(GATEWAY).close()
            for start in range(0, many, part):
                with Spool(part_path(both.mirror / "state" / "spool", GATEWAY, start // part)) as spool:
                    for first in range(start, start + part, 5000):
                        spool.append(made[first : first + 5000])
                if killed and start == part:
                    sealing.kill("intake")
                elif killed and start == 3 * part:
                    sending.kill("forwarder")
            log = both.wait(many, 240)
            until = time.monotonic() + 20
            while sending.house.carried.get(GATEWAY) != many and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            sending.end()
            sealing.end()
        assert list(log.entries(0, log.size)) == made
        assert sending.house.carried == {GATEWAY: many}
        left = list((both.sealer / "state" / "intake").iterdir())
        assert [path.stat().st_size for path in left] == [0]
