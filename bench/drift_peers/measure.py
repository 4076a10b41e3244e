"""What one monitor cost and when it alarmed. numpy and the standard library only.

    python -m bench.drift_peers.NAME REFERENCE.npy STREAM.npy FIRST

Each program here hands over a function that is given the reference once, and returns what is to be called with each
window of 1,000 rows, from the FIRST on, which is 0 for those that can afford it. What it says of a window is kept by
rule: most tools leave to the user what an alarm is. CPU is user and system time of all threads; imports and the
reference are not in it, and the first call is: users have it too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

WINDOW = 1000
Array: TypeAlias = np.ndarray[Any, Any]
Said: TypeAlias = Mapping[str, bool]
Watch: TypeAlias = Callable[[Array], Callable[[Array], Said]]


def columns(rows: Array) -> list[str]:
    """Names of the columns."""
    return [f"x{place:02d}" for place in range(rows.shape[1])]


def run(name: str, watch: Watch) -> None:
    """Look at each window in order, measured, and print one line of JSON."""
    reference, stream, first = np.load(Path(sys.argv[1])), np.load(Path(sys.argv[2])), int(sys.argv[3])
    begin = time.process_time()
    look = watch(reference)
    setup = time.process_time() - begin
    spent: list[float] = []
    alarms: dict[str, list[int]] = {}
    for number in range(first, len(stream) // WINDOW):
        window = stream[number * WINDOW : (number + 1) * WINDOW]
        begin = time.process_time()
        said = look(window)
        spent.append(time.process_time() - begin)
        for rule, alarm in said.items():
            known = alarms.setdefault(rule, [])
            if alarm:
                known.append(number)
    told = {
        "peer": name,
        "windows": len(spent),
        "setup_cpu_s": round(setup, 3),
        "cpu_ms": round(1000 * sum(spent) / len(spent), 3),
        "alarms": alarms,
    }
    print(json.dumps(told, separators=(",", ":")))
