"""Two commands interleaved, each in a fresh process, and the ratio of their times."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable, Mapping
from typing import Any

Times = tuple[float, float]


def interleaved(
    name: str, rounds: int, claim: float, ours: Callable[[int], Times], plain: Callable[[int], Times]
) -> Any:
    """Both, once in each round; a first round that warms caches is thrown away. Seconds of wall clock and of CPU."""
    taken: dict[str, list[Times]] = {"lockgate": [], "plain": []}
    for turn in range(rounds + 1):
        pair = {"lockgate": ours(turn), "plain": plain(turn)}
        if turn:
            for key, value in pair.items():
                taken[key].append(value)
    seconds = {key: [round(wall, 2) for wall, _ in each] for key, each in taken.items()}
    ratios = [a[0] / b[0] for a, b in zip(taken["lockgate"], taken["plain"], strict=True)]
    return {
        "benchmark": name,
        "rounds": rounds,
        "cores": len(os.sched_getaffinity(0)),
        "seconds": seconds,
        "median": {key: round(statistics.median(each), 2) for key, each in seconds.items()},
        "cpu": {key: round(statistics.median(cpu for _, cpu in each), 2) for key, each in taken.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "claim": claim,
    }


def tell(result: Mapping[str, Any], ours: str) -> None:
    """A table for a person."""
    print(f"{'':<14}{'median':>9}{'CPU':>9}   each round, seconds", file=sys.stderr)
    for key, label in (("lockgate", ours), ("plain", "plain script")):
        every = "  ".join(f"{value:.2f}" for value in result["seconds"][key])
        print(f"{label:<14}{result['median'][key]:>7.2f} s{result['cpu'][key]:>7.2f} s   {every}", file=sys.stderr)
    low, high = result["ratio_range"]
    print(
        f"ratio         {result['ratio']:>7}     {low} to {high}   (claim: {result['claim']} at most)", file=sys.stderr
    )
