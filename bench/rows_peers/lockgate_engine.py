"""Lockgate's engine: verdict and reasons per row, and of a CSV file the accepted values.

    python -m bench.rows_peers.lockgate_engine SNAPSHOT.parquet [--workers N]
    python -m bench.rows_peers.lockgate_engine FILE.csv
    python -m bench.rows_peers.lockgate_engine FILE.parquet --ingest SNAPSHOT.parquet

As in a project, one process evaluates the plan and another, with the contract's code, answers about the rest; both are
counted, neither's imports are. What a project adds, the jails themselves, is not here. A snapshot is what `ingest`
writes of a source; a CSV file is read into one within the measurement, because the row loop reads it too.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.rows_peers.measure import Outcome, Reason, reasons_digest, run, values_digest
from lockgate.contract.jail import judge
from lockgate.contract.jail._link import Link
from lockgate.contract.jail.engine import Engine
from lockgate.contract.jail.read import SNAPSHOT, read
from lockgate.contract.jail.snapshot import UNIT_BYTES, Snapshot, Unit
from lockgate.contract.jail.truth import RemoteTruth
from lockgate.contract.spec import BOOKKEEPING, SourceKind

SPAWN = get_context("spawn")
BENCH = Path(__file__).resolve().parents[1]
REASON = ["row", "field", "rule"]
TASK = {
    "contract": "rows_contract.py",
    "model": "Reading",
    "label": None,
    "sensitive": [],
    "key": "",
    "sources": ["rows"],
}


@dataclass
class Found:
    """What the rows gave: reasons, accepted values where they are kept, and how many rows went which way."""

    reasons: list[pa.RecordBatch] = field(default_factory=list)
    values: list[pa.RecordBatch] = field(default_factory=list)
    paths: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """Every `of`-th unit of a snapshot, from `number` on."""

    number: int = 0
    of: int = 1


class SharedSnapshot(Snapshot):
    """The units of one share."""

    share = Share()

    def units(self, most_bytes: int = UNIT_BYTES) -> Iterator[Unit]:
        """See Snapshot. Shared out, units stay small, so that shares are about equal."""
        whole = super().units(most_bytes if self.share.of == 1 else UNIT_BYTES)
        return islice(whole, self.share.number, None, self.share.of)


class Judge:
    """A process with the contract's code, that has imported it, and our end of its socket."""

    def __init__(self, kind: SourceKind) -> None:
        self.end, other = socket.socketpair()
        self.process = SPAWN.Process(target=_answer, args=(other,), daemon=True)
        self.process.start()
        other.close()
        self.truth = RemoteTruth([self.end], kind)

    def close(self) -> None:
        """Let it end."""
        self.end.close()
        self.process.join()


@contextmanager
def judging(kind: SourceKind) -> Iterator[Judge]:
    """A judge for the block."""
    found = Judge(kind)
    try:
        yield found
    finally:
        found.close()


def evaluate(path: Path, truth: RemoteTruth, share: Share = Share()) -> Found:
    """The engine on a snapshot. Typed rows are asked for their reasons, texts for their values too."""
    snapshot = SharedSnapshot(path)
    snapshot.share = share
    engine = Engine(snapshot, truth.plan, truth.table, truth)
    found = Found()
    if snapshot.kind == "parquet":
        found.reasons = [reasons.select(REASON) for reasons in engine.refused()]
    else:
        for part in engine.verdicts():
            found.reasons.append(part.quarantine.select(REASON))
            found.values.append(part.accepted)
    found.paths = engine.paths.as_json()
    return found


def evaluate_csv(path: Path, truth: RemoteTruth) -> Found:
    """Read the file into a snapshot, then the engine on that."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder:
        return evaluate(ingest(path, Path(folder)), truth)


def ingest(path: Path, out: Path) -> Path:
    """The snapshot of one file."""
    task = {"files": [{"name": path.name, "path": path.name, "format": None}], "null": [""]}
    read({**task, "delimiter": ",", "encoding": "utf-8"}, path.parent, out)
    return out / SNAPSHOT


def outcome(found: Found) -> Outcome:
    """Row numbers, Pydantic's reasons, and the values where they were kept."""
    reasons: list[Reason] = list(_cells(found.reasons))
    pairs = {(row, path) for row, path, _ in reasons}
    values = values_digest(_cells(found.values)) if found.values else None
    return Outcome(sorted({row for row, _ in pairs}), len(pairs), reasons_digest(reasons), values, found.paths)


def _answer(end: socket.socket) -> None:
    with end:
        judge.serve(Link(end), TASK, BENCH)


def _cells(batches: Sequence[pa.RecordBatch]) -> Iterator[Any]:
    for batch in batches:
        names = [name for name in batch.schema.names if name not in BOOKKEEPING]
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def _work(path: Path, share: Share, link: Any) -> None:
    """One worker, with a judge of its own: ready, then the work when told to."""
    with judging("parquet") as ours:
        link.send(None)
        link.recv()
        link.send(evaluate(path, ours.truth, share))


def workers(path: Path, count: int) -> None:
    """Time `count` processes that share the rows. Their CPU and memory are not ours: only the time is meant."""
    links, processes = [], []
    for number in range(count):
        link, theirs = SPAWN.Pipe()
        processes.append(SPAWN.Process(target=_work, args=(path, Share(number, count), theirs)))
        processes[-1].start()
        links.append(link)
    for link in links:
        link.recv()

    def work() -> Found:
        for link in links:
            link.send(None)
        done = [link.recv() for link in links]
        return Found([batch for part in done for batch in part.reasons])

    run("lockgate", work, outcome)
    for process in processes:
        process.join()


def main() -> None:
    """Judge a file, alone or with workers; or make its snapshot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--ingest", type=Path, metavar="SNAPSHOT")
    arguments = parser.parse_args()
    path: Path = arguments.file
    if arguments.ingest:
        with tempfile.TemporaryDirectory(dir=arguments.ingest.parent) as folder:
            run("ingest", lambda: ingest(path, Path(folder)).rename(arguments.ingest), lambda _: Outcome((), 0))
    elif arguments.workers:
        workers(path, arguments.workers)
    else:
        texts = path.suffix == ".csv"
        with judging("csv" if texts else "parquet") as ours:
            work = evaluate_csv if texts else evaluate
            run("lockgate", lambda: work(path, ours.truth), outcome, helpers=[ours.process.pid or 0])


if __name__ == "__main__":
    main()
