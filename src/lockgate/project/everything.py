"""Every file under registry and log, read and replayed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit import deployments
from lockgate.audit.cosigned import keys_ever
from lockgate.audit.entries import registrations
from lockgate.audit.imports import imports
from lockgate.audit.index.check import IndexCheck
from lockgate.audit.ledger import EVENTS, PREDICTIONS, Ledger, origin
from lockgate.audit.load import load_standing
from lockgate.audit.predictions import PredictionIndex
from lockgate.audit.shelf import shelf
from lockgate.audit.verify import full_verify
from lockgate.errors import LockgateError, Refused, VerificationFailed
from lockgate.project import seen_by
from lockgate.project.alarm_recounting import AlarmPass, without_log
from lockgate.project.carry.mirror import absent, freshness, held, is_held
from lockgate.project.collecting import not_repeatable
from lockgate.project.importing import prove_import
from lockgate.project.indexed import place_here
from lockgate.project.ladder_report import LadderReport
from lockgate.project.prediction_log import MACHINE, prediction_log
from lockgate.project.proving import open_ledger, prove_model
from lockgate.project.receipts import predictions
from lockgate.project.recounting import Pass, moves_of
from lockgate.project.reports import EverythingReport, LogsReport
from lockgate.project.retention import reasons as kept_reasons
from lockgate.project.sentences import NOT_PROVED, unproved
from lockgate.project.steps import Steps
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.project.folder import Folder


def verify_logs(project: Folder, *, root: str = "", steps: Steps | None = None) -> LogsReport:
    """Read every file of both logs, replay them, and check what the predictions say.

    Their sequence numbers; that gateways told the rows that they answered; that moves on the ladder, alarms and
    accepted references tell what the records say. One pass over the predictions. Raises VerificationFailed.
    """
    steps = steps or Steps()
    ledger = open_ledger(project, root, steps)
    kept = kept_reasons(project, ledger)
    with steps.step("what witnesses have seen of the logs", "what is shown here may not be what others are shown"):
        cosigned = seen_by.told(project, ledger, project.now())
    reports = {}
    served = prediction_log(project, ledger)
    key, former = ledger.roles.sealer_key(), ledger.former_sealers
    witnesses = keys_ever(ledger.statements())
    with steps.step("every file of the log of events", "what the log of events says is not proved"):
        reports[EVENTS] = full_verify(
            project.home / "log" / EVENTS,
            public_key=key,
            origin=origin(ledger.root, EVENTS),
            seen=project.seen(ledger.root, EVENTS),
            former=former,
            witnesses=witnesses,
        )
    if not served.begun:
        # A mirror that never served: it has no key of its own, and so no log of predictions.
        _check_folder(project.home / "log", {EVENTS})
        moves, notes = moves_of(ledger, steps)
        events = reports[EVENTS]
        ladder = LadderReport(moves=len(moves), notes=notes)
        alarms = without_log(ledger, steps)
        said = (*events.reasons, *notes, *alarms.notes, *kept)
        return LogsReport(
            events.checkpoint.size, 0, events.files, (), said, ladder=ladder, alarms=alarms, cosigned=cosigned
        )
    with steps.step("every file of the log of predictions", "what the log of predictions says is not proved"):
        reports[PREDICTIONS] = full_verify(
            project.home / "log" / PREDICTIONS,
            public_key=served.public_key,
            origin=served.origin,
            seen=served.seen,
            former=served.former,
            witnesses=witnesses,
        )
    moves, notes = moves_of(ledger, steps)
    log = predictions(project, ledger)
    told = Pass(moves, log, ledger, steps, own=served.own)
    watched = AlarmPass(ledger, log, steps, own=served.own)
    indexed = IndexCheck(place_here(project, ledger), log)

    def take(index: int, gateway: bytes, entry: bytes) -> None:
        told.take(index, gateway, entry)
        watched.take(index, gateway, entry)
        indexed.take(index, entry)

    with steps.step("the predictions' numbers", "a prediction may be missing from the log"):
        _check_folder(project.home / "log", {EVENTS, PREDICTIONS})
        index = PredictionIndex(log, take)
        refusals = index.reasons()
        if refusals:
            first = refusals[0]
            raise VerificationFailed(first.finding, first.message, seen=first.seen, next=first.next)
    ladder, alarms = told.check(notes), watched.check()
    warnings = [
        *(reason for found in reports.values() for reason in found.reasons),
        *ladder.notes,
        *alarms.notes,
        *kept,
    ]
    warnings += indexed.reasons()
    files = sum(report.files for report in reports.values())
    sizes = [reports[name].checkpoint.size for name in (EVENTS, PREDICTIONS)]
    own = MACHINE if served.own else ""
    return LogsReport(sizes[0], sizes[1], files, index.gateways(), tuple(warnings), own, ladder, alarms, cosigned)


def verify_everything(project: Folder, *, root: str = "") -> EverythingReport:
    """Every file under registry and log, every statement, every model.

    1. Both logs, file by file.
    2. Every statement (the ledger does this on opening).
    3. The registry: every blob, and no file that no statement names. A mirror holds some models, a project all.
    4. The chain of each model that is held, and of each import; revoked ones are reported, not failed.
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
        entries = shelf(statements)
        blobs = registry.check(held(project.home, entries), [one.digest for one in statements])
    # 4.
    now = project.now()
    here = [one for one in registrations(statements) if is_held(project.home, one.manifest)]
    brought = [one for one in imports(statements) if is_held(project.home, one.manifest)]
    models = (
        *(prove_model(ledger, one, now, revoked_fails=False) for one in here),
        *(prove_import(ledger, one, now, revoked_fails=False) for one in brought),
    )
    # 5.
    live = tuple(_live_lines(ledger, now))
    apart = ledger.roles.separation()
    return EverythingReport(
        ledger.root,
        logs,
        blobs,
        len(statements),
        models,
        live,
        apart,
        (*unproved(NOT_PROVED, logs.cosigned), *logs.not_proved, *not_repeatable(project, statements)),
        absent(project.home, entries),
        freshness(project.home, now),
    )


def _live_lines(ledger: Ledger, now: datetime) -> list[str]:
    statements = ledger.statements()
    lines = []
    for environment in dict.fromkeys(str(one.predicate.get("environment")) for one in ledger.statements("deploy")):
        for name in deployments.deployed_names(environment, statements):
            try:
                loaded = load_standing(statements, environment, now, name=name)
                live, candidate = loaded.live, loaded.candidate
                lines.append(f"{live.name}@{live.version} in {environment}")
                if candidate is not None:
                    lines.append(f"{candidate.name}@{candidate.version} on {candidate.rung} in {environment}")
                elif loaded.problem is not None:
                    lines.append(f"{name} in {environment}, on the ladder: refused to load, {_words(loaded.problem)}")
            except Refused as refused:
                lines.append(f"{name} in {environment}: refused to load, {_words(refused)}")
    return lines


def _words(refused: LockgateError) -> str:
    return f"{refused.finding} {refused.message}"


def _check_folder(folder: Path, known: set[str]) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name not in known:
            raise VerificationFailed(
                "LG709",
                "a file lies in the log folder that the log did not write",
                seen={"file": str(entry)},
                next="look at it, then move it away",
            )
