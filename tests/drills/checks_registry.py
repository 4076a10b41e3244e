"""The one check that stops each drill of `replays.registry`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

_BLOBS, _LAYOUT = "store/blobs.py", "store/layout.py"

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    # One check at two places: when the stored model is verified, and again as its bytes are handed out.
    "model-swapped": (
        Patch(_BLOBS, "        if seen != digest:\n            os.close(fd)\n", "        if False:\n"),
        Patch(
            _BLOBS,
            "            if seen != digest:\n                raise",
            "            if False:\n                raise",
        ),
    ),
    # The gateway's workers are handed sealed memory, which is hashed once more: see `BEHIND`.
    "swapped-and-served": (
        Patch(_BLOBS, "        if seen != digest:\n            os.close(fd)\n", "        if False:\n"),
    ),
    # The second one: blobs that no statement names are found as such (LG804).
    "tag-overwritten": (
        Patch(_LAYOUT, "        if seen != expected:\n", "        if False:\n"),
        Patch(_LAYOUT, "            if digest not in expected:\n", "            if False:\n"),
    ),
    # No check alone lets a model without a signature pass, for its names and digests stand there: they are made up.
    "signature-removed": (
        Patch(
            "audit/stored.py",
            "    signature = registry.blobs.read(registration.signature, oms.MOST)\n",
            "    if not registry.blobs.has(registration.signature):\n"
            "        return oms.SignedFiles(registration.name, {}, registration.evidence.keyid, ())\n"
            "    signature = registry.blobs.read(registration.signature, oms.MOST)\n",
        ),
    ),
}

BEHIND: Mapping[str, str] = {"swapped-and-served": "LG619"}
"""What stops a drill all the same when its own check is gone."""
