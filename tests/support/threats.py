"""Facts about threats in which everything holds, to take single things out of; and results of drills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lockgate.audit.drilled import Played as Drills
from lockgate.audit.drilled import drill_statement
from lockgate.core.digest import Digest, digest_of
from lockgate.core.statement import Statement
from lockgate.drills.replays.all import DRILLS
from lockgate.project import Project
from lockgate.project.threats.catalogue import shipped
from lockgate.project.threats.gather import gather
from lockgate.threats.facts import Facts, Played, Proof
from lockgate.threats.levers import LEVERS, Lever, levers
from lockgate.threats.rules import Stands, judge
from lockgate.trust.policy import Policy
from tests.support.project import SignedProject

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
PROGRAM: Digest = digest_of(b"the program")
POLICY: Digest = digest_of(b"the policy")
CLAIMS = ("ingest", "validate", "train", "judge", "scan", "register", "import", "deploy", "policy", "roles", "log")
JAILED = ("ingest", "validate", "train", "judge", "scan")


def played(stopped: Any = True, **changes: Any) -> Played:
    """A result of an hour ago."""
    return replace(Played(stopped, NOW - timedelta(hours=1), PROGRAM, POLICY, 20, "mara"), **changes)


def of(name: str, stopped: Any = True) -> Played:
    """A result of this drill, with the control that should stop it."""
    return played(stopped, control=DRILLS[name].control if name in DRILLS else "")


def proof(**changes: Any) -> Proof:
    """A statement of yesterday."""
    return replace(Proof(NOW - timedelta(days=1), 7, "mara"), **changes)


def held(**changes: Any) -> Facts:
    """Everything is used, on, proved and drilled."""
    drills = {name: of(name) for threat in shipped().threats.values() for name in threat.drills}
    found = Facts(
        asked=NOW,
        environment="prod",
        model="phishing@1",
        live=True,
        proofs={claim: proof() for claim in CLAIMS},
        levers={name: Lever(name, "on") for name in LEVERS},
        used=frozenset({"run", "deployed", "served", "imported"}),
        pinned=True,
        alone=(),
        separation="full, 11 persons hold 11 of 11 roles",
        program=PROGRAM,
        policy=POLICY,
        jails=dict.fromkeys(JAILED, 3),
        screen={"labels": "ran", "triggers": "ran"},
        drills=drills,
    )
    return replace(found, **changes)


def without(values: Mapping[str, Any], name: str, *instead: Any) -> dict[str, Any]:
    """`values` without `name`, or with something else there."""
    rest = {key: value for key, value in values.items() if key != name}
    return rest | ({name: instead[0]} if instead else {})


def statuses(facts: Facts) -> dict[str, str]:
    """The status of each threat."""
    return {one.threat.id: one.status for one in judge(shipped(), facts)}


def threat(id_: str, facts: Facts) -> Stands:
    """One threat."""
    return judge(shipped(), facts, (id_,))[0]


def under(text: str, environment: str = "prod") -> dict[str, Lever]:
    """The levers of an environment of a policy."""
    policy = Policy.from_text(f"version = 1\n[environment.{environment}]\n{text}")
    return levers(policy.environment(environment))


CONFIG = (
    '[project]\nname = "flights"\n[data]\nsources = ["data.csv"]\ncontract = "contract.py:Flight"\nlabel = "delay"\n'
)


def outcome(id_: str, stopped: Any = True, **changes: Any) -> dict[str, Any]:
    """One drill as its outcome tells it."""
    known = DRILLS.get(id_)
    expected = known.finding if known is not None else "LG999"
    found = {
        "id": id_,
        "threat": known.threat if known is not None else "LT99",
        "control": known.control if known is not None else "nothing",
        "incident": None,
        "stopped": stopped,
        "finding": None if stopped is False else expected,
        "expected": expected,
        "title": "prose that is not signed",
    }
    return found | changes


def said(project: SignedProject, *outcomes: Mapping[str, Any], **changes: Any) -> Statement:
    """What a judge would sign about `outcomes` now; `changes`: fields of the predicate that lie."""
    policy = Policy.from_predicate(project.ledger.statements("policy")[-1].predicate)
    statement = drill_statement(
        Drills(outcomes, "0.1", PROGRAM),
        policy=(policy.digest, policy.version),
        machine={"level": 3, "launcher": "bubblewrap", "kernel": "6.1"},
        log=project.ledger.checkpoint,
        now=project.clock(),
    )
    return replace(statement, predicate={**statement.predicate, **changes})


def facts_of(project: SignedProject, environment: str = "dev", program: Digest = PROGRAM) -> Facts:
    """What is gathered from the project's log."""
    # A fork has a memory of its own of what it has seen.
    here = Project(project.root, now=project.clock, seen_folder=project.home / "state" / "seen")
    return gather(here, environment, program)
