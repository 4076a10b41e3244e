"""Of each attack on a model the one check that is patched out, so that nobody notices it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockgate.testing import Patch

CHECKS: Mapping[str, Sequence[Patch]] = {
    "extraction-queries": (
        Patch("monitor/abuse/novel.py", "self.raised or sum(sums) >= BAR * len(sums) > 0", "False"),
    ),
    "evasion-queries": (
        Patch("monitor/abuse/near.py", "self.raised = count >= BAR * min(", "self.raised = count < -BAR * min("),
    ),
    "split-evasion": (Patch("monitor/abuse/pool.py", "if len(able) < 2 or total < BAR:", "if total >= 0:"),),
    "drifted-traffic": (
        Patch("monitor/detector.py", "return one.log_e >= self.threshold and (", "return one.log_e < 0 and ("),
    ),
    # Whatever a check says of the candidate, nobody takes it off, and who moves it up is not asked for a reason.
    "worse-on-ladder": (
        Patch("audit/ladder/decide.py", "    if alarms:\n", "    if not alarms and rows < 0:\n"),
        Patch("deploy/rungs.py", "    if alarms:\n", "    if not alarms and spec is None:\n"),
    ),
}
