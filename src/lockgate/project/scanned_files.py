"""`lockgate scan PATH...`: what was found out about files that anybody names, and how others take it. No project."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from lockgate.errors import EXIT_OK, EXIT_REFUSED

if TYPE_CHECKING:
    from lockgate.register.scan_words import Scanned, ScannedFile

_MOST_OFFSET = 2**63


def scan_files(
    paths: Sequence[str], told: Callable[[ScannedFile], None] | None = None, exclude: Sequence[str] = ()
) -> Scanned:
    """As `register.scanning.scan_paths`."""
    from lockgate.register.scanning import scan_paths

    return scan_paths(paths, told, exclude)


def exit_code(scanned: Scanned) -> int:
    """0 only when there was something, and all of it was proved harmless."""
    return EXIT_OK if scanned.harmless else EXIT_REFUSED


def as_sarif(scanned: Scanned) -> bytes:
    """SARIF 2.1.0, the worst first: one result for each file that was refused or failed, at level "error" where it runs
    code or deceives, else "warning"; a notification for what was not looked at.
    """
    from lockgate.export.sarif import Notice, Result, encode_sarif, sarif

    results = [
        Result(
            one.finding, one.message, one.path, one.sha256, _offset(one), "error" if one.level == "error" else "warning"
        )
        for one in scanned.worst_first
        if one.verdict in ("refused", "failed")
    ]
    notices = [
        Notice(one.path, one.message, "note" if one.verdict == "excluded" else "warning")
        for one in scanned.worst_first
        if one.verdict in ("skipped", "excluded")
    ]
    complete = all(one.verdict != "failed" for one in scanned.files)
    return encode_sarif(
        sarif(results, notices, version=version("lockgate"), exit_code=exit_code(scanned), complete=complete)
    )


def write_sarif(scanned: Scanned, file: str) -> None:
    """Write it to `file`, whole or not at all. Raises OSError."""
    from pathlib import Path

    from lockgate.store.files import atomic_write

    atomic_write(Path(os.path.abspath(file)), as_sarif(scanned), 0o644)


def _offset(one: ScannedFile) -> int | None:
    at = one.seen.get("offset")
    return at if type(at) is int and 0 <= at < _MOST_OFFSET else None
