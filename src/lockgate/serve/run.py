"""serve, the stage: what would be served, verified before anything is started. `supervise` starts it.

The gateway verifies all of this again by itself: what is decided here saves the person a wait, and picks the
environment in which the workers run.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.audit.load import LoadDecision, load_decision
from lockgate.audit.refs import resolve
from lockgate.audit.workplace import Workplace
from lockgate.errors import Refused, Usage
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import rules
from lockgate.serve.spec import ServeSpec


@dataclass(frozen=True)
class ServePlan:
    """What to start: the model that is live, and the environment that its registration names, verified."""

    spec: ServeSpec
    decision: LoadDecision
    python: PythonEnv


def run(workplace: Workplace, spec: ServeSpec) -> ServePlan:
    """Decide what `workplace.environment` serves.

    1. The address is loopback: without TLS, keys and records would travel in the clear.
    2. A model is live there, and everything that it rests on verifies (`load_decision`).
    3. REF, where given, is that model: serving never deploys.
    4. The locked environment is built, and is the one that the model was trained and judged in.

    Raises:
        Usage: LG618 the address. Refused: LG520, LG514 nothing may be served; LG634 REF is not live; LG621 the
            environment. VerificationFailed: the evidence does not hold.
    """
    # 1.
    if not rules.is_loopback(spec.host):
        raise Usage(
            "LG618",
            f"{spec.host} is not loopback, and this gateway does not speak TLS",
            seen={"host": spec.host},
            next="lockgate serve --host 127.0.0.1   # behind a proxy that speaks TLS",
        )
    # 2.
    statements = workplace.ledger.statements()
    wanted = resolve(spec.ref, statements, workplace.environment) if spec.ref else None
    decision = load_decision(
        statements, workplace.environment, workplace.now(), name=wanted.name if wanted is not None else None
    )
    # 3.
    if wanted is not None and wanted.manifest != decision.manifest:
        raise Refused(
            "LG634",
            f"{spec.ref} is {wanted.ref}, and live in {workplace.environment} is {decision.name}@{decision.version}",
            seen={"asked": wanted.manifest, "live": decision.manifest},
            next=f"lockgate deploy {wanted.ref} --env {workplace.environment}",
        )
    # 4.
    return ServePlan(spec, decision, environment_of(workplace, decision))


def environment_of(workplace: Workplace, decision: LoadDecision) -> PythonEnv:
    """The locked environment of a model, for its workers. Raises Refused LG627 when this project's is another."""
    return workplace.python()
