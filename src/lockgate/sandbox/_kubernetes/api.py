"""The few calls of a cluster's API that the launcher makes, over TLS, each answer bounded and read as JSON."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlencode

from lockgate.errors import LockgateError, Refused, Unavailable, Usage, VerificationFailed
from lockgate.sandbox._kubernetes.access import Access

MOST_ANSWER = 8 << 20
TRIES = 4
LONGEST_WAIT = 10.0
GONE = 404

Body = Mapping[str, Any]


class Api:
    """One cluster. `sleep` waits between tries of what the server asked to try again."""

    def __init__(self, access: Access, *, timeout: float = 60.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self._access, self._timeout, self._sleep = access, timeout, sleep
        self._context = _context(access)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """An object. Raises Refused LG935, Unavailable LG934, VerificationFailed LG934 for a wrong certificate."""
        return self._call("GET", path, query=query)

    def create(self, path: str, body: Body) -> dict[str, Any]:
        """Make an object, unknown fields refused by the server. Raises as `get`."""
        return self._call("POST", path, body=body, query={"fieldValidation": "Strict"})

    def delete(self, path: str, *, uid: str = "") -> None:
        """Delete an object and, in the background, what it owns; that it is gone already is no error."""
        body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        with suppress(Gone):
            self._call("DELETE", path, body=body)

    @contextmanager
    def stream(self, path: str, **query: str) -> Iterator[http.client.HTTPResponse]:
        """The bytes of an answer as they come. Raises as `get`; what reading raises is the caller's to judge."""
        connection = self._connect()
        try:
            response = self._send(connection, "GET", path, query, None)
            if response.status != http.client.OK:
                raise _refusal("GET", path, response.status, _json(_bounded(response)))
            yield response
        finally:
            connection.close()

    def _call(
        self, method: str, path: str, *, body: Body | None = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        for again in range(TRIES):
            connection = self._connect()
            try:
                response = self._send(connection, method, path, query or {}, body)
                answer = _json(_bounded(response))
            except (OSError, http.client.HTTPException) as error:
                raise self._away(error) from None
            finally:
                connection.close()
            # A 429 was not begun. A 5xx may have been, and a second POST would meet its own first one.
            busy = response.status == http.client.TOO_MANY_REQUESTS or (response.status >= 500 and method != "POST")
            if busy and again + 1 < TRIES:
                self._sleep(_wait(response.headers.get("Retry-After", ""), again))
                continue
            if response.status not in (200, 201, 202):
                raise _refusal(method, path, response.status, answer)
            return answer
        raise AssertionError

    def _connect(self) -> http.client.HTTPSConnection:
        access = self._access
        return _Connection(access.host, access.port, access.server_name, timeout=self._timeout, context=self._context)

    def _send(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Body | None,
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": "lockgate"}
        if self._access.token:
            headers["Authorization"] = f"Bearer {self._access.token}"
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        target = self._access.path + quote(path) + (f"?{urlencode(query)}" if query else "")
        try:
            connection.request(method, target, body=data, headers=headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from None

    def _away(self, error: Exception) -> LockgateError:
        where = f"{self._access.host}:{self._access.port}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return VerificationFailed(
                "LG934",
                f"who answers at {where} is not the cluster: {error.verify_message}",
                seen={"server": where},
                next="kubectl config view --minify",
            )
        return Unavailable(
            "LG934",
            f"the cluster at {where} does not answer: {str(error) or type(error).__name__}",
            seen={"server": where},
            next="kubectl get --raw /readyz",
        )


class Gone(Refused):
    """404: there is no such object."""


class _Connection(http.client.HTTPSConnection):
    """HTTPS to a host whose certificate may be for another name (`tls-server-name`)."""

    def __init__(self, host: str, port: int, name: str, *, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls, self._name = context, name or host

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def _context(access: Access) -> ssl.SSLContext:
    """Only the cluster's own authority counts. The key passes through memory, never through a file."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=access.ca.decode())
        if access.certificate:
            memory = os.memfd_create("client", os.MFD_CLOEXEC)
            try:
                os.write(memory, access.certificate + b"\n" + access.key)
                context.load_cert_chain(f"/proc/self/fd/{memory}")
            finally:
                os.close(memory)
    except (ssl.SSLError, ValueError) as error:
        raise Usage(
            "LG933",
            f"a certificate or key of the kubeconfig cannot be read: {error}",
            next="kubectl config view --minify --flatten",
        ) from None
    return context


def _bounded(response: http.client.HTTPResponse) -> bytes:
    data = response.read(MOST_ANSWER + 1)
    if len(data) > MOST_ANSWER:
        raise Unavailable("LG934", "the cluster's answer is too long", next="kubectl get --raw /readyz")
    return data


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    # An error page of something that stands between is told by its status alone.
    return value if isinstance(value, dict) else {}


def _wait(said: str, again: int) -> float:
    return min(float(said) if said.isascii() and said.isdecimal() else 0.2 * 2**again, LONGEST_WAIT)


_HINTS = {
    401: "kubectl auth whoami",
    403: "lockgate export kubernetes   # the Role `launch` has the rights that are needed",
    404: "kubectl get namespaces",
    409: "kubectl get jobs --all-namespaces",
}


def _refusal(method: str, path: str, status: int, answer: Mapping[str, Any]) -> LockgateError:
    words = "".join(sign for sign in str(answer.get("message", ""))[:400] if sign.isprintable())
    seen = {"request": f"{method} {path}", "status": status, "reason": str(answer.get("reason", ""))[:80]}
    if status == http.client.TOO_MANY_REQUESTS or status >= 500:
        return Unavailable("LG934", f"the cluster cannot now: {words or status}", seen=seen, next="run it again later")
    kind = Gone if status == GONE else Refused
    hint = _HINTS.get(status, "lockgate explain LG935")
    return kind("LG935", f"the cluster says no ({status}): {words or 'without a word'}", seen=seen, next=hint)
