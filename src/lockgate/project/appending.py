"""Appenders elsewhere, as the library and the command line see them: who is enrolled, and sealing for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.errors import Unavailable, Usage
from lockgate.project.carry.mirror import read_mirror
from lockgate.store.files import read_regular
from lockgate.supervise.appenders import Appender, Appenders, fingerprint_of
from lockgate.supervise.ids import APPENDER, Ids
from lockgate.supervise.preparing import Listen
from lockgate.supervise.sending import Sending

if TYPE_CHECKING:
    from lockgate.project import Project
    from lockgate.project.folder import Folder

MOST_PEM = 1 << 20


def add_appender(project: Folder, name: str, *, cert: str = "", fingerprint: str = "", uid: int = -1) -> Appender:
    """Enrol a machine by its certificate (a PEM file, or the SHA-256 of its DER form), or a user of this machine.

    Raises Usage LG7029.
    """
    pem = ""
    if cert:
        try:
            pem = read_regular(Path(cert), MOST_PEM).decode()
        except (OSError, UnicodeDecodeError):
            raise Usage("LG7029", f"{cert} cannot be read as a PEM certificate", next=f"ls -l {cert}") from None
        found = fingerprint_of(pem.encode())
        if fingerprint and _plain(fingerprint) != found:
            raise Usage("LG7029", f"{cert} has another fingerprint", seen={"fingerprint": found}, next="openssl x509")
        fingerprint = found
    added = project.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    appender = Appender(name, _plain(fingerprint), pem, uid, added)
    Appenders(project.home).add(appender)
    return appender


def remove_appender(project: Folder, name: str) -> None:
    """It may append no more; a running sealer cuts it off within a second or two. Raises Refused LG7029."""
    Appenders(project.home).remove(name)


def list_appenders(project: Folder) -> list[dict[str, Any]]:
    """Everybody who is enrolled, and the gateways that each began. Raises VerificationFailed LG7028."""
    began = Ids(project.home).all()
    return [
        {
            "name": one.name,
            "fingerprint": one.fingerprint,
            "uid": one.uid if one.uid >= 0 else None,
            "added": one.added,
            "gateways": [each.gateway for each in began if each.by == APPENDER + one.name],
        }
        for one in Appenders(project.home).read()
    ]


def listen_spec(root: Path, place: str, tls: Mapping[str, str], socket: str = "") -> Listen:
    """How others may append. `place`: HOST:PORT, or empty for the socket of this machine alone. Raises Usage LG7027."""
    from lockgate.serve.spec import TlsSpec

    at = root / socket if socket else None
    certificate, key, client_ca = (tls.get(name, "") for name in ("certificate", "key", "client_ca"))
    if not place:
        if certificate or key or client_ca:
            raise _no("a certificate serves nobody without an address to listen on")
        return Listen(socket=at)
    host, colon, port = place.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) >= 1 << 16:
        raise _no(f"{place!r} is no HOST:PORT")
    if not (certificate and key):
        raise _no("other machines are heard over TLS alone, which needs a certificate and its key")
    spec = TlsSpec(root / certificate, root / key, root / client_ca if client_ca else None, "required")
    return Listen(host, int(port), spec, at)


def seal_for_others(
    project: Project,
    *,
    listen: str = "",
    tls: Mapping[str, str] | None = None,
    socket: str = "",
    ready: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> None:
    """Seal what others append, until interrupted; what is not given here `[log]` says.

    Raises what `supervise.seal_house.seal` raises; Usage LG7027.

    Unavailable LG974 when this project is served or sealed already.
    """
    from lockgate.sandbox.levels import at_least
    from lockgate.supervise.seal_house import seal

    settings = project.config.log
    given = {**settings.tls, **(tls or {})} if listen or settings.listen else (tls or {})
    spec = listen_spec(project.root, listen or settings.listen, given, socket or settings.socket)
    place = project.unlocked("dev", say=say)
    with at_least(place.least_jail_level), alone():
        seal(place, spec, ready=ready, stop=stop)


def listening_of(project: Folder) -> Listen | None:
    """How others may append while `serve` runs, by `[log]`; None where it says nothing. Raises Usage LG7027."""
    settings = project.config.log
    if not settings.listen and not settings.socket:
        return None
    return listen_spec(project.root, settings.listen, settings.tls, settings.socket)


def need_mirror(project: Folder) -> None:
    """Raises Usage LG7027 in a project: its predictions are sealed where its sealer's key is."""
    if read_mirror(project.home) is None:
        raise Usage(
            "LG7027",
            "--sealer is for a mirror: a project's predictions are sealed here",
            next="lockgate serve HOST/NAME --sealer HOST:PORT",
        )


def sending_spec(place: str, tls: Mapping[str, str]) -> Sending:
    """Where a mirror's records are sealed. Raises Usage LG7027."""
    return Sending.parse(place, *(tls.get(name, "") for name in ("ca", "cert", "key")))


@contextmanager
def alone() -> Iterator[None]:
    """One house in a project's folder, whichever model it answers for. Raises Unavailable LG974 for a second one.

    Two would tidy up each other's spool, and two sealers would fork the log of predictions.
    """
    try:
        yield
    except Unavailable as busy:
        if busy.finding != "LG807" or Path(str(busy.seen.get("lock"))).name != "serve":
            raise
        raise Unavailable(
            "LG974",
            "this project is served already, and its predictions are one log with one sealer",
            seen=busy.seen,
            next="stop the other one, or serve this model from a mirror: lockgate push, lockgate serve HOST/NAME",
        ) from None


def _plain(fingerprint: str) -> str:
    return fingerprint.removeprefix("sha256:").replace(":", "").lower()


def _no(why: str) -> Usage:
    return Usage("LG7027", f"nobody can append this way: {why}", next="lockgate log seal --help")
