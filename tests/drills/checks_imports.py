"""The one check that stops each drill of `replays.imports`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    "namespace-reuse": (Patch("register/imports/run.py", "if spec.digest is None and confirm is None:", "if False:"),),
    "unsigned-base": (Patch("trust/oms.py", "if expected == seen:", "if expected in (seen, None):"),),
    # Every address is then below a store that somebody named.
    "registered-by-url": (
        Patch(
            "ingest/addresses.py",
            "fitting = [store for store in spec.stores if pattern.startswith(store.prefix)]",
            'fitting = [Store(pattern.rpartition("/")[0] + "/")]',
        ),
    ),
}
