"""This machine, as far as it decides how numbers come out. The shell of `surroundings`."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from lockgate.sandbox.settings import Limits
from lockgate.train.surroundings import Machine, Surroundings, machine_of, threads_for

_CPUINFO = Path("/proc/cpuinfo")


def machine() -> Machine:
    """The machine that this runs on."""
    try:
        told = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = ""
    return machine_of(platform.machine(), os.cpu_count() or 1, told)


def surroundings(seed: int, limits: Limits, threads: int | None = None) -> Surroundings:
    """What a run with `seed` gets here. `threads`: as many as a recorded run had, whatever is here."""
    here = machine()
    return Surroundings(seed, threads_for(here.cpus, limits) if threads is None else threads, here)
