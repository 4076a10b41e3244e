"""Facts about threats, from a project's verified log, its roles and the policy in force. Signs nothing.

The ledger has verified every statement and its place before it comes here; the predictions' log is opened, so its
checkpoint is verified, and its records are not read. Of other files nothing is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from lockgate.audit import entries, waivers
from lockgate.audit.approvals import signers
from lockgate.audit.deployments import revocation_of
from lockgate.audit.drilled import newest
from lockgate.audit.entries import INPUTS
from lockgate.audit.gate.facts import jail_level, screened
from lockgate.audit.ledger import EVENTS
from lockgate.audit.load import load_standing
from lockgate.audit.origins import inputs_of
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.verdict import Level
from lockgate.errors import LockgateError, Refused
from lockgate.project.policies import is_looser
from lockgate.project.prediction_log import log_here
from lockgate.project.seen_by import told
from lockgate.project.threats.catalogue import shipped
from lockgate.project.verdicts import Said, check
from lockgate.threats.facts import Accepted, Facts, Played, Proof
from lockgate.threats.levers import levers
from lockgate.trust import pin as pins
from lockgate.trust.authority import ANY_ENVIRONMENT
from lockgate.trust.persons import distinct, fold
from lockgate.trust.policy import Policy
from lockgate.trust.policy_rules import RULES

if TYPE_CHECKING:
    from lockgate.audit.drilled import Drilled, Result
    from lockgate.audit.entries import Deployment, Registration
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.ledger import Ledger
    from lockgate.core.digest import Digest
    from lockgate.project.folder import Folder
    from lockgate.trust.policy import EnvironmentPolicy
    from lockgate.trust.roles import Roles

_RULE_OF: Final[Mapping[str, str]] = {finding: rule.name for rule in RULES.values() for finding in rule.findings}


def gather(project: Folder, environment: str, program: Digest, *, root: str = "") -> Facts:
    """The facts about the model that is live in `environment`, else about the newest that is registered.

    `program`: the digest of this program's files; `root`: a root to verify under that need not be pinned.

    Raises:
        Usage: LG843 no such environment, LG973 several models and none chosen.
        VerificationFailed: something in the log, or a statement of drills (LG526), does not say what it must.
    """
    ledger, now = project.ledger(root), project.now()
    statements = ledger.statements()
    policy = project.policy(ledger)
    rules = policy.environment(environment)
    name = project.config.only().name
    deployed, problem = _deployed(statements, environment, name, now)
    registration = _model(statements, name, deployed)
    inputs = inputs_of(registration, statements) if registration is not None else {}
    trainer = signers(inputs["train"]) if "train" in inputs else frozenset()
    return Facts(
        asked=now,
        environment=environment,
        model=registration.ref if registration is not None else "",
        live=deployed is not None,
        proofs={
            **_of_model(registration, inputs, statements),
            **_of_deployment(deployed, problem),
            **_of_project(project, ledger, now),
        },
        levers=levers(rules),
        used=_used(project, ledger, registration, deployed),
        pinned=pins.pinned(ledger.root) is not None,
        alone=_alone(ledger.roles, rules),
        separation=ledger.roles.separation(),
        program=program,
        policy=policy.digest,
        least_level=rules.min_jail_level,
        jails={claim: jail_level(inputs[claim]) for claim in INPUTS if claim in inputs},
        enforcing=_as_strict(policy, environment),
        screen=_screen(inputs),
        refused=_refused(registration, ledger, policy, environment, now) if deployed is not None else {},
        drills=_drills(statements, environment, name),
        accepted=_accepted(statements, rules, registration, now, trainer),
        root=ledger.root,
    )


def _deployed(
    statements: Sequence[Evidence], environment: str, name: str, now: datetime
) -> tuple[Deployment | None, str]:
    """What is live under `name`, and why it must not be loaded; None where nothing ever was."""
    from lockgate.audit.deployments import current

    found = current(environment, name, statements)
    if found is None:
        return None, ""
    try:
        load_standing(statements, environment, now, name=name)
    except LockgateError as error:
        return found, f"{error.finding} {error.message}"
    return found, ""


def _model(statements: Sequence[Evidence], name: str, deployed: Deployment | None) -> Registration | None:
    known = [one for one in entries.registrations(statements) if one.name == name]
    if deployed is not None:
        return next((one for one in known if one.manifest == deployed.manifest), None)
    return known[-1] if known else None


def _of_model(
    registration: Registration | None, inputs: Mapping[str, Evidence], statements: Sequence[Evidence]
) -> dict[str, Proof]:
    if registration is None:
        return {}
    revoked = revocation_of(registration, statements)
    wrong = f"{registration.ref} or what it rests on is revoked: {revoked.reason}" if revoked is not None else ""
    found = {**inputs, "register": registration.evidence}
    return {claim: _proof(one, wrong) for claim, one in found.items()}


def _of_deployment(deployed: Deployment | None, problem: str) -> dict[str, Proof]:
    return {"deploy": _proof(deployed.evidence, problem)} if deployed is not None else {}


def _of_project(project: Folder, ledger: Ledger, now: datetime) -> dict[str, Proof]:
    """The policy, the roles file, the newest import, and the log itself, which was read whole a moment ago."""
    found: dict[str, Proof] = {}
    policy, roles = ledger.head("policy"), ledger.statements("roles")[-1]
    if policy is not None:
        found["policy"] = _proof(policy)
    found["roles"] = _proof(roles, _expired(ledger.roles, now))
    gone = withdrawn(ledger.statements())
    imported = [one for one in ledger.statements("import") if not gone.hits(one)]
    if imported:
        found["import"] = _proof(imported[-1])
    last, note = ledger.statements()[-1], "; ".join(told(project, ledger, now, only=(EVENTS,)))
    note = note or "no outside witness has seen the log"
    found["log"] = Proof(now, last.index, ledger.roles.signed_by("sealer"), note=note)
    return found


def _expired(roles: Roles, now: datetime) -> str:
    try:
        roles.check_fresh(now)
    except Refused as error:
        return error.message
    return ""


def _proof(one: Evidence, wrong: str = "") -> Proof:
    return Proof(one.said_at, one.index, one.person, wrong)


def _used(
    project: Folder, ledger: Ledger, registration: Registration | None, deployed: Deployment | None
) -> frozenset[str]:
    predictions = log_here(project, ledger)
    was = {
        "run": registration is not None,
        "deployed": deployed is not None,
        "served": predictions is not None and predictions.size > 0,
        "imported": bool(ledger.statements("import")),
    }
    return frozenset(name for name, so in was.items() if so)


def _alone(roles: Roles, rules: EnvironmentPolicy) -> tuple[str, ...]:
    """Who can put a registered model live by themselves: who deploys, and whose own approval is enough.

    Who holds the root can give themselves any role, and is not counted here.
    """
    held = {role: _holders(roles, role, rules.name) for role in ("deployer", "approver", "policy", "trainer")}
    if roles.threshold("deployer") > 1:
        return ()
    asked = rules.approvals if rules.weight("approvals") == "enforce" and rules.automatic is None else 0
    able = set(held["deployer"])
    if asked:
        enough = set(held["approver"]) if asked == 1 and roles.threshold("approver") <= 1 else set()
        if rules.separation == "enforce":
            enough -= set(held["trainer"])
        # Who signs the policy can sign one that asks for nobody.
        enough |= set(held["policy"]) if roles.threshold("policy") <= 1 else set()
        able &= enough
    return tuple(sorted(held["deployer"][one] for one in able))


def _holders(roles: Roles, role: str, environment: str) -> dict[str, str]:
    named = [
        entry.person
        for entry in roles.keys_of(role)
        if ANY_ENVIRONMENT in entry.environments or environment in entry.environments or role in ("policy", "trainer")
    ]
    return {fold(name): name for name in distinct(named).values()}


def _screen(inputs: Mapping[str, Evidence]) -> Mapping[str, str] | None:
    found = screened(inputs["validate"]) if "validate" in inputs else None
    return None if found is None else {str(name): str(state) for name, state in found[0].items()}


def _refused(
    registration: Registration | None, ledger: Ledger, policy: Policy, environment: str, now: datetime
) -> dict[str, str]:
    """By rule, what the policy says now against a model that is live all the same."""
    if registration is None:
        return {}
    said = check(registration, Said(policy, ledger.statements(), ledger.note), now, environment)
    found: dict[str, str] = {}
    for reason in said.verdicts[environment].reasons:
        rule = str(reason.seen.get("rule", _RULE_OF.get(reason.finding, "")))
        if reason.level is Level.REFUSE and rule:
            found.setdefault(rule, f"{reason.finding} {reason.message}")
    return found


def _as_strict(policy: Policy, environment: str) -> frozenset[str]:
    """The other environments that refuse what breaks a rule, and let nothing pass that `environment` refuses."""
    mine = policy.environments.get(environment)
    return frozenset(
        name
        for name, one in policy.environments.items()
        if mine is not None and name != environment and one.enforce == "enforce" and not is_looser(mine, one)
    )


def _drills(statements: Sequence[Evidence], environment: str, model: str = "") -> dict[str, Played]:
    """What is to be said of each drill in `environment`, by the rules of then."""
    texts = {one.predicate.get("digest"): one.predicate for one in statements if one.claim == "policy"}

    @cache
    def as_strict(policy: str) -> frozenset[str] | None:
        return _as_strict(Policy.from_predicate(texts[policy]), environment) if policy in texts else None

    def counts(said: Drilled) -> bool:
        known = as_strict(said.policy)
        # Under a policy that was never in force here: only a failure makes a difference, and it does count.
        return said.environment in ("", environment) or known is None or said.environment in known

    return {
        name: Played(
            result.stopped if result is not None else True,
            said.at,
            said.program,
            said.policy,
            said.evidence.index,
            said.evidence.person,
            said.left_out,
            said.inapplicable.get(name, "") if result is None else "",
            result.control if result is not None else "",
            said.environment,
            said.rows,
        )
        for name, (said, result) in newest(statements, model, counts, _genuine).items()
    }


def _genuine(result: Result) -> bool:
    """Whether threat, control and finding are those of the drill, so far as the catalogue knows them."""
    catalogue = shipped()
    threat, control = catalogue.threats.get(result.threat), catalogue.controls.get(result.control)
    return (
        threat is not None
        and result.id in threat.drills
        and result.control in threat.controls
        and control is not None
        and result.expected in control.findings
    )


def _accepted(
    statements: Sequence[Evidence],
    rules: EnvironmentPolicy,
    registration: Registration | None,
    now: datetime,
    trainer: frozenset[str],
) -> dict[str, Accepted]:
    """Waivers of threats that hold here and now; of two the one that ends later."""
    manifest = registration.manifest if registration is not None else None
    found = [
        one
        for one in waivers.in_force(statements, rules, now, trainer=trainer)
        if waivers.is_threat(one.finding) and one.manifest in (None, manifest)
    ]
    return {
        one.finding: Accepted(one.expires, one.evidence.person, one.reason, one.evidence.index)
        for one in sorted(found, key=lambda each: each.expires)
    }
