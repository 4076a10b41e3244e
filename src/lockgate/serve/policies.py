"""What the policy in force says of serving, from verified statements alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockgate.audit.standing import policy_statement_at
from lockgate.errors import Usage, VerificationFailed
from lockgate.serve.spec import ServePolicy

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence


def serve_policy(statements: Sequence[Evidence], environment: str) -> ServePolicy:
    """What holds for serving in `environment` now. `statements`: the whole event log, in order.

    1. The policy in force is the newest one, and versions only rose.
    2. Its own table of the environment decides; what the table leaves out has its default.
    3. Where it knows the environment no longer, the newest policy that did decides: taking an environment out of
       policy.toml lets nothing more leave.

    Raises:
        VerificationFailed: LG524 no policy was ever signed, LG528 versions, LG841 malformed.
        Usage: LG843 no policy ever knew the environment.
    """
    from lockgate.trust.policy import Policy

    # 1.
    newest = policy_statement_at(statements[-1].index + 1 if statements else 0, statements)
    if newest is None:
        raise VerificationFailed("LG524", "no policy was ever signed in this project", next="lockgate policy sign")
    # 2. and 3.
    for one in reversed(statements):
        if one.claim == "policy":
            found = Policy.from_predicate(one.predicate).environments.get(environment)
            if found is not None:
                return found.serve
    raise Usage(
        "LG843",
        f"no policy ever had an environment {environment}",
        seen={"environment": environment, "policy": newest.digest},
        next=f"add [environment.{environment}] to policy.toml, raise its version, then lockgate policy sign",
    )
