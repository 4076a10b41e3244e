"""The shell of train: look up, capture, split, fit, sign, judge, sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from lockgate.audit import joins
from lockgate.core.digest import Digest
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused, VerificationFailed
from lockgate.runtime import building, environment
from lockgate.runtime.environment import Environment
from lockgate.sandbox.settings import PythonEnv
from lockgate.train import attachments, control, doubts, featuring, gpu, inputs, parity_judged, robustness, rules, steps
from lockgate.train.capture import capture
from lockgate.train.machine import surroundings
from lockgate.train.spec import Closure, Denied, Split, TrainResult, TrainSpec
from lockgate.train.steps import Recipe

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace


def run(workplace: Workplace, spec: TrainSpec) -> TrainResult:
    """Train on the accepted rows and judge what comes out.

    1. The head of validate passed, follows from the head of ingest, and its accepted rows have the digest signed.
    2. The locked environment is there and unchanged.      3. The code is captured by digest; whether it makes
    features is what it says.
    4. A jail without user code splits the rows.           5. The train jail, proved before it starts, fits and
    converts on the training rows alone, and on the inputs that ingest signed.
    6. Where the candidate takes features, they are made of the held-out rows without label (`train.featuring`). A jail
    without user code judges the candidate on the held-out rows; beside it, one with user code says how far
    the estimator and the graph differ on them.
    7. Where the screen doubts training rows, the same is trained without them and compared (`train.control`). Where
    attacks are asked for, a jail without user code tries them on the candidate and on what is live.
    8. Trainer and judge sign, one after the other.

    Raises Refused LG301 to LG325, LG383 (what is wrong with rows, code or model), LG330, LG332 (the policy refuses a
    tainted run, rows on both sides), LG394 (what attacks may not move), LG372 to LG377 (inputs, limits),
    Unfit LG378, LG379 (GPU), LG906 (no jail of the level that the policy asks for); VerificationFailed LG335 (the
    screen's lines are not those of its statement).
    """
    started = workplace.now()
    accepted = accepted_rows(workplace)  # 1
    python = workplace.python()  # 2
    locked = locked_environment(workplace, spec, python)
    known = None if locked is None else workplace.known_vulnerabilities(locked.wheels)
    attacks = robustness.prepare(workplace, spec)
    further = inputs.look_up(workplace, spec)
    inputs.refuse_rows(further, {accepted: "the accepted rows"})
    devices = gpu.look() if spec.gpu else None
    around = surroundings(spec.seed, spec.limits)
    closure = capture(workplace.root, spec.code, spec.named, workplace.data)  # 3
    spec = featuring.resolved(spec, closure, workplace.data)
    check_closure(workplace, closure)
    validate = workplace.head("validate")
    with workplace.scratch() as scratch:
        screen = control.doubted(validate, spec)
        split, parse_report = steps.split(workplace, spec, python, accepted, scratch, screen)  # 4
        control.check_counted(validate, split)
        leaked = _leaked(workplace, split)
        inputs.refuse_rows(further, {split.heldout: "the held-out rows", **control.told_apart(split.doubts)})
        recipe = Recipe(spec, closure, split, further, around, devices, control.hidden(split.doubts))
        began = monotonic()
        trained = steps.fit(workplace, recipe, python, scratch)  # 5
        took = monotonic() - began
        fit, candidate = steps.keep(workplace, trained)
        left = attachments.keep(trained.files, trained.skipped, workplace.data)
        featured = featuring.heldout(workplace, recipe, python, candidate, scratch)
        denied = tuple(dict.fromkeys((*trained.denied, *featured.denied)))
        reasons = _weigh(workplace, denied)
        (found, judge_report, watched), parity = parity_judged.beside(  # 6
            workplace,
            recipe,
            python,
            parity_judged.Candidate(candidate, trained, fit, scratch),
            lambda: steps.judge(workplace, spec, python, candidate, split, featured),
        )
    if found["task"] != fit["task"]:
        raise steps.malformed("train", ValueError(f"the model is for {found['task']}, fit.json says {fit['task']}"))
    clean = control.run(workplace, recipe, python, candidate, took=took)  # 7
    attacked = robustness.run(workplace, spec, attacks, python, candidate, split)
    attempts = tuple(dict.fromkeys((*denied, *parity.denied, *clean.denied)))
    # The person at work sees all words; what is signed must not hold those of code that saw held-out rows.
    signed = rules.recorded((*trained.denied, *clean.denied), (*featured.denied, *parity.denied))
    if attempts != denied:
        reasons = _weigh(workplace, attempts)
    statement = rules.provenance(
        spec,
        candidate=candidate,
        accepted=accepted,
        split=split,
        closure=closure,
        inputs=further,
        environment=wheels(locked, building.sources(workplace.root)),
        tree=None if locked is None else locked.tree_digest,
        osv=known,
        around=around,
        jails={**steps.proofs(recipe, trained, parse_report), **featured.jails, **parity.jails, **clean.jails},
        attempts=signed,
        fit=fit,
        attachments=left,
        talk=trained.talk,
        started=started,
        finished=workplace.now(),
    )
    evidence = workplace.record("trainer", statement)  # 8
    earlier = [each.predicate for each in workplace.ledger.statements("judge")]
    judged = 1 + rules.judgings(earlier, split.heldout)
    judgement = workplace.record(
        "judge",
        rules.judgement(
            candidate=candidate,
            split=split,
            found=found,
            judged=judged,
            trained=evidence.digest,
            jail=judge_report.as_json(),
            monitor=watched,
            control=clean.fact,
            parity=parity.fact,
            features=featured.fact(),
            attacked=attacked,
            time=workplace.now(),
        ),
    )
    io = workplace.data.read(candidate[rules.IO])
    return TrainResult(
        evidence=evidence,
        judgement=judgement,
        model=candidate[rules.MODEL],
        io=candidate[rules.IO],
        split=split,
        task=found["task"],
        metrics=found["metrics"],
        slices=tuple(found["slices"]),
        judged=judged,
        fit=fit,
        probes=len(trained.report.probes),
        denied=attempts,
        reasons=(
            *reasons,
            *leaked,
            *doubts.other_kind(validate.predicate if validate else None, found["task"]),
            *parity.reasons,
            *clean.reasons,
            *attacked.reasons,
            *rules.monitoring(watched, found["rows"], spec.monitor, io),
        ),
        attachments=left,
        worst=parity.record,
    )


def accepted_rows(workplace: Workplace) -> Digest:
    """Step 1: the digest of the rows to train on. Raises Refused LG302, VerificationFailed LG326, LG802, LG805."""
    ingest, validate = workplace.head("ingest"), workplace.head("validate")
    if ingest is None or validate is None:
        missing = "validate" if validate is None else "ingest"
        raise Refused("LG302", f"there is no {missing} statement to train on", next=f"lockgate {missing}")
    gap = joins.gap("validate", validate.statement, ingest.statement)
    if gap:
        raise Refused("LG302", f"the validated rows are stale: {gap}", seen=_seen(validate), next="lockgate validate")
    if validate.predicate.get("result") == "FAILED":
        raise Refused("LG302", "the rows did not pass validation", seen=_seen(validate), next="lockgate validate")
    accepted = joins.subject(validate.statement, "accepted.parquet")
    if accepted is None:
        raise VerificationFailed(
            "LG326", "the validate statement names no accepted rows", seen=_seen(validate), next="lockgate verify --all"
        )
    workplace.data.check(accepted)
    return accepted


def check_closure(workplace: Workplace, closure: Closure) -> None:
    """Step 3: the contract is the one that the rows were judged by, and no ingested file, with the rows that only the
    judge may see, is among the code. Raises Refused LG302, LG305.
    """
    ingest, validate = workplace.head("ingest"), workplace.head("validate")
    captured = {file.name: file.digest for file in closure.files}
    if validate is not None:
        file, judged_by = joins.contract(validate.statement)
        if judged_by is not None and captured.get(file) != judged_by:
            message = f"{file} is not the contract that the rows were judged by"
            raise Refused("LG302", message, seen=_seen(validate), next="lockgate validate")
    sources = inputs.rows_of(ingest) if ingest is not None else {}
    for name, digest in captured.items():
        if digest in sources:
            message = f"{name} is ingested data: as code, training would see the rows that only the judge may see"
            raise Refused("LG305", message, seen={"file": name}, next="edit lockgate.toml: [train] code")


def _weigh(workplace: Workplace, attempts: Sequence[Denied]) -> tuple[Reason, ...]:
    """Denied attempts, weighed by the policy. Raises Refused LG330 where it enforces."""
    reason = rules.taint(attempts)
    if reason is None:
        return ()
    policy = workplace.policy.environment(workplace.environment)
    weighed = policy.judge("max_denied_attempts", len(attempts) <= policy.max_denied_attempts, reason)
    if weighed.level is Level.REFUSE:
        raise Refused(
            "LG330", f"policy {policy.name}: {reason.message}", seen=reason.seen, next="lockgate explain LG330"
        )
    return (weighed,)


def _leaked(workplace: Workplace, split: Split) -> tuple[Reason, ...]:
    """Held-out rows that training sees too, weighed by the policy. Raises Refused LG332 where it enforces."""
    weight = workplace.policy.environment(workplace.environment).screen.weight("leak")
    reason = None if weight == "off" else doubts.leaked(split)
    if reason is None:
        return ()
    if weight == "enforce":
        raise rules.refusal(reason)
    return (reason,)


def locked_environment(workplace: Workplace, spec: TrainSpec, python: PythonEnv) -> Environment | None:
    """What the environment was made of; its lock file is stored, for the model's closure. Raises Refused LG328."""
    found = environment.described(workplace.home, python)
    if found is None:
        return None
    lock = environment.read_lock(workplace.root, workplace.root / spec.lock)
    if workplace.data.put(lock) != found.lock_digest:
        raise Refused("LG328", f"{spec.lock} changed while the environment was made", next="lockgate train")
    return found


def wheels(locked: Environment | None, built: Mapping[Digest, Digest] | None = None) -> list[rules.Input]:
    """The lock and every wheel, as the provenance names them. `built`: wheel -> the source it was built of, here."""
    if locked is None:
        return []
    sources = {wheel: {"built_of": source} for wheel, source in (built or {}).items()}
    found = []
    for w in locked.wheels:
        licence = {"licence": w.licence} if w.licence else {}
        facts = {"version": w.version, **licence, **sources.get(w.digest, {})}
        found.append(rules.Input(f"wheel/{w.name}", w.digest, facts))
    return [rules.Input(rules.LOCK, locked.lock_digest, {}), *found]


def _seen(evidence: Evidence) -> dict[str, object]:
    return {"statement": evidence.digest, "log_index": evidence.index}
