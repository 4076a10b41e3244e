"""Serving and the clients' keys, as the library and the command line see them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.serve.clients import ClientRegistry
from lockgate.serve.spec import Caps
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.project import Project
    from lockgate.supervise.sealing import Sealing

EDGE_SECRETS = "edge.json"
STALE_HOURS = 24.0
"""How long a mirror answers, by default, while its registry gives no log that verifies."""


def serve(
    project: Project,
    *,
    environment: str,
    ref: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
    ready: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    each: Callable[[], None] = lambda: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve what is live in `environment` until interrupted, until `stop`, or until `each`, asked all the time, raises.

    The project's lock is held only while the registry is brought in order: deploying and rolling back go on
    beside a running gateway, and it follows them.
    """
    from lockgate.sandbox.levels import at_least
    from lockgate.supervise.run import serve as supervised

    settings = project.config.serve
    with project.workplace(environment, say=say):
        pass
    place = project.unlocked(environment, say=say)
    with at_least(place.least_jail_level):
        supervised(
            place,
            host=host,
            port=settings.port if port is None else port,
            ref=ref,
            caps=Caps(max_rows=settings.max_rows, max_body=settings.max_body),
            sealing=_sealing(project, place.ledger.root, say),
            ready=ready,
            each=each,
            stop=stop,
        )


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
        serve(project, environment=environment, ref=ref or f"{name}:live", say=say, each=each, **options)
    finally:
        follower.end()


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


def client_registry(project: Project) -> ClientRegistry:
    """The clients of a project whose root is pinned."""
    trusted = project.trusted_root()
    return ClientRegistry(project.home / "state", pins.key_folder(trusted) / EDGE_SECRETS)
