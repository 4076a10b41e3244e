"""The verifier of one file, loaded as a program of its own is: from its path, never as a part of the package."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from lockgate.errors import LockgateError
from lockgate.project.offline_archive import verify_archive
from tests.support.evidence_archive import VERIFIER, Made, packed

NOW = "2026-11-23T12:00:00Z"
"""When the archives of tests are judged: hours after they were made."""


@cache
def verifier() -> ModuleType:
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("lockgate_verify", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["lockgate_verify"] = module
    spec.loader.exec_module(module)
    return module


def asked(root: str, *what: str | Path) -> tuple[int, dict[str, Any]]:
    """What the program says in this process: its exit code and its report."""
    said: list[str] = []
    code = verifier().main(["--root", root, "--at", NOW, "--json", *map(str, what)], said.append)
    report = json.loads("".join(said))
    assert code == report["exit"]
    return code, report


def judged(made: Made, files: Mapping[str, bytes] | bytes, folder: Path, *options: str | Path) -> tuple[int, str]:
    """What it says of an archive with these files: exit code, and why not."""
    path = folder / "made.evidence.zip"
    path.write_bytes(files if isinstance(files, bytes) else packed(files))
    code, report = asked(made.root, *options, path)
    return code, report["failed"] or "; ".join(report["refused"])


def report_on(made: Made, files: Mapping[str, bytes], folder: Path, *options: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit code and report about an archive with these files."""
    path = folder / "a.evidence.zip"
    path.write_bytes(packed(files))
    return asked(made.root, *options, path)


def product(made: Made, files: Mapping[str, bytes], folder: Path) -> str:
    """What the second implementation says of it: a finding, or nothing."""
    path = folder / "b.evidence.zip"
    path.write_bytes(packed(files))
    try:
        verify_archive(path, datetime.fromisoformat(NOW), root=made.root)
    except LockgateError as error:
        return error.finding
    return ""
