"""The checks that stop each drill of `replays.wheels`; without them it bites, or what lies behind stops it."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    "start-up-hook": (Patch("runtime/locked/unpack.py", "        refuse_hooks(made)  # 3\n", ""),),
    # The network is there, and nobody minds attempts: the second check tells of what the first one denied.
    "import-time-thief": (
        Patch(
            "sandbox/settings.py",
            'network=name in ("edge", "tools", "cluster")',
            'network=name in ("edge", "tools", "cluster", "train")',
        ),
        Patch("train/run.py", "    reason = rules.taint(attempts)\n", "    reason = None\n"),
    ),
    # Where it is fetched, and where it is stored. What has another digest is still not found under the locked one.
    "changed-wheel": (
        Patch("runtime/jail/fetch.py", "    if seen not in hashes:\n", "    if False:\n"),
        Patch("runtime/locked/wheels.py", "        if hex_of(digest) not in wanted.hashes:\n", "        if False:\n"),
    ),
    "dependency-confusion": (
        Patch(
            "runtime/locked/resolve.py",
            '        if assigned and origin[1].rstrip("/") != shown[assigned].rstrip("/"):\n',
            "        if False:\n",
        ),
    ),
    # What has no hash fits none either when it is fetched.
    "unlocked-package": (
        Patch("runtime/lock.py", "    if not hashes:\n        raise no_hash(", "    if False:\n        raise no_hash("),
    ),
}

BEHIND: Mapping[str, str] = {"changed-wheel": "LG348", "unlocked-package": "LG343"}
"""What stops the attack all the same."""
