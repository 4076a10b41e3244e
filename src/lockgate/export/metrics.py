"""Numbers of a project's stages in Prometheus' text format, for the textfile collector of its node exporter. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.core.exposition import Family, Sample, text


def rows(report: Mapping[str, object], project: str) -> str:
    """What the newest validation did with its rows. `report` is report.json."""
    paths = report["paths"]
    table = paths if isinstance(paths, Mapping) else {}
    ways = [Sample(count, {"project": project, "path": name}) for name, count in table.items()]
    counts = [
        Sample(count, {"project": project, "verdict": name})
        for name in ("accepted", "quarantined")
        if isinstance(count := report[name], int)
    ]
    return text(
        [
            Family(
                "lockgate_validate_rows",
                "gauge",
                "Rows by the way in which they were judged: the compiled plan, cells, records.",
                ways,
            ),
            Family("lockgate_validate_verdicts", "gauge", "Rows by verdict.", counts),
        ]
    )
