"""Which requests the candidate gets: by keyed hash, so that nobody chooses, and so that a choice stays. Pure."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.core.digest import Digest
    from lockgate.serve.calls.ask import Ask
    from lockgate.trust.policy_ladder import Sticky

HEADER = "lockgate-key"
_TAG = b"route\x00"
_SIGNS = 1 << 16
_MOST_KNOWN = 4096


class Router:
    """Points in [0, 1) by what stays together; below the share the candidate answers.

    Another candidate gives other points: not always the same clients go first. On the next rung of one candidate the
    points are the same: who had it keeps it. Every gateway of a house has the same key.
    """

    def __init__(self, key: bytes, candidate: Digest, sticky: Sticky) -> None:
        self._key = key
        self._tag = _TAG + candidate.encode() + b"\x00"
        self._sticky = sticky
        self._known: dict[bytes, float] = {}

    def point(self, ask: Ask) -> float:
        """Of this request."""
        if self._sticky == "request":
            return self._hash(b"request\x00" + ask.body[:_SIGNS])
        name = ask.head.headers.get(HEADER, "") if self._sticky == "key" else ""
        what = b"key\x00" + name.encode() if name else b"client\x00" + ask.client.name.encode()
        found = self._known.get(what)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[what] = self._hash(what)
        return found

    def sampled(self, canonical: bytes) -> float:
        """Of a row, for choosing those that the other model is asked too."""
        return self._hash(b"pair\x00" + canonical[:_SIGNS])

    def _hash(self, what: bytes) -> float:
        return int.from_bytes(hmac.digest(self._key, self._tag + what, "sha256")[:8], "big") / 2.0**64
