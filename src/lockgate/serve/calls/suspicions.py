"""What `/metrics` says of clients who seem to try the model: counts alone, and no client's name. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lockgate.core.exposition import Family, Sample
from lockgate.core.record_suspicion import CLEARED, LIMITED, OBSERVED, QUIET
from lockgate.serve.tally import Tally

LEVELS = {CLEARED: "cleared", OBSERVED: "observed", QUIET: "quiet", LIMITED: "limited"}
_KEYS = {
    "abuse_keys": ("lockgate_abuse_keys", "Clients, organisations and addresses of which something is remembered."),
    "abuse_slowed": ("lockgate_abuse_slowed_answers", "Answers that wait because the policy slows their client."),
}


def suspicions(tally: Tally) -> Iterator[Family]:
    """The families."""
    yield Family(
        "lockgate_abuse_rows_total",
        "counter",
        "Answered rows: looked at for who tries the model, or skipped for the time it takes, or without a population.",
        [Sample(tally.abuse[what], {"what": what}) for what in ("looked", "skipped")],
    )
    yield Family(
        "lockgate_suspicion_steps_total",
        "counter",
        "Steps up and down of who is suspected, by rule and level: lockgate clients review.",
        [
            Sample(count, {"rule": rule, "level": LEVELS[level]})
            for (rule, level), count in sorted(tally.suspicions.items())
        ],
    )
    yield Family(
        "lockgate_suspected",
        "gauge",
        "Clients, organisations and groups that are suspected now, by level.",
        [Sample(count, {"level": LEVELS[level]}) for level, count in sorted(tally.suspected.items())],
    )
    for name, (metric, described) in _KEYS.items():
        if name in tally.now:
            yield Family(metric, "gauge", described, [Sample(tally.now[name], {})])
    yield Family(
        "lockgate_abuse_keys_evicted_total",
        "counter",
        "Of which nothing is remembered any more, for others came.",
        [Sample(tally.now.get("abuse_evicted", 0), {})],
    )
