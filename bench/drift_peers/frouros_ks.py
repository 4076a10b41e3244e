"""frouros' Kolmogorov-Smirnov test, one for each feature; it gives p-values, and what an alarm is the user says."""

from typing import Any

from frouros.detectors.data_drift import KSTest  # type: ignore[import-not-found]  # in an environment of its own

from bench.drift_peers.measure import Array, Said, run

HORIZON = 200
"""Windows for which a careful user corrects beforehand."""


def watch(reference: Array) -> Any:
    """One detector for each feature."""
    detectors = [KSTest() for _ in range(reference.shape[1])]
    for place, one in enumerate(detectors):
        one.fit(X=reference[:, place])

    def look(window: Array) -> Said:
        values = [one.compare(X=window[:, place])[0].p_value for place, one in enumerate(detectors)]
        features = len(values)
        return {
            "p 0.05": min(values) < 0.05,
            "p 0.05 over the features": min(values) < 0.05 / features,
            "p 0.01 over the features and 200 windows": min(values) < 0.01 / features / HORIZON,
        }

    return look


if __name__ == "__main__":
    run("frouros KSTest", watch)
