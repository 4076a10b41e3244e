"""Who counts what a client has used: each gateway alone, or all of them through Redis."""

from __future__ import annotations

from contextlib import suppress

from lockgate.errors import Usage
from lockgate.supervise.redis import Redis

ALONE = "LG690"


class Limits:
    """What the gateways are told of it, and the person who starts them. Raises Usage LG687 when made."""

    def __init__(self, prefix: str, redis: Redis | None, gateways: int) -> None:
        self._redis = redis
        self._gateways = gateways
        self._prefix = prefix
        self._last = self._settings()

    def read(self) -> bytes:
        """As it is handed over; as it last was, while a file of authorities is being replaced."""
        with suppress(Usage):
            self._last = self._settings()
        return self._last

    def said(self) -> str:
        """One line at the start."""
        if self._redis is not None:
            return f"limits: shared through redis; gateways here: {self._gateways}"
        if self._gateways > 1:
            return f"limits: {ALONE} each gateway counts alone, and lets 1/{self._gateways} of every limit pass"
        return "limits: this gateway counts alone"

    def _settings(self) -> bytes:
        return self._redis.settings(self._prefix, self._gateways).encode() if self._redis is not None else b""
