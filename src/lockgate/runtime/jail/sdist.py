"""What a source distribution needs to be built. Runs in the `parse` jail; nothing of it is run, one file is read.

Reads the only file of /in/sdist. Writes sdist.json: {"requires": [...]}, or the finding LG355.
"""

from __future__ import annotations

import tarfile
import tomllib
from collections.abc import Sequence
from typing import Any

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir
from lockgate.core.encoding import encode
from lockgate.errors import Refused

_MOST = 1 << 20
_LEGACY = ["setuptools"]


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Read `[build-system] requires`."""
    guarded(_work, out_dir(), unexpected="LG355")


def _work() -> None:
    file = next((data_dir() / "sdist").iterdir())
    try:
        with tarfile.open(file, "r:gz") as archive:
            text = _pyproject(archive)
        raw: dict[str, Any] = tomllib.loads(text) if text else {}
        listed = raw.get("build-system", {"requires": _LEGACY}).get("requires", _LEGACY)
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise ValueError("[build-system] requires is a list of texts")
    except (tarfile.TarError, OSError, EOFError, ValueError, AttributeError, RecursionError) as error:
        message = f"{file.name} is no source distribution that can be read: {error}"
        raise Refused("LG355", message, next="lockgate explain LG355") from None
    (out_dir() / "sdist.json").write_bytes(encode({"requires": listed}))


def _pyproject(archive: tarfile.TarFile) -> str:
    for member in archive:
        parts = member.name.split("/")
        if len(parts) == 2 and parts[1] == "pyproject.toml" and member.isreg() and member.size <= _MOST:
            opened = archive.extractfile(member)
            return opened.read().decode("utf-8") if opened else ""
    return ""
