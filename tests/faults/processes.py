"""The same chain as real processes: four gateways with their real recorders, the sealer, who logs events, a reader.

SIGKILL comes to all of them at a random moment, or to one of them at a chosen changing call (`tests.support.killing`)
and to the others later. What they were promised they write down, each in a file of its own, before they go on.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from lockgate.core.records import parse_receipt
from lockgate.errors import LockgateError
from lockgate.serve.spec import ServePolicy
from tests.faults.chain import LOGS, Chain
from tests.faults.doings import GATEWAYS
from tests.faults.machine import Machine
from tests.faults.rounds import Outcome
from tests.support.killing import Counter
from tests.support.recording import Bench, write

LONGEST = 0.06
"""Seconds after which all are killed, at the latest."""


@dataclass
class Told:
    """Lines of JSON, one `os.write` each, which a kill does not tear."""

    path: Path
    _descriptor: int = field(default=-1, init=False)
    _write: Callable[[int, bytes], int] = field(default=os.write, init=False)

    def say(self, *what: object) -> None:
        """Write it down; from then on it is promised."""
        if self._descriptor < 0:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._write(self._descriptor, (json.dumps(what) + "\n").encode())

    def lines(self) -> list[Any]:
        """All of it."""
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


class Crew:
    """Processes over one folder; `life` runs and kills them."""

    def __init__(self, place: Path, random: Random, template: Path | None) -> None:
        self.random, self.told = random, place / "told"
        self.told.mkdir()
        self.chain = Chain(place, random, template)
        self.chain.exact = False
        self.root = self.chain.machine.root
        (self.root / "predictions").mkdir(exist_ok=True)
        self._lives = 0

    def life(self) -> str:
        """All of them run, and are killed. What kind of kill it was."""
        self._lives += 1
        names = [f"gateway{i}" for i in range(GATEWAYS)] + ["sealer", "events", "reader"]
        sited = self.random.choice((None, "sealer", "events", self.random.choice(names)))
        at = self.random.randint(1, 150) if sited else 0
        seeds = {name: self.random.getrandbits(32) for name in names}
        children = {name: self._begin(name, at if name == sited else 0, seeds[name]) for name in names}
        time.sleep(self.random.uniform(0.004, LONGEST))
        hit = bool(sited and os.waitid(os.P_PID, children[sited], os.WEXITED | os.WNOHANG | os.WNOWAIT))
        for name in self.random.sample(names, len(names)):
            with suppress(ProcessLookupError):
                os.kill(children[name], signal.SIGKILL)
        for name, child in children.items():
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code != -signal.SIGKILL:
                said = (self.told / f"{name}.crash").read_text() if (self.told / f"{name}.crash").exists() else ""
                raise AssertionError(f"{name} ended by itself: {code} {said}")
        return f"kill at a call of the {sited.rstrip('0123456789')}" if hit and sited else "kill at a moment"

    def collect(self) -> None:
        """What they wrote down goes to the chain's promises."""
        promised = self.chain.promised
        for path in sorted(self.told.iterdir()):
            if path.name.startswith("gateway"):
                for gateway, seq in Told(path).lines():
                    promised.records.setdefault(gateway, {})[seq] = b""
        for start, entries in Told(self.told / "events").lines():
            promised.entries.update(enumerate((one.encode() for one in entries), start=start))
        for log in LOGS:
            promised.asked[log] = [text.encode() for (text,) in Told(self.told / f"signed-{log}").lines()]
            promised.shown[log] = [note.encode() for (note,) in Told(self.told / f"shown-{log}").lines()]
        self.chain.machine = Machine(self.root)

    def _begin(self, name: str, at: int, seed: int) -> int:
        child = os.fork()
        if child == 0:
            self._child(name, at, seed)
        return child

    def _child(self, name: str, at: int, seed: int) -> NoReturn:
        try:
            told = Told(self.told / f"{name}.{self._lives}" if name.startswith("gateway") else self.told / name)
            work = self._work(name, told, Random(seed))
            if at:
                Counter(at).install()
            work()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            (self.told / f"{name}.crash").write_text(f"{type(error).__name__}: {error}")
        finally:
            os._exit(1)

    def _work(self, name: str, told: Told, random: Random) -> Callable[[], None]:
        chain = self.chain
        for log in LOGS:
            signed = Told(self.told / f"signed-{log}")
            chain.promised.asked[log] = _Asked(signed)
        if name == "sealer":
            return partial(_seal, chain)
        if name == "events":
            return partial(_log_events, chain, told, random)
        if name == "reader":
            return partial(_read, chain, {log: Told(self.told / f"shown-{log}") for log in LOGS}, random)
        return partial(_serve, self.root, told, random)


class _Asked(list[bytes]):
    """Writes down what a key is asked to sign, before it signs."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self._told = told

    def append(self, text: bytes) -> None:
        self._told.say(text.decode())


def _serve(root: Path, told: Told, random: Random) -> None:
    """A gateway: requests, several at a time, each answered when its record is durable."""
    name = f"{random.getrandbits(64):016x}"

    async def life() -> None:
        recorder = Bench(root).open(name, policy=ServePolicy(record="synced"), part_bytes=6_000)

        async def ask() -> None:
            while True:
                tokens = write(recorder, *(random.random() for _ in range(random.choice((1, 1, 3)))))
                if await recorder.durable():
                    for token in tokens:
                        told.say(name, parse_receipt(token).seq)

        await asyncio.gather(*(ask() for _ in range(4)))

    asyncio.run(life())


def _seal(chain: Chain) -> None:
    carrier = chain.carrier()
    while True:
        if not carrier.carry():
            time.sleep(0.001)


def _log_events(chain: Chain, told: Told, random: Random) -> None:
    writer = chain.writer()
    while True:
        size = writer.append([]).size
        count = random.choice((1, 2, 3, 256 - size % 256))
        entries = [f"{random.getrandbits(48)} {i}" for i in range(count)]
        after = writer.append([one.encode() for one in entries])
        told.say(after.size - count, entries)


def _read(chain: Chain, told: Mapping[str, Told], random: Random) -> None:
    while True:
        log = random.choice(LOGS)
        with suppress(LockgateError):  # not begun yet
            told[log].say(chain.open(log, chain.seen(log)).note.decode())
        time.sleep(0.002)


def play(seed: int, place: Path, templates: Mapping[str, Path]) -> Outcome:
    """A round of one to three lives with real kills. The seed fixes what is tried, not when the kill comes."""
    random, found = Random(seed), Outcome(1)
    folder = place / f"p{seed}"
    folder.mkdir()
    try:
        crew = Crew(folder, random, templates[random.choice(sorted(templates))])
        try:
            for _ in range(random.choice((1, 2, 3))):
                found.hits[crew.life()] += 1
                found.lives += 1
                crew.collect()
                if random.random() < 0.5:
                    crew.chain.check()
            crew.chain.check()
            found.forks += [(seed, text) for text in crew.chain.forks()]
        except (AssertionError, LockgateError, OSError, ValueError) as error:
            found.broken.append((seed, f"{type(error).__name__}: {error}"[:300]))
        promised = crew.chain.promised
        found.entries, found.records = len(promised.entries), sum(map(len, promised.records.values()))
        found.signed = sum(map(len, promised.asked.values()))
    finally:
        shutil.rmtree(folder)
    return found
