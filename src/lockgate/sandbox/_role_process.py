"""The one program of ours that runs as another user of this host: it signs with a role's key. Not a jail.

Root becomes that user in the child; everybody else asks sudo, which knows exactly this command and never prompts
here. Nothing of our environment goes with it. What it answers is bounded in size and time.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence

MOST = 64 << 10
SECONDS = 60.0
_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


class CannotStart(Exception):
    """Why the helper does not run."""


def run_as(user: str, command: Sequence[str], given: bytes) -> tuple[int, bytes, bytes]:
    """Run `command` as `user` with `given` as its input; its exit code, output and error output.

    Raises CannotStart: no such user, no sudo, no such program, too slow.
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise CannotStart(f"this host has no user {user}") from None
    words, identity = list(command), {}
    if os.geteuid() == 0:
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}
    elif os.geteuid() != entry.pw_uid:
        words = ["sudo", "-n", "-u", user, "--", *words]
    return _run(words, given, **identity)


def run_tool(words: Sequence[str]) -> tuple[int, bytes, bytes]:
    """Run a tool of the host, such as useradd, as root. Raises CannotStart."""
    return _run(words, b"")


def _run(words: Sequence[str], given: bytes, **identity: object) -> tuple[int, bytes, bytes]:
    try:
        process = subprocess.Popen(  # type: ignore[call-overload]
            list(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_PATH,
            cwd="/",
            start_new_session=True,
            **identity,
        )
    except OSError as error:
        raise CannotStart(f"{words[0]}: {os.strerror(error.errno or 0).lower()}") from None
    with process:
        try:
            said, complained = process.communicate(given, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise CannotStart(f"{words[0]} took longer than {SECONDS:.0f} seconds") from None
    return int(process.returncode), bytes(said[:MOST]), bytes(complained[:MOST])
