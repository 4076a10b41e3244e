"""Prediction records a second that four processes append in `synced` mode, and how far the sealer is behind meanwhile.

    python -m bench.log_append [--processes 4] [--batch 64] [--waiting 4] [--seconds 5] [--rounds 5]
                               [--dir DIR] [--json FILE]

Each process is a gateway's recorder: batches of `--batch` requests of one row are made into records, written to its
spool, and each batch waits until the disk has it (`synced`), with `--waiting` batches under way at a time, as a gateway
has. A record counts when its batch was told that it is durable. The sealer's loop carries into the log beside them, at
its own low priority; it goes on after the writers have ended, and how long that takes is told.

Held against the same bytes written by as many processes with plain write and fdatasync, a call each for as many bytes
as a batch has: measured in the same run.

The claim: at least 50,000 records a second, in the median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import sys
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import Any

from bench.log_made import KEY, ORIGIN, PSEUDONYM, PUBLIC, alarm, entries, opened, place, told
from lockgate.audit.predictions import PredictionIndex
from lockgate.serve import control, sealer
from lockgate.serve.appending.announced import SPOOL as SPOOLED
from lockgate.serve.appending.announced import Announced
from lockgate.serve.recording.recorder import SpoolRecorder
from lockgate.serve.seen import MemorySeen
from lockgate.serve.settings import SealerSettings
from lockgate.serve.spec import ServePolicy
from lockgate.serve.tally import Tally

LEAST = 50_000.0
RECORD_BYTES = 368


def writing(folder: Path, gateway: str, asked: argparse.Namespace, out: Any) -> None:
    """A gateway's process."""

    async def life() -> None:
        recorder = SpoolRecorder(
            folder / "spool",
            gateway,
            pseudonym_key=PSEUDONYM,
            tally=Tally(),
            alarm=alarm,
        )
        recorder.policy = ServePolicy(record="synced")
        recorder.in_flight = lambda: asked.waiting
        batch, count, until = entries(asked.batch), 0, monotonic() + asked.seconds

        async def caller() -> None:
            nonlocal count
            while monotonic() < until:
                recorder.write(batch)
                if not await recorder.durable():
                    raise RuntimeError("records were not made durable")
                count += len(batch)

        began, cpu = perf_counter(), process_time()
        await asyncio.gather(*(caller() for _ in range(asked.waiting)))
        spent, cpu = perf_counter() - began, process_time() - cpu
        await recorder.end()
        out.put({"records": count, "seconds": spent, "cpu": cpu})

    asyncio.run(life())


def sealing(other: socket.socket, link: socket.socket, folder: Path, out: Any) -> None:
    """The sealer's process. When its link ends it carries what is left, and ends."""
    other.close()
    seen = MemorySeen(b"", lambda note: control.tell(link, "sealed", note))
    announced = Announced({SPOOLED: folder / "spool"})
    sealer.run(SealerSettings(ORIGIN, PUBLIC.hex()), KEY.sign, seen, link, announced, folder / "log")
    out.put(process_time())


def listening(link: socket.socket, out: Any) -> None:
    """What the sealer says, taken off its hands."""
    while (said := control.hear(link)) is not None:
        if said.what == "failed":
            out.put(dict(said.header))


def one_round(folder: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Writers and sealer from nothing."""
    for name in ("spool", "log"):
        (folder / name).mkdir()
    fork = multiprocessing.get_context("fork")
    ours, theirs = socket.socketpair()
    spent: Any = fork.Queue()
    carrying = fork.Process(target=sealing, args=(ours, theirs, folder, spent))
    carrying.start()
    theirs.close()
    gateways = [f"{number + 1:016x}" for number in range(asked.processes)]
    control.tell(ours, "announce", gateways=gateways, folder=SPOOLED)
    out: Any = fork.Queue()
    hearing = fork.Process(target=listening, args=(ours, out), daemon=True)
    hearing.start()
    running = [fork.Process(target=writing, args=(folder, gateway, asked, out)) for gateway in gateways]
    for one in running:
        one.start()
    found = [out.get(timeout=asked.seconds + 60) for _ in running]
    for one in running:
        one.join()
    written, ended = sum(one["records"] for one in found), perf_counter()
    behind = written - opened(folder / "log").size
    ours.shutdown(socket.SHUT_WR)
    cpu = spent.get(timeout=600)
    carrying.join()
    caught_up = perf_counter() - ended
    hearing.join()
    log = opened(folder / "log")
    if log.size < written or PredictionIndex(log).reasons():
        raise RuntimeError("the log is not what was written")
    return {
        "records a second": sum(one["records"] / one["seconds"] for one in found),
        "writer, us of CPU a record": 1e6 * sum(one["cpu"] for one in found) / written,
        "sealer, us of CPU a record": 1e6 * cpu / log.size,
        "sealed a second meanwhile": (written - behind) / max(one["seconds"] for one in found),
        "records behind at the end": behind,
        "seconds to catch up": caught_up,
        "sealed a second, all": written / (caught_up + max(one["seconds"] for one in found)),
    }


def plain(folder: Path, gateway: str, asked: argparse.Namespace, out: Any) -> None:
    """As many bytes as batches have, a write and an fdatasync for what waits at a time."""
    data = os.urandom(RECORD_BYTES * asked.batch * asked.waiting)
    descriptor = os.open(folder / "spool" / f"{gateway}.plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    count, began = 0, perf_counter()
    while perf_counter() < began + asked.seconds / 2:
        os.write(descriptor, data)
        os.fdatasync(descriptor)
        count += asked.batch * asked.waiting
    out.put(count / (perf_counter() - began))
    os.close(descriptor)


def limit_of(folder: Path, asked: argparse.Namespace) -> float:
    """Records a second that plain writes and fdatasyncs would be."""
    (folder / "spool").mkdir()
    fork = multiprocessing.get_context("fork")
    out: Any = fork.Queue()
    running = [fork.Process(target=plain, args=(folder, f"{i:016x}", asked, out)) for i in range(asked.processes)]
    for one in running:
        one.start()
    found = sum(out.get(timeout=asked.seconds + 60) for _ in running)
    for one in running:
        one.join()
    return float(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, default in (("processes", 4), ("batch", 64), ("waiting", 4), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--dir", default="/var/tmp")
    parser.add_argument("--json", default="")
    asked = parser.parse_args()
    rounds: list[dict[str, float]] = []
    for _ in range(asked.rounds):
        with place(asked.dir) as folder:
            limit = limit_of(folder, asked)
        with place(asked.dir) as folder:
            rounds.append(one_round(folder, asked))
            rounds[-1]["to plain writes"] = rounds[-1]["records a second"] / limit
    found = {what: told([each[what] for each in rounds]) for what in rounds[0]}
    for what, values in found.items():
        sys.stdout.write(f"{what:28} {json.dumps(values)}\n")
    holds = found["records a second"]["median"] >= LEAST
    sys.stdout.write(f"at least {LEAST:g} a second: {'holds' if holds else 'does NOT hold'}\n")
    if asked.json:
        Path(asked.json).write_text(json.dumps({"asked": vars(asked), "found": found, "holds": holds}))


if __name__ == "__main__":
    main()
