"""What every jail needs of the system below it."""

from __future__ import annotations

import platform

from lockgate.errors import Unfit


def require_linux() -> None:
    """Raise Unfit LG901 where there is no Linux: every isolation here is the Linux kernel's."""
    system = platform.system()
    if system != "Linux":
        raise Unfit(
            "LG901",
            f"jails need Linux, and this is {system}",
            seen={"system": system},
            next="run this in a Linux machine (docs/how-to/mac-and-windows.md); verify, show and sign work here",
        )
