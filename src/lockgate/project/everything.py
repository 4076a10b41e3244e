"""Every file under registry and log, read and replayed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import deployments
from lockgate.audit.entries import registrations
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.load import load_decision
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.shelf import shelf
from lockgate.audit.verify import full_verify
from lockgate.errors import Refused, VerificationFailed
from lockgate.project.proving import open_ledger, prove_model
from lockgate.project.receipts import predictions
from lockgate.project.reports import EverythingReport, LogsReport
from lockgate.project.sentences import NOT_PROVED
from lockgate.project.steps import Steps
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.project.folder import Folder


def verify_logs(project: Folder, *, root: str = "", steps: Steps | None = None) -> LogsReport:
    """Read every file of both logs, replay them, check the predictions' sequence numbers. Raises VerificationFailed."""
    steps = steps or Steps()
    ledger = open_ledger(project, root, steps)
    key = ledger.roles.sealer_key()
    reports, warnings = {}, []
    for name in (EVENTS, PREDICTIONS):
        folder, seen = project.home / "log" / name, project.seen(ledger.root, name)
        with steps.step(f"every file of the log of {name}", f"what the log of {name} says is not proved"):
            found = full_verify(folder, public_key=key, origin=origin(ledger.root, name), seen=seen)
        reports[name] = found
        warnings += list(found.reasons)
    with steps.step("the predictions' numbers", "a prediction may be missing from the log"):
        _check_folder(project.home / "log", {EVENTS, PREDICTIONS})
        index = PredictionIndex(predictions(project, ledger))
        refusals = index.reasons()
        if refusals:
            first = refusals[0]
            raise VerificationFailed(first.finding, first.message, seen=first.seen, next=first.next)
    files = sum(report.files for report in reports.values())
    sizes = [reports[name].checkpoint.size for name in (EVENTS, PREDICTIONS)]
    return LogsReport(sizes[0], sizes[1], files, index.gateways(), tuple(warnings))


def verify_everything(project: Folder, *, root: str = "") -> EverythingReport:
    """Every file under registry and log, every statement, every model.

    1. Both logs, file by file.
    2. Every statement (the ledger does this on opening).
    3. The registry: every blob, and no file that no statement names.
    4. Each model's chain; revoked models are reported, not failed.
    5. What is live is what a loader would load.
    """
    steps = Steps()
    # 1. 2.
    logs = verify_logs(project, root=root, steps=steps)
    ledger = project.ledger(root)
    statements = ledger.statements()
    # 3.
    with steps.step("every file of the registry", "a model in this registry may not load; lockgate models lists them"):
        registry = RegistryStore(project.home / "registry")
        blobs = registry.check(shelf(statements), [one.digest for one in statements])
    # 4.
    now = project.now()
    models = tuple(prove_model(ledger, one, now, revoked_fails=False) for one in registrations(statements))
    # 5.
    live = tuple(_live_lines(ledger, now))
    apart = ledger.roles.separation()
    return EverythingReport(ledger.root, logs, blobs, len(statements), models, live, apart, NOT_PROVED)


def _live_lines(ledger: Ledger, now: datetime) -> list[str]:
    statements = ledger.statements()
    lines = []
    for environment in dict.fromkeys(str(one.predicate.get("environment")) for one in ledger.statements("deploy")):
        for name in deployments.deployed_names(environment, statements):
            try:
                decision = load_decision(statements, environment, now, name=name)
                lines.append(f"{decision.name}@{decision.version} in {environment}")
            except Refused as refused:
                lines.append(f"{name} in {environment}: refused to load, {refused.finding} {refused.message}")
    return lines


def _check_folder(folder: Path, known: set[str]) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name not in known:
            raise VerificationFailed(
                "LG709",
                "a file lies in the log folder that the log did not write",
                seen={"file": str(entry)},
                next="look at it, then move it away",
            )
