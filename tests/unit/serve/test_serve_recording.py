"""From a prediction to a sealed log entry: recorder, spool, sealer."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.ledger import PREDICTIONS, origin
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import Spool
from lockgate.core.digest import Digest
from lockgate.core.records import opens, parse_receipt
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.serve import control, spools
from lockgate.serve.recorder import SpoolRecorder
from lockgate.serve.sealer import Carrier, run, signing_key
from lockgate.serve.seen import MemorySeen
from lockgate.serve.service import CannotRecord
from lockgate.serve.settings import SealerSettings
from lockgate.serve.spec import Served

ROOT = "ab" * 32
GATEWAY = "0123456789abcdef"
SERVED = Served("flights", 1, Digest("sha256:" + "a" * 64), "dev", "live", "regression", "delay", (), ())
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
SETTINGS = SealerSettings(origin(ROOT, PREDICTIONS), PUBLIC.hex())


class Bench:
    """Folders, and a recorder of one gateway."""

    def __init__(self, place: Path, gateway: str = GATEWAY) -> None:
        self.spools, self.log_dir = place / "spool", place / "predictions"
        self.spools.mkdir(exist_ok=True)
        self.log_dir.mkdir(exist_ok=True)
        self.spool = Spool(self.spools / f"{gateway}.spool")
        salts = itertools.count()
        self.recorder = SpoolRecorder(
            self.spool,
            gateway,
            pseudonym_key=b"p" * 32,
            now=lambda: 1_700_000_000_000,
            randomness=lambda size: next(salts).to_bytes(size, "big"),
            waiting_rows=1000,
        )

    def record(self, *rows: float) -> list[str]:
        """Record one request; its receipts."""
        given, made = [{"x": row} for row in rows], [{"value": row} for row in rows]
        return list(asyncio.run(self.recorder.record(SERVED, "ada", given, made)))

    def carrier(self) -> Carrier:
        """A sealer's hands, come up anew."""
        return Carrier(SETTINGS, KEY.sign, MemorySeen(b""), self.spools, self.log_dir)

    def log(self) -> Log:
        """The log, verified."""
        return Log.open(self.log_dir, public_key=PUBLIC, origin=origin(ROOT, PREDICTIONS))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One gateway's."""
    return Bench(tmp_path)


def test_a_receipt_opens_its_record_and_no_other(bench: Bench) -> None:
    """Input and output are committed to under the receipt's salt; the client's name is nowhere."""
    receipts = [parse_receipt(token) for token in bench.record(1.5, 2.5)]
    carrier = bench.carrier()
    assert carrier.carry() == 2
    index = PredictionIndex(bench.log())
    found = [index.find(receipt) for receipt in receipts]
    first, second = (one.record for one in found if one)
    assert opens(first, receipts[0], input={"x": 1.5}, output={"value": 1.5})
    assert not opens(first, receipts[0], input={"x": 1.5}, output={"value": 9})
    assert not opens(second, receipts[0], input={"x": 2.5}, output={"value": 2.5})
    assert b"ada" not in first.encode()


def test_numbers_have_no_gap_over_many_requests_at_once(bench: Bench) -> None:
    """Requests that share an fsync share nothing else."""

    async def scene() -> list[str]:
        asked = [bench.recorder.record(SERVED, "ada", [{"x": n}] * 3, [{"value": n}] * 3) for n in range(20)]
        return [token for tokens in await asyncio.gather(*asked) for token in tokens]

    numbers = [parse_receipt(token).seq for token in asyncio.run(scene())]
    assert numbers == list(range(60))
    bench.carrier().carry()
    assert PredictionIndex(bench.log()).reasons() == ()


def test_a_failed_append_gives_out_no_number(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is CannotRecord; afterwards the numbers go on where they were."""
    bench.record(1)

    def full(_records: object) -> int:
        raise Unavailable("LG732", "full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.spool, "append", full)
        with pytest.raises(CannotRecord):
            bench.record(2)
    assert parse_receipt(bench.record(3)[0]).seq == 1


def test_a_new_sealer_goes_on_where_the_log_is(bench: Bench) -> None:
    """Killed between log and memory: nothing is sealed twice, nothing is left out."""
    bench.record(1, 2)
    assert bench.carrier().carry() == 2
    bench.record(3)
    again = bench.carrier()
    assert (again.carry(), again.carry()) == (1, 0)
    log = bench.log()
    assert log.size == 3
    assert PredictionIndex(log).reasons() == ()


def test_a_gap_a_repeat_or_a_stranger_is_not_sealed(tmp_path: Path) -> None:
    """What a taken-over gateway writes does not get into the log; other spools are followed on."""
    good, bad = Bench(tmp_path), Bench(tmp_path, "f" * 16)
    bad.record(1)
    stolen = (good.spools / f"{'f' * 16}.spool").read_bytes()
    (good.spools / f"{'e' * 16}.spool").write_bytes(stolen)
    bad.recorder._next = 5
    bad.record(2)
    good.record(3)
    carrier = good.carrier()
    assert carrier.carry() == 2
    complaints = carrier.complaints()
    assert len(complaints) == 2
    assert any("e" * 16 in text for text in complaints)
    assert carrier.complaints() == []
    good.record(4)
    assert carrier.carry() == 1
    assert PredictionIndex(good.log()).gateways() == (GATEWAY, "f" * 16)


def test_garbage_in_a_spool_is_a_complaint_not_a_crash(bench: Bench) -> None:
    """A frame that is no record stops that spool."""
    bench.spool.append([b"no record"])
    carrier = bench.carrier()
    assert carrier.carry() == 0
    assert len(carrier.complaints()) == 1


def test_the_last_pass_comes_after_the_supervisor_left(bench: Bench) -> None:
    """What was recorded until the end is sealed, and each checkpoint is reported."""
    ours, theirs = socket.socketpair()
    seen = MemorySeen(b"", lambda note: control.tell(theirs, "sealed", note))
    thread = threading.Thread(target=run, args=(SETTINGS, KEY.sign, seen, theirs, bench.spools, bench.log_dir))
    thread.start()
    bench.record(1, 2, 3)
    ours.shutdown(socket.SHUT_WR)
    thread.join(10)
    assert not thread.is_alive()
    theirs.close()
    notes = []
    while (told := control.hear(ours)) is not None:
        notes.append(told.payload)
    ours.close()
    assert notes[-1] == (bench.log_dir / "checkpoint").read_bytes()
    assert bench.log().size == 3


def test_only_an_ed25519_key_is_taken() -> None:
    """A key of another kind, or none, is no sealer's key."""
    pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert signing_key(pem).public_key().public_bytes_raw() == PUBLIC
    for wrong in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", pem[:50]):
        with pytest.raises(VerificationFailed):
            signing_key(wrong)


def test_only_a_spool_that_is_wholly_sealed_is_cleared(tmp_path: Path) -> None:
    """What the log has not, or what is damaged, stays on disk."""
    sealed, waiting = Bench(tmp_path), Bench(tmp_path, "f" * 16)
    sealed.record(1, 2)
    waiting.record(1)
    sealed.carrier().carry()
    waiting.record(2)
    sealed.spool.close()
    (sealed.spools / f"{'e' * 16}.spool").write_bytes(b"\x01")
    assert spools.clear(sealed.spools, sealed.log()) == 1
    assert sorted(path.stem for path in sealed.spools.iterdir()) == ["e" * 16, "f" * 16]
