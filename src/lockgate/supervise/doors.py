"""What a gateway's keeper and its crew of workers lean on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lockgate.sandbox.launch import Target
from lockgate.sandbox.settings import JailSettings
from lockgate.supervise.household import Household
from lockgate.supervise.post import Post
from lockgate.supervise.process import Process
from lockgate.supervise.redis import Lender


class Start(Protocol):
    """Starts a jail under a name, with descriptors; `spoken`: with a control socket too."""

    def __call__(
        self, name: str, jail: JailSettings, target: Target, descriptors: dict[int, int], *, spoken: bool = True
    ) -> Process:
        """Raises Unfit."""


@dataclass
class Doors:
    """What a member leans on. `begun` is told a gateway's fresh id, and by whom, before it starts: only then are its
    records sealed.
    """

    own: Household
    post: Post
    say: Callable[[str], None]
    start: Start
    lender: Lender | None
    begun: Callable[[str, str], None]
