"""A model's chain, walked back to the root that the user pinned. Reads everything anew; believes no index or name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import deployments, entries, waivers
from lockgate.audit.entries import Deployment, Registration
from lockgate.audit.evidence import Evidence
from lockgate.audit.imports import Import, named
from lockgate.audit.ledger import EVENTS, Ledger
from lockgate.audit.load import LoadDecision, load_decision, load_standing, refuse_revoked
from lockgate.audit.origins import inputs_of
from lockgate.audit.refs import resolve
from lockgate.audit.stored import check_stored
from lockgate.core.verdict import Reason
from lockgate.errors import Refused, Usage
from lockgate.project.carry.mirror import refuse_absent
from lockgate.project.materialize import materialize_model
from lockgate.project.reports import Link, ModelReport
from lockgate.project.seen_by import told
from lockgate.project.sentences import NOT_PROVED, sentence, unproved, unproved_inputs
from lockgate.project.steps import Steps, as_warning, report_of
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.project.folder import Folder

DEV = "dev"


def verify_model(
    project: Folder, ref: str, *, root: str = "", materialize: Path | None = None, environment: str = ""
) -> ModelReport:
    """Walk one model's chain. `environment`: where an imported one is to be loaded by another server.

    1. The root is the pinned one (or `root`), and the whole event log verifies under it.
    2. `ref` names one registration; then as `prove_model`. Or it names an import; then as `prove_import`.
    3. What its moves on the ladder tell is what the log of predictions says, where that log is here (`recounting`).

    Raises VerificationFailed, Refused or Usage at the first step that fails, naming it, its statement and key, what
    follows from it, and what was proved before.
    """
    steps = Steps()
    # 1.
    ledger = open_ledger(project, root, steps)
    # 2.
    brought = named(ref, ledger.statements())
    if brought is not None:
        return _verify_import(project, ledger, brought, steps, materialize, environment)
    if environment:
        raise Usage(
            "LG940",
            f"--env is for imported models; what {ref} rests on in each environment is verified anyway",
            seen={"ref": ref},
            next=f"lockgate verify {ref}",
        )
    registration = resolve(ref, ledger.statements(), DEV)
    refuse_absent(project.home, registration.ref, registration.manifest)
    report = prove_model(ledger, registration, project.now(), steps=steps)
    # 3.
    report = with_moves(project, ledger, registration, report, steps)
    with steps.step("what witnesses have seen of the log", "what is shown here may not be what others are shown"):
        seen = told(project, ledger, project.now(), (EVENTS,))
    report = replace(report, cosigned=seen, not_proved=unproved(report.not_proved, seen))
    if materialize is not None:
        materialize_model(registration, RegistryStore(project.home / "registry"), materialize)
        report = replace(report, materialized=str(materialize))
    return report


def with_moves(
    project: Folder, ledger: Ledger, registration: Registration, report: ModelReport, steps: Steps
) -> ModelReport:
    """`report`, and whether what the model's moves on the ladder tell is what the log of predictions says.

    Raises VerificationFailed.
    """
    moves = ledger.statements("deploy")
    if not any(one.role == "guard" or one.predicate.get("checks") is not None for one in moves):
        # Nothing is to be counted again, and what counts need not be loaded.
        return report
    from lockgate.project.recounting import recounted, with_ladder

    return with_ladder(report, recounted(project, ledger, steps, name=registration.name))


def _verify_import(
    project: Folder, ledger: Ledger, brought: Import, steps: Steps, materialize: Path | None, environment: str
) -> ModelReport:
    from lockgate.project.importing import prove_import

    refuse_absent(project.home, brought.ref, brought.manifest)
    policy = project.policy(ledger).environment(environment) if environment else None
    report = prove_import(ledger, brought, project.now(), steps=steps, policy=policy)
    if materialize is not None:
        materialize_model(brought, RegistryStore(project.home / "registry"), materialize)
        report = replace(report, materialized=str(materialize))
    return report


def open_ledger(project: Folder, root: str, steps: Steps) -> Ledger:
    """The event log as the first step of a verification."""
    trusted = project.trusted_root(root)
    effect = "nothing that this project says can be believed until that is mended"
    with steps.step(f"the event log, back to root {trusted[:12]}", effect):
        return project.ledger(root)


def prove_model(
    ledger: Ledger,
    registration: Registration,
    now: datetime,
    *,
    revoked_fails: bool = True,
    steps: Steps | None = None,
    registry: RegistryStore | None = None,
) -> ModelReport:
    """Walk the chain of one registration in a verified log. `registry`: another than that of the ledger's folder.

    1. Every statement that it rests on is there, by the right role, joined by digest.
    2. Manifest, files and signature in the registry are, byte for byte, what was registered.
    3. Nothing of it is revoked; without `revoked_fails` that is a warning.
    4. Where it is live, the loader's decision holds.

    Raises VerificationFailed, Refused.
    """
    steps, statements, ref = steps or Steps(), ledger.statements(), registration.ref
    # 1.
    with steps.step("the statements that it rests on", f"what {ref} was made from is not proved", None, statements):
        inputs = inputs_of(registration, statements)
    # 2.
    effect = f"{ref} is not what was registered: a gateway that starts now refuses to load it"
    with steps.step("the bytes in the registry", effect, registration.evidence):
        roles = ledger.roles_at(registration.evidence.index)
        signed = check_stored(registration, registry or RegistryStore(ledger.home / "registry"), roles)
    # 3.
    warnings: list[Reason] = []
    with steps.step("revocation", f"no gateway serves {ref}", registration.evidence):
        try:
            refuse_revoked(registration, statements)
        except Refused as revoked:
            if revoked_fails:
                raise
            warnings.append(as_warning(revoked))
    links = [
        Link(claim, sentence(inputs[claim]), inputs[claim])
        for claim in ("ingest", "validate", "train", "judge", "scan")
    ]
    links.append(Link("register", sentence(registration.evidence), registration.evidence))
    links.append(
        Link("signature", f"model.sig over {len(signed.files)} files, read back from the registry byte for byte")
    )
    # 4.
    with steps.step("its deployments", "no gateway loads it where that fails", None, statements):
        links += _deployments(registration, ledger, now, warnings if not revoked_fails else None)
    unproved_here = (*NOT_PROVED, *unproved_inputs(inputs["train"]))
    return report_of(
        ledger, registration.ref, registration.manifest, links, not_proved=unproved_here, warnings=warnings, now=now
    )


def _deployments(
    registration: Registration, ledger: Ledger, now: datetime, warnings: list[Reason] | None
) -> list[Link]:
    """Where the model stands, and the waivers by which it does. With `warnings`, what a loader refuses is there."""
    statements = ledger.statements()
    links = []
    for environment in dict.fromkeys(str(one.predicate.get("environment")) for one in ledger.statements("deploy")):
        stand = deployments.standing_now(environment, registration.name, statements)
        current = next((one for one in stand if one.manifest == registration.manifest), None)
        if current is None:
            continue
        reason = f": {current.reason}" if current.reason else ""
        share = "" if current.rung == entries.LIVE else f" ({current.share:.3g} of the traffic)"
        links.append(
            Link("deploy", f"{current.rung}{share} in {environment}, move {current.sequence}{reason}", current.evidence)
        )
        if deployments.revocation_of(registration, statements) is not None:
            continue
        try:
            decision = _loaded(current, statements, now)
        except Refused as refused:
            if warnings is None:
                raise
            warnings.append(as_warning(refused))
            continue
        links += [Link("waive", f"{environment}: {waivers.words(one)}", one.evidence) for one in decision.waivers]
        if decision.automatic:
            words = f"{environment}: approved automatically: {decision.automatic}"
            links.append(Link("promote", words, decision.summary.evidence))
    return links or [Link("deploy", "live nowhere")]


def _loaded(current: Deployment, statements: Sequence[Evidence], now: datetime) -> LoadDecision:
    """What a loader decides about a model that is live, or on the ladder. Raises what keeps it from loading."""
    if current.rung == entries.LIVE:
        return load_decision(statements, current.environment, now, name=current.name)
    loaded = load_standing(statements, current.environment, now, name=current.name)
    if loaded.candidate is None:
        raise loaded.problem or Refused("LG520", f"{current.name} is not on the ladder", next="lockgate status")
    return loaded.candidate
