"""deploy: a registered model becomes live in an environment, and leaves it again; each move is a signed statement.

Takes: a registration, the statements it rests on, its stored bytes, approvals, the policy of the environment.
Gives: a verification summary and a deployment statement; approvals, revocations, rollbacks of any stage.
Trusts: the signed policy in force, and statements that the ledger verified; no word of the caller about a model.
Threats: LT05 a worse model, LT14 one that nobody approved, LT15 an old, revoked or replayed one reaching people.
Evidence: a verification summary (also when the gate refuses) and a deployment statement, both by role deployer.
"""

from __future__ import annotations

from lockgate.core.lazy import door

__all__ = ["DeployResult", "DeploySpec"]

__getattr__ = door(
    __name__,
    {
        "DeployResult": "lockgate.deploy.spec",
        "DeploySpec": "lockgate.deploy.spec",
    },
)
