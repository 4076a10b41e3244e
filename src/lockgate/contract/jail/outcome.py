"""How a jail's work ends: its files, or one finding, never a traceback. Stdlib only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lockgate.contract.findings import FINDING, clean, encode_finding
from lockgate.core.encoding import decode
from lockgate.errors import LockgateError, Refused

EXIT_FINDING = 1


def read_task() -> dict[str, Any]:
    """The task that the host gave on standard input."""
    task = decode(sys.stdin.buffer.read())
    if not isinstance(task, dict):
        raise TypeError("a task is one JSON object")
    return task


def place(path: str) -> Path:
    """The place that a jail's settings call `path`, such as `/job`.

    A launcher that cannot make a root of its own (level 2) puts all places below one folder, `$LOCKGATE_ROOT`.
    """
    return Path(os.environ.get("LOCKGATE_ROOT", "") + path)


def data_dir() -> Path:
    """Where the jail's inputs are."""
    return place("/in")


def out_dir() -> Path:
    """Where the jail's output goes."""
    return place("/out")


def leave() -> None:
    """End the process now, with success: every file is closed.

    A thread of Arrow that still holds a Python callback aborts when it meets an interpreter that is being taken down.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def guarded(work: Callable[[], None], out: Path, *, unexpected: str) -> None:
    """Do `work`. A LockgateError becomes `finding.json`; any other Exception one with the id `unexpected`.

    Raises SystemExit after a finding. Memory that ran out is passed on: the host knows the limit and words it.
    """
    try:
        work()
    except MemoryError:
        raise
    except LockgateError as error:
        (out / FINDING).write_bytes(encode_finding(error))
        raise SystemExit(EXIT_FINDING) from None
    except Exception as error:  # noqa: BLE001 - untrusted data or code decides what is raised here
        said = f"{type(error).__name__}: {error}"
        found = Refused(unexpected, f"the work stopped on something that nobody foresaw: {clean(said, 300)}")
        (out / FINDING).write_bytes(encode_finding(found))
        raise SystemExit(EXIT_FINDING) from None
