"""A drill that is interrupted says so, whatever ended first: a terminal sends Ctrl-C to every process of the house."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lockgate.drills import place
from lockgate.errors import LockgateError, Unavailable

COPY = cast("place.Copy", SimpleNamespace(project=None, environment="dev", model=SimpleNamespace(name="m", version=1)))
GONE = Unavailable("LG625", "a process does not stay up")


def house(*, signalled: bool, ready: bool, error: LockgateError | None = None) -> Callable[..., None]:
    """Instead of `serve`: is stopped by a signal or not, before or after it was ready, and may end with an error."""

    def serve(_project: object, **options: Any) -> None:
        if ready:
            options["ready"]("http://127.0.0.1:1")
        if signalled:
            before = signal.signal(signal.SIGINT, lambda _number, _frame: options["stop"].set())
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.signal(signal.SIGINT, before)
        if error is not None:
            raise error
        assert options["stop"].wait(5)

    return serve


@pytest.mark.parametrize("ready", [False, True])
@pytest.mark.parametrize("error", [None, GONE])
def test_a_signal_is_an_interruption(monkeypatch: pytest.MonkeyPatch, ready: bool, error: LockgateError | None) -> None:
    """Before the gateway was up, while it was asked, and where the gateway had ended by it: never LG984 or LG985."""
    asked = threading.Event()

    def work(_url: str) -> None:
        asked.wait(0.1)
        raise Unavailable("LG985", "gave no answer")

    monkeypatch.setattr(place, "serve", house(signalled=True, ready=ready, error=error))
    with pytest.raises(KeyboardInterrupt):
        place.served(COPY, work)


def test_without_a_signal_the_result_or_the_error_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the work gave, what it raised, what the house raised."""

    def fail(_url: str) -> None:
        raise Unavailable("LG985", "gave no answer")

    monkeypatch.setattr(place, "serve", house(signalled=False, ready=True))
    assert place.served(COPY, lambda _url: 7) == 7
    with pytest.raises(LockgateError, match="gave no answer"):
        place.served(COPY, fail)
    monkeypatch.setattr(place, "serve", house(signalled=False, ready=False, error=GONE))
    with pytest.raises(LockgateError, match="does not stay up"):
        place.served(COPY, lambda _url: 7)
