"""Lockgate: from data, a Pydantic contract and `train.py` to a served model whose whole history can be proved.

    [Data Ingestion] -> [Validation] -> [Sandboxed Training]
           |                                    |
      [Audit Log]                     [Signed Model Artifact]
                                                |
                                       [Staged Deployment]
                                                |
                                      [Monitored Inference]

A stage trusts no file, name or database, only signed statements about digests, and opens its gate only
after it has verified the statements it needs.

    from lockgate import Project
    result = Project.open(".").run()
"""

from lockgate.core.lazy import door
from lockgate.errors import LockgateError, Refused, Unavailable, Unfit, Usage, VerificationFailed

__all__ = [
    "LockgateError",
    "Project",
    "Refused",
    "RunResult",
    "Unavailable",
    "Unfit",
    "Usage",
    "VerificationFailed",
    "impure",
    "label_only",
    "open_verified",
]

__getattr__ = door(
    __name__,
    {
        "Project": "lockgate.project",
        "RunResult": "lockgate.pipeline",
        "impure": "lockgate.contract.declare",
        "label_only": "lockgate.contract.declare",
        "open_verified": "lockgate.trust.oms_held",
    },
)
