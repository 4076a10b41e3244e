"""Evidently's report with its drift preset, defaults.

With a reference of more than 1,000 rows: normed Wasserstein distance above 0.1; the data set: half the columns.
"""

from typing import Any

import pandas as pd
from evidently import Report  # type: ignore[import-not-found]  # in an environment of its own
from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]

from bench.drift_peers.measure import Array, Said, columns, run


def watch(reference: Array) -> Any:
    """A report for each window."""
    known = pd.DataFrame(reference, columns=columns(reference))
    report = Report([DataDriftPreset()])

    def look(window: Array) -> Said:
        said = report.run(pd.DataFrame(window, columns=columns(window)), known).dict()["metrics"]
        drifted = next(one["value"]["share"] for one in said if one["metric_name"].startswith("DriftedColumnsCount"))
        return {"any column": drifted > 0, "dataset (half the columns)": drifted >= said[0]["config"]["drift_share"]}

    return look


if __name__ == "__main__":
    run("evidently", watch)
