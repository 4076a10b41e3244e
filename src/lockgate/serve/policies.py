"""What the policy in force says of serving, from verified statements alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockgate.audit.standing import environment_policy
from lockgate.serve.spec import ServePolicy

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence


def serve_policy(statements: Sequence[Evidence], environment: str) -> ServePolicy:
    """What holds for serving in `environment` now. Raises as `audit.standing.environment_policy`."""
    return environment_policy(statements, environment).serve
