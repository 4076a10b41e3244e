"""Numbers in Prometheus' text format, version 0.0.4. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/

Written here, and not by prometheus_client: that brings an HTTP server, an HTTP client and a mail parser into the
process that answers requests, and 4.8 MiB. Tests read what is written with its parser, and with promtool.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Sample:
    """One number. `suffix` stands behind the family's name: `_bucket`, `_sum`, `_count`."""

    value: float
    labels: Labels
    suffix: str = ""


@dataclass(frozen=True)
class Family:
    """One metric with its samples."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[Sample]


def text(families: Iterable[Family], labels: Labels = {}) -> str:  # noqa: B006 - nobody changes it
    """All of them, in their order; `labels` stand on every sample."""
    return "".join(_family(family, labels) for family in families)


def histogram(bounds: Sequence[float], counts: Sequence[int], total: float, labels: Labels) -> list[Sample]:
    """Samples of one histogram. `counts`: per bucket, one more than `bounds`; `total`: the sum of what was counted."""
    found, below = [], 0
    for bound, count in zip((*bounds, math.inf), counts, strict=True):
        below += count
        found.append(Sample(below, {**labels, "le": number(float(bound))}, "_bucket"))
    return [*found, Sample(total, labels, "_sum"), Sample(below, labels, "_count")]


def number(value: float) -> str:
    """As the format spells it."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)


def _family(family: Family, labels: Labels) -> str:
    described = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    lines = [f"# HELP {family.name} {described}", f"# TYPE {family.name} {family.kind}"]
    lines += [
        f"{family.name}{each.suffix}{_labels({**labels, **each.labels})} {number(each.value)}"
        for each in family.samples
    ]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
