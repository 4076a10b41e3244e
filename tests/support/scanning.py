"""The scan of a closure in this process, over files that are bytes or lie somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lockgate.register.jail.scan import scan as scan_folder


def scan(files: Mapping[str, bytes | Path]) -> dict[str, Any]:
    """The report of the scan, once the files lie in a folder as the jail sees it."""
    with TemporaryDirectory() as name:
        root = Path(name)
        for file, data in files.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else data.read_bytes())
        return scan_folder(root)
