"""river's ADWIN, one for each feature, defaults (delta 0.002): they learn from the stream and know no reference."""

from typing import Any

from river.drift import ADWIN

from bench.drift_peers.measure import Array, Said, run


def watch(reference: Array) -> Any:
    """One detector for each feature, fed with the last windows of the reference so that they do not begin empty."""
    detectors = [ADWIN() for _ in range(reference.shape[1])]
    for row in reference[-5000:]:
        for one, value in zip(detectors, row.tolist(), strict=True):
            one.update(value)

    def look(window: Array) -> Said:
        alarm = False
        for row in window:
            for one, value in zip(detectors, row.tolist(), strict=True):
                one.update(value)
                alarm |= one.drift_detected
        return {"default": alarm}

    return look


if __name__ == "__main__":
    run("river ADWIN", watch)
