"""The harness where no namespace stands around the jail: what pid 1 and an own root give elsewhere, made by hand.

    prctl    option value     what the harness sets for itself and all that it starts
    alone    1                no process of the jail may outlive the harness, which ends them itself
    moved    place            a path of the settings that lies below $LOCKGATE_ROOT here

The harness adopts the jail's orphans (PR_SET_CHILD_SUBREAPER): that nothing is left is the kernel's answer that it has
no child, and not a list that it made.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # as in the harness
import os
import time

from lockgate.sandbox.jail import descendants, landlock
from lockgate.sandbox.jail import foreign as ctypes

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER = 1, 2, 37
# What a program may read of its own process: nothing of the network, of others, or of the host's paths.
OWN = ("cgroup", "cmdline", "environ", "fd", "limits", "maps", "oom_score", "stat", "statm", "status")
LOOK = 0b1100

Rows = dict[str, list[list[bytes]]]


def settle(rows: Rows, libc: ctypes.CDLL) -> None:
    """Set what `prctl` rows name; a refusal is seen by its probe."""
    for option, value in rows.get("prctl", []):
        libc.prctl(int(option), ctypes.c_ulong(int(value)), 0, 0, 0)


def adopts(libc: ctypes.CDLL) -> tuple[bool, str]:
    """The witness that orphans come to the harness."""
    number = ctypes.c_int(0)
    libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(number), 0, 0, 0)
    return number.value == 1, f"subreaper {number.value}"


def goes_on(libc: ctypes.CDLL) -> tuple[bool, str]:
    """The witness that a launcher cannot leave the harness stopped by being killed."""
    number = ctypes.c_int(0)
    libc.prctl(PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0)
    return number.value == signal.SIGCONT, f"signal {number.value}"


def prepare_target(rows: Rows, libc: ctypes.CDLL, ruleset: int, harness: int) -> None:
    """In the target, before it enters the domain: it goes when the harness goes, and before it. Raises OSError."""
    if not rows.get("alone"):
        return
    libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != harness:
        os._exit(125)
    # The kernel that is short of memory takes the target and not the harness; no rule lets the target write this back.
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(b"500")
    for name in OWN:
        landlock.allow(libc, ruleset, LOOK, f"/proc/self/{name}".encode())


def kill_the_rest(proc: int) -> None:
    """End every process below this one, until the kernel says that there is none."""
    while True:
        descendants.end(proc, os.getpid())
        try:
            while os.waitpid(-1, os.WNOHANG)[0] > 0:
                pass
        except ChildProcessError:
            return
        # What was just killed takes a moment to end; a bomb may have forked meanwhile.
        time.sleep(0.001)


def moved(rows: Rows, command: list[str]) -> list[str]:
    """The command with each place of the settings that a word names, or begins a path with, put where it lies here.

    A command of ours names our interpreter by its own path, and its module finds the places itself.
    """
    places = [place.decode("utf-8", "surrogateescape") for (place,) in rows.get("moved", [])]
    ours = [name.decode("utf-8", "surrogateescape") for (name,) in rows.get("interpreter", [])]
    if not places or command[0] in ours:
        return command
    import re  # after the fork, and only here: a third of the harness's start-up

    known = "|".join(re.escape(place) for place in sorted(places, key=len, reverse=True))
    place = re.compile(rf"(?:(?<=[\s\"'=:,(\[])|\A)(?=(?:{known})(?:[/\s\"':,;)\]]|\Z))")
    root = os.environ.get("LOCKGATE_ROOT", "")
    return [place.sub(lambda _: root, word) for word in command]
