"""The decisions of train as functions of values: what a jail said, what is kept of it, both statements. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.audit.joins import CANDIDATE_FILES
from lockgate.contract.findings import clean
from lockgate.contract.inputs import dependency
from lockgate.core.digest import Digest, digest_of
from lockgate.core.encoding import decode, decode_exact
from lockgate.core.moments import rfc3339
from lockgate.core.names import check_file_name
from lockgate.core.statement import (
    PROVENANCE,
    Statement,
    Subject,
    claim_uri,
    digest_of_resource,
    resource,
    test_result,
)
from lockgate.core.verdict import Level, Reason
from lockgate.errors import LockgateError, Refused
from lockgate.monitor.asked import Asked
from lockgate.runtime.serving import TASKS, parse
from lockgate.train import doubts
from lockgate.train.doubts import Parts
from lockgate.train.metric_form import check_metrics
from lockgate.train.parity import facts_of
from lockgate.train.robustness_spec import Attacked
from lockgate.train.spec import Attachment, Attachments, Closure, Denied, Split, TrainSpec
from lockgate.train.surroundings import Surroundings

MODEL, IO, FIT, JUDGED = "model.onnx", "io.json", "fit.json", "judge.json"
CANDIDATE = (MODEL, IO, FIT)
JUDGED_FILES = CANDIDATE_FILES
"""Of these the judge's statement speaks, as far as there are any; `model.onnx.data` is there in large models."""
ATTACHMENT = "attachment/"
LOCK = "requirements.lock"
"""What the provenance calls the file that locks the environment, whatever its name in the project."""
BUILDER = "urn:lockgate:builder:train:v1"
JUDGE_RULES = "urn:lockgate:judge:v1"

FIT_FINDINGS = frozenset(
    {
        *("LG301", "LG303", "LG310", "LG311", "LG312", "LG313", "LG314", "LG315", "LG316", "LG317"),
        *("LG319", "LG322", "LG337", "LG338", "LG376", "LG377", "LG390", "LG391", "LG392", "LG393"),
        *("LG3111", "LG3112", "LG3130", "LG3131"),
    }
)
SPLIT_FINDINGS = frozenset({"LG303", "LG304", "LG335", "LG399"})
JUDGE_FINDINGS = frozenset({"LG303", "LG320", "LG393", "LG399"})

_TOLD = re.compile(rb"\x1e(\{[^\n\x1e]{0,4000}\})\n")
_MOST_DENIED = 100
_UNTOLD = "not named: tried by code that saw held-out rows"
_TOLD_OF_FIT = ("estimator", "task", "rows", "parity", "versions", "featured")


@dataclass(frozen=True)
class Input:
    """A file that training used: its name in the statement, its digest, and what else is worth saying."""

    name: str
    digest: Digest
    facts: Mapping[str, Any]


def denied(talk: bytes) -> tuple[Denied, ...]:
    """The attempts that `jail.watch` told of in the jail's talk. Malformed lines are someone's own words: left out."""
    found: dict[Denied, None] = {}
    for line in _TOLD.findall(talk):
        try:
            told = decode(line)
        except ValueError:
            continue
        if not isinstance(told, dict) or set(told) != {"what", "target", "package", "at"}:
            continue
        if told["what"] in ("network", "file") and all(isinstance(value, str) for value in told.values()):
            found[Denied(**{key: clean(value, 200) for key, value in told.items()})] = None
    # Words are easily forged: a hundred invented files must not hide the one connection.
    return tuple(sorted(found, key=lambda attempt: attempt.what != "network"))[:_MOST_DENIED]


def recorded(told: Sequence[Denied], beside_rows: Sequence[Denied]) -> tuple[Denied, ...]:
    """The attempts as a statement may name them. `told`: of code that had the training rows alone, each in its words.

    `beside_rows`: of code that saw held-out rows, and could write them into a path: of these how many, of which kind,
    in an order that says nothing.
    """
    known = dict.fromkeys(told)
    others = dict.fromkeys(attempt for attempt in beside_rows if attempt not in known)
    kinds = sorted((attempt.what for attempt in others), reverse=True)
    return (*known, *(Denied(what, _UNTOLD, "", "") for what in kinds))


def taint(attempts: Sequence[Denied]) -> Reason | None:
    """What a person is told of denied attempts; the policy decides how much it weighs."""
    if not attempts:
        return None
    network = [attempt for attempt in attempts if attempt.what == "network"]
    first = (network or list(attempts))[0]
    what = "reach the network" if network else "read a file outside the jail"
    return Reason(
        "LG325",
        Level.WARN,
        f"the training code tried to {what}: {first}" + (f", and {len(attempts) - 1} more" if attempts[1:] else ""),
        {"attempts": [attempt.as_json() for attempt in attempts[:20]]},
        "lockgate explain LG325",
    )


def refusal(reason: Reason, *, because: str = "") -> Refused:
    """`reason` as an error."""
    return Refused(
        reason.finding, reason.message + (f"; {because}" if because else ""), seen=reason.seen, next=reason.next
    )


def read_split(data: bytes, train: Digest, heldout: Digest, parts: Parts | None = None) -> Split:
    """The parse jail's split.json; `parts` is what it was given to doubt. Raises ValueError when it is not in form."""
    value = decode_exact(data)
    keys = {"how", "by", "cut", "train", "heldout", "holdout", "leak", "doubts"}
    if not isinstance(value, dict) or set(value) != keys:
        raise ValueError(f"split.json has exactly {', '.join(sorted(keys))}")
    cut, counts = value["cut"], (value["train"], value["heldout"])
    if value["how"] not in ("time", "group", "hash") or not isinstance(value["by"], str):
        raise ValueError("how and by are not in form")
    if not (cut is None or isinstance(cut, str)) or any(type(count) is not int or count < 1 for count in counts):
        raise ValueError("cut or counts are not in form")
    leak, found = doubts.read_leak(value["leak"], counts[1]), doubts.read(value["doubts"], parts, counts)
    return Split(value["how"], value["by"], cut and clean(cut, 80), train, counts[0], heldout, counts[1], leak, found)


def read_fit(data: bytes) -> dict[str, Any]:
    """The train jail's fit.json: claims of the jail in which the user's code ran. Raises ValueError."""
    value = decode_exact(data)
    keys = {"estimator", "task", "rows", "features", "left_out", "parity", "saved", "versions"}
    if not isinstance(value, dict) or set(value) - {"featured"} != keys or value["task"] not in TASKS:
        raise ValueError(f"fit.json has exactly {', '.join(sorted(keys))}, and featured where there are features")
    if not isinstance(value["estimator"], str) or type(value["rows"]) is not int or not isinstance(value["saved"], str):
        raise ValueError("estimator, rows or saved are not in form")
    compared = None if value["parity"] is None else facts_of(value["parity"], rows=value["rows"])
    _check_cost(value.get("featured"))
    words = {key: clean(value[key], 200) for key in ("estimator", "saved")}
    return {**value, **words, "parity": compared}


def _check_cost(found: object) -> None:
    """Raises ValueError unless this is what making features costs, or None."""
    if found is None:
        return
    if not isinstance(found, dict) or set(found) != {"function", "columns", "batch_us", "single_us"}:
        raise ValueError("featured has exactly function, columns, batch_us and single_us")
    numbers = [found[key] for key in ("columns", "batch_us", "single_us")]
    if not isinstance(found["function"], str) or any(type(each) not in (int, float) for each in numbers):
        raise ValueError("featured is not in form")


def attempts_of(error: LockgateError) -> tuple[Denied, ...]:
    """What a jail that failed was denied before: then that is its finding (`taint`)."""
    attempts = error.seen.get("attempts") if error.finding == "LG325" else None
    return tuple(Denied(**each) for each in attempts) if isinstance(attempts, list) else ()


def read_judged(data: bytes) -> dict[str, Any]:
    """The judge jail's judge.json. Raises ValueError when a metric is no number within its interval."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"task", "rows", "metrics", "missing", "slices"}:
        raise ValueError("judge.json has exactly task, rows, metrics, missing and slices")
    if value["task"] not in TASKS or type(value["rows"]) is not int or not isinstance(value["slices"], list):
        raise ValueError("task, rows or slices are not in form")
    if not isinstance(value["missing"], dict) or not all(isinstance(why, str) for why in value["missing"].values()):
        raise ValueError("missing is not in form")
    check_metrics(value["metrics"])
    if not value["metrics"]:
        raise ValueError("no metric")
    for part in value["slices"]:
        if not isinstance(part, dict) or set(part) != {"field", "value", "rows", "metrics"}:
            raise ValueError("a slice has exactly field, value, rows and metrics")
        check_metrics(part["metrics"])
    return value


def provenance(
    spec: TrainSpec,
    *,
    candidate: Mapping[str, Digest],
    accepted: Digest,
    split: Split,
    closure: Closure,
    inputs: Mapping[str, Digest],
    environment: Sequence[Input],
    tree: Digest | None,
    around: Surroundings,
    jails: Mapping[str, Mapping[str, object]],
    attempts: Sequence[Denied],
    fit: Mapping[str, Any],
    attachments: Attachments,
    talk: bytes,
    started: datetime,
    finished: datetime,
    osv: Mapping[str, Any] | None = None,
) -> Statement:
    """The SLSA provenance of a candidate. `environment`: the lock and every wheel; `tree`: the environment's files.

    `attachments` are byproducts: stored, untrusted, and no part of the model.
    """
    dependencies = [
        resource("accepted.parquet", accepted),
        resource("train.parquet", split.train, rows=split.train_rows),
        resource("heldout.parquet", split.heldout, rows=split.heldout_rows, use="judge"),
        *doubts.dependencies(split.doubts),
        *(resource(f"code/{file.name}", file.digest, bytes=file.size) for file in closure.files),
        *(dependency(name, digest) for name, digest in inputs.items()),
        *(resource(each.name, each.digest, **each.facts) for each in environment),
    ]
    internal: dict[str, Any] = {
        "jails": {name: dict(report) for name, report in jails.items()},
        "limits": dict(vars(spec.limits)),
        "split": split.as_json(),
        "environment": {"tree": tree, **({} if osv is None else {"osv": dict(osv)})},
        "reproducibility": around.as_json(),
        "fit": {key: fit[key] for key in _TOLD_OF_FIT if key in fit},
        "denied": [attempt.as_json() for attempt in attempts],
        "tainted": bool(attempts),
    }
    if split.leak is not None:
        internal["leak"] = dict(vars(split.leak))
    if attachments.left:
        internal["left_behind"] = dict(attachments.left)
    byproducts = [resource("talk.log", digest_of(talk), bytes=len(talk))]
    byproducts += [
        resource(f"{ATTACHMENT}{each.name}", each.digest, bytes=each.size, untrusted=True) for each in attachments.kept
    ]
    return Statement(
        tuple(Subject(name, digest) for name, digest in candidate.items()),
        PROVENANCE,
        {
            "buildDefinition": {
                "buildType": claim_uri("train"),
                "externalParameters": {**spec.external(), "closure": closure.digest},
                "internalParameters": internal,
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {"startedOn": rfc3339(started), "finishedOn": rfc3339(finished)},
                "byproducts": byproducts,
            },
        },
    )


def attachments_of(train: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The attachments that a train statement's predicate names. Raises ValueError when one is not in form."""
    found = []
    for entry in train["runDetails"]["byproducts"]:
        name = str(entry["name"])
        if name.startswith(ATTACHMENT):
            plain = check_file_name(name.removeprefix(ATTACHMENT))
            found.append(Attachment(plain, digest_of_resource(entry), int(entry["annotations"]["bytes"])))
    return tuple(found)


def judgement(
    *,
    candidate: Mapping[str, Digest],
    split: Split,
    found: Mapping[str, Any],
    judged: int,
    trained: Digest,
    jail: Mapping[str, object],
    monitor: Digest | None,
    time: datetime,
    control: Mapping[str, Any] | None = None,
    parity: Mapping[str, Any] | None = None,
    features: Mapping[str, Any] | None = None,
    attacked: Attacked | None = None,
) -> Statement:
    """The judge's test result. It passes when it could be judged: what is good enough is the policy's to say.

    `monitor`: the plan of what is watched of the answers. `control`: what came of a model without the doubtful rows.
    `parity`: how graph and estimator differ on these rows, as `train.parity` says; a claim of a jail with user code.
    `features`: what was made of these rows, and that a row's features do not depend on other rows.
    `attacked`: what came of attacks on the candidate, where they were asked for.
    """
    more: dict[str, Any] = {} if control is None else {"control": dict(control)}
    if parity is not None:
        more["parity"] = dict(parity)
    if features is not None:
        more["features"] = dict(features)
    if attacked is not None and attacked.attacked is not None:
        more |= {"robustness": dict(attacked.robustness), "attacked": dict(attacked.attacked)}
        more |= {"jails": dict(attacked.jails)} if attacked.jails else {}
    own = ("features-of-a-row-are-its-own",) if features else ()
    return test_result(
        "judge",
        [Subject(name, candidate[name]) for name in JUDGED_FILES if name in candidate],
        "PASSED",
        rules=digest_of(JUDGE_RULES.encode()),
        passed=("loads", "answers-every-row", "answers-are-finite", *own),
        task=found["task"],
        rows=found["rows"],
        metrics=found["metrics"],
        missing=found["missing"],
        slices=found["slices"],
        heldout=split.heldout,
        judged=judged,
        train=trained,
        monitor=monitor,
        **more,
        jail=dict(jail),
        time=rfc3339(time),
    )


def monitoring(plan: Digest | None, rows: int, asked: Asked, io: bytes) -> tuple[Reason, ...]:
    """What a person should know: that no plan of the answers could be made of `rows`, or that none can be used.

    `io`: the candidate's io.json.
    """
    given = {field.name for field in parse(io).fields}
    units = ("site" if unit == "site" else "time" for unit in asked.strata)
    unused = sorted({getattr(asked, unit) for unit in units} - given)
    if unused:
        return (
            Reason(
                "LG331",
                Level.WARN,
                f"the model is not given {unused[0]!r}, by which rows are told apart: nothing of it can be watched",
                {"unused": unused},
                "train on that field too, or set [monitor] strata to what the model is given",
            ),
        )
    if plan is not None:
        return ()
    return (
        Reason(
            "LG329",
            Level.NOTE,
            f"what the model answers cannot be watched: {rows} held-out rows are too few, or depend on each other",
            {"rows": rows},
            "give more rows, or raise [train] holdout",
        ),
    )


def judgings(predicates: Sequence[Mapping[str, Any]], heldout: Digest) -> int:
    """How many judge statements are about these held-out rows."""
    return sum(predicate.get("heldout") == heldout for predicate in predicates)
