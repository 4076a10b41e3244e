"""Serving and the clients' keys, as the library and the command line see them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from lockgate.serve.clients import ClientRegistry
from lockgate.serve.spec import Caps
from lockgate.trust import pin as pins

if TYPE_CHECKING:
    from lockgate.project import Project

EDGE_SECRETS = "edge.json"


def serve(
    project: Project,
    *,
    environment: str,
    ref: str = "",
    host: str = "127.0.0.1",
    port: int | None = None,
    ready: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> None:
    """Serve what is live in `environment` until interrupted, or until `stop`.

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
            ready=ready,
            stop=stop,
        )


def client_registry(project: Project) -> ClientRegistry:
    """The clients of a project whose root is pinned."""
    trusted = project.trusted_root()
    return ClientRegistry(project.home / "state", pins.key_folder(trusted) / EDGE_SECRETS)
