"""`lockgate serve`: bring the house up, keep it, and leave nothing running."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from lockgate.audit.ledger import EVENTS, PREDICTIONS
from lockgate.audit.load import load_decision
from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.workplace import Workplace
from lockgate.errors import Refused, Unavailable
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import run as stage
from lockgate.serve import spools
from lockgate.serve.clients import FILE, MAX_BYTES
from lockgate.serve.spec import Caps, ServeSpec
from lockgate.store.files import read_regular
from lockgate.store.lock import lock
from lockgate.supervise.house import House, Household
from lockgate.supervise.sealing import Sealing
from lockgate.trust import pin
from lockgate.trust._edgefile import edge_secrets

BACKLOG = 128


def serve(
    workplace: Workplace,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    ref: str = "",
    caps: Caps | None = None,
    sealing: Sealing | None = None,
    ready: Callable[[str], None] = lambda _: None,
    each: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve what is live in `workplace.environment` until SIGINT, SIGTERM or `stop`.

    `sealing`: who seals the predictions, by default the sealer of the roles file. `each` is called at every step of
    the supervisor; what it raises ends the house in order. `ready` is called once with the URL, at the moment from
    which requests are answered. When this returns or raises, every process is gone and every prediction that was
    answered is in the spool or in the log.

    Raises what `serve.run` raises; Unavailable LG626 when the port is taken, LG807 when this project is served
    already, LG625 when a process does not stay up.
    """
    plan = stage.run(workplace, ServeSpec(host, port, ref, caps or Caps()))
    stop = stop or threading.Event()
    state = workplace.home / "state"
    with lock(state / "locks" / "serve", wait=False), _listening(host, port) as listener, _signals(stop):
        household = _household(workplace, plan, listener, sealing or Sealing.of(workplace))
        url = _url(host, listener.getsockname()[1])
        house = House(household, say=workplace.say, opened=lambda: ready(url))
        try:
            while not stop.is_set():
                each()
                house.step(time.monotonic())
        finally:
            house.stop(time.monotonic)


def _household(workplace: Workplace, plan: stage.ServePlan, listener: socket.socket, sealing: Sealing) -> Household:
    home, root = workplace.home, workplace.ledger.root
    sealing.key()  # asks for its passphrase, and refuses a store that gives none out, before all else
    for folder, mode in ((home / "state" / "spool", 0o700), (home / "log" / PREDICTIONS, 0o755)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    if (home / "log" / PREDICTIONS / "checkpoint").exists():
        log = Log.open(
            home / "log" / PREDICTIONS,
            public_key=sealing.public,
            origin=sealing.origin,
            seen=sealing.seen,
            former=sealing.former,
        )
        spools.clear(home / "state" / "spool", log)

    def clients() -> bytes:
        with suppress(FileNotFoundError):
            return read_regular(home / "state" / FILE, MAX_BYTES)
        return b""

    def python_for(manifest: str) -> PythonEnv:
        if manifest == plan.decision.manifest:
            return plan.python
        workplace.ledger.refresh()
        decision = load_decision(
            workplace.ledger.statements(), workplace.environment, workplace.now(), name=plan.decision.name
        )
        if decision.manifest != manifest:
            raise Refused("LG634", "the gateway asks for a model that is not live", seen={"manifest": manifest})
        return stage.environment_of(workplace, decision)

    return Household(
        home=home,
        root=root,
        environment=workplace.environment,
        name=plan.decision.name,
        manifest=plan.decision.manifest,
        caps=plan.spec.caps,
        sealer_public=sealing.public,
        predictions_origin=sealing.origin,
        listener=listener,
        events_seen=SeenStore(pin.seen_folder(root) / EVENTS, keep=False),
        predictions_seen=sealing.seen,
        sealer_key=sealing.key,
        edge_secrets=lambda: edge_secrets(workplace.keyring.folder / "edge.json").encode(),
        reloaded={"clients": clients},
        python_for=python_for,
    )


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """The one socket that requests come in by. The supervisor never accepts on it. Raises Unavailable LG626."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            # A gateway that was taken over may shut the socket down: the next one listens anew, on the same port if it
            # was named here; one that the kernel chose would be another by then.
            listener.bind((host, port or _free_port(family, host)))
            listener.listen(BACKLOG)
        except OSError as error:
            raise Unavailable(
                "LG626",
                f"cannot listen on {host} port {port}: {error.strerror}",
                seen={"host": host, "port": port},
                next="lockgate serve --port 0   # takes a free one",
            ) from None
        yield listener


def _free_port(family: int, host: str) -> int:
    with socket.socket(family, socket.SOCK_STREAM) as asked:
        asked.bind((host, 0))
        found: int = asked.getsockname()[1]
    return found


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM end the house in order. Only the main thread may say so; others use `stop`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before: dict[int, Any] = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
