"""The files of `[serve.tls]`, read for the gateway at its start and whenever they change."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from lockgate.errors import LockgateError
from lockgate.serve.spec import TlsSpec
from lockgate.trust import tls_material
from lockgate.trust._edgefile import tls_material as read_material


class TlsFiles:
    """What is served with: judged before it is handed over. A renewal that cannot be served is told of, and not taken.

    Raises Refused LG639, LG831 when made of files that cannot be served with; `read` never raises.
    """

    def __init__(self, spec: TlsSpec, *, now: Callable[[], datetime], say: Callable[[str], None]) -> None:
        self._spec = spec
        self._now = now
        self._say = say
        self._state = self._look()
        self._data = self._judged()

    def read(self) -> bytes:
        """What the gateway is to have; the files are read only when they are others than before."""
        state = self._look()
        if state == self._state:
            return self._data
        self._state = state
        try:
            self._data = self._judged()
        except LockgateError as error:
            self._say(f"{error.finding} {error.message}; the certificate before it stays in use")
        else:
            self._say(f"a new TLS certificate is in use, for {self.days_left():.0f} days")
        return self._data

    def days_left(self) -> float:
        """Days until the certificate in use expires."""
        return tls_material.days_left(tls_material.Material.parse(self._data).certificate, self._now())

    def _judged(self) -> bytes:
        spec = self._spec
        found = read_material(spec.certificate, spec.key, spec.client_ca, spec.client)
        tls_material.check(found, self._now())
        return found.encode()

    def _look(self) -> list[tuple[int, ...]]:
        """Links are followed, as the reading does."""
        seen: list[tuple[int, ...]] = []
        for path in (self._spec.certificate, self._spec.key, self._spec.client_ca):
            if path is not None:
                with suppress(OSError):
                    status = os.stat(path)
                    seen.append((status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid))
        return seen
