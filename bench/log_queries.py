"""What questions to the log of predictions cost: by the index, by reading all of it, and by DuckDB over plain Parquet.

    python -m bench.log_queries [--entries 1000000] [--rounds 7] [--no-passes] [--folder /tmp] [--json FILE]

A log of made records: four gateways, a thousand clients of whom few ask most, a dozen models that follow one another,
twenty records a second, two in a hundred refused, three labels. Its index is made once, which is timed; then each
question is asked `rounds` times in this process, each time with the log and the index opened anew. Beside it, in the
same run: the same question answered by a pass over all entries, each checked against its hash (once, for it takes
long), and DuckDB with its own settings over the same Parquet files by their names, which is as fast as this can be:
nothing there is verified.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

from bench.log_made import cost, opened, place, sealed, told
from lockgate.audit.index.ask import DAY, Filter, counted, labelled, places
from lockgate.audit.index.check import check
from lockgate.audit.index.lookup import Lookup
from lockgate.audit.index.row import row_of
from lockgate.audit.index.store import Index, Place
from lockgate.audit.log import Log
from lockgate.audit.predictions import PredictionIndex
from lockgate.core.digest import digest_of
from lockgate.core.records import Receipt

GATEWAYS = [f"{number:016x}" for number in range(4)]
CLIENTS = [f"{number * 7919:016x}" for number in range(1000)]
MODELS = [digest_of(b"model %d" % number) for number in range(12)]
BEGAN = 1_790_000_000_000
A_SECOND = 20
BATCH = 1 << 16


def records(count: int) -> Iterator[list[bytes]]:
    """Batches of them, as gateways encode records."""
    for start in range(0, count, BATCH):
        rng = random.Random(start)  # noqa: S311 - no secret
        yield [_record(number, count, rng) for number in range(start, min(count, start + BATCH))]


def _record(number: int, count: int, rng: random.Random) -> bytes:
    gateway, seq = GATEWAYS[number % 4], number // 4
    client = CLIENTS[int(rng.random() ** 3 * len(CLIENTS))]
    model = MODELS[number * len(MODELS) // count]
    time = BEGAN + number * 1000 // A_SECOND
    said, kind = os.urandom(64).hex(), rng.random()
    rung = "canary" if kind < 0.05 else "live"
    if kind > 0.98:
        return (
            f'{{"client":"{client}","environment":"prod","finding":"LG612","gateway":"{gateway}",'
            f'"input":"{said[:64]}","kind":"refused","model":"{model}","rung":"{rung}","seq":{seq},"time":{time},"v":2}}'
        ).encode()
    if kind > 0.95:
        of = f'{{"gateway":"{gateway}","row":0,"seq":{max(0, seq - 100)}}}'
        return (
            f'{{"client":"{client}","gateway":"{gateway}","kind":"feedback","label":"{said[:64]}","of":{of},'
            f'"seq":{seq},"time":{time},"v":2}}'
        ).encode()
    return (
        f'{{"client":"{client}","environment":"prod","first":0,"gateway":"{gateway}","inputs":["{said[:64]}"],'
        f'"kind":"predictions","model":"{model}","outputs":["{said[64:]}"],"rung":"{rung}","seq":{seq},"time":{time},"v":2}}'
    ).encode()


@dataclass
class Run:
    """One log and its index; `found` is what was measured."""

    folder: Path
    entries: int
    rounds: int
    passes: bool = True
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> Log:
        """Opened anew."""
        return opened(self.folder / "log")

    @property
    def index(self) -> Index:
        """Opened anew."""
        return Index(Place(self.folder / "index", self.folder / "manifest"), self.log)

    def timed(self, name: str, ask: Callable[[], object], rounds: int = 0) -> Any:
        """Seconds of wall and of CPU, `rounds` times; what came out the last time."""
        costs, answers = [], list[Any]()
        for _ in range(rounds or self.rounds):
            answers[:] = []
            costs.append(cost(lambda: answers.append(ask())))
        wall, cpu = (told(seconds) for seconds in zip(*costs, strict=True))
        self.found[name] = {"wall": wall, "cpu": cpu}
        line = f"{wall['median']:>8.4g} s ({wall['least']:.3g} to {wall['most']:.3g})   CPU {cpu['median']:.4g} s"
        print(f"{name:<58}{line}   n={len(costs)}", flush=True)
        return answers[0]

    def peer(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """DuckDB with its own settings, over the files by their names."""
        files = [str(path) for path in sorted((self.folder / "index").glob("*.parquet"))]
        with duckdb.connect(":memory:") as database:
            return database.execute(query, [files, *values]).fetchall()


def build(run: Run) -> None:
    """The log, a pass over it, and its index."""
    begun = perf_counter()
    sealed(run.folder / "log", iter(records(run.entries)))
    print(f"a log of {run.entries:,} made entries, written in {perf_counter() - begun:.0f} s", flush=True)
    scan = run.timed("a pass: each entry against its hash", lambda: sum(1 for _ in _every(run.log)), 1)
    index = run.timed("the index made", lambda: run.index, 1)
    size = sum(one.bytes for one in index.segments)
    run.found |= {
        "entries": scan,
        "indexed": index.indexed,
        "entries_per_cpu_second_made": round(index.indexed / run.found["the index made"]["cpu"]["median"]),
        "entries_per_cpu_second_read": round(scan / run.found["a pass: each entry against its hash"]["cpu"]["median"]),
        "bytes_per_entry": round(size / max(1, index.indexed), 2),
        "most_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    reasons = ()
    if run.passes:
        reasons = run.timed("log verify's comparison, in a pass of its own", lambda: check(index.place, run.log), 1)
    if reasons:
        raise SystemExit(f"the index does not say what the log says: {reasons}")
    # Whoever asks loads these once in a process; that is not what is measured.
    counted(index, Filter(client=CLIENTS[0]))


def receipts(run: Run) -> None:
    """One record by its number."""
    rng = random.Random(1)  # noqa: S311 - no secret
    wanted = [
        Receipt(rng.choice(GATEWAYS), rng.randrange(run.entries // 4), bytes(32), 0) for _ in range(run.rounds * 3)
    ]
    asked = iter(wanted)
    run.timed("receipt: by the index", lambda: _there(Lookup(run.index).find(next(asked))), len(wanted))
    if run.passes:
        run.timed("receipt: by reading everything", lambda: _there(PredictionIndex(run.log).find(wanted[0])), 1)
    query = "SELECT min(index) FROM read_parquet(?) WHERE gateway = ? AND seq = ?"
    asked = iter(wanted)

    def plain() -> object:
        one = next(asked)
        return run.peer(query, one.gateway, one.seq)

    run.timed("receipt: DuckDB over plain Parquet", plain, run.rounds)


def questions(run: Run) -> None:
    """A minute, a client, a model, a day; and labels of a model's predictions."""
    middle = BEGAN + run.entries * 1000 // A_SECOND // 2
    minute = Filter(since=middle - 60_000, until=middle + 60_000, kinds=("predictions", "refused", "file"))
    day = (middle // DAY) * DAY
    asked = {
        "who served, a minute before and after": minute,
        "a client": Filter(client=CLIENTS[40]),
        "a model": Filter(models=(MODELS[5],)),
        "a day": Filter(since=day, until=day + DAY - 1),
        "everything": Filter(),
    }
    for name, one in asked.items():
        answer = run.timed(f"{name}: counts by the index", lambda one=one: counted(run.index, one))  # type: ignore[misc]
        where, values = one.where()
        group = f"time // {DAY}, kind, model, environment, rung, finding"
        query = f"SELECT {group}, count(*) FROM read_parquet(?) WHERE {where} GROUP BY ALL"  # noqa: S608 - our own words
        run.timed(f"{name}: DuckDB over plain Parquet", lambda q=query, v=values: run.peer(q, *v))  # type: ignore[misc]
        run.found[f"{name}: records"] = sum(count.entries for count in answer.values())

    def read_back() -> Sequence[object]:
        index = run.index
        found = places(index, minute, 20_000)
        return [index.log.entry(place) for place in found[:1]] and list(_at(index.log, found))

    run.timed("who served: places by the index, read back from the log", read_back)
    run.timed("a model: labels of its predictions, by the index", lambda: labelled(run.index, asked["a model"]))
    if run.passes:
        run.timed("any question: by a pass over all entries", lambda: _by_pass(run.log, minute), 1)


def _at(log: Log, found: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    from lockgate.audit.index.lookup import entries_at

    return entries_at(log, found)


def _by_pass(log: Log, asked: Filter) -> int:
    return sum(asked.has(row_of(entry)) for entry in _every(log))


def _every(log: Log) -> Iterator[bytes]:
    return log.entries(0, log.size)


def _there(found: object) -> object:
    if found is None:
        raise SystemExit("a record that is in the log was not found")
    return found


def main() -> None:
    """Measure, print, and write JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", default="/tmp")
    parser.add_argument("--no-passes", action="store_true", help="without what takes as long as reading all of it")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with place(chosen.folder) as folder:
        run = Run(folder, chosen.entries, chosen.rounds, not chosen.no_passes)
        build(run)
        receipts(run)
        questions(run)
    if chosen.json:
        chosen.json.write_text(json.dumps(run.found, indent=1) + "\n")


if __name__ == "__main__":
    main()
