"""One HTTP exchange, and where it may go. Redirects, retries and credentials stand above.

Promises: TLS is verified against the system's authorities (`SSL_CERT_FILE` is read by OpenSSL); plain HTTP goes only
where `Origin` allows it; no answer is decompressed; every wait for an answer ends. `HTTPS_PROXY` and `NO_PROXY` hold.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Timer
from time import monotonic
from typing import Final
from urllib.parse import urljoin
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError, SSLError
from urllib3.util import Timeout, Url, make_headers, parse_url

from lockgate.store.remote.reference import Reference, host_of, is_loopback

_PIECE: Final = 1 << 18
_LONGEST_URL: Final = 16 << 10
_PORTS: Final = {"https": 443, "http": 80}
_API_HOSTS: Final = {"docker.io": "registry-1.docker.io"}


Body = bytes | Callable[[], Iterable[bytes]] | None
"""What is sent: bytes, or something that begins anew each time that it is called (with a Content-Length beside it)."""


class Broken(Exception):
    """A connection did not come about, broke, or fell silent. It may go better a second time."""


class Untrusted(Exception):
    """The other side could not show a certificate for its name."""


@dataclass(frozen=True)
class Limits:
    """How long is waited, how often is asked, how much is sent at once. Seconds and bytes."""

    connect: float = 10.0
    read: float = 60.0
    answer: float = 120.0
    tries: int = 5
    pause: float = 0.3
    longest_pause: float = 30.0
    chunk: int = 64 << 20
    slowest: int = 16 << 10  # bytes in a second, over a whole blob; below it a registry counts as silent


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port: what credentials belong to."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """`https://registry.example:443`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def exposed(self) -> bool:
        """Whether what is sent there can be read on the way."""
        return self.scheme == "http" and not is_loopback(self.host)

    def may_lead_to(self, other: Origin) -> bool:
        """Whether to follow where this one sends us: over HTTPS, or no further than plain HTTP goes already."""
        if other.scheme == "https":
            return True
        both_here = is_loopback(self.host) and is_loopback(other.host)
        return self.scheme == "http" and (both_here or self.host == other.host)


def origin_of(reference: Reference, *, plain_http: bool) -> Origin:
    """Where a registry is: plain HTTP on this machine's loopback and where it was asked for, else HTTPS."""
    host = host_of(reference.registry)
    scheme = "http" if plain_http or is_loopback(host) else "https"
    port = reference.registry.removeprefix(f"[{host}]").removeprefix(host).removeprefix(":")
    return Origin(scheme, _API_HOSTS.get(reference.registry, host), int(port) if port else _PORTS[scheme])


def target(location: str, base: str) -> tuple[str, Origin]:
    """An absolute URL from what a registry says, and where it leads. Read by the parser of the library that goes there.

    Raises ValueError: another scheme, credentials or a fragment in it, control characters, too long.
    """
    if len(location) > _LONGEST_URL or not location.isascii() or not location.isprintable() or "\\" in location:
        raise ValueError("a URL is printable ASCII, and not endless")
    try:
        url: Url = parse_url(urljoin(base, location))
    except LocationParseError:
        raise ValueError("a URL is malformed") from None
    if url.scheme not in _PORTS or not url.host or url.auth is not None or url.fragment is not None or " " in location:
        raise ValueError("a URL is https://HOST/PATH, without a user and without a fragment")
    host = url.host.removeprefix("[").removesuffix("]")
    return url.url, Origin(url.scheme, host, _PORTS[url.scheme] if url.port is None else url.port)


@dataclass(frozen=True)
class Answer:
    """What came back: headers by name in lower case, a bounded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Reply:
    """An answer whose body is still on its way. Whoever takes it closes it."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.url = url
        self._response = response

    @property
    def length(self) -> int | None:
        """The promised length of the body, where one is promised."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() and len(text) < 16 else None

    def pieces(self, seconds: float) -> Iterator[bytes]:
        """The body as it comes. Raises Broken when it breaks off or is not all there after `seconds`."""
        until = monotonic() + seconds
        try:
            while piece := self._response.read1(_PIECE, decode_content=False):
                yield piece
                if monotonic() > until:
                    raise Broken("it is too slow")
        except (HTTPError, OSError, ValueError) as error:
            raise Broken(_reason(error)) from None

    def read(self, most: int, seconds: float) -> bytes:
        """The body, cut off at the byte after `most`: who gets more than `most` bytes knows that there were more."""
        found: list[bytes] = []
        count = 0
        for piece in self.pieces(seconds):
            found.append(piece)
            count += len(piece)
            if count > most:
                break
        return b"".join(found)[: most + 1]

    def close(self) -> None:
        """Take nothing more. A connection whose answer was read to its end is used again, any other one is closed."""
        self._response.close()


class Wire:
    """Connections to whatever a registry leads to."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._pools: dict[str, urllib3.PoolManager] = {}

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: Body = None) -> Reply:
        """Send one request and take the head of its answer. Raises Broken, or Untrusted."""
        timeout = Timeout(connect=self.limits.connect, read=self.limits.read)
        try:
            response = self._pool(url).urlopen(
                method,
                url,
                body=body() if callable(body) else body,
                headers={"Accept-Encoding": "identity", "User-Agent": "lockgate", **headers},
                redirect=False,
                retries=False,
                timeout=timeout,
                preload_content=False,
                decode_content=False,
            )
        except SSLError as error:
            raise Untrusted(_reason(error)) from None
        except (HTTPError, OSError, ValueError) as error:
            raise Broken(_reason(error)) from None
        return Reply(response, url)

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.clear()

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = _proxy(parse_url(url))
        if proxy not in self._pools:
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            pool = (
                urllib3.ProxyManager(_without_user(proxy), proxy_headers=_proxy_headers(proxy), ssl_context=context)
                if proxy
                else urllib3.PoolManager(ssl_context=context)
            )
            pool.pool_classes_by_scheme = _pools_with(self.limits.read)
            self._pools[proxy] = pool
        return self._pools[proxy]


def _pools_with(seconds: float) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Pools whose connections wait so long for the whole head of an answer, and not for each of its bytes."""

    class Plain(_InTime, HTTPConnection):
        longest = seconds

    class Secure(_InTime, HTTPSConnection):
        longest = seconds

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _InTime(HTTPConnection):
    longest: float

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        late = Event()
        timer = Timer(self.longest, self._cut, (late,))
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        finally:
            timer.cancel()
            timer.join()
        # http.client takes the end of the connection for the end of the head: what was cut would be a whole answer.
        if late.is_set():
            response.close()
            raise TimeoutError("the head of the answer was not whole in time")
        return response

    def _cut(self, late: Event) -> None:
        late.set()
        with suppress(OSError, ValueError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


def _proxy(url: Url) -> str:
    """The proxy for a URL, or "". Plain HTTP goes to none: it is for this machine, or for the one that was named."""
    host = url.host or ""
    if url.scheme != "https" or proxy_bypass(host):
        return ""
    return getproxies().get("https", "")


def _without_user(proxy: str) -> str:
    return parse_url(proxy)._replace(auth=None).url


def _proxy_headers(proxy: str) -> dict[str, str]:
    user = parse_url(proxy).auth
    return dict(make_headers(proxy_basic_auth=user)) if user else {}


def _reason(error: Exception) -> str:
    """What the library says, without the object that it prints in front."""
    text = str(error.args[-1] if error.args else error) or type(error).__name__
    return text.rpartition(">: ")[2]
