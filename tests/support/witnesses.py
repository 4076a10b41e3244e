"""A witness in a thread, and the parts of one, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.audit.witness.key import WitnessKey
from lockgate.audit.witness.record import Record
from lockgate.audit.witness.run import WitnessSpec, run
from lockgate.audit.witness.server import Told, Witness
from lockgate.core.checkpoint import COSIGNATURE, VerifierKey
from lockgate.trust.policy_witness import Witness as Named
from tests.support.sealing import ORIGIN, PUBLIC, Fast

LOG = VerifierKey(ORIGIN, PUBLIC)
NAME = "witness.example/w1"


def key_of(number: int = 1, name: str = NAME) -> WitnessKey:
    """The key of a witness, the same for each number."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return WitnessKey(name, private.public_key().public_bytes_raw(), private.sign)


def witness_in(
    folder: Path,
    *,
    keys: Sequence[VerifierKey] = (LOG,),
    now: Callable[[], float] = lambda: 1000.0,
    key: WitnessKey | None = None,
    fresh: bool = True,
) -> tuple[Witness, list[Told]]:
    """A witness without a socket, and what it tells its operator."""
    told: list[Told] = []
    own = key or key_of()
    record = Record(folder, own.verifier.line(), fresh_key=fresh, disk=Fast())
    known = {one.name: [each for each in keys if each.name == one.name] for one in keys}
    return Witness(own, known, record, tell=told.append, now=now), told


@dataclass
class Running:
    """A witness that listens. `witness`: as a policy names it."""

    url: str = ""
    vkey: str = ""
    told: list[Told] = field(default_factory=list)

    def witness(self, name: str = "w1") -> Named:
        """As a policy names it."""
        from lockgate.core.checkpoint import parse_vkey

        return Named(name, parse_vkey(self.vkey, COSIGNATURE), self.url)


@contextmanager
def running(folder: Path, keys: Sequence[VerifierKey] = (LOG,), name: str = NAME) -> Iterator[Running]:
    """A whole witness on loopback: key file, record, socket. It ends with the block, and its thread with it."""
    found, stop, up = Running(), threading.Event(), threading.Event()

    def ready(own: WitnessKey, url: str) -> None:
        found.url, found.vkey = url, own.verifier.line()
        up.set()

    spec = WitnessSpec("127.0.0.1", 0, name, tuple(keys), folder / "key" / "witness.key", folder / "state")
    heard = {"ready": ready, "tell": found.told.append, "stop": stop}
    thread = threading.Thread(target=run, args=(spec,), kwargs=heard)
    thread.start()
    try:
        assert up.wait(10)
        yield found
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
