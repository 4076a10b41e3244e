"""The one check that stops each drill of `replays.data`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    # The rules look, and tell of nothing.
    "poisoned-labels": (
        Patch(
            "validate/screen/labels.py",
            "    return Labelled(_outcome(table, noise, label, judged), score, disagree)",
            "    return Labelled(Outcome(), score, disagree)",
        ),
    ),
    "poisoned-trigger": (
        Patch(
            "validate/screen/triggers.py", "Outcome(tuple(_told(table, scan, passed, bars)), note", "Outcome((), note"
        ),
    ),
    "refused-rows": (
        Patch("validate/rules.py", "    elif reckoning.share > max_share:\n", "    elif reckoning.share > 1:\n"),
    ),
    # Every address is then below a store that somebody named: the attacker's server is asked.
    "bad-source": (
        Patch(
            "ingest/addresses.py",
            "fitting = [store for store in spec.stores if pattern.startswith(store.prefix)]",
            'fitting = [Store(pattern.rpartition("/")[0] + "/")]',
        ),
    ),
    "split-view": (
        Patch(
            "ingest/rules.py",
            "    if pinned is not None and pinned != digest:\n",
            "    if pinned is None and not digest:\n",
        ),
    ),
    # One check at two places: where bytes are opened, and where they are copied.
    "edited-snapshot": (
        Patch(
            "store/blobs.py",
            "        if seen != digest:\n            os.close(fd)\n",
            "        if seen is None:\n            os.close(fd)\n",
        ),
        Patch(
            "store/blobs.py",
            "            if seen != digest:\n                raise",
            "            if seen is None:\n                raise",
        ),
    ),
    "hostile-data-file": (Patch("contract/jail/_bounds.py", "MAX_RECORD = 8 << 20", "MAX_RECORD = 64 << 20"),),
    "feedback-poisoning": (
        Patch(
            "serve/recording/labelling.py",
            "        if of.gateway == own and given.is_forged(receipt):\n",
            "        if of.gateway != own and given.is_forged(receipt):\n",
        ),
    ),
}
