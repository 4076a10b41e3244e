"""Lockgate's own: a plan of the reference, bins of each window, and the test, looked at after each."""

from typing import Any

from bench.drift_data import World
from bench.drift_peers.measure import Array, Said, columns, run
from bench.drift_watch import Monitor, Setting, plan_of


def watch(reference: Array) -> Any:
    """One monitor."""
    names, setting = columns(reference), Setting()
    rows = dict(zip(names, reference.T, strict=True))
    monitor = Monitor(plan_of(World(features=len(names)), rows, setting, (0,)), setting, (0,))

    def look(window: Array) -> Said:
        return {"lifetime, alpha 0.01": monitor.see(dict(zip(names, window.T, strict=True)))}

    return look


if __name__ == "__main__":
    run("lockgate", watch)
