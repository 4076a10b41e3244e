"""Each stage as the pipeline calls it: make its spec, skip it when nothing changed, say what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockgate.audit.evidence import Evidence
from lockgate.audit.gate import jail_level
from lockgate.audit.workplace import Workplace
from lockgate.config import Config
from lockgate.contract.inputs import inputs_of, is_input
from lockgate.core.control_words import control_line
from lockgate.core.encoding import decode
from lockgate.core.parity_words import parity_line
from lockgate.core.robustness_words import robustness_line
from lockgate.core.screen import FINDINGS
from lockgate.core.verdict import Reason, Verdict
from lockgate.export import metrics
from lockgate.pipeline.changes import NEW_CANDIDATE, NOT_JUDGED
from lockgate.pipeline.done import StageDone
from lockgate.pipeline.specs import ingest_spec, train_spec, validate_spec
from lockgate.pipeline.unchanged import (
    ANEW,
    changed_contract,
    changed_files,
    changed_training,
    dependencies,
    internal,
    lock_digest,
    stands,
)
from lockgate.pipeline.words import words_of
from lockgate.register.spec import RegisterSpec
from lockgate.sandbox.report import LEVELS
from lockgate.store.files import atomic_write
from lockgate.train import robustness_live
from lockgate.train.spec import Attachment, TrainSpec
from lockgate.validate import screened

Stage = Callable[[Workplace, Config, bool], StageDone]
_TOLD = 3
_MOST_REPORT = 64 << 20


def ingest(workplace: Workplace, config: Config, fresh: bool) -> StageDone:  # noqa: FBT001 - one shape for all stages
    """Ingest, unless the newest snapshot is of these very files."""
    from lockgate.ingest.run import run

    spec = ingest_spec(config)
    found = ANEW if fresh else stands(workplace, "ingest", lambda one: changed_files(one, spec, workplace.root))
    head = found.head or run(workplace, spec).evidence
    files = [each for each in dependencies(head) if not is_input(each)]
    further = sorted(inputs_of(dependencies(head)))
    rows = sum(int(each.get("annotations", {}).get("rows", 0)) for each in files)
    more = f" and {len(files) - 1} more" if files[1:] else ""
    return StageDone(
        "ingest",
        f"{files[0]['name']}{more}   {rows:,} rows",
        head.statement.subjects[0].digest,
        (head,),
        cached=found.head is not None,
        because=found.because,
        details=(f"further inputs for training: {', '.join(further)}",) if further else (),
        facts={"rows": rows, "files": len(files), **({"inputs": further} if further else {})},
        next="lockgate validate",
    )


def validate(workplace: Workplace, config: Config, fresh: bool) -> StageDone:  # noqa: FBT001 - as above
    """Validate, unless snapshot, contract, code and environment are those of the newest statement.

    Raises Refused with what the screen found, also where that was found before and nothing has changed since.
    """
    from lockgate.validate.run import run

    spec = replace(validate_spec(config, workplace), lock=lock_digest(workplace.root, config.train.lock))
    found = ANEW if fresh else stands(workplace, "validate", lambda one: changed_contract(one, spec, workplace))
    head = found.head or run(workplace, spec).evidence
    report = decode(workplace.data.read(head.predicate["report"], _MOST_REPORT))
    _publish_rows(workplace, config, report)
    told, screen = _reasons(report.get("findings", [])), report.get("screen")
    screened.refuse([reason for reason in told if reason.finding in FINDINGS.values()])
    kept, refused, rows = (int(head.predicate[name]) for name in ("accepted", "quarantined", "rows"))
    return StageDone(
        "validate",
        f"{config.data.contract}   {kept:,} kept + {refused:,} quarantined = {rows:,}",
        head.statement.subjects[0].digest,
        (head,),
        cached=found.head is not None,
        because=found.because,
        details=(*commonest(report["by_rule"]), *([screened.line(screen)] if screen else [])),
        reasons=told,
        facts={
            "rows": rows,
            "accepted": kept,
            "quarantined": refused,
            "by_rule": report["by_rule"],
            "paths": report["paths"],
            "explain": report["explain"],
            "screen": screen,
        },
        next="lockgate train",
    )


def train(workplace: Workplace, config: Config, fresh: bool) -> StageDone:  # noqa: FBT001 - as above
    """Train and judge, unless rows, code, settings and environment are those of the newest statements."""
    from lockgate.train.rules import attachments_of
    from lockgate.train.run import run

    spec = train_spec(config)
    osv = config.environment.osv
    found = ANEW if fresh else stands(workplace, "train", lambda one: changed_training(one, spec, workplace, osv))
    trained = found.head
    judged = _judgement_of(workplace, trained, spec) if trained else None
    cached = trained is not None and judged is not None
    because = () if cached else found.because or (NOT_JUDGED,)
    reasons: tuple[Reason, ...] = ()
    worst: Mapping[str, str] = {}
    if trained is None or judged is None:
        result = run(workplace, spec)
        trained, judged, reasons = result.evidence, result.judgement, result.reasons
        worst = result.worst
    inside, said = internal(trained), judged.predicate
    split = inside.get("split", {})
    cut = f"{split.get('how')} split" + (f" at {split.get('cut')}" if split.get("cut") else "")
    held, probes = _probes(inside)
    attached = attachments_of(trained.predicate)
    return StageDone(
        "train",
        f"{split.get('train', {}).get('rows', 0):,} rows · {cut} · {held} of {probes} probes blocked",
        trained.statement.subjects[0].digest,
        (trained, judged),
        cached=cached,
        because=because,
        details=(
            f"judged on {said['rows']:,} rows that training never saw, {_times(said['judged'])}",
            str(inside.get("fit", {}).get("estimator", "")),
            *filter(None, [parity_line(said), control_line(said), robustness_line(said)]),
            *_features(inside),
            *_weaker(inside),
            *_left(trained, attached),
        ),
        reasons=reasons,
        facts={
            "task": said["task"],
            "metrics": said["metrics"],
            "slices": said["slices"],
            "judged": said["judged"],
            "parity": {"train": inside.get("fit", {}).get("parity"), **said.get("parity", {}), "worst": dict(worst)},
            **{key: held[key] for held, key in ((said, "control"), (inside, "leak")) if key in held},
            **{key: said[key] for key in ("robustness", "attacked") if key in said},
            **({"features": inside["fit"]["featured"]} if "featured" in inside.get("fit", {}) else {}),
            "attachments": [{"name": one.name, "digest": one.digest, "size": one.size} for one in attached],
        },
        next="lockgate register",
    )


def register(workplace: Workplace, config: Config, fresh: bool) -> StageDone:  # noqa: ARG001, FBT001 - as above
    """Register; the stage itself knows a candidate that it has registered before."""
    from lockgate.register.run import run

    result = run(workplace, RegisterSpec(config.name, words_of(workplace.root, config)))
    one = result.registration
    return StageDone(
        "register",
        f"{result.ref}   log entry {one.evidence.index}",
        result.manifest,
        (one.evidence,),
        cached=result.cached,
        because=() if result.cached else (NEW_CANDIDATE,),
        facts={"ref": result.ref, "verdicts": {name: _verdict(v) for name, v in result.verdicts.items()}},
        next=f"lockgate deploy {result.ref} --env dev",
        verdicts=result.verdicts,
    )


STAGES: Mapping[str, Stage] = {"ingest": ingest, "validate": validate, "train": train, "register": register}


def _publish_rows(workplace: Workplace, config: Config, report: Mapping[str, Any]) -> None:
    """For the textfile collector of Prometheus' node exporter: .lockgate/state/metrics/validate.prom.

    Of a model with a name of its own, `validate-NAME.prom`.
    """
    place = workplace.home / "state" / "metrics"
    place.mkdir(parents=True, exist_ok=True)
    name = "-".join(part for part in ("validate", workplace.model) if part)
    atomic_write(place / f"{name}.prom", metrics.rows(report, config.name).encode(), 0o644)


def run_in_train_jail(workplace: Workplace, config: Config, command: tuple[str, ...]) -> int:
    """Run `command` in the jail that training would get; its exit status. Streams pass through."""
    from lockgate.sandbox.launch import Jail, Target
    from lockgate.train.jails import train_jail

    with train_jail(workplace, train_spec(config)) as settings, workplace.scratch() as scratch:
        result = Jail(settings).run(
            Target(command=command),
            stdin=0,
            talk=lambda data: _pass_on(1, data),
            errors=lambda data: _pass_on(2, data),
            out_dir=scratch,
        )
    if result.ended not in ("exit", "signal"):
        workplace.say(f"the jail ended it: {result.ended}")
    return result.exit_code


def _judgement_of(workplace: Workplace, trained: Evidence, spec: TrainSpec) -> Evidence | None:
    judged = workplace.head("judge")
    if judged is None or judged.predicate.get("train") != trained.digest:
        return None
    if not robustness_live.still(workplace, spec.robustness, judged):
        return None
    return judged if (jail_level(judged) or 0) >= workplace.least_jail_level else None


def _pass_on(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def commonest(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """The commonest reasons for quarantine, a line each, with the setting that mends it."""
    lines = []
    for rule in rules[:_TOLD]:
        mend = f"   -> {rule['suggestion']}" if rule.get("suggestion") else ""
        lines.append(
            f"{int(rule['count']):>9,}  {rule['field'] or '(record)':<14} {rule.get('message') or rule['rule']}{mend}"
        )
    return lines


def _reasons(found: Sequence[Mapping[str, Any]]) -> tuple[Reason, ...]:
    from lockgate.core.verdict import Level

    return tuple(
        Reason(each["finding"], Level(each["level"]), each["message"], dict(each.get("seen", {})), each.get("next", ""))
        for each in found
    )


def _features(inside: Mapping[str, Any]) -> list[str]:
    """What features.py costs: a request of one row pays `alone`, rows that come together pay less each."""
    cost = inside.get("fit", {}).get("featured")
    if not isinstance(cost, Mapping):
        return []
    alone, among = cost["single_us"], cost["batch_us"]
    return [f"{cost['function']} makes {cost['columns']} columns: {among:,.3g} µs a row, {alone:,.0f} µs for one alone"]


def _weaker(inside: Mapping[str, Any]) -> list[str]:
    """The levels below the highest, each with who made that jail: nobody is to find out later."""
    reports = list(inside.get("jails", {}).values())
    weak = {f"{report.get('launcher')}: isolation level {report.get('level')}" for report in reports}
    return sorted(words for words in weak if not words.endswith(f"level {LEVELS}"))


def _probes(inside: Mapping[str, Any]) -> tuple[int, int]:
    jails = inside.get("jails", {})
    probes = [probe for report in jails.values() for probe in report.get("probes", [])]
    return sum(probe.get("holds") is True for probe in probes), len(probes)


def _left(trained: Evidence, attached: Sequence[Attachment]) -> list[str]:
    """What training left beside its model, and what of it was not kept."""
    lines = []
    if attached:
        names = ", ".join(one.name for one in attached[:_TOLD]) + (" ..." if attached[_TOLD:] else "")
        take = f"lockgate show {trained.digest[7:19]} --attachments FOLDER"
        files = "1 untrusted attachment" if len(attached) == 1 else f"{len(attached)} untrusted attachments"
        lines.append(f"kept {files}: {names}   {take}")
    left = internal(trained).get("left_behind", {})
    lines += [f"not kept: {name}: {why}" for name, why in list(left.items())[:_TOLD]]
    return lines


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"result": verdict.result, "reasons": [reason.as_json() for reason in verdict.reasons]}
