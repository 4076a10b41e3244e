"""What one side cost: CPU of all its threads and helpers, time, peak memory. Standard library only.

Each program here calls `run`, which times the work and not the imports, and prints one line of JSON.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Reason = tuple[int, str, str]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Outcome:
    """What a side found. `reasons` counts (row, column) pairs; digests are None where a side has no such thing.

    `paths` is how many rows were judged in which way, where a side has several.
    """

    rows: Sequence[int]
    reasons: int
    reasons_digest: str | None = None
    values_digest: str | None = None
    paths: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Cost:
    """CPU is user and system time. Memory is the peak while working, imports included, in MB of 10**6 bytes."""

    cpu_s: float
    wall_s: float
    peak_rss_mb: float
    imports_rss_mb: float


def run(name: str, work: Callable[[], T], found: Callable[[T], Outcome], helpers: Sequence[int] = ()) -> None:
    """Do the work, measured, then say what it cost and what was found. `found` is outside the measurement.

    `helpers` are processes that run before and after the work and are counted; their peaks are added up.
    """
    gc.collect()
    everyone = ["self", *map(str, helpers)]
    imports = sum(_memory(process, "VmRSS") for process in everyone)
    for process in everyone:
        _forget_peak(process)
    cpu, wall = _cpu(helpers), time.perf_counter()
    result = work()
    spent = _cpu(helpers) - cpu, time.perf_counter() - wall
    cost = Cost(
        cpu_s=round(spent[0], 3),
        wall_s=round(spent[1], 3),
        peak_rss_mb=round(sum(_memory(process, "VmHWM") for process in everyone) / 1e6, 1),
        imports_rss_mb=round(imports / 1e6, 1),
    )
    outcome = found(result)
    said = {"peer": name, **asdict(cost), "bad_rows": len(outcome.rows), **asdict(outcome)}
    print(json.dumps(said, separators=(",", ":")))


def reasons_digest(reasons: Iterable[Reason]) -> str:
    """One digest of all (row, field, rule), whatever their order."""
    text = "".join(f"{row}\t{path}\t{rule}\n" for row, path, rule in sorted(reasons))
    return hashlib.sha256(text.encode()).hexdigest()


def values_digest(rows: Iterable[Sequence[object]]) -> str:
    """One digest of the accepted rows in order, with NaN, signed zero and each digit told apart."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\t".join(map(canonical, row)).encode(errors="surrogatepass") + b"\n")
    return digest.hexdigest()


def canonical(value: object) -> str:
    """One spelling for a value, whether it comes from a model or from an Arrow column.

    A date and a datetime are microseconds since the epoch, as columns of accepted rows have them.
    """
    if isinstance(value, Enum):
        return repr(value.value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return str((aware - _EPOCH) // _MICROSECOND)
    return repr(value)


def _cpu(helpers: Sequence[int]) -> float:
    """Seconds of user and system time of all threads; the kernel counts the helpers' in ticks of some 10 ms."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    ticks = 0
    for helper in helpers:
        fields = Path(f"/proc/{helper}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return usage.ru_utime + usage.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _memory(process: str, entry: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(entry + ":"))


def _forget_peak(process: str) -> None:
    """Start the kernel's count of the peak anew, so that unpacking imports is not in it."""
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")
