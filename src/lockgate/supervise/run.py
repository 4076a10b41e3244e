"""`lockgate serve`: bring the house up, keep it, and leave nothing running."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from lockgate.audit.entries import registrations
from lockgate.audit.ledger import EVENTS, PREDICTIONS
from lockgate.audit.load import load_standing
from lockgate.audit.log import Log
from lockgate.audit.seen import SeenStore
from lockgate.audit.workplace import Workplace
from lockgate.errors import Refused, Usage
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import run as stage
from lockgate.serve.clients import FILE, MAX_BYTES
from lockgate.serve.evidence import sizes_of
from lockgate.serve.recording import spools
from lockgate.serve.spec import Caps, ServeSpec, TlsSpec
from lockgate.store.files import read_regular
from lockgate.store.lock import lock
from lockgate.supervise import jails
from lockgate.supervise.alarming import alarmer_of
from lockgate.supervise.book import Book
from lockgate.supervise.guard import guard_of
from lockgate.supervise.house import House
from lockgate.supervise.household import Household
from lockgate.supervise.limits import Limits
from lockgate.supervise.listening import Listeners, listening
from lockgate.supervise.redis import Redis
from lockgate.supervise.sealing import Sealing
from lockgate.supervise.tls_files import TlsFiles
from lockgate.supervise.webhook import Webhook
from lockgate.trust import pin
from lockgate.trust._payloadfile import handed_secrets

MOST_GATEWAYS = 64


def serve(
    workplace: Workplace,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    ref: str = "",
    caps: Caps | None = None,
    tls: TlsSpec | None = None,
    tokens: Callable[[], bytes] = bytes,
    sealing: Sealing | None = None,
    gateways: int = 1,
    redis: Callable[[], Redis | None] = lambda: None,
    traces: float = 0.0,
    subject_field: str = "",
    webhook: Webhook | None = None,
    ready: Callable[[str], None] = lambda _: None,
    each: Callable[[], None] = lambda: None,
    lately: Callable[[], bool] = lambda: True,
    stop: threading.Event | None = None,
) -> None:
    """Serve what is live in `workplace.environment` until SIGINT, SIGTERM or `stop`.

    `sealing`: who seals the predictions, by default the sealer of the roles file. `each` is called at every step of
    the supervisor; what it raises ends the house in order. `ready` is called once with the URL, at the moment from
    which every gateway answers. When this returns or raises, every process is gone and every prediction that was
    answered is in the spool or in the log. `tls`: the files to serve it with; without them plain HTTP.

    `tokens`: whose bearer tokens count, as `serve.admission.tokens` renders it, asked again all the time. `gateways`:
    how many answer on the one port; `redis`: where they share limits; `traces`: share of requests that leave a span.
    `subject_field`: which field says whom a record is about, for payloads that the policy keeps. `lately`: whether the
    event log on disk is known to be the newest. `webhook`: who is told of alarms.

    Raises what `serve.run` raises; Usage LG687, LG689 for `redis` and `gateways`; Unavailable LG626 when the port is
    taken, LG807 when this project is served already, LG625 when a process does not stay up.
    """
    if not 1 <= gateways <= MOST_GATEWAYS:
        raise Usage(
            "LG689",
            f"{gateways} gateways cannot be started: from 1 to {MOST_GATEWAYS}",
            seen={"gateways": gateways},
            next="lockgate serve --gateways 2",
        )
    plan = stage.run(workplace, ServeSpec(host, port, ref, caps or Caps(), tls))
    stop = stop or threading.Event()
    state = workplace.home / "state"
    with lock(state / "locks" / "serve", wait=False), listening(host, port, gateways) as listeners, _signals(stop):
        found = sealing or Sealing.of(workplace)
        household = _household(workplace, plan, found, tokens, listeners, redis, traces, subject_field)
        household = _guarded(household, workplace, found, lately, webhook, mirror=sealing is not None)
        url = _url(host, listeners.port, secure=tls is not None)
        house = House(household, say=workplace.say, opened=lambda: ready(url))
        try:
            while not stop.is_set():
                each()
                house.step(time.monotonic())
        finally:
            house.stop(time.monotonic)


def _household(
    workplace: Workplace,
    plan: stage.ServePlan,
    sealing: Sealing,
    tokens: Callable[[], bytes],
    listeners: Listeners,
    redis: Callable[[], Redis | None],
    traces: float,
    subject_field: str,
) -> Household:
    home, root = workplace.home, workplace.ledger.root
    sealing.key()  # asks for its passphrase, and refuses a store that gives none out, before all else
    # Only now, for whoever has the sealer's key: an address may be what a command of lockgate.toml prints.
    shared = redis()
    limits = Limits(f"lockgate:{root[:16]}:{workplace.environment}:", shared, len(listeners))
    workplace.say(limits.said())
    written = [(home / "state" / name, 0o700) for name in jails.WRITTEN]
    for folder, mode in (*written, (home / "log" / PREDICTIONS, 0o755)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    if (home / "log" / PREDICTIONS / "checkpoint").exists():
        spools.clear(home / "state" / "spool", _opened(home, sealing))

    def clients() -> bytes:
        with suppress(FileNotFoundError):
            return read_regular(home / "state" / FILE, MAX_BYTES)
        return b""

    tls = plan.spec.tls
    certificate = TlsFiles(tls, now=workplace.now, say=workplace.say).read if tls is not None else bytes

    def python_for(manifest: str) -> PythonEnv:
        workplace.ledger.refresh()
        standing = load_standing(
            workplace.ledger.statements(), workplace.environment, workplace.now(), name=plan.decision.name
        )
        for decision in (standing.live, standing.candidate, standing.previous):
            if decision is not None and decision.manifest == manifest:
                jails.refuse_beyond_machine(decision.registration.ref, *sizes_of(decision.registration))
                if manifest == plan.decision.manifest:
                    return plan.python
                return stage.environment_of(workplace, decision)
        raise Refused(
            "LG634",
            "the gateway asks for a model that is neither live, nor on the ladder, nor was live before",
            seen={"manifest": manifest},
        )

    def sizes_for(manifest: str) -> tuple[int, int]:
        known = registrations(workplace.ledger.statements())
        return next((sizes_of(one) for one in known if one.manifest == manifest), (0, 0))

    return Household(
        home=home,
        root=root,
        environment=workplace.environment,
        name=plan.decision.name,
        manifest=plan.decision.manifest,
        caps=plan.spec.caps,
        sealer_public=sealing.public,
        predictions_origin=sealing.origin,
        listeners=listeners,
        events_seen=SeenStore(pin.seen_folder(root) / EVENTS, keep=False),
        predictions_seen=sealing.seen,
        sealer_key=sealing.key,
        edge_secrets=partial(handed_secrets, workplace.keyring.folder, subject_field),
        reloaded={"clients": clients, "tokens": tokens, "tls": certificate, "shared": limits.read},
        python_for=python_for,
        sizes_for=sizes_for,
        traces=traces,
        redis=shared.connect if shared is not None else None,
    )


def _guarded(
    household: Household,
    workplace: Workplace,
    sealing: Sealing,
    lately: Callable[[], bool],
    webhook: Webhook | None,
    *,
    mirror: bool,
) -> Household:
    """With the event log as it is followed here, and the guard of this machine, where there is one: its two hands."""
    environment, name = household.environment, household.name
    book = Book(workplace.ledger, environment, name, workplace.say, lately)
    declared = bool(workplace.policy.environment(environment).ladder.rungs) or book.climbing
    guard = None

    def predictions() -> Log:
        return _opened(workplace.home, sealing)

    if declared:
        guard = guard_of(workplace, name, predictions, mirror=mirror)
    alarmer = alarmer_of(workplace, name, predictions, mirror=mirror, planned=book.planned)
    return replace(household, book=book, guard=guard, alarmer=alarmer, webhook=webhook, former_sealers=sealing.former)


def _opened(home: Path, sealing: Sealing) -> Log:
    """The log of predictions, verified. Raises VerificationFailed, Unavailable."""
    return Log.open(
        home / "log" / PREDICTIONS,
        public_key=sealing.public,
        origin=sealing.origin,
        seen=sealing.seen,
        former=sealing.former,
    )


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


def _url(host: str, port: int, *, secure: bool) -> str:
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
