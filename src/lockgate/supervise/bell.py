"""The pipe through which the gateways of a house wake its sealer (`serve.recording.waking`).

Made here, once, for both outlive each other: a gateway that starts anew rings the sealer that is there, and a sealer
that starts anew hears all. Nothing is read or written here.
"""

from __future__ import annotations

import os

from lockgate.serve.settings import BELL_FD
from lockgate.supervise.member import GATEWAY
from lockgate.supervise.sealing_side import SEALER


class Bell:
    """Both ends of the pipe; neither blocks."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._heard, self._rung = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def end(self, name: str) -> dict[int, int]:
        """What the process of that name inherits of it: the sealer hears, a gateway rings."""
        if name == SEALER:
            return {BELL_FD: self._heard}
        return {BELL_FD: self._rung} if name.partition("-")[0] == GATEWAY else {}

    def close(self) -> None:
        """When nobody is there any more."""
        os.close(self._heard)
        os.close(self._rung)
