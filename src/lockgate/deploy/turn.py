"""One decision at a time: what is decided on the log as it is must be appended before anybody else decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lockgate.audit.workplace import Workplace
from lockgate.store.lock import lock


@contextmanager
def turn(workplace: Workplace) -> Iterator[None]:
    """Hold the project's deployment lock, with the log read anew: two deployments never get the same number."""
    with lock(workplace.home / "state" / "locks" / "deploy"):
        workplace.ledger.refresh()
        yield
