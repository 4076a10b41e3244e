"""The gateway when three times as much is asked of it as its model can answer, and when one client asks for all of it.

    python -m bench.gateway_overload [--minutes 0.5] [--batch 8] [--json FILE]

The model takes 5 ms for each batch of at most 8 rows (`bench.gateway_sleeper`), which is 1,600 rows a second at most;
all controls are on (`bench.gateway_stand`). The generator is an open loop (`bench.open_loop`): requests of one row at
fixed times, whose latency counts from those times. In this order:

1. unloaded      20 requests a second, which never meet        2. overload   4,800 a second, for `--minutes`
3. two clients   one asks 4,800 a second, one an eighth of what the model can, for a sixth of that time
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from bench import wrk
from bench.gateway import LOCKGATE, ask
from bench.gateway_controls import standing
from bench.gateway_project import Up, made
from bench.gateway_stand import CONTROLS, Stand, key_of
from bench.open_loop import Plan, Result

BATCH_SECONDS = 0.005
TIMES = 3
UNLOADED_RATE = 20.0
MODEST_SHARE = 8
CONNECTIONS = 400
P99_TIMES, GROWTH, MODEST_REFUSED = 2.0, 1.05, 0.01
HELP = "%(default)s by default; 10 for the claim that memory is flat"


def offered(up: Up, plans: Sequence[Plan]) -> list[Result]:
    """The load of `plans`, by a process of its own."""
    port = str(urlsplit(up.url).port)
    said = subprocess.run(
        [sys.executable, "-m", "bench.open_loop", port],
        input=json.dumps([asdict(plan) for plan in plans]),
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise SystemExit(f"bench.open_loop: {said.stderr}")
    return [Result(**one) for one in json.loads(said.stdout)]


@contextmanager
def weighed(pid: int, sizes: list[float]) -> Iterator[None]:
    """The proportional memory of a process, in MiB, twice a second."""
    over = threading.Event()

    def weigh() -> None:
        while not over.wait(0.5):
            sizes.append(wrk.memory(pid))

    thread = threading.Thread(target=weigh)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def line(result: Result) -> str:
    """For a person."""
    total = result.accepted + result.refused + result.other + result.lost
    return (
        f"{result.name:<10}{total / result.seconds:>8,.0f} req/s  accepted {result.accepted / result.seconds:>7,.0f}/s "
        f"p50 {result.p50:6.2f}  p99 {result.p99:6.2f}  worst {result.worst:7.2f} ms   "
        f"refused {result.refused / max(1, total):6.1%} (p99 {result.refused_p99:.2f} ms)   "
        f"sent late, p99 {result.late_p99:.2f} ms"
    )


def growth(sizes: Sequence[float]) -> float:
    """Median of the last fifth over that of the second fifth; the first is warming up."""
    fifth = max(1, len(sizes) // 5)
    return statistics.median(sizes[-fifth:]) / statistics.median(sizes[fifth : 2 * fifth])


def measure(minutes: float, batch: int) -> tuple[dict[str, Result], list[float]]:
    """All three loads on one gateway; and its memory under the second."""
    project = made()
    body = json.dumps(LOCKGATE.body(project.one))
    capacity = batch / BATCH_SECONDS

    def plan(name: str, rate: float, seconds: float, client: str = "one", connections: int = CONNECTIONS) -> Plan:
        return Plan(name, rate, seconds, connections, {"Authorization": f"Bearer {key_of(client)}"}, body)

    found: dict[str, Result] = {}
    sizes: list[float] = []
    with standing(Stand(CONTROLS, "synced", BATCH_SECONDS, batch)) as up:
        ask(up, LOCKGATE.body(project.one))
        seconds = minutes * 60
        for plans, kept in (
            ([plan("unloaded", UNLOADED_RATE, 11 + seconds / 60, connections=4)], []),
            ([plan("overload", TIMES * capacity, seconds + 1)], sizes),
            (
                [
                    plan("flooding", TIMES * capacity, seconds / 6 + 1),
                    plan("modest", capacity / MODEST_SHARE, seconds / 6 + 1, "other", connections=64),
                ],
                [],
            ),
        ):
            with weighed(up.root, kept):
                results = offered(up, plans)
            for result in results:
                found[result.name] = result
                print(line(result))
    return found, sizes


def claims(found: dict[str, Result], sizes: Sequence[float], minutes: float) -> list[tuple[str, bool]]:
    """What is claimed, with its figure, and whether it holds."""
    unloaded, overload, modest = (found[name] for name in ("unloaded", "overload", "modest"))
    ratio, ratio_modest = overload.p99 / unloaded.p99, modest.p99 / unloaded.p99
    grown = growth(sizes)
    bare = sum(result.bare + result.other + result.lost for result in found.values())
    share = modest.refused / max(1, modest.refused + modest.accepted)
    memory = f"memory of the gateway after {minutes:g} minutes: {sizes[-1]:.1f} MiB"
    return [
        (f"p99 of accepted requests over the unloaded one: {ratio:.2f} (at most {P99_TIMES:g})", ratio <= P99_TIMES),
        (f"requests without a 200, or a 503 with Retry-After: {bare} (none)", not bare),
        (f"{memory}, {grown:.3f} of what it was (at most {GROWTH:g})", grown <= GROWTH),
        (f"modest client, refused: {share:.2%} (at most {MODEST_REFUSED:.0%})", share <= MODEST_REFUSED),
        (f"its p99 over the unloaded one: {ratio_modest:.2f} (at most {P99_TIMES:g})", ratio_modest <= P99_TIMES),
    ]


def main() -> None:
    """Measure, print, and say which claims hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=0.5, help=HELP)
    parser.add_argument("--batch", type=int, default=8, help="rows of a batch; capacity is 200 times that")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found, sizes = measure(arguments.minutes, arguments.batch)
    claimed = claims(found, sizes, arguments.minutes)
    for words, holds in claimed:
        print(f"{'holds' if holds else 'NOT':<6}{words}")
    if arguments.json:
        said = {"results": {name: asdict(result) for name, result in found.items()}, "memory": sizes}
        arguments.json.write_text(json.dumps(said, indent=1), encoding="utf-8")
    sys.exit(0 if all(holds for _, holds in claimed) else 1)


if __name__ == "__main__":
    main()
