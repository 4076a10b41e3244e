"""What the supervisor tells its processes by argument: one JSON object, nothing secret. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import VerificationFailed
from lockgate.serve.spec import Caps

CONTROL_FD = 3
LISTENER_FD = 4
BELL_FD = 5

HOME = "/project"
SPOOL = "/spool"
INTAKE = "/intake"
FEEDBACK = "/feedback"
PAYLOADS = "/payloads"
TRACES = "/traces"
# One folder down: whoever makes a log makes its name durable in the folder above, and nobody may open the root.
PREDICTIONS = "/sealed/predictions"


@dataclass(frozen=True)
class GatewaySettings:
    """`root`: fingerprint of the project's first root key. `name`: the model, or None for the only one deployed.

    `gateway`: this process's id in records, 16 hex digits, never used by another start. `number`: which of the
    `gateways` of this house it is, the same after a restart. `traces`: share of the requests that leave a span.
    `origin`, `sealer`: of the predictions log, as a sealer's; empty where the gateway makes no proofs.
    """

    root: str
    environment: str
    name: str | None
    gateway: str
    caps: Caps
    number: int = 0
    gateways: int = 1
    traces: float = 0.0
    origin: str = ""
    sealer: str = ""

    def arguments(self) -> tuple[str, ...]:
        """The process's arguments."""
        return (encode(dataclasses.asdict(self)).decode(),)

    @staticmethod
    def parse(arguments: Sequence[str]) -> GatewaySettings:
        """Read what `arguments` wrote. Raises VerificationFailed LG632."""
        value = _object(arguments)
        try:
            return GatewaySettings(**{**value, "caps": Caps(**value["caps"])})
        except (TypeError, KeyError):
            raise _foreign() from None


@dataclass(frozen=True)
class SealerSettings:
    """`origin`: the log's name. `public_key`: its sealer's, 32 bytes in hex."""

    origin: str
    public_key: str

    def arguments(self) -> tuple[str, ...]:
        """The process's arguments."""
        return (encode(dataclasses.asdict(self)).decode(),)

    @staticmethod
    def parse(arguments: Sequence[str]) -> SealerSettings:
        """Read what `arguments` wrote. Raises VerificationFailed LG632."""
        try:
            return SealerSettings(**_object(arguments))
        except TypeError:
            raise _foreign() from None


@dataclass(frozen=True)
class ForwarderSettings:
    """`name`: the host's, which its certificate must be for; empty for a socket of this machine, without TLS.

    `origin`, `sealer`: of the predictions log elsewhere, as a sealer's.
    """

    origin: str
    sealer: str
    name: str = ""

    def arguments(self) -> tuple[str, ...]:
        """The process's arguments."""
        return (encode(dataclasses.asdict(self)).decode(),)

    @staticmethod
    def parse(arguments: Sequence[str]) -> ForwarderSettings:
        """Read what `arguments` wrote. Raises VerificationFailed LG632."""
        try:
            return ForwarderSettings(**_object(arguments))
        except TypeError:
            raise _foreign() from None


@dataclass(frozen=True)
class ControllerSettings:
    """`root`, `environment`, `name` as a gateway's. `origin`, `public_key`: of the predictions log, as a sealer's.

    `former`: the keys that sealed that log before, in hex.
    """

    root: str
    environment: str
    name: str
    origin: str
    public_key: str
    former: tuple[str, ...] = ()

    def arguments(self) -> tuple[str, ...]:
        """The process's arguments."""
        return (encode(dataclasses.asdict(self)).decode(),)

    @staticmethod
    def parse(arguments: Sequence[str]) -> ControllerSettings:
        """Read what `arguments` wrote. Raises VerificationFailed LG632."""
        value = _object(arguments)
        try:
            return ControllerSettings(**{**value, "former": tuple(value["former"])})
        except (TypeError, KeyError):
            raise _foreign() from None


def _object(arguments: Sequence[str]) -> dict[str, Any]:
    try:
        value = decode_exact(arguments[0].encode()) if len(arguments) == 1 else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _foreign()
    return value


def _foreign() -> VerificationFailed:
    return VerificationFailed("LG632", "this process was not started by lockgate serve", next="lockgate serve")
