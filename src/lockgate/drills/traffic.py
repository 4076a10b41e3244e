"""Requests to a running gateway, as a client would send them. Standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TIMEOUT = 30


@dataclass(frozen=True)
class Answer:
    """What came back: status and JSON body."""

    status: int
    body: Any


def post(url: str, key: str, body: object) -> Answer:
    """POST JSON with an API key (none when empty)."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 - loopback, our own server
            return Answer(response.status, json.loads(response.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.loads(error.read() or b"null"))


def batches(records: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """`records` in pieces of at most `size`."""
    return [records[start : start + size] for start in range(0, len(records), size)]
