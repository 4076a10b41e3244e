"""References to secrets -> secrets, as late as can be, and never into words.

    env:NAME      a variable of the environment       file:PATH     a file, without the line end at its end
    cmd:COMMAND   what a program prints, without a shell; it runs as the user who typed `lockgate`

Trusts lockgate.toml as far as the user's own shell: a reference is looked up only for somebody who holds the key of
the ingester, which nobody has for a project that a stranger made.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from lockgate.errors import LockgateError, Usage
from lockgate.sandbox._command import CommandError, output_of
from lockgate.store.files import read_regular

_MOST = 64 << 10
_SECONDS = 60.0
_HIDDEN = "(secret)"


def resolve(reference: str, key: str, root: Path) -> str:
    """What `reference` refers to; empty for an empty one. `key` names it in errors. Raises Usage LG125."""
    if not reference:
        return ""
    kind, _, rest = reference.partition(":")
    try:
        if kind == "env":
            found = os.environ.get(rest, "")
        elif kind == "file":
            # Mounted secrets are links; whoever may change the link may change the file.
            found = read_regular((root / Path(rest).expanduser()).resolve(), _MOST).decode()
        else:
            found = output_of(shlex.split(rest), most=_MOST, seconds=_SECONDS).decode()
    except CommandError as error:
        raise _missing(key, kind, f"its command {error}") from None
    except FileNotFoundError:
        raise _missing(key, kind, "its file is not there") from None
    except UnicodeDecodeError:
        raise _missing(key, kind, "it is not UTF-8 text") from None
    except (LockgateError, OSError, RuntimeError, ValueError):
        raise _missing(key, kind, "it cannot be read") from None
    found = found.removesuffix("\n").removesuffix("\r")
    if not found or "\0" in found:
        raise _missing(key, kind, f"the variable {rest} is not set" if kind == "env" else "it is empty")
    return found


@contextmanager
def unsaid(secrets: Collection[str]) -> Iterator[None]:
    """A LockgateError raised inside comes out without any of `secrets`, in whichever spelling a driver echoes them."""
    try:
        yield
    except LockgateError as error:
        spelled = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), quote(secret))}
        hidden = sorted(spelled, key=len, reverse=True)
        clean = _without(error.seen, hidden)
        raise type(error)(
            error.finding,
            str(_without(error.message, hidden)),
            seen=clean if isinstance(clean, dict) else {},
            next=str(_without(error.next, hidden)),
        ) from None


def _without(value: object, secrets: Collection[str]) -> object:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, _HIDDEN)
        return value
    if isinstance(value, dict):
        return {key: _without(entry, secrets) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without(entry, secrets) for entry in value]
    return value


def _missing(key: str, kind: str, why: str) -> Usage:
    mend = {"env": "export the variable", "file": "write the file", "cmd": "run the command by hand"}[kind]
    return Usage("LG125", f"the secret {key} cannot be had: {why}", seen={"key": key, "kind": kind}, next=mend)
