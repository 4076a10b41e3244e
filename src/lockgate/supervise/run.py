"""`lockgate serve`: bring the house up, keep it, and leave nothing running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

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
from lockgate.serve.recording.spools import take_down
from lockgate.serve.spec import Caps, ServeSpec, TlsSpec
from lockgate.store.files import read_regular
from lockgate.store.lock import lock
from lockgate.supervise import jails
from lockgate.supervise.alarming import alarmer_of
from lockgate.supervise.book import Book
from lockgate.supervise.courier import courier_of
from lockgate.supervise.guard import guard_of
from lockgate.supervise.house import House
from lockgate.supervise.household import Household
from lockgate.supervise.limits import Limits
from lockgate.supervise.listening import Listeners, listening
from lockgate.supervise.preparing import Listen, opened, prepare, taking
from lockgate.supervise.redis import Redis
from lockgate.supervise.sealing import Sealing
from lockgate.supervise.sending import Sending
from lockgate.supervise.signals import signals
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
    listen: Listen | None = None,
    sending: Sending | None = None,
) -> None:
    """Serve what is live in `workplace.environment` until SIGINT, SIGTERM or `stop`.

    `sealing`: who seals the predictions, by default the sealer of the roles file. `each` is called at every step of
    the supervisor; what it raises ends the house in order. `ready` is called once with the URL, at the moment from
    which every gateway answers. When this returns or raises, every process is gone and every prediction that was
    answered is in the spool or in the log. `tls`: the files to serve it with; without them plain HTTP.

    `tokens`: whose bearer tokens count, as `serve.admission.tokens` renders it, asked again all the time. `gateways`:
    how many answer on the one port; `redis`: where they share limits; `traces`: share of requests that leave a span.
    `subject_field`: which field says whom a record is about, for payloads that the policy keeps. `lately`: whether the
    event log on disk is known to be the newest. `webhook`: who is told of alarms. `listen`: how others may append to
    the log that is sealed here; `sending`: who seals instead, elsewhere, the log that `sealing` names without its key.

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
    with (
        lock(state / "locks" / "serve", wait=False),
        listening(host, port, gateways) as listeners,
        taking(workplace, listen) as doors,
        signals(stop),
    ):
        found = sealing or Sealing.of(workplace)
        household = _household(workplace, plan, found, tokens, listeners, redis, traces, subject_field, sending)
        if doors is not None:
            household = replace(household, taking=doors)
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
    sending: Sending | None,
) -> Household:
    home, root = workplace.home, workplace.ledger.root
    if sending is None:
        sealing.key()  # asks for its passphrase, and refuses a store that gives none out, before all else
    # Only now, for whoever has the sealer's key: an address may be what a command of lockgate.toml prints.
    shared = redis()
    limits = Limits(f"lockgate:{root[:16]}:{workplace.environment}:", shared, len(listeners))
    workplace.say(limits.said())
    written = [(home / "state" / name, 0o700) for name in jails.WRITTEN]
    for folder, mode in (*written, (home / "log" / PREDICTIONS, 0o755)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    take_down(home / "state" / "spool")
    if sending is None:
        prepare(home, sealing)

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
        sending=sending,
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
        return opened(workplace.home, sealing)

    if household.sending is not None:
        workplace.say("records are sealed elsewhere: alarms are looked for where the log is")
        return replace(household, book=book)
    if declared:
        guard = guard_of(workplace, name, predictions, mirror=mirror)
    alarmer = alarmer_of(workplace, name, predictions, mirror=mirror, planned=book.planned)
    household = replace(household, book=book, guard=guard, alarmer=alarmer, former_sealers=sealing.former)
    courier = None if mirror else courier_of(workplace, book, predictions)
    return replace(household, webhook=webhook, courier=courier)


def _url(host: str, port: int, *, secure: bool) -> str:
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
