"""Answers a second with callers who each wait for the commit that holds their record, and for its proof.

    python -m bench.log_sealed [--callers 64] [--seconds 5] [--rounds 5] [--gateways 1] [--history 100000]
                               [--dir DIR] [--json FILE]

The product's own parts, in processes of their own: the recorder of each gateway with its callers, the sealer's loop,
and between them what the supervisor does with each checkpoint (verify it, keep it as seen, pass the word on). Left out:
HTTP, contract, model, jails. Each answer's proof is there when the caller goes on; one in a hundred is checked.

Held against the chain of fsyncs of a commit by itself (two files, two folders, a third file, its rename, twice its
folder, then the same for what was seen): how many such chains a second this disk does, times the callers who wait
for one. Measured in the same run.

The claim: at least 1,500 answers a second with 64 callers, in the median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import select
import socket
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import Any

from bench.log_made import CLIENT, KEY, ORIGIN, PSEUDONYM, PUBLIC, SERVED, alarm, place, records, sealed, told
from lockgate.audit.log import verify_checkpoint
from lockgate.audit.prove import check_proof, parse_proof
from lockgate.audit.seen import SeenStore
from lockgate.core.encoding import encode
from lockgate.serve import control, sealer
from lockgate.serve.appending.announced import SPOOL as SPOOLED
from lockgate.serve.appending.announced import Announced
from lockgate.serve.recording.entry import Entry
from lockgate.serve.recording.proving import Tiles
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import SealerSettings
from lockgate.serve.spec import ServePolicy
from lockgate.serve.tally import Tally

LEAST = 1500.0
CHECKED = 100


def sealing(other: socket.socket, link: socket.socket, folder: Path, bell: int) -> None:
    """The sealer's process."""
    other.close()
    seen = MemorySeen(b"", lambda note: control.tell(link, "sealed", note))
    announced = Announced({SPOOLED: folder / "spool"})
    sealer.run(SealerSettings(ORIGIN, PUBLIC.hex()), KEY.sign, seen, link, announced, folder / "log", bell)


def answering(link: socket.socket, folder: Path, gateway: str, asked: argparse.Namespace, out: Any, bell: int) -> None:
    """A gateway's process: its callers, one after the other's answer for `seconds`."""

    async def life() -> None:
        recorder = SpoolRecorder(
            folder / "spool",
            gateway,
            pseudonym_key=PSEUDONYM,
            tally=Tally(),
            alarm=alarm,
            tiles=Tiles(folder / "log", ORIGIN, PUBLIC),
            bell=bell,
        )
        recorder.policy = ServePolicy(record="sealed")
        recorder.in_flight = lambda: asked.callers
        loop = asyncio.get_running_loop()

        def hear(told: control.Told | None) -> None:
            if told is not None:
                recorder.sealed(int(told.header["next"]), told.payload)

        control.listen(link, loop, hear)
        control.tell(link, "up")
        waits: list[float] = []
        until = monotonic() + asked.seconds

        async def caller(number: int) -> None:
            while monotonic() < until:
                row = [encode({"x": number + 0.5})]
                began = perf_counter()
                (receipts,) = recorder.write([Entry(SERVED, CLIENT, row, row)])
                if not await recorder.durable():
                    raise RuntimeError("an answer went without its record")
                (proof,) = recorder.proofs(receipts)
                waits.append(perf_counter() - began)
                if len(waits) % CHECKED == 0:
                    check_proof(proof.encode(), parse_proof(proof.encode()).extra or b"", PUBLIC, ORIGIN)

        began, cpu = perf_counter(), process_time()
        await asyncio.gather(*map(caller, range(asked.callers)))
        spent, cpu = perf_counter() - began, process_time() - cpu
        waits.sort()
        await recorder.end()
        out.put({"answers": len(waits), "seconds": spent, "cpu": cpu, "waits": waits})

    asyncio.run(life())


def supervising(folder: Path, sealer_link: socket.socket, links: Mapping[str, socket.socket], done: Any) -> int:
    """What the supervisor does meanwhile: how many checkpoints were signed."""
    seen, commits = SeenStore(folder / "seen" / "predictions"), 0
    control.tell(sealer_link, "announce", gateways=sorted(links), folder=SPOOLED)
    while not done():
        if not select.select([sealer_link], [], [], 0.1)[0]:
            continue
        said = control.hear(sealer_link)
        if said is None:
            raise RuntimeError("the sealer ended")
        if said.what == "sealed":
            verify_checkpoint(said.payload, PUBLIC, ORIGIN)
            seen.advance(said.payload)
            commits += 1
        elif said.what == "carried":
            for gateway, number in said.header["next"].items():
                control.tell(links[gateway], "sealed", said.payload, next=number)
        elif said.what == "failed":
            sys.stderr.write(f"sealer: {dict(said.header)}\n")
    return commits


def one_round(folder: Path, asked: argparse.Namespace) -> dict[str, float]:
    """A log of some history, a sealer, gateways, their callers."""
    for name in ("spool", "log", "seen"):
        (folder / name).mkdir()
    made = records("f" * 16, asked.history)
    sealed(folder / "log", (made[at : at + 4096] for at in range(0, len(made), 4096)))
    fork = multiprocessing.get_context("fork")
    ours, theirs = socket.socketpair()
    heard, rung = os.pipe2(os.O_NONBLOCK)
    carrying = fork.Process(target=sealing, args=(ours, theirs, folder, heard))
    carrying.start()
    theirs.close()
    out: Any = fork.Queue()
    links, running = {}, []
    for number in range(asked.gateways):
        gateway = f"{number + 1:016x}"
        links[gateway], theirs = socket.socketpair()
        running.append(fork.Process(target=answering, args=(theirs, folder, gateway, asked, out, rung)))
        running[-1].start()
        theirs.close()
        control.hear(links[gateway])
    found: list[dict[str, Any]] = []

    def done() -> bool:
        while not out.empty():
            found.append(out.get())
        return len(found) == len(running) or not all(one.is_alive() or not one.exitcode for one in running)

    commits = supervising(folder, ours, links, done)
    for one in running:
        one.join()
    ours.close()
    carrying.join()
    os.close(heard)
    os.close(rung)
    if len(found) < len(running):
        raise RuntimeError("a gateway ended early")
    answers, waits = sum(one["answers"] for one in found), sorted(wait for one in found for wait in one["waits"])
    return {
        "answers a second": sum(one["answers"] / one["seconds"] for one in found),
        "answers a commit": answers / commits,
        "ms waited, median": 1000 * statistics.median(waits),
        "ms waited, p99": 1000 * waits[int(0.99 * len(waits))],
        "gateway, us of CPU an answer": 1e6 * sum(one["cpu"] for one in found) / answers,
    }


def chains(folder: Path, seconds: float = 1.0) -> float:
    """Chains of fsyncs a second, such as one commit takes, and nothing but them."""
    (folder / "chain").mkdir()
    count, until = 0, perf_counter() + seconds
    while perf_counter() < until:
        for name, kept in (("a", True), ("b", True), ("c", False), ("d", False)):
            path = folder / "chain" / (f"{name}{count}" if kept else name)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
            os.write(descriptor, b"x" * 4096)
            os.fsync(descriptor)
            os.close(descriptor)
            _sync_folder(path.parent)
            if not kept:
                path.replace(path.with_name("done"))
                _sync_folder(path.parent)
        count += 1
    return count / seconds


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, default in (("callers", 64), ("rounds", 5), ("gateways", 1), ("history", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--dir", default="/var/tmp")
    parser.add_argument("--json", default="")
    asked = parser.parse_args()
    rounds: list[dict[str, float]] = []
    for _ in range(asked.rounds):
        with place(asked.dir) as folder:
            limit = chains(folder) * asked.callers
            rounds.append(one_round(folder, asked))
            rounds[-1]["to the fsyncs"] = rounds[-1]["answers a second"] / limit
    found = {what: told([each[what] for each in rounds]) for what in rounds[0]}
    for what, values in found.items():
        sys.stdout.write(f"{what:30} {json.dumps(values)}\n")
    holds = found["answers a second"]["median"] >= LEAST
    sys.stdout.write(f"at least {LEAST:g} a second: {'holds' if holds else 'does NOT hold'}\n")
    if asked.json:
        Path(asked.json).write_text(json.dumps({"asked": vars(asked), "found": found, "holds": holds}))


if __name__ == "__main__":
    main()
