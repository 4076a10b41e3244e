"""One client of a drill's gateway: real HTTP on loopback, one connection, counted. Standard library only.

Trusts nothing that comes back beyond its form: an answer of another shape is LG985.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from lockgate.errors import Unavailable

TIMEOUT = 60.0
_OK, _CONTRACT, _SLOWER, _UNREADY = 200, 422, 429, 503
_TRIES, _PAUSE = 20, 0.5
"""A gateway that has no model ready may have been started again: it is asked once more, for ten seconds in all."""
_TOLD = 300


class Limited(Exception):
    """The gateway answered 429. `finding`: which limit; `wait`: seconds after which it says that it takes more."""

    def __init__(self, finding: str, wait: float) -> None:
        super().__init__(f"{finding}, for {wait:g} s")
        self.finding = finding
        self.wait = wait


class Connection:
    """Asks as one client, for one thread.

    Attributes:
        rows: records that were answered, or that the contract refused.
        requests: requests that were sent.
    """

    def __init__(
        self, url: str, key: str, *, address: str = "127.0.0.1", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """`address`: of this machine's, from which it asks."""
        there = urlsplit(url)
        self._link = HTTPConnection(there.hostname or "", there.port, timeout=TIMEOUT, source_address=(address, 0))
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._sleep = sleep
        self.rows = self.requests = 0

    def describe(self) -> Mapping[str, Any]:
        """What one record may hold, by field: the JSON Schemas that the gateway shows to this client."""
        status, _, body = self._send("GET", "/openapi.json", None)
        found = _at(body, "components", "schemas", "Record", "properties")
        if status != _OK or not isinstance(found, dict):
            raise _strange(status, body)
        return found

    def predict(self, records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | None]:
        """What the model says of each record; None of one that the contract refuses.

        Raises Limited for 429; Unavailable LG985 for any other answer, or none.
        """
        places = list(range(len(records)))
        answered: list[Mapping[str, Any] | None] = [None] * len(records)
        while places:
            status, headers, body = self._ready({"records": [records[at] for at in places]})
            if status == _SLOWER:
                raise Limited(str(_at(body, "finding")), _seconds(headers.get("retry-after")))
            if status == _CONTRACT:
                wrong = _refused(body, len(places))
                places = [at for number, at in enumerate(places) if number not in wrong]
                self.rows += len(wrong)
                continue
            predictions = _at(body, "predictions")
            if status != _OK or not isinstance(predictions, list) or len(predictions) != len(places):
                raise _strange(status, body)
            for at, prediction in zip(places, predictions, strict=True):
                answered[at] = prediction
            self.rows += len(places)
            break
        return answered

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def _ready(self, body: object) -> tuple[int, Mapping[str, str], Any]:
        """The answer to a request for predictions, of a gateway that has a model ready, if it has one soon."""
        found = self._send("POST", "/predict", body)
        for _ in range(_TRIES):
            if found[0] != _UNREADY or _at(found[2], "finding") != "LG614":
                break
            self._sleep(_PAUSE)
            found = self._send("POST", "/predict", body)
        return found

    def _send(self, method: str, path: str, body: object) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers with small letters, and the parsed body. Tries once more where a kept connection is gone."""
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        for last in (False, True):
            try:
                self._link.request(method, path, data, self._headers)
                reply = self._link.getresponse()
                headers = {name.lower(): value for name, value in reply.getheaders()}
                self.requests += 1
                return reply.status, headers, json.loads(reply.read() or b"null")
            except (OSError, HTTPException, ValueError) as error:
                self._link.close()
                if last or isinstance(error, TimeoutError | ValueError):
                    why = str(error) or type(error).__name__
                    message = f"the drill's gateway gave no answer: {why}"
                    raise Unavailable("LG985", message, next="lockgate doctor") from None
        raise AssertionError  # the loop returns or raises


def _refused(body: Any, records: int) -> set[int]:
    """Which records the contract refused. Raises Unavailable LG985 when it does not say."""
    errors = _at(body, "errors")
    found = {
        error["loc"][0]
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict) and isinstance(error.get("loc"), list) and error["loc"]
    }
    if not found or not all(type(place) is int and 0 <= place < records for place in found):
        raise _strange(_CONTRACT, body)
    return found


def _strange(status: int, body: Any) -> Unavailable:
    return Unavailable(
        "LG985",
        f"the drill's gateway answered {status} where an answer was due",
        seen={"body": str(body)[:_TOLD]},
        next="lockgate doctor",
    )


def _at(body: Any, *names: str) -> Any:
    for name in names:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or ""))
    except ValueError:
        return 1.0
