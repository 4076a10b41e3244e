"""Where podman is, and the programs that it and its launcher need."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lockgate.errors import Unfit

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_VERSION = re.compile(r"podman version (\d+)\.(\d+)\.(\d+)")
_LEAST = (4, 1, 0)
_PACKAGES = {"podman": "podman", "runc": "runc", "conmon": "conmon", "setpriv": "util-linux", "unshare": "util-linux"}


@dataclass(frozen=True)
class Podman:
    """A usable podman. `tree` is the folder it lies in; the others are what starts it, each by its path."""

    path: Path
    tree: Path
    version: str
    setpriv: Path
    unshare: Path
    search: str = _PATH


@lru_cache(maxsize=1)
def find_podman() -> Podman:
    """The machine's podman. Raises Unfit LG916 when there is none of 4.1 or newer, or not what it needs beside it."""
    found = {name: shutil.which(name, path=_PATH) for name in _PACKAGES}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise Unfit(
            "LG916",
            f"no {missing[0]} on this machine, which podman's launcher needs",
            seen={"missing": missing},
            next="apt-get install " + " ".join(sorted({_PACKAGES[name] for name in missing})),
        )
    paths = {name: Path(path) for name, path in found.items() if path is not None}
    said = _ask_version(paths["podman"])
    match = _VERSION.match(said)
    if match is None or tuple(map(int, match.groups())) < _LEAST:
        raise Unfit(
            "LG916",
            "this podman is older than 4.1, or does not tell its version",
            seen={"path": str(paths["podman"]), "said": said[:200]},
            next="install podman 4.1 or newer",
        )
    path = paths["podman"]
    return Podman(path, path.parent, ".".join(match.groups()), paths["setpriv"], paths["unshare"])


def _ask_version(path: Path) -> str:
    """Even for this it wants a home, and makes folders in it."""
    with tempfile.TemporaryDirectory(prefix="lockgate-podman-") as home:
        environment = {"HOME": home, "XDG_RUNTIME_DIR": home, "TMPDIR": home, "_CONTAINERS_USERNS_CONFIGURED": "done"}
        try:
            return subprocess.run(
                [str(path), "--version"], env=environment, capture_output=True, text=True, timeout=10, check=False
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return ""
