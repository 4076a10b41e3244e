"""Requests to one repository: authorised, repeated where that is safe, redirected where that is safe.

Promises: only what may be done twice is done twice; a redirect is followed for reading only, a few times, never from
HTTPS to plain HTTP, and takes no credentials to another origin; no answer is larger than was said.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NoReturn

from lockgate.errors import LockgateError
from lockgate.store.remote.auth import Authorizer
from lockgate.store.remote.credentials import Credentials
from lockgate.store.remote.edge import MOST_ANSWER, read_refusal
from lockgate.store.remote.reference import Reference
from lockgate.store.remote.refusals import Refusals
from lockgate.store.remote.wire import Answer, Body, Broken, Limits, Origin, Reply, Untrusted, Wire, origin_of, target

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_NOT_BEGUN: Final = frozenset({429, 503})


class Session:
    """A repository of a registry as `ask` and `stream`."""

    def __init__(self, reference: Reference, credentials: Credentials | None, limits: Limits, *, plain: bool) -> None:
        self.reference = reference
        self.refusals = Refusals(reference)
        self.limits = limits
        self.origin = origin_of(reference, plain_http=plain)
        self.base = f"{self.origin.url}/v2/{reference.repository}"
        self._wire = Wire(limits)
        self._authorizer = Authorizer(self._wire, self.refusals, self.origin, credentials)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        most: int = MOST_ANSWER,
        write: bool = False,
        again: bool = True,
    ) -> Answer:
        """One request and its whole answer, whatever its status. Repeated after a failure only if `again`.

        Raises Unavailable: LG880 after the last try, LG885 for more than `most` bytes.
        """
        status, words, why = 0, "", ""
        for turn in range(self.limits.tries):
            wait = 0.0
            try:
                answer = self._whole(self._send(method, url, dict(headers or {}), body, write=write), most)
            except Broken as broken:
                status, words, why = 0, "", str(broken)
                if not again:
                    break
            else:
                if answer.status not in (_BUSY if again else _NOT_BEGUN):
                    return answer
                status, words, why = answer.status, read_refusal(answer.body), f"status {answer.status}"
                wait = _seconds(answer.headers.get("retry-after", ""))
            self.pause(turn, wait)
        raise self.refusals.unreachable(why, status, words)

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """One GET whose body the caller reads; not repeated. Raises Broken; status 429 and 5xx are Broken too."""
        reply = self._send("GET", url, dict(headers), None, write=False)
        try:
            if reply.status in _BUSY:
                raise Broken(f"status {reply.status}")
            yield reply
        finally:
            reply.close()

    def own_url(self, location: str, base: str) -> str:
        """Where an upload or a list goes on: at the registry itself, nowhere else. LG885, LG886."""
        try:
            url, origin = target(location, base)
        except ValueError as error:
            raise self.refusals.outside_protocol(f"where it goes on: {error}") from None
        if origin != self.origin:
            raise self.refusals.unsafe(
                f"it goes on elsewhere, at {origin.url}", "ask who runs the registry for its own address"
            )
        return url

    def pause(self, turn: int, least: float = 0.0) -> None:
        """Wait before the next try: longer each time, never in step with others; `least` is what the registry asks."""
        if turn + 1 < self.limits.tries:
            doubled = self.limits.pause * 2**turn * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            time.sleep(min(max(doubled, least), self.limits.longest_pause))

    def fail(self, answer: Answer, what: str, *, write: bool = False) -> NoReturn:
        """The error for a status that is not the expected one."""
        raise self.failure(answer.status, read_refusal(answer.body), what, write=write)

    def failure(self, status: int, words: str, what: str, *, write: bool = False) -> LockgateError:
        """As `fail`, for a status alone."""
        if status in {401, 403}:
            return self.refusals.unauthorized(status, words)
        if status == 404:
            return self.refusals.absent(what, words)
        if status >= 500:
            return self.refusals.unreachable(f"status {status}", status, words)
        if write:
            return self.refusals.not_taken(what, status, words)
        return self.refusals.outside_protocol(f"status {status} for {what}", status, words)

    def _whole(self, reply: Reply, most: int) -> Answer:
        good = reply.status < 300
        most = most if good else MOST_ANSWER
        try:
            body = reply.read(most, self.limits.answer)
        finally:
            reply.close()
        if len(body) > most and good:
            raise self.refusals.outside_protocol(f"an answer of more than {most} bytes", reply.status)
        return Answer(reply.status, reply.headers, body, reply.url)

    def _send(self, method: str, url: str, headers: dict[str, str], body: Body, *, write: bool) -> Reply:
        scope = f"repository:{self.reference.repository}:{'pull,push' if write else 'pull'}"
        known = self._authorizer.header(scope)
        reply = self._exchange(method, url, headers | ({"Authorization": known} if known else {}), body)
        if reply.status == 401:
            self._whole(reply, MOST_ANSWER)  # so that the connection can be used again
            known = self._authorizer.answer(reply.headers.get("www-authenticate", ""), scope)
            reply = self._exchange(method, url, headers | {"Authorization": known}, body)
        reply = self._followed(method, reply, headers, known)
        if reply.headers.get("content-encoding", "identity") != "identity":
            reply.close()
            raise self.refusals.outside_protocol("it encodes content that nobody asked to be encoded", reply.status)
        return reply

    def _followed(self, method: str, reply: Reply, headers: dict[str, str], known: str) -> Reply:
        for _ in range(_MOST_REDIRECTS):
            if reply.status not in _REDIRECTS or method not in {"GET", "HEAD"}:
                return reply
            reply.close()
            url, origin = self._redirect(reply)
            known = known if origin == self.origin else ""
            reply = self._exchange(method, url, headers | ({"Authorization": known} if known else {}), None)
        reply.close()
        raise self.refusals.outside_protocol(f"more than {_MOST_REDIRECTS} redirects", reply.status)

    def _redirect(self, reply: Reply) -> tuple[str, Origin]:
        try:
            url, origin = target(reply.headers.get("location", ""), reply.url)
        except ValueError as error:
            raise self.refusals.outside_protocol(f"a redirect: {error}", reply.status) from None
        if not self.origin.may_lead_to(origin):
            raise self.refusals.unsafe(
                f"it redirects to plain HTTP, to {origin.url}", "ask who runs the registry for a store with HTTPS"
            )
        return url, origin

    def _exchange(self, method: str, url: str, headers: dict[str, str], body: Body) -> Reply:
        try:
            return self._wire.exchange(method, url, headers, body)
        except Untrusted as error:
            raise self.refusals.untrusted(str(error)) from None


def _seconds(text: str) -> float:
    """`Retry-After` in seconds. Its other form, a date, counts as nothing."""
    return float(text) if text.isdecimal() and len(text) < 6 else 0.0
