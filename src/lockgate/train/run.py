"""The shell of train: look up, capture, split, fit, sign, judge, sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit import joins
from lockgate.contract.jailed import Task, run_task
from lockgate.core.digest import Digest
from lockgate.core.verdict import Level, Reason
from lockgate.errors import Refused, VerificationFailed
from lockgate.runtime import environment
from lockgate.runtime.environment import Environment
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.train import rules
from lockgate.train.capture import capture, lay_out
from lockgate.train.jails import Trained, run_training, train_settings
from lockgate.train.spec import Closure, Split, TrainResult, TrainSpec

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace

_MOST_FACTS = 16 << 20
_LEAST_OUTPUT = 256 << 20


def run(workplace: Workplace, spec: TrainSpec) -> TrainResult:
    """Train on the accepted rows and judge what comes out.

    1. The head of validate passed, follows from the head of ingest, and its accepted rows have the digest signed.
    2. The locked environment is there and unchanged.      3. The code is captured by digest.
    4. A jail without user code splits the rows.           5. The train jail, proved before it starts, fits and
    converts on the training rows alone.                   6. A jail without user code judges the candidate on the
    held-out rows.                                         7. Trainer and judge sign, one after the other.

    Raises Refused LG301 to LG325 (what is wrong with rows, code or model), LG330 (the policy refuses a tainted run),
    Unfit LG906 (no jail of the level that the policy asks for).
    """
    started = workplace.now()
    accepted = accepted_rows(workplace)  # 1
    python = workplace.python()  # 2
    locked = _locked(workplace, spec, python)
    closure = capture(workplace.root, spec.code, (*spec.always, spec.entry), workplace.data)  # 3
    _check_closure(workplace, closure)
    with workplace.scratch() as scratch:
        split, parse_report = _split(workplace, spec, python, accepted, scratch)  # 4
        trained = _fit(workplace, spec, python, closure, split, scratch)  # 5
        fit, candidate = _keep(workplace, trained)
    reasons = _weigh(workplace, trained)
    found, judge_report = _judge(workplace, spec, python, candidate, split)  # 6
    if found["task"] != fit["task"]:
        raise _malformed("train", ValueError(f"the model is for {found['task']}, fit.json says {fit['task']}"))
    statement = rules.provenance(
        spec,
        candidate=candidate,
        accepted=accepted,
        split=split,
        closure=closure,
        environment=_inputs(locked),
        tree=None if locked is None else locked.tree_digest,
        jails={"split": parse_report.as_json(), "train": trained.report.as_json()},
        attempts=trained.denied,
        fit=fit,
        talk=trained.talk,
        started=started,
        finished=workplace.now(),
    )
    evidence = workplace.record("trainer", statement)  # 7
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
            time=workplace.now(),
        ),
    )
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
        denied=trained.denied,
        reasons=reasons,
    )


def accepted_rows(workplace: Workplace) -> Digest:
    """Step 1: the digest of the rows to train on. Raises Refused LG302, VerificationFailed LG326, LG802, LG805."""
    ingest, validate = workplace.ledger.head("ingest"), workplace.ledger.head("validate")
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


def _check_closure(workplace: Workplace, closure: Closure) -> None:
    """Step 3: the contract is the one that the rows were judged by, and no ingested file, with the rows that only the
    judge may see, is among the code. Raises Refused LG302, LG305.
    """
    ingest, validate = workplace.ledger.head("ingest"), workplace.ledger.head("validate")
    captured = {file.name: file.digest for file in closure.files}
    if validate is not None:
        file, judged_by = joins.contract(validate.statement)
        if judged_by is not None and captured.get(file) != judged_by:
            message = f"{file} is not the contract that the rows were judged by"
            raise Refused("LG302", message, seen=_seen(validate), next="lockgate validate")
    sources = {digest for _, digest in joins.dependencies(ingest.statement)} if ingest is not None else set()
    for name, digest in captured.items():
        if digest in sources:
            message = f"{name} is ingested data: as code, training would see the rows that only the judge may see"
            raise Refused("LG305", message, seen={"file": name}, next="edit lockgate.toml: [train] code")


def _split(
    workplace: Workplace, spec: TrainSpec, python: PythonEnv, accepted: Digest, scratch: Path
) -> tuple[Split, JailReport]:
    size = workplace.data.check(accepted)
    limits = Limits(memory=spec.limits.memory, output_bytes=max(_LEAST_OUTPUT, 3 * size))
    rows = Bind(workplace.data.path(accepted), "/in/accepted.parquet")
    settings = named("parse", python=python, limits=limits, binds=[rows])
    asked = {"label": spec.label, "time": spec.time, "group": spec.group, "holdout": spec.holdout, "seed": spec.seed}
    task = Task(
        module="lockgate.train.jail.split",
        given=asked,
        gives=("train.parquet", "heldout.parquet", "split.json"),
        findings=rules.SPLIT_FINDINGS,
        died="LG306",
        work="splitting the rows",
        next="edit lockgate.toml: [train] memory",
    )
    given, report = run_task(settings, task, scratch / "split")
    digests = []
    for name in ("train.parquet", "heldout.parquet"):
        with given[name].open("rb") as file:
            digests.append(workplace.data.put(file))
    try:
        return rules.read_split(read_regular(given["split.json"], _MOST_FACTS), digests[0], digests[1]), report
    except ValueError as error:
        raise _malformed("split", error) from None


def _fit(
    workplace: Workplace, spec: TrainSpec, python: PythonEnv, closure: Closure, split: Split, scratch: Path
) -> Trained:
    """Step 5. A script's model is converted in a second jail, which sees that model and the same rows."""
    workplace.data.check(split.train)
    rows = workplace.data.path(split.train)
    job = lay_out(closure, workplace.data, scratch / "job")
    least = least_level(workplace)
    task: dict[str, object] = {
        "function": spec.function,
        "script": spec.script,
        "label": spec.label,
        "task": spec.task,
        "params": dict(spec.params),
        "seed": spec.seed,
        "parity": spec.parity,
    }
    settings = train_settings(python, spec.limits, job, rows)
    module = "lockgate.train.jail.fit"
    trained = run_training(settings, module, task, scratch / "fit", least=least, say=workplace.say)
    if not spec.script:
        return trained
    wrote = next((name for name in ("model.onnx", "model.joblib") if name in trained.files), None)
    if wrote is None:
        raise Refused("LG315", f"{spec.script} left no model that is a regular file", next="lockgate explain LG315")
    trained.files[wrote].chmod(0o444)
    settings = train_settings(python, spec.limits, job, rows, Bind(trained.files[wrote], f"/model/{wrote}"))
    module = "lockgate.train.jail.convert"
    converted = run_training(settings, module, task, scratch / "convert", least=least, say=workplace.say)
    return replace(
        converted, talk=trained.talk + converted.talk, denied=tuple(dict.fromkeys(trained.denied + converted.denied))
    )


def _keep(workplace: Workplace, trained: Trained) -> tuple[dict[str, Any], dict[str, Digest]]:
    """Store the candidate's files; their digests are the launcher's own."""
    missing = [name for name in rules.CANDIDATE if name not in trained.files]
    if missing:
        raise _malformed("train", ValueError(f"there is no {missing[0]}"))
    try:
        fit = rules.read_fit(read_regular(trained.files[rules.FIT], _MOST_FACTS))
    except ValueError as error:
        raise _malformed("train", error) from None
    candidate = {}
    for name in rules.CANDIDATE:
        with trained.files[name].open("rb") as file:
            candidate[name] = workplace.data.put(file)
    return fit, candidate


def _judge(
    workplace: Workplace, spec: TrainSpec, python: PythonEnv, candidate: Mapping[str, Digest], split: Split
) -> tuple[dict[str, Any], JailReport]:
    """Step 6: a jail that sees the candidate and the held-out rows, and nothing of the user's code."""
    files = {rules.MODEL: candidate[rules.MODEL], rules.IO: candidate[rules.IO], "heldout.parquet": split.heldout}
    for digest in files.values():
        workplace.data.check(digest)
    binds = [Bind(workplace.data.path(digest), f"/in/{name}") for name, digest in files.items()]
    settings = named("judge", python=python, limits=Limits(memory=spec.limits.memory), binds=binds)
    task = Task(
        module="lockgate.train.jail.judge",
        given={"label": spec.label},
        gives=(rules.JUDGED,),
        findings=rules.JUDGE_FINDINGS,
        died="LG327",
        work="judging the candidate",
        next="edit lockgate.toml: [train] memory",
    )
    with workplace.scratch() as scratch:
        given, report = run_task(settings, task, scratch / "judge")
        try:
            return rules.read_judged(read_regular(given[rules.JUDGED], _MOST_FACTS)), report
        except ValueError as error:
            raise _malformed("judge", error) from None


def least_level(workplace: Workplace) -> int:
    """The isolation level below which training is not started, by the policy in force."""
    policy = workplace.policy.environment(workplace.environment)
    return policy.min_jail_level if policy.weight("min_jail_level") == "enforce" else 0


def _weigh(workplace: Workplace, trained: Trained) -> tuple[Reason, ...]:
    """Denied attempts, weighed by the policy. Raises Refused LG330 where it enforces."""
    reason = rules.taint(trained.denied)
    if reason is None:
        return ()
    policy = workplace.policy.environment(workplace.environment)
    weighed = policy.judge("refuse_tainted", not policy.refuse_tainted, reason)
    if weighed.level is Level.REFUSE:
        raise Refused(
            "LG330", f"policy {policy.name}: {reason.message}", seen=reason.seen, next="lockgate explain LG330"
        )
    return (weighed,)


def _locked(workplace: Workplace, spec: TrainSpec, python: PythonEnv) -> Environment | None:
    """What the environment was made of; its lock file is stored, for the model's closure. Raises Refused LG328."""
    found = environment.described(workplace.home, python)
    if found is None:
        return None
    lock = environment.read_lock(workplace.root, workplace.root / spec.lock)
    if workplace.data.put(lock) != found.lock_digest:
        raise Refused("LG328", f"{spec.lock} changed while the environment was made", next="lockgate train")
    return found


def _inputs(locked: Environment | None) -> list[rules.Input]:
    if locked is None:
        return []
    wheels = [rules.Input(f"wheel/{w.name}", w.digest, {"version": w.version}) for w in locked.wheels]
    return [rules.Input("requirements.lock", locked.lock_digest, {}), *wheels]


def _seen(evidence: Evidence) -> dict[str, object]:
    return {"statement": evidence.digest, "log_index": evidence.index}


def _malformed(stage: str, error: Exception) -> Refused:
    return Refused("LG324", f"what the {stage} jail wrote is not in form: {error}", next="lockgate explain LG324")
