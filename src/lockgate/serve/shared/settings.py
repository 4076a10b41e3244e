"""What the supervisor hands to a gateway about the shared limits: one JSON object, or nothing where there is no Redis.

Over plain sockets the supervisor has logged in before it hands over the connection, and the gateway never sees the
password. A TLS session cannot change hands, so there the gateway gets login and authorities, and nothing else.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import VerificationFailed


@dataclass(frozen=True)
class SharedSettings:
    """`prefix` of every key. `gateways`: how many share a limit while the server cannot be reached.

    `tls`: the name that the server's certificate must bear, empty without TLS; `ca`: the authorities, PEM.
    """

    prefix: str
    gateways: int
    tls: str = ""
    ca: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    def encode(self) -> bytes:
        """As it is handed over."""
        return encode({**dataclasses.asdict(self), "v": 1})

    @staticmethod
    def parse(data: bytes) -> SharedSettings:
        """Read what `encode` wrote. Raises VerificationFailed LG632."""
        try:
            value = decode_exact(data)
            if not isinstance(value, dict) or value.pop("v", 0) != 1:
                raise ValueError("not version 1")
            found = SharedSettings(**value)
            if type(found.gateways) is not int or found.gateways < 1:
                raise ValueError("not a number of gateways")
        except (ValueError, TypeError):
            raise VerificationFailed(
                "LG632", "the supervisor did not hand over where limits are shared", next="lockgate serve"
            ) from None
        return found
