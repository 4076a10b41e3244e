"""A service of this machine that nothing under attack may ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET, SOCK_STREAM, socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockgate.drills.replays.program import Done


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """Its port, and who asked."""
    asked: list[str] = []
    with socket(AF_INET, SOCK_STREAM) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.1)
        done = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, asked, done))
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            done.set()
            thread.join()


def attempted(done: Done, target: str) -> tuple[Any, ...]:
    """What the command printed, where it tells of an attempt to reach `target`: training may try other things."""
    attempts = ((done.document or {}).get("seen") or {}).get("attempts", ())
    return (done.document,) if any(target in str(one.get("target", "")) for one in attempts) else ()


def _serve(server: socket, asked: list[str], done: threading.Event) -> None:
    while not done.is_set():
        try:
            client, address = server.accept()
        except TimeoutError:
            continue
        asked.append(str(address))
        client.close()
