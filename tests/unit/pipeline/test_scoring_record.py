"""A file's record gets into the log once: by this process where nobody serves, else by the sealer that is at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lockgate.audit.seen import SeenStore
from lockgate.audit.spool import read_spool
from lockgate.core.digest import digest_of
from lockgate.core.record_kinds import FileRecord
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.pipeline.scoring import record as module
from lockgate.pipeline.scoring.record import Place, ask_for_key, enter, fresh_id
from lockgate.store.lock import lock
from lockgate.supervise.sealing import Sealing
from tests.support.sealing import KEY, ORIGIN, PUBLIC, read, write

RECORD = FileRecord("0" * 16, 0, 1, digest_of(b"m"), "dev", "live", "1" * 16, 3, "ab" * 32)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Here:
    """A `.lockgate` whose sealer's key counts how often it is asked for."""

    def __init__(self, home: Path) -> None:
        self.asked = 0
        self.place = Place(home, Sealing(ORIGIN, PUBLIC, SeenStore(home / "seen"), self._key))
        self.lock = home / "state" / "locks" / "serve"

    def _key(self) -> bytes:
        self.asked += 1
        return PEM

    @property
    def entries(self) -> list[bytes]:
        """The predictions log."""
        log = read(self.place.log)
        return list(log.entries(0, log.size))

    @property
    def waiting(self) -> list[bytes]:
        """What is in spools."""
        spools = (self.place.home / "state" / "spool").glob("*.spool")
        return [record for path in spools for record in read_spool(path).records]


@pytest.fixture(name="here")
def _here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_where_nobody_serves_it_is_sealed_here(here: Here) -> None:
    """Also as the first entry of the log; then nothing waits, and the last checkpoint is kept as seen."""
    assert enter(here.place, [RECORD], seconds=0)
    assert enter(here.place, [FileRecord(**{**vars(RECORD), "gateway": "2" * 16})], seconds=0)
    assert here.entries[0] == RECORD.encode()
    assert (len(here.entries), here.waiting, here.asked) == (2, [], 2)
    assert here.place.sealing.seen.load() == read(here.place.log).note


def test_where_somebody_serves_his_sealer_is_waited_for(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is not touched; once the sealer has carried the record it is found, also among others."""
    monkeypatch.setattr(module, "LOOKS_SECONDS", 0.01)
    write(here.place.log, [b"earlier"])

    def carry() -> None:
        while not here.waiting:
            time.sleep(0.01)
        write(here.place.log, [b"another's", here.waiting[0], b"a third"])

    with lock(here.lock):
        sealer = threading.Thread(target=carry)
        sealer.start()
        assert enter(here.place, [RECORD], seconds=20)
        sealer.join()
    assert (here.entries.count(RECORD.encode()), here.asked) == (1, 0)


def test_in_vain_it_waits_in_its_spool(here: Here) -> None:
    """Durable, for the next sealer; nothing was sealed by whoever may not."""
    with lock(here.lock):
        assert not enter(here.place, [RECORD], seconds=0)
        ask_for_key(here.place)
    assert (here.waiting, here.asked) == ([RECORD.encode()], 0)
    assert not here.place.log.exists()


@pytest.mark.parametrize("carried", [1, 2])
def test_what_the_sealer_carried_before_it_ended_is_not_sealed_twice(
    here: Here, monkeypatch: pytest.MonkeyPatch, carried: int
) -> None:
    """Served at first, and no more when it is looked at again; what was not carried is sealed, in order."""
    both = [RECORD, FileRecord(**{**vars(RECORD), "seq": 1})]
    monkeypatch.setattr(module, "LOOKS_SECONDS", 0.01)
    spooled = module._spooled

    def carried_meanwhile(place: Place, gateway: str, records: Sequence[bytes]) -> Path:
        path = spooled(place, gateway, records)
        write(here.place.log, records[:carried])
        return path

    monkeypatch.setattr(module, "_spooled", carried_meanwhile)
    assert enter(here.place, both, seconds=0)
    assert here.entries == [each.encode() for each in both]


def test_a_log_that_does_not_verify_takes_no_record(here: Here) -> None:
    """It is told, and the record stays in its spool."""
    write(here.place.log, [b"a"])
    (here.place.log / "checkpoint").write_bytes(b"forged\n")
    with pytest.raises(VerificationFailed):
        enter(here.place, [RECORD], seconds=0)


def test_another_key_seals_nothing(here: Here) -> None:
    """What the store gives out must be the sealer's key; the record waits."""
    place = Place(here.place.home, Sealing(ORIGIN, PUBLIC, SeenStore(here.place.home / "seen"), lambda: b"no key"))
    with pytest.raises(LockgateError) as caught:
        enter(place, [RECORD], seconds=0)
    assert (caught.value.finding, here.waiting) == ("LG632", [RECORD.encode()])


def test_the_key_is_asked_for_before_the_work(here: Here) -> None:
    """Where it will be needed: a passphrase, or a store that gives none out, is a matter of the first second."""
    ask_for_key(here.place)
    assert here.asked == 1
    assert len({fresh_id() for _ in range(100)}) == 100
