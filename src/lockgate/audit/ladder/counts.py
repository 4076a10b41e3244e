"""What a gateway counts of a candidate beside the live model: the names, and the tally. The hot path imports this.

    candidate.requests live.requests candidate.errors live.errors    requests that reached the model; 5xx because of it
    candidate.rows live.rows                                         rows answered to callers
    candidate.slow.NNN live.slow.NNN                                 batches by `bucket_of` their seconds
    pairs.requests pairs.failed pairs.saved                          both asked; only candidate, only live failed
    pairs.rows pairs.skipped pairs.disagree                          rows answered by both; left out; answered otherwise
    pairs.more.K pairs.fewer.K                                       only the candidate said class K; only live did
    pairs.shift.pD pairs.shift.mD                                    regression: (candidate - live) in twentieths
    risk.rows risk.pD risk.mD                                        labelled pairs: loss of candidate less loss of live
    candidate.labels candidate.wrong live.labels live.wrong          labelled rows that only one of them answered
    began                                                            alone: a gateway begins with a step
    replay.rows replay.file replay.unsure                            of a replay, beside pairs and risk

What belongs together is counted at one moment, when it is over: a request and its error, a pair and its disagreement,
a label and its loss. So that in each record no part is more than its whole, which `strange` holds it to.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

MOST_NAMES = 400
"""In one record."""
MOST_CLASSES = 64
"""The last one stands for every class after it, and for one that no model declares."""
BUCKETS = 288
TWENTIETHS = 20
MOST_COUNT = 10**9
"""Of anything between two records of one gateway."""

_FASTEST = 50e-6
RATIO = 1.05
_SLOWEST = 3600.0
_PER_BUCKET = 1 / math.log(RATIO)
_PARTS = {
    "candidate.requests": ("candidate.errors",),
    "live.requests": ("live.errors",),
    "candidate.labels": ("candidate.wrong",),
    "live.labels": ("live.wrong",),
    "pairs.requests": ("pairs.failed", "pairs.saved"),
    "pairs.rows": ("pairs.disagree",),
}
_PLAIN = {*_PARTS, *(part for parts in _PARTS.values() for part in parts)} | {
    "began", "candidate.rows", "live.rows", "pairs.skipped", "risk.rows", "replay.rows", "replay.file", "replay.unsure",
}  # fmt: skip
_SLOW = re.compile(r"(candidate|live)\.slow\.([01][0-9]{2}|2[0-7][0-9]|28[0-7])\Z")
_REST = f"pairs.more.{MOST_CLASSES - 1}"
_CLASS = re.compile(r"pairs\.(more|fewer)\.([0-9]|[1-5][0-9]|6[0-3])\Z")
_STEPS = re.compile(r"(pairs\.shift|risk)\.([pm])([1-9]|1[0-9]|20)\Z")


def bucket_of(seconds: float) -> int:
    """Which of the buckets: each ends a twentieth later than the one before, from 50 microseconds to a minute."""
    if seconds <= _FASTEST:
        return 0
    # Not "is at least": what is no number is the slowest too.
    if not seconds < _SLOWEST:
        return BUCKETS - 1
    return min(BUCKETS - 1, int(math.log(seconds / _FASTEST) * _PER_BUCKET))


def seconds_of(bucket: int) -> float:
    """Where the bucket ends."""
    return float(_FASTEST * RATIO ** (bucket + 1))


def slow_name(arm: str, seconds: float) -> str:
    """The count of a batch of `arm` (`candidate` or `live`)."""
    return f"{arm}.slow.{bucket_of(seconds):03d}"


def class_name(way: str, index: int) -> str:
    """The count of a pair: `way` is `more` or `fewer`, `index` the class's."""
    return f"pairs.{way}.{index if 0 <= index < MOST_CLASSES else MOST_CLASSES - 1}"


def steps_name(what: str, difference: float) -> str:
    """The count of a difference, clipped to +-1: `what` is `pairs.shift` or `risk`. Empty for one that rounds to 0.

    One that is no number is the largest: a model that answers such a thing is not the same as before.
    """
    steps = TWENTIETHS if math.isnan(difference) else round(max(-1.0, min(1.0, difference)) * TWENTIETHS)
    return f"{what}.{'p' if steps > 0 else 'm'}{abs(steps)}" if steps else ""


class Tally:
    """What was counted since it was last taken. Not for several threads."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, name: str, count: int = 1) -> None:
        """So many more of `name`; an empty name and nothing more are left out."""
        if name and count:
            self.counts[name] = self.counts.get(name, 0) + count

    def take(self) -> dict[str, int]:
        """What is not zero, at most MOST_NAMES; of batches by latency, whose number is open, the rest waits."""
        taken, self.counts = self.counts, {}
        if len(taken) > MOST_NAMES:
            waiting = [name for name in taken if ".slow." in name][MOST_NAMES - len(taken) :]
            self.counts = {name: taken.pop(name) for name in waiting}
        return taken


def strange(counts: Mapping[str, int]) -> str:
    """Why these counts cannot be true, or are none that we know; empty when nothing is wrong with them."""
    for name, count in counts.items():
        if not (name in _PLAIN or _SLOW.match(name) or _CLASS.match(name) or _STEPS.match(name)):
            return "a name that nothing is counted under"
        if not 0 < count <= MOST_COUNT:
            return f"{name} is {count}"
    for whole, parts in _PARTS.items():
        for part in parts:
            if counts.get(part, 0) > counts.get(whole, 0):
                return f"{part} is more than {whole}"
    if counts.get("pairs.failed", 0) + counts.get("pairs.saved", 0) > counts.get("pairs.requests", 0):
        return "pairs.failed and pairs.saved are more than pairs.requests"
    return _strange_pairs(counts)


def _strange_pairs(counts: Mapping[str, int]) -> str:
    pairs = counts.get("pairs.rows", 0)
    parts = {"pairs.more.": pairs, "pairs.fewer.": pairs, "pairs.shift.": pairs, "risk.": counts.get("risk.rows", 0)}
    for prefix, most in parts.items():
        if sum(count for name, count in counts.items() if name.startswith(prefix) and name != "risk.rows") > most:
            return f"{prefix}* are more than their rows"
    for name, count in counts.items():
        # A pair adds to one class or takes from it, not both; the last class is several.
        counterpart = counts.get(name.replace("more", "fewer"), 0)
        if name.startswith("pairs.more.") and name != _REST and count + counterpart > pairs:
            return f"{name} and its counterpart are more than all pairs"
    return ""
