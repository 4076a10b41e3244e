"""What it costs a gateway to see who tries its models: CPU time a request, off the answer's path and on it.

    OMP_NUM_THREADS=1 python -m bench.abuse_cost

Requests of one row, of natural rows, by one client and by fifty; all detectors on, against the same run without a
population (everything else as it is: the queue, the books, the leak budget), in turn and in the same process. Beside it
what looking alone costs at other block sizes, and what an answer's path pays: nothing suspected, and one held back.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.monitor.abuse.population import make
from lockgate.monitor.making import make as make_plan
from lockgate.monitor.plan import INPUTS
from lockgate.serve.abuse.abuse import Abuse
from lockgate.serve.abuse.responses import Responses
from lockgate.serve.abuse.waiting import Row
from lockgate.serve.monitoring.watch import Clocks
from lockgate.serve.settings import GatewaySettings
from lockgate.serve.spec import Answer, Asked, Caps, Client, Served, ServedField, ServePolicy
from lockgate.serve.tally import Tally
from lockgate.trust.policy_abuse import AbusePolicy, AbuseRule

FIELDS = tuple(f"f{number}" for number in range(30))
REQUESTS, ROUNDS = 20_000, 5
WARM = 4_000
"""Requests before those that are measured."""
POLICY = AbusePolicy(10**9, 10**11, kinds={"external": AbuseRule("limit", "coarsen")})


class _Nothing:
    """Whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: True


def rows(count: int, seed: int) -> Any:
    """Of a population of 30 numbers that depend on each other."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(1).normal(size=(6, len(FIELDS)))
    return rng.normal(size=(count, 6)) @ mix + rng.normal(size=(count, len(FIELDS))) * 0.6


def plans() -> dict[str, bytes]:
    """With a population of 20,000 rows."""
    from dataclasses import replace

    kinds = dict.fromkeys(FIELDS, "float")
    columns = dict(zip(FIELDS, rows(20_000, 2).T, strict=True))
    plan = make_plan({name: column[:500] for name, column in columns.items()}, kinds, seed=3)
    return {INPUTS: replace(plan, population=make(columns, kinds, seed=3)).encode()}


def served() -> Served:
    """The model."""
    fields = tuple(ServedField(name, "float") for name in FIELDS)
    digest: Any = "sha256:" + "a" * 64
    return Served("m", 1, digest, "prod", "live", "binary", "y", (False, True), fields)


def requests(count: int, clients: int, seed: int) -> list[tuple[list[Asked], list[Answer]]]:
    """Batches of requests of one row, their clients by turns."""
    from lockgate.contract.given import Given

    who = [Client(f"c{number}", "", "external", "", 1e6, 1000) for number in range(clients)]
    made = []
    for number, values in enumerate(rows(count, seed).tolist()):
        given = Given(1, [b"%0400d" % number], [tuple(values)])
        asked = Asked(who[number % clients], given, _unused, _unused, address=f"192.0.{number % clients}.1")
        score = (number * 37 % 100) / 100
        said = {"label": score > 0.5, "scores": {"false": 1 - score, "true": score}}
        made.append((asked, Answer(served(), [said], [b"{}"], ("t",), "", [said])))
    return [([one for one, _ in part], [one for _, one in part]) for part in _parts(made, 8)]


def _unused(_: Any) -> Any:
    return None


def _parts(listed: list[Any], size: int) -> list[list[Any]]:
    return [listed[at : at + size] for at in range(0, len(listed), size)]


async def gateway(folder: Path, files: dict[str, bytes]) -> Abuse:
    """Its part that looks, with turns taken by hand and no rest between them."""
    clocks = Clocks(time.monotonic, lambda: time.time_ns() // 1_000_000, lambda: 0.0)
    service: Any = _Nothing()
    settings = GatewaySettings("0" * 64, "prod", "m", "0" * 16, Caps())
    made = Abuse(
        service,
        service,
        settings,
        Tally(),
        alarm=lambda _finding, _message: None,
        pseudonym=lambda name: name,
        spool=folder,
        clocks=clocks,
    )
    loaded: Any = type("Loaded", (), {"served": served(), "policy": ServePolicy(), "abuse": POLICY, "plans": files})
    made.settle([loaded])
    for task in list(made._making):  # noqa: SLF001 - turns are taken by hand
        await task
    if made._task is not None:  # noqa: SLF001 - turns are taken by hand
        made._task.cancel()  # noqa: SLF001 - turns are taken by hand
    return made


def spent(made: Abuse, batches: list[tuple[list[Asked], list[Answer]]]) -> float:
    """CPU microseconds a request: handed over, and turns until nothing waits."""
    engine: Any = type("Engine", (), {"served": served()})
    count = sum(len(asked) for asked, _ in batches)
    gc.collect()
    began = time.process_time()
    for number, (asked, answers) in enumerate(batches):
        made.given(engine, asked, answers)
        if number % 40 == 39:
            _turns(made)
    _turns(made)
    return (time.process_time() - began) / count * 1e6


def _turns(made: Abuse) -> None:
    made._turn(time.monotonic())  # noqa: SLF001 - turns are taken by hand
    while any(one.waiting._many for one in made._models.values()):  # noqa: SLF001 - turns are taken by hand
        made._turn(time.monotonic())  # noqa: SLF001 - turns are taken by hand


async def measure(clients: int, files: dict[str, bytes]) -> tuple[list[float], list[float]]:
    """With the detectors and without, by turns."""
    on, off = [], []
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        looking, blind = await gateway(Path(one), files), await gateway(Path(other), {})
        spent(looking, requests(WARM, clients, 50))
        for round_ in range(ROUNDS):
            batches = requests(REQUESTS, clients, 100 + round_)
            on.append(spent(looking, batches))
            off.append(spent(blind, batches))
        skipped = looking._tally.abuse["skipped"]  # noqa: SLF001 - turns are taken by hand
        if skipped:
            sys.stdout.write(f"  {skipped} rows were skipped: the figure is too low\n")
        raised = dict(looking._tally.suspicions)  # noqa: SLF001 - turns are taken by hand
        if raised:
            sys.stdout.write(f"  raised meanwhile: {raised}\n")
    return on, off


async def blocks(clients: int, files: dict[str, bytes]) -> None:
    """Looking alone, by the rows of a block."""
    for size in (32, 64, 128, 256, 512):
        with tempfile.TemporaryDirectory() as one:
            looking = next(iter((await gateway(Path(one), files))._lookings.values()))  # noqa: SLF001 - turns are taken by hand
        listed = [
            Row(asked.client, asked.address, asked.given.values[0], answer.raw[0], 400, hash(asked.given.canonical[0]))
            for batch, answers in requests(8 * 1024, clients, 7)
            for asked, answer in zip(batch, answers, strict=True)
            if asked.given.values is not None
        ]
        for part in _parts(listed[:2048], size):
            looking.look(part, served(), lambda _: "full")
        began = time.process_time()
        for part in _parts(listed[2048:], size):
            looking.look(part, served(), lambda _: "full")
        each = (time.process_time() - began) / len(listed[2048:]) * 1e6
        sys.stdout.write(f"  blocks of {size:3} rows, {clients:2} clients: {each:5.1f} us a row\n")


def path(what: str, ask: Callable[[], object]) -> None:
    """What an answer's path pays."""
    found = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(200_000):
            ask()
        found.append((time.perf_counter() - began) / 200_000 * 1e9)
    sys.stdout.write(f"  {what}: {min(found):.0f} ns\n")


def main() -> None:
    """Print it all."""
    files = plans()
    sys.stdout.write(f"30 numbers; {ROUNDS} rounds of {REQUESTS:,} requests of one row; CPU microseconds a request\n")
    for clients in (1, 50):
        on, off = asyncio.run(measure(clients, files))
        more = [one - other for one, other in zip(on, off, strict=True)]
        sys.stdout.write(
            f"{clients:2} clients: on {statistics.median(on):.1f} (to {max(on):.1f}), off {statistics.median(off):.1f},"
            f" all detectors {statistics.median(more):.1f} (to {max(more):.1f})\n"
        )
    for clients in (1, 50):
        asyncio.run(blocks(clients, files))
    one = Client("c1", "", "external", "", 1.0, 1)
    idle, busy = Responses(), Responses()
    busy.become(POLICY, {"c2": 3}, {}, frozenset(), blind=False)
    path("nobody is suspected, all three questions of a request", lambda: (idle.active, idle.active, idle.active))
    path(
        "somebody else is held back, all three questions",
        lambda: (busy.check(one), busy.coarse(one), busy.later(one, _unused, _unused)),  # type: ignore[arg-type, func-returns-value]
    )


if __name__ == "__main__":
    main()
