"""Ends what a killed process left. Runs beside it, as a file, and knows nothing but the standard library.

    python -I -S _afterwards.py FOLDER < pipe

Lines of the pipe: `+ID`, `-ID`, a session that began or ended. When its other end goes away, whoever held it has ended,
however that was: sessions that are left are ended as Ctrl-C would, by force after seconds, and FOLDER is removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress

_GRACE, _PAUSE = 5.0, 0.05


def main() -> None:
    """Wait, then clean."""
    left: set[int] = set()
    for line in sys.stdin:
        (left.add if line[0] == "+" else left.discard)(int(line[1:]))
    until = time.monotonic() + _GRACE
    left = {one for one in left if _told(one, signal.SIGINT)}
    while left and time.monotonic() < until:
        left = {one for one in left if _told(one, 0)}
        time.sleep(_PAUSE)
    for one in left:
        _told(one, signal.SIGKILL)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


def _told(session: int, number: int) -> bool:
    """Send it to all of the session's first group; whether there is such a group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, number)
        return True
    return False


if __name__ == "__main__":
    main()
