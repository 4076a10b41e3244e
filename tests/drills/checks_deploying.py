"""The one check that stops each drill of `replays.deploying`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    "unapproved": (Patch("audit/approvals.py", "    elif lacking:\n", "    elif False:\n"),),
    "approval-from-elsewhere": (
        Patch(
            "trust/authority.py",
            "    if claim_of(statement) in NAMES_PROJECT and named != project_id:\n",
            "    if False:\n",
        ),
    ),
    "stolen-approver": (Patch("trust/authority.py", "    if role not in allowed:\n", "    if False:\n"),),
    # One check for who moves a model, and the same for whoever reads the log afterwards.
    "old-version": (
        Patch("deploy/rules.py", "    if wanted < in_force or registration.version < wanted:\n", "    if False:\n"),
        Patch("audit/deployments.py", "deployment.version >= floor and ", ""),
    ),
    "revoked-model": (Patch("audit/load.py", "    if revocation is not None:\n", "    if False:\n"),),
    "replayed-deployment": (
        Patch(
            "audit/deployments.py",
            "    if (deployment.sequence, deployment.predecessor) == (sequence, predecessor):\n",
            "    if True:\n",
        ),
    ),
}
