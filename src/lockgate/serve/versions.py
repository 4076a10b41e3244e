"""One verified model on its way to answering: the workers that the supervisor offers, what they are loaded with."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lockgate.contract.plan import parse_plan
from lockgate.contract.requests import RequestChecker
from lockgate.errors import LockgateError
from lockgate.runtime.sizes import load_seconds
from lockgate.serve import control
from lockgate.serve.declined import WorkerLost
from lockgate.serve.engine import JailedEngine, Outcome
from lockgate.serve.handover import hand_over
from lockgate.serve.link import WorkerLink
from lockgate.serve.service import Live

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.serve.evidence import Loadable
    from lockgate.serve.spec import Caps

LOAD_SECONDS = 60.0
"""So long may it take until the workers of a small model are there and have loaded it."""


class Version:
    """A model that was verified, its two workers, and its engine once both are there.

    `lost` is told of a worker that was broken off, by kind; `refused` why this model can have no worker.
    """

    def __init__(
        self,
        loaded: Loadable,
        caps: Caps,
        outcome: Outcome,
        *,
        lost: Callable[[Version, str, str], None],
        refused: Callable[[Version, str, str], None],
    ) -> None:
        self.loaded = loaded
        self.engine = JailedEngine(loaded.served, loaded.spec, caps, outcome, time.monotonic)
        self.engine.policy = loaded.policy
        self._caps = caps
        self._lost = lost
        self._refused = refused
        self._checker: RequestChecker | None = None
        self._loaded: set[str] = set()
        self.asked_at = time.monotonic()
        """When its workers were last asked for."""

    @property
    def manifest(self) -> Digest:
        """Which model."""
        return self.loaded.decision.manifest

    @property
    def seconds(self) -> float:
        """So long may its workers take."""
        files = self.loaded.files
        return LOAD_SECONDS + load_seconds(files.model.size, files.data.size if files.data is not None else 0)

    @property
    def ready(self) -> bool:
        """Whether both workers were there once: from then on a lost one is replaced while requests wait."""
        return self._checker is not None and self._loaded >= set(control.WORKERS)

    def live(self) -> Live:
        """What answers. For a version that is ready."""
        if self._checker is None:
            raise WorkerLost("its contract is not loaded yet")
        return Live(self.engine, self._checker)

    def take(self, loaded: Loadable) -> None:
        """The same bytes under a newer statement or policy."""
        self.loaded = loaded
        self.engine.served, self.engine.policy = loaded.served, loaded.policy

    async def load(self, kind: str, descriptor: int) -> bool:
        """Load this model into the worker at the other end. Whether it is in service now."""
        sock = socket.socket(fileno=descriptor)
        try:
            found = await asyncio.to_thread(hand_over, kind, sock, self.loaded, seconds=self.seconds)
            if kind == "contract":
                self._checker = await asyncio.to_thread(_checker, found, self.loaded)
        except LockgateError as error:
            sock.close()
            self._refused(self, error.finding, error.message)
        except Exception as error:  # noqa: BLE001 - whatever a worker makes us do, the next one gets its turn
            sock.close()
            why = str(error) if isinstance(error, WorkerLost) else f"it could not be taken: {type(error).__name__}"
            self._lost(self, kind, why)
        else:
            link = await WorkerLink.open(
                sock, deadline=self._caps.answer, on_lost=lambda why: self._lost(self, kind, why)
            )
            self.engine.replace(kind, link)
            self._loaded.add(kind)
            return True
        return False

    def leave(self) -> None:
        """Take no more requests; what its worker has just now is answered."""
        self.engine.leave()

    def close(self) -> None:
        """Let the workers go. Whoever waits is told."""
        self.engine.close()


def _checker(plan: bytes, loaded: Loadable) -> RequestChecker:
    """What accepts requests at once. A plan that is none means a worker that broke the protocol. Raises WorkerLost."""
    try:
        parsed = parse_plan(plan)
    except (ValueError, TypeError) as error:
        raise WorkerLost(f"the contract worker's plan: {error}") from None
    return RequestChecker(parsed, [(field.name, field.kind) for field in loaded.spec.fields])
