"""From a prediction to a sealed log entry: recorder, spool, sealer."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.spool import Spool
from lockgate.core.digest import Digest
from lockgate.core.record_kinds import RefusedRecord, RequestRecord, parse_any, request_tag
from lockgate.core.record_scan import place_of
from lockgate.core.records import MAX_ROWS, PredictionRecord, commitment, opens, parse_receipt
from lockgate.errors import VerificationFailed
from lockgate.serve import control
from lockgate.serve.appending.announced import Announced
from lockgate.serve.declined import CannotRecord
from lockgate.serve.recording import spools
from lockgate.serve.recording.parts import part_path, parts
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.sealer import HURRIED_SECONDS, PAUSE_SECONDS, run, signing_key
from lockgate.serve.seen import MemorySeen
from lockgate.serve.spec import ServePolicy
from tests.support.recording import (
    ADA,
    GATEWAY,
    KEY,
    PSEUDONYM,
    PUBLIC,
    SERVED,
    SETTINGS,
    Bench,
    entry,
    given,
    made,
    write,
)  # fmt: skip
from tests.support.sealing import Fast

SEALED = ServePolicy(record="sealed")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Empty folders."""
    return Bench(tmp_path)


def test_a_receipt_opens_its_row_and_no_other(bench: Bench) -> None:
    """A request of one row, of several, of more than a record holds, with an id and without: every receipt opens."""
    requests = [(1.5,), (2.5, 3.5, 4.5), tuple(range(MAX_ROWS + 2)), (7.5,), (8.5, 9.5)]
    entries = [entry(*rows, id="order-1" if number > 2 else "") for number, rows in enumerate(requests)]

    async def scene(recorder: SpoolRecorder) -> list[list[str]]:
        return [list(tokens) for tokens in recorder.write(entries)]

    tokens = bench.play(scene)
    records = bench.records()
    assert [_rows(record) for record in records] == [1, 3, MAX_ROWS, 2, 1, 2]
    assert [record.first for record in records if isinstance(record, RequestRecord)] == [0, 0, MAX_ROWS, 0, 0]
    index = PredictionIndex(bench.log())
    for rows, own in zip(requests, tokens, strict=True):
        assert len(rows) == len(own)
        for row, token in [*zip(rows, own, strict=True)][::51]:
            receipt = parse_receipt(token)
            assert receipt.token() == token
            found = index.find(receipt)
            assert found is not None
            assert opens(found.record, receipt, input=given(row), output=made(row))
            assert not opens(found.record, receipt, input=given(row), output=made(row + 1))
            assert not opens(found.record, replace(receipt, salt=bytes(32)), input=given(row), output=made(row))
    assert [r.tag and "t" for r in records if isinstance(r, RequestRecord)][:5] == [None, None, None, "t", "t"]
    assert {request_tag(PSEUDONYM, "order-1")} == {r.tag for r in records[4:] if isinstance(r, RequestRecord)}


def _rows(record: object) -> int:
    return len(record.inputs) if isinstance(record, RequestRecord) else 1


def test_neither_client_nor_values_nor_the_id_are_in_the_log(bench: Bench) -> None:
    """Names are keyed pseudonyms, the same for one client each time, another for another."""
    joy, ken = replace(ADA, name="joy"), replace(ADA, name="ken")

    async def scene(recorder: SpoolRecorder) -> None:
        recorder.write([entry(4711.25, id="zz-1", client=joy), entry(4711.25, client=ken), entry(1, 2, client=joy)])

    bench.play(scene)
    records = bench.records()
    data = b"".join(record.encode() for record in records)
    assert not [word for word in (b"joy", b"ken", b"4711.25", b"zz-1") if word in data]
    first, other, again = (record.client for record in records if isinstance(record, PredictionRecord | RequestRecord))
    assert (first == again, first == other) == (True, False)


def test_every_model_that_answers_is_named_in_its_own_records(bench: Bench) -> None:
    """What is live changes between two batches, and within one."""
    other = replace(SERVED, manifest=Digest("sha256:" + "b" * 64), rung="canary", environment="prod")

    async def scene(recorder: SpoolRecorder) -> None:
        recorder.write([entry(1), replace(entry(2), served=other), replace(entry(3, 4), served=other), entry(5)])

    bench.play(scene)
    named = [(record.model[7:9], record.rung, record.environment) for record in bench.records()]  # type: ignore[union-attr]
    assert named == [("aa", "live", "dev"), ("bb", "canary", "prod"), ("bb", "canary", "prod"), ("aa", "live", "dev")]


def test_numbers_have_no_gap_over_many_batches_at_once(bench: Bench) -> None:
    """Requests that share a sync share nothing else; a row that was refused has its number among them."""

    async def scene(recorder: SpoolRecorder) -> list[str]:
        async def ask(number: int) -> list[str]:
            tokens = [token for own in recorder.write([entry(number), entry(number, 2)]) for token in own]
            await recorder.durable()
            return tokens

        found = await asyncio.gather(*(ask(number) for number in range(20)))
        return [*(token for tokens in found for token in tokens), recorder.refuse(SERVED, ADA, b'{"x":1}', "LG612")]

    tokens = bench.play(scene)
    records = bench.records()
    assert list(range(41)) == [record.seq for record in records]
    assert isinstance(records[-1], RefusedRecord)
    receipt = parse_receipt(tokens[-1])
    assert (receipt.seq, receipt.row) == (40, 0)
    assert records[-1].input == commitment(receipt.salt, {"x": 1})
    assert records[-1].finding == "LG612"


def test_synced_waits_for_the_disk_and_shares_it(bench: Bench) -> None:
    """Nobody goes on before a sync that began after its write has ended; ten who wait share at most two."""
    begun = threading.Event()
    syncs: list[int] = []

    class Slow(Fast):
        def sync_data(self, _: int) -> None:
            begun.wait(5)
            syncs.append(1)

    async def scene(recorder: SpoolRecorder) -> None:
        async def ask() -> bool:
            write(recorder, 1)
            return await recorder.durable()

        asked = [asyncio.create_task(ask()) for _ in range(10)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in asked)
        begun.set()
        assert await asyncio.gather(*asked) == [True] * 10
        assert 1 <= len(syncs) <= 2

    bench.play(scene, disk=Slow())


def test_written_does_not_wait_and_is_synced_soon(bench: Bench) -> None:
    """A power cut costs what was answered in the last moment, no more."""
    syncs: list[int] = []

    class Watched(Fast):
        def sync_data(self, _: int) -> None:
            syncs.append(1)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        assert await recorder.durable()
        assert syncs == []
        await asyncio.sleep(0.1)
        assert len(syncs) == 1

    bench.play(scene, disk=Watched(), policy=ServePolicy(record="written"))


def test_sealed_waits_for_the_log(bench: Bench) -> None:
    """The answer leaves when the supervisor says that the record is in the log, and the sealer is told to hurry."""

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        waiting = asyncio.create_task(recorder.durable())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        carrier = bench.carrier()
        assert carrier.carry() == {GATEWAY: 1}
        assert carrier.pause(hurried=True) == HURRIED_SECONDS
        recorder.sealed(1)
        assert await waiting

    bench.play(scene, policy=SEALED)
    assert bench.carrier().pause() == PAUSE_SECONDS


def test_sealed_refuses_when_the_sealer_is_down_and_synced_goes_on(bench: Bench) -> None:
    """After its patience, at once: who comes later does not wait in vain, until the sealer is back."""

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        with pytest.raises(CannotRecord):
            await recorder.durable()
        with pytest.raises(CannotRecord):
            write(recorder, 2)
        recorder.policy = ServePolicy(record="synced")
        write(recorder, 3)
        assert await recorder.durable()
        recorder.policy = SEALED
        recorder.sealed(2)
        write(recorder, 4)

    bench.play(scene, policy=SEALED, patience=0.05)
    assert len(bench.records()) == 3


def test_parts_follow_each_other_and_go_when_they_are_sealed(bench: Bench) -> None:
    """While the gateway runs: no record is lost or repeated, and the folder does not grow."""

    async def scene(recorder: SpoolRecorder) -> None:
        carrier = bench.carrier()
        for number in range(60):
            write(recorder, number)
            if number % 7 == 0:
                await recorder.durable()
            if number % 10 == 0:
                recorder.sealed(carrier.carry().get(GATEWAY, 0))
        await recorder.durable()
        await asyncio.sleep(0.05)
        while carried := carrier.carry():
            recorder.sealed(carried[GATEWAY])

    bench.play(scene, part_bytes=2000)
    assert list(range(60)) == [record.seq for record in bench.records()]
    left = parts(bench.spools)[GATEWAY]
    assert left[0] > 1
    assert len(left) <= 2


def test_a_new_sealer_goes_on_where_the_log_is(bench: Bench) -> None:
    """Killed between log and memory: nothing is sealed twice, nothing is left out."""

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        write(recorder, 2)
        assert bench.carrier().carry() == {GATEWAY: 2}
        write(recorder, 3)
        again = bench.carrier()
        assert (again.carry(), again.carry()) == ({GATEWAY: 3}, {})
        assert bench.carrier().carry() == {GATEWAY: 3}, "told anew: the word of the one before may be lost"

    bench.play(scene)
    assert len(bench.records()) == 3


def test_the_last_pass_comes_after_the_supervisor_left(bench: Bench) -> None:
    """What was recorded until the end is sealed; each checkpoint, and how far each gateway is, are reported."""
    ours, theirs = socket.socketpair()
    seen = MemorySeen(b"", lambda note: control.tell(theirs, "sealed", note))
    announced = Announced({"spool": bench.spools})
    announced.add([GATEWAY], "spool")
    thread = threading.Thread(target=run, args=(SETTINGS, KEY.sign, seen, theirs, announced, bench.log_dir))
    thread.start()

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1, 2, 3)
        write(recorder, 1)

    bench.play(scene)
    ours.shutdown(socket.SHUT_WR)
    thread.join(10)
    assert not thread.is_alive()
    theirs.close()
    told = []
    while (one := control.hear(ours)) is not None:
        told.append(one)
    ours.close()
    notes = [one.payload for one in told if one.what == "sealed"]
    assert notes[-1] == (bench.log_dir / "checkpoint").read_bytes()
    assert [one.header["next"] for one in told if one.what == "carried"][-1] == {GATEWAY: 2}
    assert bench.log().size == 2


def test_only_an_ed25519_key_is_taken() -> None:
    """A key of another kind, or none, is no sealer's key."""
    pem = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert signing_key(pem).public_key().public_bytes_raw() == PUBLIC
    for wrong in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", pem[:50]):
        with pytest.raises(VerificationFailed):
            signing_key(wrong)


def test_only_a_spool_that_is_wholly_sealed_is_cleared(bench: Bench) -> None:
    """What the log has not, what is damaged, and what is of a gateway that runs, stays on disk."""

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        await recorder.durable()

    for gateway in (GATEWAY, "f" * 16, "d" * 16):
        bench.play(scene, gateway=gateway)
    bench.seal()
    with Spool(part_path(bench.spools, "f" * 16, 0)) as spool:
        spool.append([bench.log().entry(0).replace(GATEWAY.encode(), b"f" * 16).replace(b'"seq":0', b'"seq":1')])
    (bench.spools / f"{'e' * 16}.spool").write_bytes(b"\x01")
    assert spools.clear(bench.spools, bench.log(), running=("d" * 16,)) == 1
    assert sorted(path.stem for path in bench.spools.iterdir()) == ["d" * 16, "e" * 16, "f" * 16]


def test_records_are_the_plain_encoding(bench: Bench) -> None:
    """What templates wrote is byte for byte what the exact encoder writes."""

    async def scene(recorder: SpoolRecorder) -> None:
        recorder.write([entry(1), entry(1, 2), entry(3, id="a"), entry(*range(300), id='"\\é')])

    bench.play(scene)
    log = bench.seal()
    for data in log.entries(0, log.size):
        record = parse_any(data)
        assert record.encode() == data
        assert place_of(data) == (GATEWAY.encode(), record.seq)
