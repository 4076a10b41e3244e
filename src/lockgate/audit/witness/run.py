"""Run a witness until it is told to stop: key, record, socket. Needs no project, and knows of logs nothing but keys."""

from __future__ import annotations

import asyncio
import signal
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from lockgate.audit.witness.key import WitnessKey, open_key
from lockgate.audit.witness.record import Record
from lockgate.audit.witness.server import Server, Told, Witness
from lockgate.core.checkpoint import VerifierKey, parse_vkey
from lockgate.errors import Unavailable, Usage

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class WitnessSpec:
    """What a witness is started with. `tls`: files of a certificate and its key, or None for plain HTTP.

    `passphrase` gives one for a new key; None: the key file is not encrypted.
    """

    host: str
    port: int
    name: str
    logs: tuple[VerifierKey, ...]
    key: Path
    state: Path
    tls: tuple[Path, Path] | None = None
    passphrase: Callable[[], bytes] | None = None


def run(
    spec: WitnessSpec,
    *,
    ready: Callable[[WitnessKey, str], None],
    tell: Callable[[Told], None],
    stop: threading.Event | None = None,
) -> None:
    """Witness until SIGTERM, SIGINT or `stop`. `ready` gets the key and the submission prefix when it answers.

    Raises Refused LG7015, LG831; Usage LG832, LG871, LG640; Unavailable LG626 the port, LG713 the record, LG872.
    """
    context = _context(spec.tls) if spec.tls is not None else None
    key, fresh = open_key(spec.key, spec.name, passphrase=spec.passphrase)
    with closing(Record(spec.state, key.verifier.line(), fresh_key=fresh)) as record:
        server = Server(Witness(key, by_origin(spec.logs), record, tell=tell))
        scheme = "https" if context is not None else "http"

        def listening(port: int) -> None:
            host = f"[{spec.host}]" if ":" in spec.host else spec.host
            ready(key, f"{scheme}://{host}:{port}")

        asyncio.run(_until(server, spec, context, listening, stop))


def read_logs(vkeys: Iterable[str]) -> tuple[VerifierKey, ...]:
    """The keys of logs, each as `name+id+base64` of type 0x01. Raises Usage LG940."""
    found = []
    for vkey in vkeys:
        try:
            found.append(parse_vkey(vkey.strip()))
        except ValueError as error:
            raise Usage(
                "LG940",
                f"not the verifier key of a log: {error}",
                seen={"vkey": vkey[:200]},
                next="lockgate log cosign --vkeys   # where the log is",
            ) from None
    return tuple(dict.fromkeys(found))


def by_origin(keys: Iterable[VerifierKey]) -> dict[str, list[VerifierKey]]:
    """By the name of the log: a log whose key was rotated has two for a while."""
    found: dict[str, list[VerifierKey]] = {}
    for key in keys:
        found.setdefault(key.name, []).append(key)
    return found


async def _until(
    server: Server,
    spec: WitnessSpec,
    context: ssl.SSLContext | None,
    ready: Callable[[int], None],
    stop: threading.Event | None,
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
    if stop is not None:
        watching = threading.Thread(target=_watch, args=(stop, loop, ended), daemon=True)
        watching.start()
    try:
        await server.run(spec.host, spec.port, ended, tls=context, ready=ready)
    except OSError as error:
        raise Unavailable(
            "LG626",
            f"{spec.host}:{spec.port} cannot be listened on: {error.strerror or error}",
            seen={"host": spec.host, "port": spec.port},
            next="lockgate log witness --listen 127.0.0.1:0",
        ) from None


def _watch(stop: threading.Event, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    stop.wait()
    # The witness may have ended by itself meanwhile.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(ended.set)


def _context(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        raise Usage(
            "LG640",
            f"certificate and key cannot be used: {error}",
            seen={"certificate": str(files[0]), "key": str(files[1])},
            next="lockgate log witness --tls-cert CERTIFICATE --tls-key KEY",
        ) from None
    return context
