"""The one check that stops each drill of `replays.trusting`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

_VERIFIER = "trust/verifier.py"

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    "looser-policy": (Patch(_VERIFIER, "if not entry.key.verify(signature.sig, signed):", "if False:"),),
    "older-policy": (
        Patch(
            "trust/policy.py",
            "if not previous.version < self.version <= previous.version + LONGEST_STEP:",
            "if False:",
        ),
    ),
    # The root of before must sign, and as many of its persons as its threshold says: both miss the same signature.
    "roles-replaced": (
        Patch(_VERIFIER, "        _check_in_force(signers, known)\n", "        pass\n"),
        Patch(_VERIFIER, "_check_threshold(before, ROOT, 1 if previous is None else previous.threshold(ROOT))", "pass"),
    ),
    "swapped-root": (
        Patch("trust/pin.py", "if other.project_id != project_id and spelled in other.places:", "if False:"),
    ),
    "stolen-validator": (Patch("trust/authority.py", "    if role not in allowed:\n", "    if False:\n"),),
    "revoked-key": (Patch(_VERIFIER, "    if keyid in revoked:\n", "    if False:\n"),),
}
