"""The one check that stops each drill of `replays.logs`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import lockgate
from lockgate.testing import Patch

_VERIFIER = Path(lockgate.__file__).parents[2] / "verifier"

_LAST_SEEN = Patch("audit/log.py", "        if seen and last is not None:\n", "        if False:\n")

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    # A command opens the log more than once: what it has seen the first time would give the edit away the second time.
    "edited-log": (Patch("audit/log.py", "        if root != self.root:\n", "        if False:\n"), _LAST_SEEN),
    "truncated-log": (
        Patch("trust/note.py", "        check_signature(line.signature, parsed.text, public_key)\n", "        pass\n"),
    ),
    # Of two trees of one size the store of what was seen says so too, when it is to keep the second one.
    "forked-log": (
        _LAST_SEEN,
        Patch("audit/seen.py", "if old.size == new.size and old.root != new.root:", "if False:"),
    ),
    "restored-backup": (_LAST_SEEN,),
    "forged-receipt": (Patch("project/receipts.py", "    if not all(opened.values()):\n", "    if False:\n"),),
    "forged-proof": (
        Patch(
            "audit/prove.py",
            "        check_inclusion(leaf_hash(leaf), parsed.index, checkpoint.size, parsed.hashes, checkpoint.root)\n",
            "        pass\n",
        ),
        # No check: what travels with a proof lies beside `src`, and the copy does not.
        Patch("project/resources.py", '_HERE.parent.parent / "verifier"', f"Path({str(_VERIFIER)!r})"),
    ),
}
