"""A model's chain, walked back to the root that the user pinned. Reads everything anew; believes no index or name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import deployments, waivers
from lockgate.audit.entries import Registration
from lockgate.audit.imports import Import, named
from lockgate.audit.ledger import Ledger
from lockgate.audit.load import load_decision, refuse_revoked
from lockgate.audit.origins import inputs_of
from lockgate.audit.refs import resolve
from lockgate.audit.stored import check_stored
from lockgate.core.verdict import Reason
from lockgate.errors import Refused, Usage
from lockgate.project.carry.mirror import refuse_absent
from lockgate.project.materialize import materialize_model
from lockgate.project.reports import Link, ModelReport
from lockgate.project.sentences import NOT_PROVED, sentence
from lockgate.project.steps import Steps, as_warning, report_of
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.project.folder import Folder

DEV = "dev"


def verify_model(project: Folder, ref: str, *, root: str = "", materialize: Path | None = None) -> ModelReport:
    """Walk one model's chain.

    1. The root is the pinned one (or `root`), and the whole event log verifies under it.
    2. `ref` names one registration; then as `prove_model`. Or it names an import; then as `prove_import`.

    Raises VerificationFailed, Refused or Usage at the first step that fails, naming it, its statement and key, what
    follows from it, and what was proved before.
    """
    steps = Steps()
    # 1.
    ledger = open_ledger(project, root, steps)
    # 2.
    brought = named(ref, ledger.statements())
    if brought is not None:
        return _verify_import(project, ledger, brought, steps, materialize)
    registration = resolve(ref, ledger.statements(), DEV)
    refuse_absent(project.home, registration.ref, registration.manifest)
    report = prove_model(ledger, registration, project.now(), steps=steps)
    if materialize is not None:
        materialize_model(registration, RegistryStore(project.home / "registry"), materialize)
        report = replace(report, materialized=str(materialize))
    return report


def _verify_import(
    project: Folder, ledger: Ledger, brought: Import, steps: Steps, materialize: Path | None
) -> ModelReport:
    from lockgate.project.importing import prove_import

    if materialize is not None:
        raise Usage(
            "LG468",
            f"{brought.ref} was imported: its files are for training, and are not written out",
            seen={"manifest": brought.manifest},
            next=f"lockgate verify {brought.ref}",
        )
    refuse_absent(project.home, brought.ref, brought.manifest)
    return prove_import(ledger, brought, project.now(), steps=steps)


def open_ledger(project: Folder, root: str, steps: Steps) -> Ledger:
    """The event log as the first step of a verification."""
    trusted = project.trusted_root(root)
    effect = "nothing that this project says can be believed until that is mended"
    with steps.step(f"the event log, back to root {trusted[:12]}", effect):
        return project.ledger(root)


def prove_model(
    ledger: Ledger, registration: Registration, now: datetime, *, revoked_fails: bool = True, steps: Steps | None = None
) -> ModelReport:
    """Walk the chain of one registration in a verified log.

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
        signed = check_stored(registration, RegistryStore(ledger.home / "registry"), roles)
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
    return report_of(
        ledger, registration.ref, registration.manifest, links, not_proved=NOT_PROVED, warnings=warnings, now=now
    )


def _deployments(
    registration: Registration, ledger: Ledger, now: datetime, warnings: list[Reason] | None
) -> list[Link]:
    """Where the model is live, and the waivers by which it is. With `warnings`, what a loader refuses is told there."""
    statements = ledger.statements()
    links = []
    for environment in dict.fromkeys(str(one.predicate.get("environment")) for one in ledger.statements("deploy")):
        current = deployments.current(environment, registration.name, statements)
        if current is None or current.manifest != registration.manifest:
            continue
        text = f"{current.rung} in {environment}, move {current.sequence}" + (
            f": {current.reason}" if current.reason else ""
        )
        links.append(Link("deploy", text, current.evidence))
        if deployments.revocation_of(registration, statements) is not None:
            continue
        try:
            decision = load_decision(statements, environment, now, name=registration.name)
        except Refused as refused:
            if warnings is None:
                raise
            warnings.append(as_warning(refused))
            continue
        links += [Link("waive", f"{environment}: {waivers.words(one)}", one.evidence) for one in decision.waivers]
    return links or [Link("deploy", "live nowhere")]
