"""The statements of the model that is live in an environment, for rules that compare with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockgate.audit import deployments
from lockgate.audit.evidence import Evidence
from lockgate.audit.origins import inputs_of, registration_of


def live_inputs(environment: str, name: str, statements: Sequence[Evidence]) -> Mapping[str, Evidence] | None:
    """What the live version of `name` in `environment` rests on; None when nothing is live there.

    Raises VerificationFailed: LG521, LG522, LG515 (the chain of deployments), LG443 (what the model rests on).
    """
    deployment = deployments.current(environment, name, statements)
    return None if deployment is None else inputs_of(registration_of(deployment, statements), statements)
