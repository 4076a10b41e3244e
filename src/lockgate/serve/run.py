"""serve, the stage: what would be served, verified before anything is started. `supervise` starts it.

The gateway verifies all of this again by itself: what is decided here saves the person a wait, and picks the
environment in which the workers run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.audit.cosigned import require
from lockgate.audit.entries import Registration
from lockgate.audit.load import LoadDecision, load_decision
from lockgate.audit.refs import resolve
from lockgate.audit.standing import environment_policy
from lockgate.audit.workplace import Workplace
from lockgate.errors import Refused, Usage
from lockgate.runtime import environment
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve import rules
from lockgate.serve.spec import ServeSpec

LOCK = "requirements.lock"
MAX_LOCK = 16 << 20


@dataclass(frozen=True)
class ServePlan:
    """What to start: the model that is live, and the environment that its registration names, verified."""

    spec: ServeSpec
    decision: LoadDecision
    python: PythonEnv


def run(workplace: Workplace, spec: ServeSpec) -> ServePlan:
    """Decide what `workplace.environment` serves.

    1. The address is loopback, or TLS is served: without it keys and records would travel in the clear.
    2. A model is live there, and everything that it rests on verifies (`load_decision`), in a log that enough witnesses
       cosigned.
    3. REF, where given, is that model: serving never deploys.
    4. The locked environment is built, and is the one that the model was trained and judged in.

    Raises:
        Usage: LG618 the address without TLS. Refused: LG520, LG514 nothing may be served; LG7010 witnesses; LG634
            REF is not live; LG627 the environment. VerificationFailed: the evidence does not hold.
    """
    # 1.
    if not rules.is_loopback(spec.host) and spec.tls is None:
        raise Usage(
            "LG618",
            f"{spec.host} is not loopback, and no certificate for TLS is set",
            seen={"host": spec.host},
            next=f"lockgate serve --host {spec.host} --tls-cert CERTIFICATE --tls-key KEY",
        )
    # 2.
    statements = workplace.ledger.statements()
    wanted = resolve(spec.ref, statements, workplace.environment) if spec.ref else None
    decision = load_decision(
        statements, workplace.environment, workplace.now(), name=wanted.name if wanted is not None else None
    )
    asked = environment_policy(statements, workplace.environment)
    few = require(asked, workplace.policy.witnesses, workplace.ledger.note, workplace.now())
    if few is not None:
        workplace.say(f"{few.finding} {few.message}")
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
    """That of `python_of`, of what is live."""
    return python_of(workplace, decision.registration)


def python_of(workplace: Workplace, registration: Registration) -> PythonEnv:
    """The locked environment of a model, for its workers: from the lock file in its signed closure.

    1. The lock file has the registered digest.   2. What was built from it is on disk, unchanged, or is built.
    3. Its files are those in which the model was trained, as the train statement says.

    A model that was trained without a lock file runs in Lockgate's own environment. Raises Refused LG627, and what
    `runtime.environment.build` raises.
    """
    trained = workplace.ledger.get(registration.inputs["train"])
    tree = trained_tree(trained.predicate)
    if tree is None:
        return PythonEnv.own()
    lock = workplace.registry.blobs.read(registration.file(LOCK).digest, MAX_LOCK)
    found = environment.build(lock, workplace.home, say=workplace.say)
    if found.tree_digest != tree:
        raise Refused(
            "LG627",
            f"the environment on this machine is not the one that {registration.ref} was trained in",
            seen={"lock": found.lock_digest, "tree": found.tree_digest, "tree_trained": tree},
            next="lockgate run   # trains in the environment that is here",
        )
    return PythonEnv.of(found.path)


def trained_tree(predicate: Mapping[str, Any]) -> object:
    """The digest of the environment's files in a train statement; None when no lock made it."""
    value: Any = predicate
    for key in ("buildDefinition", "internalParameters", "environment", "tree"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
