"""How a registry learns who asks: Basic, or a Bearer token for exactly the scope that is needed.

Promises: a secret goes to the registry that it is kept for, and to the token server that this registry names over
HTTPS (or as near as the registry itself is, where that is plain HTTP); never to a host that a redirect leads to.
"""

from __future__ import annotations

import base64
from time import monotonic
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from lockgate.store.remote.credentials import Credentials
from lockgate.store.remote.edge import MOST_ANSWER, read_challenges, read_refusal, read_token
from lockgate.store.remote.refusals import Refusals
from lockgate.store.remote.wire import Broken, Origin, Reply, Untrusted, Wire, target

_MARGIN: Final = 10.0  # seconds before its end at which a token counts as used up
_MOST_SERVICE: Final = 512
_OURS: Final = frozenset(
    ("scope", "service", "account", "client_id", "grant_type", "refresh_token", "access_type", "offline_token")
)
"""What a token is asked for by. A realm that says one of them too would be read first by some token servers."""


class Authorizer:
    """Credentials for one origin, and the tokens they gave, by scope."""

    def __init__(self, wire: Wire, refusals: Refusals, origin: Origin, credentials: Credentials | None) -> None:
        if credentials is not None and origin.exposed:
            raise refusals.unsafe(
                "credentials are not sent over plain HTTP, where everybody on the way can read them",
                "use HTTPS, or log out of this registry: docker logout " + refusals.reference.registry,
            )
        self._wire = wire
        self._refusals = refusals
        self._origin = origin
        self._credentials = credentials
        self._tokens: dict[str, tuple[str, float]] = {}
        self._basic = False

    def header(self, scope: str) -> str:
        """What to send with a request of this scope, as far as it is known. "" for nothing."""
        if self._basic:
            return self._password()
        token, until = self._tokens.get(scope, ("", 0.0))
        return f"Bearer {token}" if token and monotonic() < until else ""

    def answer(self, challenge: str, scope: str) -> str:
        """What to send after status 401. Raises LG882 when there is nothing, LG886 when it would go astray."""
        try:
            challenges = read_challenges(challenge[:MOST_ANSWER])
        except ValueError as error:
            raise self._refusals.outside_protocol(str(error), 401) from None
        if "bearer" in challenges:
            return self._bearer(challenges["bearer"], scope)
        if "basic" in challenges:
            return self._by_password()
        raise self._refusals.unauthorized(401, why="it asks for credentials of a kind that is not known here")

    def _by_password(self) -> str:
        if self._basic or not self._password():
            raise self._refusals.unauthorized(401)
        self._basic = True
        return self._password()

    def _password(self) -> str:
        known = self._credentials
        if known is None or not known.username:
            return ""
        return "Basic " + base64.b64encode(f"{known.username}:{known.password}".encode()).decode()

    def _bearer(self, challenge: dict[str, str], scope: str) -> str:
        """Scope and repository are ours, not the challenge's: a registry cannot ask for a token to somewhere else."""
        realm, service = challenge.get("realm", ""), challenge.get("service", "")[:_MOST_SERVICE]
        url = self._token_server(realm)
        wanted = urlencode({"service": service, "scope": scope} if service else {"scope": scope})
        known = self._credentials
        if known is not None and known.identity_token:
            body = urlencode(
                {"grant_type": "refresh_token", "refresh_token": known.identity_token, "client_id": "lockgate"}
            )
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            reply = self._exchange("POST", url, headers, f"{body}&{wanted}".encode())
        else:
            headers = {"Authorization": self._password()} if self._password() else {}
            reply = self._exchange("GET", f"{url}{'&' if '?' in url else '?'}{wanted}", headers)
        token, seconds = self._read(reply)
        self._tokens[scope] = (token, monotonic() + max(_MARGIN, seconds - _MARGIN))
        return f"Bearer {token}"

    def _token_server(self, realm: str) -> str:
        try:
            url, origin = target(realm, "")
        except ValueError as error:
            raise self._refusals.outside_protocol(f"its token server: {error}", 401) from None
        if not self._origin.may_lead_to(origin):
            raise self._refusals.unsafe(
                f"it sends to a token server without HTTPS: {realm}", "ask who runs the registry for one with HTTPS"
            )
        return _without_ours(url)

    def _exchange(self, method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> Reply:
        try:
            return self._wire.exchange(method, url, headers, body)
        except Untrusted as error:
            raise self._refusals.untrusted(str(error)) from None

    def _read(self, reply: Reply) -> tuple[str, float]:
        try:
            data = reply.read(MOST_ANSWER, self._wire.limits.answer)
        finally:
            reply.close()
        if reply.status in {401, 403}:
            raise self._refusals.unauthorized(reply.status, read_refusal(data), "its token server says no")
        if reply.status == 429 or reply.status >= 500:
            raise Broken(f"its token server answers with status {reply.status}")
        try:
            if reply.status != 200 or len(data) > MOST_ANSWER:
                raise ValueError(f"status {reply.status}, {len(data)} bytes")
            return read_token(data)
        except ValueError as error:
            raise self._refusals.outside_protocol(f"its token server: {error}", reply.status) from None


def _without_ours(url: str) -> str:
    parts = urlsplit(url)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name.strip().casefold() not in _OURS
    ]
    return parts._replace(query=urlencode(kept)).geturl()
