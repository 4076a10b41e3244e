"""The sealer's word that it is there, once a minute, also when there is nothing to seal; and others' words beside it.

A heartbeat is a cosignature by the log's own key: at this time, this was its newest tree. Every commit bears one; this
makes one where none was made for a minute. Lines of witnesses come over the control socket, with the keys that the
supervisor read from the signed policy; each is verified again here.
"""

from __future__ import annotations

from collections.abc import Callable

from lockgate.audit.seal import Sealer
from lockgate.core.checkpoint import COSIGNATURE, VerifierKey, parse_vkey
from lockgate.core.cosignature import parse_lines
from lockgate.serve.control import Told

SECONDS = 60.0
MOST_WITNESSES = 64


class Heartbeat:
    """When the log has last said anything. `clock`: monotonic seconds."""

    def __init__(self, sealer: Sealer, clock: Callable[[], float]) -> None:
        self._sealer = sealer
        self._clock = clock
        self._due = clock() + SECONDS

    def sealed(self) -> None:
        """A commit bears a heartbeat of its own."""
        self._due = self._clock() + SECONDS

    def beat(self) -> None:
        """Beat, if it is time. Raises as `Sealer.append`."""
        if self._clock() >= self._due:
            self._due = self._clock() + SECONDS
            self._sealer.beat()

    def cosigned(self, told: Told) -> None:
        """Put lines of witnesses beside the checkpoint; what is not over this very tree, or no line, is dropped.

        Raises as `Sealer.append`.
        """
        try:
            keys, lines = _keys(told.header.get("witnesses")), parse_lines(told.payload)
        except ValueError:
            return
        self._sealer.attach(lines, keys)


def _keys(value: object) -> list[VerifierKey]:
    if not isinstance(value, list) or len(value) > MOST_WITNESSES:
        raise ValueError("the keys of witnesses are a short list")
    return [parse_vkey(str(each), COSIGNATURE) for each in value]
