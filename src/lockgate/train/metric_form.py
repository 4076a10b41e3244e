"""The form of metrics with intervals, as the judge's jails write them. Pure."""

from __future__ import annotations

import math
import re

from lockgate.contract.findings import clean

_METRIC = re.compile(r"[a-z][a-z0-9_]{0,40}\Z")


def check_metrics(found: object) -> None:
    """Raises ValueError unless each metric is a number within its interval: {name: {"value", "low", "high"}}."""
    if not isinstance(found, dict):
        raise ValueError("metrics are not in form")
    for name, interval in found.items():
        if not _METRIC.match(name):
            raise ValueError(f"metric {clean(name, 60)} is not in form")
        check_interval(name, interval)


def check_interval(name: str, interval: object) -> None:
    """Raises ValueError unless `interval` is {"value", "low", "high"}, and the value a finite number between them."""
    if not isinstance(interval, dict) or set(interval) != {"value", "low", "high"}:
        raise ValueError(f"metric {clean(name, 60)} is not in form")
    bounds = [interval[key] for key in ("low", "value", "high") if interval[key] is not None]
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in bounds)
    if not numbers or interval["value"] is None or bounds != sorted(bounds):
        raise ValueError(f"metric {name} is no number within its interval")
