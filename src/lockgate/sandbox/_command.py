"""A program of the user's own, run as the user: what a `cmd:` reference names, or a credential helper. Not a jail.

Trusts the program as the user's shell does; it may ask on the terminal. Its output is bounded in size and time and
goes to the caller only; what it writes to standard error goes to the user's terminal. It gets the user's environment,
but for the passphrases of signing keys.
"""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import IO

_WITHHELD = "LOCKGATE_PASSPHRASE"


class CommandError(Exception):
    """Why a command gave nothing, worded to follow "its command"."""


def output_of(words: Sequence[str], *, most: int, seconds: float, given: bytes = b"") -> bytes:
    """What the program prints. Raises CommandError when it fails, says too much or takes too long.

    `given`: its standard input, a line or so; without it, it has ours and may ask on the terminal.
    """
    if not words:
        raise CommandError("has no words")
    try:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)}
        fed = subprocess.PIPE if given else None
        process = subprocess.Popen(list(words), stdin=fed, stdout=subprocess.PIPE, env=environ)
    except OSError as error:
        raise CommandError(f"does not start: {os.strerror(error.errno or 0).lower()}") from None
    with process:
        try:
            if process.stdin is not None:
                _give(process.stdin, given)
            found = _read(process, most, monotonic() + seconds)
            code = process.wait(timeout=seconds)
        except (CommandError, subprocess.TimeoutExpired) as error:
            process.kill()
            raise CommandError(str(error) if isinstance(error, CommandError) else "took too long") from None
    if code != 0:
        raise CommandError(f"ended with exit code {code}")
    return found


def _give(pipe: IO[bytes], given: bytes) -> None:
    with suppress(BrokenPipeError), pipe:  # it may know what to say without
        pipe.write(given)


def _read(process: subprocess.Popen[bytes], most: int, until: float) -> bytes:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, until - monotonic())):
                raise CommandError("took too long")
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                return found
            found += piece
            if len(found) > most:
                raise CommandError(f"prints more than {most >> 10} KiB")
