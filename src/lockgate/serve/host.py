"""What the connections of one front share, as each of them sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from lockgate.serve.http import Core
from lockgate.serve.limits import Limits
from lockgate.serve.spec import Caps
from lockgate.serve.writing import Writer

Connected_contra = TypeVar("Connected_contra", contravariant=True)


class Host(Protocol[Connected_contra]):
    """`Front`. `wall`: seconds since the epoch, which certificates are held against."""

    core: Core
    caps: Caps
    limits: Limits
    writer: Writer
    stopping: bool
    wall: Callable[[], float]

    def joined(self, connection: Connected_contra) -> None:
        """A peer is connected; with TLS, its handshake is done."""

    def left(self, connection: Connected_contra, address: str) -> None:
        """A peer is gone."""

    def hold(self, owner: str, more: int) -> bool:
        """So much more of this client's unfinished bodies is held; whether that is within what it and all may take."""
