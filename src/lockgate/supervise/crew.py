"""The workers of one gateway: a pair for each model that it answers from, at most three models at once.

    contract, model             the pair of the model that was live when the house came up
    contract:1f09.., model:..   a pair of another one: a candidate, the one before, or what is live by now

A gateway asks for a pair (`need`) and says when it has no use for it any more (`done`). It is believed neither: the
evidence must name the model as live, as the candidate or as the one before, and a fourth pair is refused.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from lockgate.core.digest import hex_of
from lockgate.errors import LockgateError, Refused
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve.control import WORKERS
from lockgate.supervise import jails
from lockgate.supervise.doors import Doors
from lockgate.supervise.process import Kept, Process

MOST_MODELS = 3
RETIRE_SECONDS = 15.0
UNASKED_SECONDS = 60.0
"""How long a pair waits that was started before its gateway asked."""
_DIGITS = 8


@dataclass
class _Pair:
    """A model's workers. Those that nobody has asked for are ended when they are `due`."""

    manifest: str
    python: PythonEnv
    asked: bool
    workers: dict[str, Kept] = field(default_factory=dict)
    due: float | None = None

    def stop(self) -> None:
        for kept in self.workers.values():
            kept.stop()


class Crew:
    """Starts, keeps and ends them. `gateway`: who is offered their sockets; `suffix`: of their names."""

    def __init__(self, doors: Doors, gateway: str, suffix: str) -> None:
        """Raises what `python_for` raises, of the model that the house comes up with."""
        self._doors = doors
        self._gateway = gateway
        self._suffix = suffix
        self._pairs: dict[str, _Pair] = {}
        self._leaving: list[tuple[float, _Pair]] = []
        self._told = ""
        own = doors.own
        self._add(own.manifest, own.python_for(own.manifest), asked=False)

    @property
    def kept(self) -> dict[str, Kept]:
        """Each worker by its name."""
        return {kept.name: kept for pair in self._pairs.values() for kept in pair.workers.values()}

    def first(self, name: str) -> bool:
        """Whether this is a worker of the model that the house came up with."""
        return name in {kind + self._suffix for kind in WORKERS}

    def step(self, now: float) -> None:
        """End what is over."""
        for due, pair in [one for one in self._leaving if now >= one[0]]:
            pair.stop()
            self._leaving.remove((due, pair))
        for pair in [one for one in self._pairs.values() if not one.asked]:
            pair.due = now + UNASKED_SECONDS if pair.due is None else pair.due
            if now >= pair.due:
                self._pairs.pop(pair.manifest).stop()

    def renew(self, first: str) -> None:
        """The gateway starts anew: all are ended at once, and a fresh pair awaits what it answered from, `first`."""
        before = self._pairs.get(first) or next(iter(self._pairs.values()), None)
        self.stop()
        if before is not None:
            self._add(before.manifest, before.python, asked=False)

    def stop(self) -> None:
        """End them all."""
        for pair in (*self._pairs.values(), *(pair for _, pair in self._leaving)):
            pair.stop()
        self._pairs, self._leaving = {}, []

    def need(self, manifest: str, now: float) -> None:
        """Workers for this model too, beside those there are; refused and told where it may not have any."""
        pair = self._pairs.get(manifest)
        if pair is None:
            try:
                pair = self._allowed(manifest)
            except LockgateError as error:
                self._refuse(manifest, error)
                return
        pair.asked = True
        for kept in pair.workers.values():
            kept.want(now)

    def done(self, manifest: str, now: float) -> None:
        """The gateway has no use for these any more. They finish what they have, and are ended later."""
        pair = self._pairs.pop(manifest, None)
        if pair is None:
            return
        self._leaving.append((now + self._doors.own.caps.answer + RETIRE_SECONDS, pair))
        # A gateway that asks and sends home in a loop fills the machine no further than this.
        while len(self._leaving) > MOST_MODELS:
            self._leaving.pop(0)[1].stop()

    def lost(self, kind: str, manifest: str, why: str) -> None:
        """The gateway broke off with a worker: end it, and the next step starts another."""
        pair = self._pairs.get(manifest)
        kept = pair.workers.get(kind) if pair is not None else None
        if kept is not None and kept.process is not None:
            self._doors.say(f"{kept.name} worker broken off: {why}")
            kept.process.kill()

    def _allowed(self, manifest: str) -> _Pair:
        """1. It names a model.   2. It is not the fourth.   3. The evidence names it. Raises LockgateError."""
        # 1.
        try:
            hex_of(manifest)
        except ValueError:
            raise _too_much("the gateway asks for workers of something that is no model", manifest) from None
        # 2.
        if sum(pair.asked for pair in self._pairs.values()) >= MOST_MODELS:
            raise _too_much(f"the gateway asks for workers of more than {MOST_MODELS} models at once", manifest)
        # 3.
        python = self._doors.own.python_for(manifest)
        for pair in [one for one in self._pairs.values() if not one.asked and len(self._pairs) == MOST_MODELS]:
            self._pairs.pop(pair.manifest).stop()
        return self._add(manifest, python, asked=True)

    def _refuse(self, manifest: str, error: LockgateError) -> None:
        told = f"no workers for {manifest}: {error.finding} {error.message}"
        if told != self._told:
            self._told = told
            self._doors.say(told)
        self._doors.post.tell(self._gateway, "refused", manifest=manifest, finding=error.finding, message=error.message)

    def _add(self, manifest: str, python: PythonEnv, *, asked: bool) -> _Pair:
        pair = _Pair(manifest, python, asked)
        for kind in WORKERS:
            start = lambda kind=kind: self._start(pair, kind)  # noqa: E731 - one for each kind
            pair.workers[kind] = Kept(self._name(kind, manifest), start, lasting=asked)
        self._pairs[manifest] = pair
        return pair

    def _name(self, kind: str, manifest: str) -> str:
        own = manifest == self._doors.own.manifest
        return kind + self._suffix + ("" if own else f":{hex_of(manifest)[:_DIGITS]}")

    def _start(self, pair: _Pair, kind: str) -> Process:
        """Start one; the gateway gets the other end of its socket."""
        doors = self._doors
        ours, theirs = socket.socketpair()
        try:
            jail, target = jails.worker(kind, pair.python, *doors.own.sizes_for(pair.manifest))
            name = pair.workers[kind].name
            process = doors.start(name, jail, target, {jails.WORKER_FD: theirs.fileno()}, spoken=False)
            doors.post.tell(self._gateway, "worker", files=(ours.fileno(),), kind=kind, manifest=pair.manifest)
        finally:
            ours.close()
            theirs.close()
        return process


def _too_much(message: str, manifest: str) -> Refused:
    return Refused("LG691", message, seen={"manifest": manifest[:80]}, next="lockgate explain LG691")
