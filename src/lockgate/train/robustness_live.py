"""The models that are live under a candidate's name: what it is held against. Looks at the log and the registry.

Each is named by the statement of its judge, so that a gate knows for which live model a comparison was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lockgate.audit import deployments
from lockgate.audit.joins import CANDIDATE_FILES
from lockgate.audit.origins import registration_of
from lockgate.core.digest import Digest
from lockgate.train.robustness_spec import Live, Robustness

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.trust.policy import EnvironmentPolicy

MOST = 3
"""So many live models at most are attacked; each takes as long as the candidate."""


def asks(policy: EnvironmentPolicy) -> bool:
    """Whether an environment asks for a comparison with what is live there."""
    return policy.max_robustness_drop is not None and policy.weight("robustness") != "off"


def live_models(workplace: Workplace, name: str) -> tuple[Live, ...]:
    """What is live in the environment at work, and in each whose policy asks for a comparison, each model once.

    Raises VerificationFailed LG443, LG515, LG521, LG522, LG526 (the chain of deployments).
    """
    found: dict[Digest, Live] = {}
    for environment, one in _each(workplace, name):
        before = found.get(one.manifest)
        places = (*(before.environments if before else ()), environment)
        found[one.manifest] = Live(one.ref, one.manifest, one.judge, places, one.files)
    return tuple(found.values())[:MOST]


def still(workplace: Workplace, asked: Robustness | None, judged: Evidence) -> bool:
    """Whether the judge compared with what is live now, as far as a policy asks for that; itself is nothing to compare.

    Raises as `live_models`.
    """
    said = judged.predicate.get("attacked")
    if asked is None or not isinstance(said, Mapping) or "why" in said:
        return True
    known = {one.get("judge") for one in said.get("live", ()) if isinstance(one, Mapping)} | {judged.digest}
    policies = workplace.policy.environments
    return all(one.judge in known for place, one in _each(workplace, asked.of) if asks(policies[place]))


def _each(workplace: Workplace, name: str) -> Iterator[tuple[str, Live]]:
    statements, policies = workplace.ledger.statements(), workplace.policy.environments
    others = [one for one, policy in policies.items() if one != workplace.environment and asks(policy)]
    for environment in (workplace.environment, *others):
        deployment = deployments.current(environment, name, statements)
        registration = None if deployment is None else registration_of(deployment, statements)
        if registration is not None and "judge" in registration.inputs:
            files = {each.name: each.digest for each in registration.files if each.name in CANDIDATE_FILES}
            yield (
                environment,
                Live(registration.ref, registration.manifest, registration.inputs["judge"], (environment,), files),
            )
