"""Where gVisor's runsc is, and by which means it can intercept system calls here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lockgate.errors import Unfit

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin"
# "release-20230904.0", and Debian's "0.0~20221219.0".
_VERSION = re.compile(r"runsc version \S*?((?:20)\d{6})(?:\.\d+)?\b")
# From this day on systrap is what gVisor's authors recommend and the default; before it there is only ptrace that
# needs no device. kvm is never taken: where it does not work it hangs.
_SYSTRAP = 20230904


@dataclass(frozen=True)
class Runsc:
    """A usable runsc. `tree` is the folder it lies in; `setpriv` ties its life to ours."""

    path: Path
    tree: Path
    version: str
    platform: str
    setpriv: Path


@lru_cache(maxsize=1)
def find_runsc() -> Runsc:
    """The machine's runsc. Raises Unfit LG915 when there is none, or not what it needs beside it."""
    found, setpriv = shutil.which("runsc", path=_PATH), shutil.which("setpriv", path=_PATH)
    if found is None or setpriv is None:
        missing = "runsc" if found is None else "setpriv"
        raise Unfit(
            "LG915",
            f"no {missing} on this machine, which gVisor's launcher needs",
            next="apt-get install runsc" if found is None else "apt-get install util-linux",
        )
    path = Path(os.path.realpath(found))
    said = _ask_version(path)
    match = _VERSION.search(said)
    if match is None:
        raise Unfit(
            "LG915",
            "this runsc does not tell its version",
            seen={"path": str(path), "said": said[:200]},
            next="apt-get install --reinstall runsc",
        )
    return Runsc(path, path.parent, match[1], platform_for(int(match[1])), Path(setpriv))


def platform_for(day: int) -> str:
    """How a runsc of that day (year, month, day as one number) intercepts system calls."""
    return "systrap" if day >= _SYSTRAP else "ptrace"


def _ask_version(path: Path) -> str:
    try:
        return subprocess.run(
            [str(path), "--version"], env={}, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
