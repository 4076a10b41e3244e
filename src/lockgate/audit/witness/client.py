"""Asks one witness to cosign a log's checkpoint, and believes nothing that it answers but what verifies.

Bounded: `seconds` for a whole request, however slowly a name is looked up and whatever the other side drips;
`MOST_ANSWER` bytes; three rounds. No redirect is followed. Whom we talk to is proved by the signatures; TLS (system
authorities, or those of `ca`) hides nothing secret.
"""

from __future__ import annotations

import math
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from lockgate.audit.log import Log
from lockgate.audit.witness.protocol import PATH, SIZE_TYPE, Request
from lockgate.core.checkpoint import MAX_SIZE, NoteSignature, VerifierKey, parse_note
from lockgate.core.cosignature import parse_lines
from lockgate.core.merkle import consistency_proof
from lockgate.core.shown import shown
from lockgate.trust.note import check_cosignature
from lockgate.trust.policy_witness import Witness

if TYPE_CHECKING:
    from http.client import HTTPConnection

State = Literal["cosigned", "failed", "ahead", "forked"]

SECONDS = 10.0
MOST_ANSWER = 64 << 10
ROUNDS = 3
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n\Z")


@dataclass(frozen=True)
class Answer:
    """What came back, as it came."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of it. `ahead`: it has cosigned a longer log; `forked`: it says that ours does not go on from its.

    `lines`: verified, over the note that was sent; `time`: of the newest. `size`: what it has cosigned, as it says.
    """

    witness: str
    state: State
    why: str = ""
    lines: tuple[NoteSignature, ...] = ()
    time: int | None = None
    size: int | None = None


Post = Callable[[str, bytes], Answer]
"""Sends a body to an address. Raises OSError when it could not be had whole, and in time."""

From = Callable[[int], Request]
"""The request for one checkpoint, from an older size of its log on. Raises VerificationFailed."""


def ask(witness: Witness, size: int, old: int, request: From, post: Post) -> Outcome:
    """Have a checkpoint of `size` cosigned by `witness`. `old`: what it has surely cosigned, as far as is known.

    1. A request with the proof from there.   2. 409 says what it has cosigned: once more, from there.
    3. Of the lines that come back, those of its key must verify, and one must be there.

    Raises VerificationFailed: the log here is damaged.
    """
    known, old = old, min(old, size)
    for _ in range(ROUNDS):
        asked = request(old)
        try:
            answer = post(witness.url + PATH, asked.encode())
        except OSError as error:
            return Outcome(witness.name, "failed", f"it cannot be reached: {_words(error)}")
        if answer.status == 200:
            return _cosigned(witness, asked.note, size, answer)
        has = _size(answer)
        if has is None:
            return _refused(witness, answer)
        if has < known:
            why = f"it has forgotten what it cosigned: {known} entries, and now it knows of {has}"
            return Outcome(witness.name, "failed", why, size=has)
        if has > size:
            return Outcome(witness.name, "ahead", f"it has cosigned {has} entries, and here are {size}", size=has)
        if has == old == size:
            # We said the same size: then it is the tree that differs.
            return Outcome(witness.name, "forked", f"it has cosigned another tree of {has} entries", size=has)
        old = has
    return Outcome(witness.name, "failed", "it names another size each time that it is asked")


def request_for(log: Log, old: int) -> Request:
    """What is sent to a witness that has cosigned `old` entries of this log."""
    return Request(old, tuple(consistency_proof(old, log.size, log.subtree)), log.note)


def lines_of(data: bytes, text: bytes, keys: Sequence[VerifierKey]) -> tuple[NoteSignature, ...]:
    """The lines by one of `keys` over the note text `text`; other keys' lines are skipped.

    Raises ValueError: out of form, or a line under the name and id of one of `keys` that it did not sign.
    """
    found = []
    for line in parse_lines(data):
        for key in keys:
            if (line.name, line.key_id) == (key.name, key.key_id):
                check_cosignature(line, text, key)
                found.append(line)
    return tuple(found)


def poster(*, seconds: float = SECONDS, within: float = math.inf, ca: str = "") -> Post:
    """What sends requests. `within`: seconds for all of them, from the first on. `ca`: a file of authorities in place
    of the system's.
    """
    until: list[float] = []

    def send(url: str, body: bytes, most: float) -> Answer:
        try:
            with closing(_connection(url, most, ca)) as connection:
                return _posted(connection, urlsplit(url).path, body, most)
        except ValueError as error:
            raise OSError(str(error)) from None

    def post(url: str, body: bytes) -> Answer:
        now = time.monotonic()
        until.append(now + within)
        return _in_time(lambda most: send(url, body, most), min(seconds, until[0] - now))

    return post


def _in_time(work: Callable[[float], Answer], seconds: float) -> Answer:
    """What `work` gives, in a thread of its own: nothing ends the look-up of a name, so it is left behind. OSError."""
    done: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put(work(seconds))
        except Exception as error:  # noqa: BLE001 - it is raised below
            done.put(error)

    if seconds > 0:
        threading.Thread(target=run, name="asks a witness", daemon=True).start()
    try:
        found = done.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise OSError("it took too long") from None
    if isinstance(found, Exception):
        raise found
    return found


def _connection(url: str, seconds: float, ca: str) -> HTTPConnection:
    # Only who asks a witness needs it: it is not in the memory of what answers requests.
    from http.client import HTTPConnection, HTTPSConnection

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port or 80, timeout=seconds)
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return HTTPSConnection(host, parts.port or 443, timeout=seconds, context=context)


def _posted(connection: HTTPConnection, path: str, body: bytes, seconds: float) -> Answer:
    """One request. At the deadline the socket is shut from another thread, whatever is being read from it."""
    from http.client import HTTPException

    late, held = threading.Event(), list[socket.socket]()

    def shut() -> None:
        late.set()
        # Once an answer has begun, the connection knows its own socket no longer.
        with suppress(OSError, AttributeError):
            (held[0] if held else connection.sock).shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "lockgate", "Connection": "close"}
        connection.connect()
        held.append(connection.sock)
        connection.request("POST", path, body, headers)
        with closing(connection.getresponse()) as answer:
            data = answer.read(MOST_ANSWER + 1)
    except (HTTPException, OSError) as error:
        slow = late.is_set() or isinstance(error, TimeoutError)
        raise OSError("it took too long" if slow else _words(error)) from None
    finally:
        timer.cancel()
    if late.is_set() or len(data) > MOST_ANSWER:
        raise OSError("it took too long" if late.is_set() else f"its answer has more than {MOST_ANSWER} bytes")
    return Answer(answer.status, answer.getheader("Content-Type", ""), data)


def _cosigned(witness: Witness, note: bytes, size: int, answer: Answer) -> Outcome:
    text = parse_note(note).text
    try:
        lines = lines_of(answer.body, text, [witness.key])
    except ValueError as error:
        return Outcome(witness.name, "failed", f"its answer does not verify: {error}")
    if not lines:
        return Outcome(witness.name, "failed", "it answered with another key than the policy names")
    newest = max(check_cosignature(line, text, witness.key) for line in lines)
    return Outcome(witness.name, "cosigned", lines=lines, time=newest, size=size)


def _refused(witness: Witness, answer: Answer) -> Outcome:
    words = shown(answer.body[:200].decode(errors="replace").strip())
    if answer.status == 422:
        return Outcome(witness.name, "forked", f"it says that this log does not go on from the one it has: {words}")
    hint = {403: "it knows another key of this log", 404: "it does not know this log"}.get(answer.status, words)
    return Outcome(witness.name, "failed", f"it answered {answer.status}: {hint}")


def _size(answer: Answer) -> int | None:
    found = _SIZE.match(answer.body)
    if answer.status != 409 or answer.content_type.partition(";")[0].strip() != SIZE_TYPE or found is None:
        return None
    return int(found[1]) if int(found[1]) <= MAX_SIZE else None


def _words(error: BaseException) -> str:
    return shown(str(error)[:200]) or type(error).__name__
