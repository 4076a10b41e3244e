"""Jails of level 2, and who of them still runs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from lockgate.sandbox._landlock.launcher import LandlockLauncher
from lockgate.sandbox.launch import Jail, JailResult, Target
from lockgate.sandbox.settings import JailSettings, Limits, PythonEnv, named

LEVEL_2 = LandlockLauncher()
TRAIN = named("train", python=PythonEnv.own())


def jail(settings: JailSettings = TRAIN) -> Jail:
    """Such a jail."""
    return Jail(settings, least=2, launcher=LEVEL_2)


def run(code: str, *, settings: JailSettings = TRAIN, out: Path | None = None, **limits: int) -> JailResult:
    """Run `code`, with tighter limits."""
    bounded = replace(settings, limits=Limits(**{"wall_seconds": 20, **limits}))
    return jail(bounded).run(Target(command=("python3", "-c", code)), out_dir=out)


def running(marker: str) -> list[int]:
    """The host's processes that have `marker` in their command line, and have not ended."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and marker.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]
