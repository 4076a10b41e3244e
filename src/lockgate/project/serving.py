"""Serving and the clients' keys, as the library and the command line see them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lockgate.errors import Usage
from lockgate.serve.spec import Caps, TlsSpec

if TYPE_CHECKING:
    from lockgate.monitor.spec import MonitorSpec
    from lockgate.project import Project
    from lockgate.supervise.redis import Redis
    from lockgate.supervise.sealing import Sealing
    from lockgate.supervise.webhook import Webhook

STALE_HOURS = 24.0
"""How long a mirror answers, by default, while its registry gives no log that verifies."""


def serve(
    project: Project,
    *,
    environment: str,
    ref: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
    tls: Mapping[str, str] | None = None,
    gateways: int | None = None,
    ready: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    each: Callable[[], None] = lambda: None,
    lately: Callable[[], bool] = lambda: True,
    stop: threading.Event | None = None,
    sealer: str = "",
    sealer_tls: Mapping[str, str] | None = None,
) -> None:
    """Serve what is live in `environment` until interrupted, until `stop`, or until `each`, asked all the time, raises.

    `tls`: paths that hold instead of those of `[serve.tls]`, by its keys. Raises Usage LG640 when one is missing.
    `lately`: whether the event log here is known to be the newest. `sealer`: HOST:PORT or unix:PATH of whoever seals
    the predictions, with `sealer_tls` (`ca`, `cert`, `key`); only for a mirror. Without it they are sealed here, and
    `[log]` says who else may append. Raises Usage LG7027.

    Raises Unavailable LG974 when it is served already, whichever model.

    The project's lock is held only while the registry is brought in order: deploying and rolling back go on
    beside a running gateway, and it follows them.
    """
    from lockgate.project.appending import alone, listening_of, need_mirror, sending_spec
    from lockgate.sandbox.levels import at_least
    from lockgate.supervise.run import serve as supervised
    from lockgate.supervise.sealing import Sealing

    settings, watched = project.config.serve, project.config.monitor
    sending = sending_spec(sealer, sealer_tls or {}) if sealer or any((sealer_tls or {}).values()) else None
    if sending is not None:
        need_mirror(project)
    with project.workplace(environment, say=say):
        pass
    place = project.unlocked(environment, say=say)
    with at_least(place.least_jail_level), alone():
        supervised(
            place,
            host=host,
            port=settings.port if port is None else port,
            ref=ref,
            tls=tls_spec(project.root, {**settings.tls, **(tls or {})}),
            caps=Caps(
                max_rows=settings.max_rows,
                max_body=settings.max_body,
                unheard=settings.unheard,
                model_rate=settings.model_rate,
                watched_rows=watched.most_rows,
                window_rows=watched.window,
                stride=watched.stride,
                sessions=watched.unit == "session",
            ),
            tokens=_tokens(project, say),
            gateways=settings.gateways if gateways is None else gateways,
            traces=settings.traces,
            subject_field=settings.subject_field,
            webhook=_webhook(project, watched),
            redis=lambda: _redis(project),
            sealing=Sealing.of(place) if sending is not None else _sealing(project, place.ledger.root, say),
            listen=None if sending is not None else listening_of(project),
            sending=sending,
            ready=ready,
            each=each,
            lately=lately,
            stop=stop,
        )


def tls_spec(root: Path, settings: Mapping[str, str]) -> TlsSpec | None:
    """The files of `[serve.tls]`, from the project's folder; None without any. Raises Usage LG640."""
    certificate, key, client_ca = (settings.get(name, "") for name in ("certificate", "key", "client_ca"))
    if not (certificate or key or client_ca):
        return None
    if not (certificate and key):
        raise Usage(
            "LG640",
            "TLS takes a certificate and its key, both",
            seen={"certificate": certificate, "key": key, "client_ca": client_ca},
            next="lockgate serve --tls-cert CERTIFICATE --tls-key KEY",
        )
    client: Literal["optional", "required"] = "optional" if settings.get("client") == "optional" else "required"
    return TlsSpec(root / certificate, root / key, root / client_ca if client_ca else None, client)


def serve_remote(
    remote: str,
    *,
    root: str,
    environment: str,
    folder: Path | None = None,
    name: str = "",
    stale_hours: float = STALE_HOURS,
    say: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> None:
    """Pull what `remote` names into a mirror, serve what is live there in `environment`, and follow the registry.

    What is served bears the name of the mirror's first model for ever. Raises what pulling and `serve` raise;
    Unavailable LG898 when the registry gave no log that verifies for longer than `stale_hours`: then nothing is
    answered any more.
    """
    from lockgate.project import Project
    from lockgate.project.carry.pulling import Asked, kept, mirror_folder
    from lockgate.project.carry.station import Follower, arrive, parse_stale
    from lockgate.project.folder import now

    stale = parse_stale(stale_hours)
    asked = Asked.of(remote, root, now, environment=environment, name=name)
    place = (folder or mirror_folder(asked)).resolve()
    ref, age = arrive(asked, place, stale, say)
    project = Project(place)
    name = kept(asked, project.home).name
    follower = Follower(asked, place, name, age=age, say=say)
    say(f"mirror: {place}")
    follower.start()
    try:
        each = lambda: follower.check(stale)  # noqa: E731 - one word of it is clearer than a name for it
        ref = ref or f"{name}:live"
        serve(project, environment=environment, ref=ref, say=say, each=each, lately=follower.lately, **options)
    finally:
        follower.end()


def _redis(project: Project) -> Redis | None:
    """Where gateways share limits. Raises Usage LG125 for a reference that leads nowhere, LG687 for no such address."""
    settings = project.config.serve
    if not settings.redis:
        return None
    from lockgate.ingest.secrets import resolve
    from lockgate.supervise.redis import Redis

    literal = settings.redis.startswith(("redis://", "rediss://", "unix://"))
    address = settings.redis if literal else resolve(settings.redis, "serve.redis", project.root)
    return Redis.parse(address, project.root / settings.redis_ca if settings.redis_ca else None)


def _webhook(project: Project, watched: MonitorSpec) -> Webhook | None:
    """Who is told of alarms. Its token is resolved for each alarm: Usage LG125 then is told, and stops nothing."""
    if not watched.webhook:
        return None
    from lockgate.ingest.secrets import resolve
    from lockgate.supervise.webhook import Webhook

    secret = watched.webhook_secret
    token = (lambda: resolve(secret, "monitor.webhook_secret", project.root)) if secret else str
    return Webhook(watched.webhook, token)


def _tokens(project: Project, say: Callable[[str], None]) -> Callable[[], bytes]:
    """Whose bearer tokens count, read again whenever it is called. Raises Usage LG643, LG648."""
    oidc = project.config.serve.oidc
    if not oidc.get("jwks"):
        return bytes
    from lockgate.serve.admission.tokens import reader

    return reader(project.root / oidc["jwks"], oidc["issuer"], oidc["audience"], say)


def _sealing(project: Project, root: str, say: Callable[[str], None]) -> Sealing | None:
    """In a mirror: this machine's own key, made at the first serve; in a project None, for the roles file's sealer."""
    from lockgate.project.carry.mirror import read_mirror
    from lockgate.project.carry.station import SEALER, Station
    from lockgate.project.prediction_log import MACHINE
    from lockgate.supervise.sealing import Sealing

    if read_mirror(project.home) is None:
        return None
    station = Station(root, project.root)
    public = station.make()
    say(f"{MACHINE}: {public.keyid[:16]}; receipts are verified here: lockgate verify RECEIPT -C {project.root}")
    return Sealing(
        station.origin, public.raw, project.seen(root, station.log), lambda: station.keyring.give_out(SEALER)
    )
