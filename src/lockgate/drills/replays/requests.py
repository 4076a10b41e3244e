"""Requests of strangers and of bad customers, over HTTP, against a gateway of the twin.

They share one gateway: each has clients and, where it fails to log in, an address of its own.
"""

from __future__ import annotations

import base64
import json
import secrets
import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import product, repeat
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from lockgate.core.strict import size
from lockgate.drills.replays.records import OK, PREDICT, body, fields, sample, settings, until
from lockgate.drills.replays.spec import Drill, Tried
from lockgate.errors import Unavailable

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene
    from lockgate.drills.replays.served import Answer, House

_GOOD: Final = range(200, 300)
_ELSEWHERE: Final = "127.0.0.2"
"""An address of this machine that a listener on 127.0.0.1 alone does not have."""
_TRIES, _PATIENCE = 60.0, 16.0
_UNKNOWN: Final = 401
_ENDED: Final = "LG625"
"""What a house says where one of its processes ended and was started again."""
_BURST, _A_SECOND, _EACH = 20, 1, 10
_GUESSES: Final = (("admin", "password"), ("admin", "password1234"), ("admin", "admin"), ("root", "root"))
"""What servers of models were delivered with: MLflow's two, and what is tried first everywhere."""


def public_bind(scene: Scene) -> Tried:
    """Serve on every address of the machine, without TLS."""
    words = ("serve", "--env", scene.lenient, "--host", "0.0.0.0", "--port", "0", "--json")
    running = scene.program.start(*words, at=scene.root, name="public")
    try:
        until(lambda: running.ended is not None or bool(running.out.read_text("utf-8")), _TRIES)
        reached = running.ended is None and _hears(running.out.read_text("utf-8"))
    finally:
        running.stop()
    told = _json(running.out.read_text("utf-8"))
    return Tried("a gateway that anybody's machine can reach was to be started, without TLS", _command(words), (told,),
                 reached=reached)  # fmt: skip


def default_credentials(scene: Scene) -> Tried:
    """Each call of the gateway's own list, with no credential and with those that other servers come with."""
    house = scene.shared_house()
    document = house.get("/openapi.json", key=house.key()).body
    calls = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    names = {name["name"]: name["schema"].get("enum", ["1"])[0] for name in _parameters(document)}
    # Each from an address of its own: none owes for the others.
    answers = [
        house.ask(method, path.format(**names), b"{}" if method == "POST" else None, headers, source=source)
        for ((method, path), headers), source in zip(product(calls, _defaults()), _addresses(41), strict=False)
    ]
    return _knocked(
        f"each of {len(calls)} calls was made without a credential, and with {len(_GUESSES) + 2} well-known ones",
        "GET, POST: every path of /openapi.json",
        answers,
    )


def no_key(scene: Scene) -> Tried:
    """Ask for a prediction without a key, with a guessed one, and with one that was revoked."""
    house, asked = scene.shared_house(), body([sample(scene)])
    house.key()  # there are others who may
    name = f"former-{secrets.token_hex(4)}"
    there = house.scene
    former = there.must("clients", "add", name)["key"]
    if not until(lambda: house.post(PREDICT, asked, key=former, source="127.0.0.42").status == OK, _PATIENCE):
        raise house.failed("a drill's gateway does not get to know a new client")
    there.must("clients", "revoke", name)
    guessed = former[:-6] + "AAAAAA"
    # It is out within a second or two; until then it is no stranger's.
    until(lambda: house.post(PREDICT, asked, key=former, source="127.0.0.42").status != OK, _PATIENCE / 2)
    answers = [house.post(PREDICT, asked, key=key, source="127.0.0.42") for key in ("", guessed, former)]
    return _knocked("a prediction was asked for with no key, a guessed one and a revoked one", "POST /predict", answers)


def request_flood(scene: Scene) -> Tried:
    """Ask for many more rows at once than the client may."""
    house, one = scene.shared_house(), sample(scene)
    key = house.key("--rate", f"{_A_SECOND}/s", "--burst", str(_BURST))
    begun = time.monotonic()
    answers = [house.post(PREDICT, body([one] * _EACH), key=key) for _ in range(12)]
    passed = _EACH * sum(answer.status == OK for answer in answers)
    # What was there at first, what came meanwhile, and one request for clocks that differ.
    due = _BURST + _A_SECOND * (time.monotonic() - begun) + _EACH
    return Tried(
        f"a client with {_BURST} rows at once, and {_A_SECOND} a second, asked for {12 * _EACH} at once",
        f"POST /predict, 12 times {_EACH} rows",
        _bodies(answers),
        reached=passed > due,
    )


def oversized_request(scene: Scene) -> Tried:
    """Announce a body without an end, and send one in chunks that never stop."""
    house = scene.shared_house()
    key = house.key()
    head = f"Host: gateway\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    large = _raw(house, f"POST /predict HTTP/1.1\r\n{head}Expect: 100-continue\r\nContent-Length: {1 << 40}\r\n\r\n")
    chunk = f"{1 << 20:x}\r\n".encode() + b" " * (1 << 20) + b"\r\n"
    most = 2 * size().read(settings(scene).get("serve", {}).get("max_body", "1 MiB")) + (40 << 20)
    endless = _raw(
        house, f"POST /predict HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n", repeat(chunk, most >> 20)
    )
    # 100: it asks for a terabyte. Without an answer: it took more than it ever takes, and wants more.
    return Tried(
        "a body of a terabyte was announced, and one of chunks was sent without an end",
        "POST /predict",
        (large.body, endless.body),
        reached=large.status == 100 or (endless.status == 0 and endless.taken),
    )


def pickled_body(scene: Scene) -> Tried:
    """Send a pickle that runs code, and JSON declared as something else, to be parsed by whom nobody meant.

    The code makes the records that the model is asked with: an answer shows that it ran, in whatever jail.
    """
    house, one = scene.shared_house(), sample(scene)
    key, honest = house.key(), json.dumps(body([one])).encode()
    evil = f"cbuiltins\neval\n(Vbytes.fromhex('{honest.hex()}')\ntR.".encode()
    kinds = ("application/x-python-pickle", "application/vnd.bentoml+pickle", "application/octet-stream", "text/plain",
             "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")  # fmt: skip
    answers = [house.post(PREDICT, evil, {"Content-Type": kind}, key=key) for kind in (*kinds, "application/json")]
    answers += [house.post(PREDICT, body([one]), {"Content-Type": kind}, key=key) for kind in kinds]
    return _tried(
        "a pickle that runs code was sent under seven content types, and records under six", "POST /predict", answers
    )


_INTERNAL: Final = (
    *("/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status", "/v2/repository/index", "/v2/logging"),
    *("/v2/trace/setting", "/api/2.0/mlflow/experiments/list", "/ajax-api/2.0/mlflow/gateway-proxy", "/docs", "/redoc"),
    *("/models", "/admin", "/debug/pprof", "/api/jobs/", "/../../etc/passwd", "/%2e%2e/etc/passwd", "/.git/config"),
)
_CHANGING: Final = (
    *("/v2/systemsharedmemory/region/x/register", "/v2/repository/models/x/load", "/v2/repository/models/x/unload"),
    *("/models?url=http://127.0.0.1:9/x.mar", "/workflows", "/v1/load_lora_adapter", "/invocations"),
)
_LEAKS: Final = ("Traceback", 'File "', ".py", "/usr/lib", "site-packages", "/dev/shm", "Errno", "/lockgate")
"""What no answer may say: words of an exception, places of the machine and of the jail."""


def error_probing(scene: Scene) -> Tried:
    """Look for calls that nobody announced, for words of the inside in errors, and for somebody who fetches a URL."""
    house, one = scene.shared_house(), dict(sample(scene))
    key, ended = house.key(), house.said().count(_ENDED)
    inside = [house.get(path, key=key) for path in _INTERNAL] + [house.post(path, {}, key=key) for path in _CHANGING]
    with closing(socket.create_server(("127.0.0.1", 0))) as canary:
        url = f"http://127.0.0.1:{canary.getsockname()[1]}/x.npy"
        odd = [house.post(PREDICT, body([one | {name: url}]), key=key) for name in list(one)[:4]]
        odd += [house.post(PREDICT, given, key=key) for given in ({"url": url}, b"{", b"\xff" * 40, b"[" * 5000)]
        fetched = bool(select.select([canary], [], [], 0.5)[0])
    crumbs = b"1\r\n \r\n" * 4000
    head = f"Host: gateway\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    _raw(house, f"POST /predict HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n", (crumbs,))
    # Who ended is started again, and then answers this one.
    alive = _answers(house, body([one]), key) and house.said().count(_ENDED) == ended
    leaks = any(word in str(answer.body) for answer in odd + inside for word in (*_LEAKS, str(scene.place)))
    answered = any(answer.status in _GOOD for answer in inside)
    return Tried(
        f"{len(inside)} calls of other servers were tried, broken bodies, a URL in each of some fields, 4,000 chunks of"
        " one byte",
        "GET, POST: paths of other model servers",
        _bodies(inside),
        reached=answered or leaks or fetched or not alive,
    )


def _answers(house: House, asked: object, key: str) -> bool:
    with suppress(Unavailable):
        return house.post(PREDICT, asked, key=key).status == OK
    return False


def impossible_record(scene: Scene) -> Tried:
    """Ask with records that no client has: far out of range, of another shape, with a field that there is not."""
    house, one = scene.shared_house(), dict(sample(scene))
    key = house.key()
    tried = list(_impossible(one, fields(house, key)))
    answers = [house.post(PREDICT, body([record]), key=key) for record in tried]
    return _tried(f"{len(tried)} records were sent that the contract cannot mean", "POST /predict", answers)


def _impossible(one: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    first = next(iter(one))
    yield {**one, first: {"$gt": ""}}
    yield {**one, first: [one[first]]}
    for name, schema in known.items():
        if "maximum" in schema and name in one:
            yield {**one, name: schema["maximum"] + 1e12}
            return


def _defaults() -> Iterator[Mapping[str, str]]:
    yield {}
    for name, word in _GUESSES:
        yield {"Authorization": "Basic " + base64.b64encode(f"{name}:{word}".encode()).decode()}
    for word in ("admin", "changeme"):
        yield {"Authorization": f"Bearer {word}", "X-API-Key": word}


def _parameters(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for methods in document["paths"].values():
        for call in methods.values():
            yield from (one for one in call.get("parameters", ()) if one["in"] == "path")


def _addresses(last: int) -> Iterator[str]:
    """Addresses of this machine that nobody has failed from yet."""
    return (f"127.{last}.{n >> 8}.{n & 255}" for n in range(1, 1 << 16))


def _tried(did: str, attempt: str, answers: list[Answer]) -> Tried:
    """Reached: any of them was answered as if it were honest."""
    return Tried(did, attempt, _bodies(answers), reached=any(one.status in _GOOD for one in answers))


def _knocked(did: str, attempt: str, answers: list[Answer]) -> Tried:
    """Reached: any of them was let in, whatever it was told inside: all but "we do not know you" is an answer."""
    return Tried(did, attempt, _bodies(answers), reached=any(one.status != _UNKNOWN for one in answers))


def _bodies(answers: list[Answer]) -> tuple[Any, ...]:
    return tuple(answer.body for answer in answers)


@dataclass(frozen=True)
class _Heard:
    """The first answer to bytes that were sent; status 0 where none came. `taken`: all were, and nobody hung up."""

    status: int
    body: Any
    taken: bool


def _raw(house: House, head: str, more: Iterable[bytes] = ()) -> _Heard:
    """Send the pieces as long as nobody answers: who answers and hangs up may take back what was not read yet."""
    there, answer, taken = urlsplit(house.url), b"", False
    with closing(socket.create_connection((there.hostname or "", there.port or 0), 10)) as sock, suppress(OSError):
        sock.sendall(head.encode())
        whole = True
        for piece in more:
            if select.select([sock], [], [], 0)[0]:
                whole = False
                break
            sock.sendall(piece)
        sock.settimeout(3)
        try:
            while data := sock.recv(1 << 16):
                answer += data
        except TimeoutError:
            taken = whole
    first, _, rest = answer.partition(b"\r\n\r\n")
    return _Heard(int(first.split()[1]) if first else 0, _json(rest.decode("utf-8", "replace")), taken)


def _hears(out: str) -> bool:
    """Whether the gateway answers on an address that loopback alone does not give it."""
    document = _json(out)
    port = urlsplit(document["url"]).port if isinstance(document, dict) and "url" in document else None
    with closing(HTTPConnection(_ELSEWHERE, port or 1, timeout=5)) as link, suppress(OSError, HTTPException):
        link.request("GET", "/v2")
        return link.getresponse().status > 0
    return False


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _command(words: tuple[str, ...]) -> str:
    return " ".join(("lockgate", *words))


DRILLS: tuple[Drill, ...] = (
    Drill("public-bind", "serves on every address of the machine, without TLS", "LT21", "loopback-default", "LG618",
          public_bind, incident=5, served=True,
          limit="the user's own cluster beside it, where code runs for whoever asks, is out of scope"),
    Drill("default-credentials", "logs in as other servers are delivered, and makes each call without a token", "LT21",
          "authentication", "LG601", default_credentials, incident=6, served=True),
    Drill("no-key", "asks for a prediction without a key, with a guessed one and with a revoked one", "LT21",
          "authentication", "LG601", no_key, served=True),
    Drill("request-flood", "asks for many more rows than a client may", "LT21", "rate-limit", "LG610", request_flood,
          served=True),
    Drill("oversized-request", "sends bodies without an end", "LT22", "request-limits", "LG605", oversized_request,
          served=True),
    Drill("pickled-body", "sends a pickle that runs code, under every content type", "LT22", "typed-bodies",
          "LG607", pickled_body, incident=15, served=True),
    Drill("error-probing", "looks for calls that nobody announced, for words of the inside, and for who fetches a URL",
          "LT22", "closed-edge", "LG603", error_probing, incident=16, served=True,
          limit="a server that stands behind the gateway must not be reachable past it"),
    Drill("impossible-record", "asks with records that no client has", "LT22", "contract-at-edge", "LG609",
          impossible_record, served=True),
)  # fmt: skip
"""In the order of a request's way."""
