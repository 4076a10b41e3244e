"""A gateway's counters with something in each of them."""

from __future__ import annotations

import math

from lockgate.core.digest import digest_of
from lockgate.serve.calls.metrics import GAUGES, MONITOR, ROWS, Metrics
from lockgate.serve.spec import Caps, Served
from lockgate.serve.tally import Tally

NOW = 1_800_000_000.0
SERVED = Served("flights", 3, digest_of(b"flights"), "prod", "live", "binary", "late", (False, True), ())


def full_tally() -> Tally:
    """Every metric that a gateway can have."""
    tally = Tally(keys=[math.inf], ends={"tls": NOW + 1})
    tally.replied("predict", 200, 0.002)
    tally.refused["LG601"] += 1
    tally.batches.add(4)
    tally.rows.update(dict.fromkeys(ROWS, 1))
    tally.now.update(dict.fromkeys(GAUGES, 1.0))
    tally.watched.update({("flights@3", what): 1 for what in ("counted", "dependent", "skipped")})
    tally.abuse.update({"looked": 3, "skipped": 1})
    tally.suspicions["near", 1] += 1
    tally.suspected.update({1: 1, 3: 1})
    tally.now.update({"abuse_keys": 2, "abuse_slowed": 1, "abuse_evicted": 1})
    tally.monitor.update({("flights@3", name): 1.0 for name in MONITOR})
    return tally


def metrics_of(tally: Tally, *, served: Served | None = SERVED) -> str:
    """As a scrape would get it."""
    return Metrics(tally, served=lambda: served, caps=Caps(), wall=lambda: NOW).text()
