"""Answers that carry proofs: made by the gateway from the tiles, under the sealer's key, or not given at all."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.audit.prove import check_proof, parse_proof
from lockgate.audit.seal import Sealer
from lockgate.core.merkle import leaf_hash
from lockgate.core.record_kinds import parse_any
from lockgate.core.records import parse_receipt
from lockgate.errors import Unavailable, VerificationFailed
from lockgate.serve import control, sealer
from lockgate.serve.appending.announced import SPOOL, Announced
from lockgate.serve.declined import CannotRecord
from lockgate.serve.recording.proving import Tiles, prove_new
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.recording.waking import Bell, Bells, inherited
from lockgate.serve.seen import MemorySeen
from lockgate.serve.spec import ServePolicy
from tests.support import sealing
from tests.support.recording import GATEWAY, KEY, ORIGIN, PUBLIC, SETTINGS, Bench, entry, write
from tests.support.sealing import OTHER_PUBLIC, Fast

SEALED = ServePolicy(record="sealed")
OTHER = "fedcba9876543210"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Empty folders."""
    return Bench(tmp_path)


def tiles(bench: Bench) -> Tiles:
    """What the gateway sees of the log."""
    return Tiles(bench.log_dir, ORIGIN, PUBLIC)


def note(bench: Bench) -> bytes:
    """The checkpoint as it lies there."""
    return (bench.log_dir / "checkpoint").read_bytes()


def sealed(bench: Bench, recorder: SpoolRecorder, carrier: sealer.Carrier) -> None:
    """One round of the sealer's, and the supervisor's word of it."""
    carried = carrier.carry()
    if GATEWAY in carried:
        recorder.sealed(carried[GATEWAY], note(bench))


def proved(token: str, proof: str) -> int:
    """The index of a record that the proof is about; it is the one that the receipt names."""
    leaf = parse_proof(proof.encode()).extra
    assert leaf is not None
    record, receipt = parse_any(leaf), parse_receipt(token)
    assert (receipt.gateway, receipt.seq) == (record.gateway, record.seq)
    return check_proof(proof.encode(), leaf, PUBLIC, ORIGIN).index


def test_each_answer_waits_for_its_commit_and_carries_its_proof(bench: Bench) -> None:
    """Of its own records alone, once each, in order, over the ends of tiles and among another gateway's records."""

    async def scene(recorder: SpoolRecorder) -> None:
        carrier, other = bench.carrier(), bench.open(OTHER)
        seen: list[int] = []
        for step in range(7):
            other.write([entry(1.0)] * 45)
            await other.durable()
            asked = [recorder.write([entry(*map(float, range(rows)))])[0] for rows in (1, 3, 300)]
            waiting = [asyncio.create_task(recorder.durable()) for _ in asked]
            await asyncio.sleep(0.03)
            assert not any(task.done() for task in waiting), step
            sealed(bench, recorder, carrier)
            assert await asyncio.gather(*waiting) == [True] * 3
            for tokens, count in zip(asked, (1, 1, 2), strict=True):
                proofs = recorder.proofs(tokens)
                assert count == len(proofs)
                named = dict.fromkeys(token.split(".")[2] for token in tokens)
                first = [next(token for token in tokens if token.split(".")[2] == number) for number in named]
                seen += [proved(token, proof) for token, proof in zip(first, proofs, strict=True)]
                assert recorder.proofs(tokens) == ()
        assert sorted(seen) == seen
        assert len(set(seen)) == 4 * 7
        other.close()

    bench.play(scene, policy=SEALED, tiles=tiles(bench))


def test_less_than_sealed_carries_nothing(bench: Bench) -> None:
    """And nothing is kept for it."""

    async def scene(recorder: SpoolRecorder) -> None:
        tokens = write(recorder, 1)
        assert await recorder.durable()
        sealed(bench, recorder, bench.carrier())
        assert recorder.proofs(tokens) == ()

    bench.play(scene, tiles=tiles(bench))


@pytest.mark.parametrize("unrecorded", ["refuse", "answer"])
def test_tiles_that_cannot_be_read_are_told_and_the_policy_decides(bench: Bench, unrecorded: Any) -> None:
    """The record is in the log, its proof cannot be made: refused, or given without; and again when they are back."""

    async def scene(recorder: SpoolRecorder) -> None:
        carrier = bench.carrier()
        write(recorder, 1)
        waiting = asyncio.create_task(recorder.durable())
        await asyncio.sleep(0.02)
        carried = carrier.carry()
        (bench.log_dir / "tile").rename(bench.log_dir / "gone")
        recorder.sealed(carried[GATEWAY], note(bench))
        if unrecorded == "answer":
            assert not await waiting
        else:
            with pytest.raises(CannotRecord):
                await waiting
        assert bench.alarms == ["LG7000"]
        (bench.log_dir / "gone").rename(bench.log_dir / "tile")
        await asyncio.sleep(0.4)
        tokens = write(recorder, 2)
        waiting = asyncio.create_task(recorder.durable())
        await asyncio.sleep(0.02)
        sealed(bench, recorder, carrier)
        assert await waiting
        (proof,) = recorder.proofs(tokens)
        proved(tokens[0], proof)

    bench.play(scene, policy=ServePolicy(record="sealed", unrecorded=unrecorded), tiles=tiles(bench), patience=0.2)


def test_a_proof_is_under_the_sealers_key_over_this_log_and_goes_on_from_the_one_before(bench: Bench) -> None:
    """A note by another key, another log's, a flipped tile, a fork and a roll-back each give no proof."""

    async def scene(recorder: SpoolRecorder) -> None:
        for number in range(3):
            write(recorder, number)
        await recorder.durable()

    bench.play(scene)
    bench.seal()
    leaf = bench.log().entry(1)
    wanted = {leaf_hash(leaf): leaf}
    found = prove_new(tiles(bench), note(bench), wanted, 0)
    assert [check_proof(text.encode(), leaf, PUBLIC, ORIGIN).index for text in found.texts.values()] == [1]
    assert prove_new(tiles(bench), note(bench), wanted, 2).texts == {}
    assert prove_new(tiles(bench), note(bench), wanted, 0, found.checkpoint).texts == found.texts

    def finding(**changes: Any) -> str:
        more: dict[str, Any] = {"tiles": tiles(bench), "note": note(bench), "wanted": wanted, "since": 0} | changes
        with pytest.raises(VerificationFailed) as raised:
            prove_new(**more)
        return raised.value.finding

    assert finding(tiles=Tiles(bench.log_dir, ORIGIN, OTHER_PUBLIC)) == "LG702"
    assert finding(tiles=Tiles(bench.log_dir, "lockgate/other/predictions", PUBLIC)) == "LG702"
    checkpoint = found.checkpoint
    assert finding(before=type(checkpoint)(ORIGIN, 2, bytes(32))) == "LG708"
    assert finding(before=type(checkpoint)(ORIGIN, 9, checkpoint.root)) == "LG707"
    tile = bench.log_dir / "tile" / "0" / "000.p" / "3"
    data = bytearray(tile.read_bytes())
    data[40] ^= 1
    tile.write_bytes(data)
    assert finding() == "LG705"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.data())
def test_every_new_leaf_is_found_and_proved_in_whatever_batches_it_came(
    tmp_path_factory: pytest.TempPathFactory, batches: Sequence[int], data: st.DataObject
) -> None:
    """From the checkpoint of any earlier batch on, and none that came before."""
    folder = tmp_path_factory.mktemp("log")
    sizes = [0]
    one = sealing.sealer(folder)
    one.append([])
    for count in batches:
        one.append([b"%d" % index for index in range(sizes[-1], sizes[-1] + count)])
        sizes.append(sizes[-1] + count)
    since = data.draw(st.sampled_from(sizes))
    index = data.draw(st.integers(0, sizes[-1] - 1))
    leaf = b"%d" % index
    seen = Tiles(folder, sealing.ORIGIN, sealing.PUBLIC)
    texts = prove_new(seen, (folder / "checkpoint").read_bytes(), {leaf_hash(leaf): leaf}, since).texts
    assert (index >= since) == bool(texts)
    for text in texts.values():
        assert index == check_proof(text.encode(), leaf, sealing.PUBLIC, sealing.ORIGIN).index


def test_a_bell_wakes_and_never_blocks(tmp_path: Path) -> None:
    """Rung once or ten thousand times, by whoever listens or nobody; the mark alone says that somebody waits."""
    heard, rung = os.pipe2(os.O_NONBLOCK)
    bells, bell = Bells(tmp_path, heard), Bell(tmp_path, GATEWAY, rung)

    def waits() -> bool:
        assert tuple(bells.look()) == (heard,)
        return bells.hang

    assert not waits()
    bell.hang()
    assert waits()
    assert select.select([heard], [], [], 0)[0] == []
    for _ in range(70_000):
        bell.ring()
    for _ in range(100):
        ready = select.select([heard], [], [], 0)[0]
        bells.heard(ready)
        if not ready:
            break
    assert select.select([heard], [], [], 0)[0] == []
    bell.take_down()
    assert not waits()
    os.close(rung)
    bells.heard([heard])
    assert tuple(bells.look()) == ()  # nobody can ring any more: it is not looked at without end
    bell.ring()
    os.close(heard)
    Bell(tmp_path, GATEWAY, None).ring()
    assert tuple(Bells(tmp_path, None).look()) == ()


def test_only_a_pipe_is_taken_for_the_bell(tmp_path: Path) -> None:
    """A process that was started without one has nothing, or something else, under that number."""
    heard, rung = os.pipe()
    assert (inherited(heard), inherited(rung)) == (heard, rung)
    os.close(rung)
    os.close(heard)
    assert inherited(heard) is None
    with (tmp_path / "file").open("wb") as file:
        assert inherited(file.fileno()) is None


def test_the_sealer_wakes_at_once_when_an_answer_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when its time to look has come: that is set to a minute here, and the answer does not take a second."""
    monkeypatch.setattr(sealer, "PAUSE_SECONDS", 60.0)
    monkeypatch.setattr(sealer, "HURRIED_SECONDS", 60.0)
    ours, theirs = socket.socketpair()
    heard, rung = os.pipe2(os.O_NONBLOCK)
    seen = MemorySeen(b"", lambda note: control.tell(theirs, "sealed", note))
    announced = Announced({SPOOL: bench.spools})
    announced.add([GATEWAY], SPOOL)

    async def scene(recorder: SpoolRecorder) -> None:
        carrying = threading.Thread(
            target=sealer.run, args=(SETTINGS, KEY.sign, seen, theirs, announced, bench.log_dir, heard)
        )
        carrying.start()

        def told(message: control.Told | None) -> None:
            if message is not None and message.what == "carried":
                recorder.sealed(int(message.header["next"][GATEWAY]), message.payload)

        control.listen(ours, asyncio.get_running_loop(), told)
        await asyncio.sleep(0.3)  # the sealer has had its first look, and sleeps
        for number in range(3):
            tokens = write(recorder, number)
            began = time.monotonic()
            assert await recorder.durable()
            assert time.monotonic() - began < 1
            (proof,) = recorder.proofs(tokens)
            assert number == proved(tokens[0], proof)
        ours.shutdown(socket.SHUT_WR)
        await asyncio.to_thread(carrying.join)

    bench.play(scene, policy=SEALED, tiles=tiles(bench), bell=rung)
    ours.close()
    theirs.close()
    os.close(heard)
    os.close(rung)


@pytest.mark.parametrize("mode", ["sealed", "synced"])
def test_the_sealer_gives_way_unless_answers_wait_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, mode: Any
) -> None:
    """It carries at a low priority; while a gateway's answers wait, at its own."""
    found: list[int] = []
    carry, ours, before = sealer.Carrier.carry, link(), os.nice(0)

    def watched(carrier: sealer.Carrier) -> dict[str, int]:
        found.append(os.nice(0))
        return carry(carrier)

    monkeypatch.setattr(sealer.Carrier, "carry", watched)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        ours[0].shutdown(socket.SHUT_WR)  # the supervisor is gone: this is the last pass
        announced = Announced({SPOOL: bench.spools})
        announced.add([GATEWAY], SPOOL)
        given_to = (SETTINGS, KEY.sign, MemorySeen(b""), ours[1], announced, bench.log_dir)
        await asyncio.to_thread(sealer.run, *given_to)

    bench.play(scene, policy=ServePolicy(record=mode))
    for each in ours:
        each.close()
    assert {before if mode == "sealed" else min(19, before + sealer.NICENESS)} == set(found)
    assert before == os.nice(0)


@pytest.mark.parametrize("proofs", [True, False])
def test_one_slow_sync_does_not_end_sealed_for_ever(bench: Bench, *, proofs: bool) -> None:
    """The sealer sees the page cache: record, commit and proof are there before the gateway's own sync is. Who waited
    gets no answer; once the disk is back, whoever comes next does, with a record.
    """
    held = threading.Event()

    class Slow(Fast):
        def sync_data(self, _: int) -> None:
            assert held.wait(10)

    def sealed(recorder: SpoolRecorder) -> None:
        log = bench.seal()
        recorder.sealed(log.size, log.note)

    async def scene(recorder: SpoolRecorder) -> None:
        write(recorder, 1)
        waiting = asyncio.create_task(recorder.durable())
        await asyncio.sleep(0.05)
        sealed(recorder)
        with pytest.raises(CannotRecord):
            await waiting
        held.set()
        await asyncio.sleep(0.1)
        assert recorder._keeper.synced == 1
        for row in (2, 3):
            assert len(write(recorder, row)) == 1
            waiting = asyncio.create_task(recorder.durable())
            await asyncio.sleep(0.05)
            sealed(recorder)
            assert await waiting

    bench.carrier()
    more = {"tiles": tiles(bench)} if proofs else {}
    bench.play(scene, policy=SEALED, disk=Slow(), patience=0.3, **more)


def link() -> tuple[socket.socket, socket.socket]:
    """The supervisor's end, and the sealer's."""
    return socket.socketpair()


def test_a_commit_whose_end_failed_is_not_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the log though the sealer was told otherwise: it looks before it goes on, and repeats nothing."""

    async def scene(recorder: SpoolRecorder) -> None:
        carrier = bench.carrier()
        write(recorder, 1)
        await recorder.durable()

        def failing(*_: Any) -> None:
            raise OSError(5, "I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(Sealer, "_clear", failing)
            with pytest.raises(Unavailable):
                carrier.carry()
        write(recorder, 2)
        await recorder.durable()
        assert carrier.carry() == {GATEWAY: 2}

    bench.play(scene)
    assert [record.seq for record in bench.records()] == [0, 1]
