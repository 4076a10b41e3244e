"""alibi-detect's KSDrift, defaults: p 0.05 with Bonferroni's correction over the features of one window."""

from typing import Any

from alibi_detect.cd import KSDrift  # type: ignore[import-not-found]  # in an environment of its own

from bench.drift_peers.measure import Array, Said, run


def watch(reference: Array) -> Any:
    """One detector for all windows."""
    detector = KSDrift(reference, p_val=0.05)

    def look(window: Array) -> Said:
        return {"default": bool(detector.predict(window)["data"]["is_drift"])}

    return look


if __name__ == "__main__":
    run("alibi-detect KSDrift", watch)
