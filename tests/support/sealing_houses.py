"""Two machines on one: a house that seals for others, and one that sends its records there. Real jails and sockets."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.spool import Spool
from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import JailSettings
from lockgate.serve.appending.spec import Limits
from lockgate.serve.control import Told
from lockgate.serve.settings import CONTROL_FD
from lockgate.supervise.appenders import Appender, Appenders, fingerprint_of
from lockgate.supervise.forwarding import Forwarding
from lockgate.supervise.house import launch
from lockgate.supervise.ids import Ids
from lockgate.supervise.listening import listening
from lockgate.supervise.post import Post
from lockgate.supervise.process import Process
from lockgate.supervise.seal_house import Own, SealHouse
from lockgate.supervise.sending import Sending
from lockgate.supervise.taking import Taking
from tests.support.appending import HOST, MIRROR, ROOT, material
from tests.support.recording import KEY, ORIGIN, PUBLIC


def key_pem() -> bytes:
    """The sealer's key as the keyring gives it."""
    encoding, form, none = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return KEY.private_bytes(encoding, form, none)


def own(home: Path) -> Own:
    """Whose log it is; the folders are there."""
    for name, mode in (("state/spool", 0o700), ("state/intake", 0o700), ("log/predictions", 0o755)):
        (home / name).mkdir(parents=True, exist_ok=True)
        (home / name).chmod(mode)
    return Own(home, ORIGIN, PUBLIC, SeenStore(home / "seen" / "predictions"), key_pem)


class SendHouse:
    """The sending side of a house, alone."""

    def __init__(self, home: Path, sending: Sending, say: Callable[[str], None]) -> None:
        self.carried: dict[str, int] = {}
        self.notes: list[bytes] = []
        self._post = Post(say)
        self.side = Forwarding(
            own(home), self._post, say, self._start, sealed=self.notes.append, carried=self._carried, sending=sending
        )  # fmt: skip

    def step(self, now: float) -> None:
        """As a house does."""
        for kept in self.side.kept.values():
            kept.tick(now)
        self.side.step(now)
        for name, told in self._post.collect(0.05):
            self.side.hear(name, told, now)

    def stop(self, clock: Callable[[], float]) -> None:
        """In order: what is in the spools is sent."""
        for kept in self.side.kept.values():
            self._post.hang_up(kept.name)
            until = clock() + 10
            while clock() < until and kept.process is not None and kept.process.poll() is None:
                self.step_post()
            kept.stop()
        self.side.close()
        self._post.close()

    def step_post(self) -> None:
        """Its last words."""
        for name, told in self._post.collect(0.05):
            self.side.hear(name, told, 0.0)

    def _carried(self, told: Told) -> None:
        self.carried |= told.header["next"]

    def _start(
        self, name: str, jail: JailSettings, target: Target, descriptors: dict[int, int], *, spoken: bool = True
    ) -> Process:
        talk = self._post.talk(name)
        try:
            with self._post.connect(name) as theirs:
                return launch(jail, target, {2: talk, CONTROL_FD: theirs.fileno(), **descriptors})
        finally:
            os.close(talk)


class Running:
    """A house in a thread; `kill` ends one of its processes as the kernel would."""

    def __init__(self, house: Any, said: list[str]) -> None:
        self.house = house
        self.said = said
        self._end = threading.Event()
        self.failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                self.house.step(time.monotonic())
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.failed.append(error)
        finally:
            self.house.stop(time.monotonic)

    def kill(self, name: str) -> None:
        """At once."""
        side = getattr(self.house, "side", None) or self.house._side
        process = side.kept[name].process
        if process is not None:
            process.kill()

    def end(self) -> None:
        """In order. Raises what it ended of."""
        self._end.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self.failed:
            raise self.failed[0]


class Machines:
    """`sealer` has the log; `mirror` records."""

    def __init__(self, place: Path, port: Any) -> None:
        self.sealer, self.mirror = place / "sealer", place / "mirror"
        self._port = port
        self.said: list[str] = []
        self.files = place
        for folder, held, name in ((place, HOST, "host"), (place, MIRROR, "mirror"), (place, ROOT, "root")):
            held.write(folder, name)
        own(self.sealer)
        Appenders(self.sealer).add(Appender("mirror", fingerprint_of(MIRROR.pem)))

    def sealing(self) -> Running:
        """A house that seals for others."""
        socket = self.sealer / "state" / "run" / "append.sock"
        taking = Taking(self._port, material().encode, socket, os.geteuid(), Limits())
        return Running(SealHouse(own(self.sealer), taking, say=self.said.append), self.said)

    def sending(self, *, local: bool = False) -> Running:
        """A house that sends its records there."""
        where = Sending(
            "localhost",
            self._port.port,
            None,
            *(self.files / name for name in ("root.pem", "mirror.pem", "mirror.key")),
        )
        if local:
            where = Sending(path=self.sealer / "state" / "run" / "append.sock")
        return Running(SendHouse(self.mirror, where, self.said.append), self.said)

    def begin(self, gateway: str) -> Spool:
        """A gateway of the mirror: in the book, with a spool."""
        own(self.mirror)
        Ids(self.mirror).add(gateway, by="gateway", log=ORIGIN)
        return Spool(self.mirror / "state" / "spool" / f"{gateway}.spool")

    def log(self) -> Log:
        """Verified."""
        return Log.open(self.sealer / "log" / "predictions", public_key=PUBLIC, origin=ORIGIN)

    def wait(self, size: int, seconds: float = 40.0) -> Log:
        """The log, once it has so many entries."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (self.sealer / "log" / "predictions" / "checkpoint").exists() and (log := self.log()).size >= size:
                return log
            time.sleep(0.05)
        raise AssertionError((self.said, size))


@contextmanager
def machines(place: Path) -> Iterator[Machines]:
    """Both, with a port between them."""
    with listening("127.0.0.1", 0) as port:
        yield Machines(place, port)
