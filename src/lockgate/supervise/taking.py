"""How others may append to the log that is sealed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.serve.appending.spec import Limits
from lockgate.supervise.listening import Listeners


@dataclass(frozen=True)
class Taking:
    """How others may append. `listener`: bound, for TLS; `tls`: what `TlsFiles.read` gives; `socket`: for this machine.

    `uid`: of this user, who is an appender over the socket without being enrolled.
    """

    listener: Listeners | None
    tls: Callable[[], bytes]
    socket: Path | None
    uid: int
    limits: Limits = field(default_factory=Limits)
