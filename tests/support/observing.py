"""Records of what gateways observed of a candidate, for tests of the ladder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockgate.core.digest import digest_of
from lockgate.core.record_kinds import ObservedRecord

CANDIDATE, LIVE = digest_of(b"candidate"), digest_of(b"live")


def observed(counts: Mapping[str, int], **other: Any) -> ObservedRecord:
    """One record, on the rung that statement 5 began."""
    values = {"gateway": "a" * 16, "seq": 0, "time": 1, "model": CANDIDATE, "base": LIVE, "environment": "prod"}
    return ObservedRecord(**{**values, "rung": "canary", "step": 5, "counts": dict(counts), **other})
