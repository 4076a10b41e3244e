"""Numbers in Prometheus' text format, for the textfile collector of its node exporter. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Sample = tuple[Mapping[str, str], int | float]


def rows(report: Mapping[str, object], project: str) -> str:
    """What the newest validation did with its rows. `report` is report.json."""
    paths = report["paths"]
    ways = [({"project": project, "path": name}, n) for name, n in paths.items()] if isinstance(paths, Mapping) else []
    counts = [
        ({"project": project, "verdict": name}, count)
        for name in ("accepted", "quarantined")
        if isinstance(count := report[name], int)
    ]
    return family(
        "lockgate_validate_rows", "Rows by the way in which they were judged: the compiled plan, cells, records.", ways
    ) + family("lockgate_validate_verdicts", "Rows by verdict.", counts)


def family(name: str, help_text: str, samples: Sequence[Sample]) -> str:
    """One metric with its samples, a gauge."""
    lines = [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]
    lines += [f"{name}{{{_labels(labels)}}} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
