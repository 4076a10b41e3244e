"""What each control of the gateway costs: CPU microseconds a request, of gateway and model worker together.

    python -m bench.gateway_controls [--seconds 3] [--rounds 5] [--only none,keys,all] [--json FILE]

The gateway's own parts in one process (`bench.gateway_stand`): with none of its controls, with each of them alone, with
all; and the whole house, `lockgate serve`, whose jails nothing else has. wrk asks in a closed loop, over 64 connections
with 1 row and over 8 with 32 rows: so many rows are one batch, and nothing is shed. A round runs every variant once, in
a new process, in an order that turns from round to round; a cost is the median of the differences to `none` of the
same round.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import httpx

from bench import wrk
from bench.gateway import LOCKGATE, ask
from bench.gateway_project import PLACE, Made, Up, made, served
from bench.gateway_stand import CONTROLS, Stand, key_of
from bench.wrk import Load

MOST = 15.0
COUNTED = ("gateway", "model worker")
NONE, ALL, HOUSE, SERVED = "none", "all", "in jails", "as served"
DEFAULT = tuple(name for name in CONTROLS if name not in ("rounded", "traced"))
"""What `lockgate serve` does with no setting of its own."""
SCRAPED = ("counted", ALL)
VARIANTS = {
    NONE: Stand((), ""),
    "keys": Stand(("keys",), ""),
    "rates": Stand(("rates",), ""),
    "contract": Stand(("contract",), ""),
    "fairness": Stand(("fairness",), ""),
    "written": Stand((), "written"),
    "synced": Stand((), "synced"),
    "rounded": Stand(("rounded",), ""),
    "counted": Stand(("counted",), ""),
    "traced": Stand(("traced",), ""),
    "evidence": Stand(("evidence",), ""),
    ALL: Stand(CONTROLS, "synced"),
    SERVED: Stand(DEFAULT, "synced"),
}
SAID = {
    NONE: "HTTP, routes, msgspec to numbers, batches",
    "keys": "address, key, permission, requests in flight",
    "rates": "GCRA of the client, budget of its day, headers",
    "contract": "strict JSON, compiled plan, exact encoding",
    "fairness": "fair queueing and shedding, instead of a line",
    "written": "a record in the spool before each answer",
    "synced": "the same, on the disk before each answer",
    "rounded": "output policy: scores rounded to 3 digits",
    "counted": "counters, /metrics scraped once a second",
    "traced": "spans for one request in twenty",
    "evidence": "the log looked at once a second",
    ALL: "all of these, records synced",
    SERVED: "what lockgate serve does by default",
    HOUSE: "the same as lockgate serve: jails, filter, supervisor's looks",
}

Found = dict[str, dict[str, list[Load]]]


@contextmanager
def standing(stand: Stand) -> Iterator[Up]:
    """A `Stand` in a process of its own."""
    with (PLACE / "stand.log").open("wb") as talk:
        process = subprocess.Popen(stand.command(), stdout=subprocess.PIPE, stderr=talk)
        try:
            port = process.stdout.readline().strip() if process.stdout else b""
            if not port:
                raise SystemExit(f"bench.gateway_stand did not start: see {PLACE / 'stand.log'}")
            header = {"Authorization": f"Bearer {key_of('one')}"}
            yield Up(f"http://127.0.0.1:{int(port)}/predict", process.pid, header)
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def scraped(up: Up) -> Iterator[None]:
    """`/metrics` once a second, as Prometheus would."""
    over = threading.Event()
    url = up.url.replace("/predict", "/metrics")

    def scrape() -> None:
        with httpx.Client(headers=up.headers, timeout=5) as client:
            while not over.wait(1.0):
                with suppress(httpx.HTTPError):
                    client.get(url)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def shapes(project: Made) -> dict[str, tuple[int, bytes]]:
    """Connections, and the body."""
    sizes = {"1 row": (64, project.one), "32 rows": (8, project.many)}
    return {name: (count, json.dumps(LOCKGATE.body(rows)).encode()) for name, (count, rows) in sizes.items()}


def loaded(up: Up, project: Made, seconds: int) -> dict[str, Load]:
    """One variant under both loads."""
    ask(up, LOCKGATE.body(project.one))
    found = {}
    for shape, (connections, body) in shapes(project).items():
        for warm in (True, False):
            found[shape] = wrk.load(
                up.url,
                body,
                connections=connections,
                seconds=1 if warm else seconds,
                root=up.root,
                headers=up.headers,
                kinds=COUNTED,
            )
    return found


def run(name: str, project: Made, port: int, seconds: int) -> dict[str, Load]:
    """One variant in its own processes."""
    if name == HOUSE:
        with served(project, port) as up:
            return loaded(up, project, seconds)
    with standing(VARIANTS[name]) as up, scraped(up) if name in SCRAPED else nullcontext():
        return loaded(up, project, seconds)


def measure(names: list[str], rounds: int, seconds: int) -> Found:
    """Every variant, `rounds` times."""
    project = made()
    found: Found = {name: {shape: [] for shape in shapes(project)} for name in names}
    for turn in range(rounds):
        shift = turn * len(names) // rounds
        for place, name in enumerate(names[shift:] + names[:shift]):
            for shape, load in run(name, project, 18500 + 40 * turn + place, seconds).items():
                found[name][shape].append(load)
                print(f"  {turn + 1}  {name:<10}{shape:<9}{load.line()}", file=sys.stderr)
                if load.errors:
                    raise SystemExit(f"{name}: {load.errors} errors under load")
    return found


def over_none(found: Found, name: str, shape: str, base: str = NONE) -> float:
    """Median of the differences within a round, microseconds a request."""
    pairs = zip(found[name][shape], found[base][shape], strict=True)
    return statistics.median(one.cpu - none.cpu for one, none in pairs)


def table(found: Found) -> Iterator[str]:
    """One line a variant."""
    sizes = list(next(iter(found.values())))
    yield f"{'us CPU a request':<18}" + "".join(f"{size:>10}{'over none':>12}" for size in sizes)
    for name, loads in found.items():
        cells = ""
        for size in sizes:
            cpu = statistics.median(load.cpu for load in loads[size])
            cells += f"{cpu:>10.1f}{over_none(found, name, size):>+12.1f}"
        yield f"{name:<18}{cells}   {SAID[name]}"
    if HOUSE in found and SERVED in found:
        cells = "".join(f"{'':>10}{over_none(found, HOUSE, size, SERVED):>+12.1f}" for size in sizes)
        yield f"{'jails alone':<18}{cells}   {HOUSE} over {SERVED}"


def main() -> None:
    """Measure, print, and say whether the claim holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join((*VARIANTS, HOUSE)), help="variants; `none` is always among them")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    wanted = {NONE, *arguments.only.split(",")}
    names = [name for name in (*VARIANTS, HOUSE) if name in wanted]
    if unknown := wanted - set(names):
        raise SystemExit(f"no such variant: {', '.join(sorted(unknown))}")
    found, holds = measure(names, arguments.rounds, arguments.seconds), True
    for line in table(found):
        print(line)
    if ALL in found:
        cost = over_none(found, ALL, "1 row")
        holds = cost <= MOST
        print(f"{'holds' if holds else 'NOT':<6}all over none, 1 row: {cost:.1f} us (at most {MOST:g})")
    if arguments.json:
        said = {
            name: {shape: [load.cpu for load in loads] for shape, loads in by_shape.items()}
            for name, by_shape in found.items()
        }
        arguments.json.write_text(json.dumps(said, indent=1), encoding="utf-8")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
