"""How the statements of the pipeline hang together: always by digest, never by name, order or time. Pure.

    ingest    subjects: `snapshot.parquet`, ...      the digest of the rows as captured
    validate  fact `snapshot`                     -> that digest;   subjects: `accepted.parquet`, ...
    train     a resolved dependency               -> the accepted rows;   subjects: `model.onnx`, `io.json`, and
                                                     `model.onnx.data` where tensors lie beside the graph
              dependency `code/<contract's file>` -> the contract that validate judged by
              dependency `screen.parquet`         -> the rows that validate doubts, where there are any
    judge     the same subjects                   -> the same digests
    register  `files`: the same names             -> the same digests;   `code/...`, the lock -> train's own

`gap` says in one sentence why a statement does not rest on another, or "" when it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockgate.core.digest import Digest, parse_digest, short
from lockgate.core.names import MODEL_DATA
from lockgate.core.statement import Statement, digest_of_resource

ORDER: tuple[tuple[str, str], ...] = (
    ("validate", "ingest"),
    ("train", "validate"),
    ("judge", "train"),
    ("register", "train"),
)
"""(stage, the stage whose statement it rests on), in the order of the pipeline."""

SCREEN = "screen.parquet"
CANDIDATE_FILES = ("model.onnx", "io.json", MODEL_DATA)
"""What training makes and the judge judges, subjects of both statements: the data with all of them, or with none."""


def gap(stage: str, statement: Statement, before: Statement) -> str:
    """Why `statement` of `stage` does not rest on `before`, as a sentence; "" when it does."""
    if stage == "validate":
        return _validate_gap(statement, before)
    if stage == "train":
        return _train_gap(statement, before)
    return _candidate_gap(stage, statement, before)


def subject(statement: Statement, name: str) -> Digest | None:
    """The digest of the subject called `name`, with or without its ending; None unless there is exactly one."""
    stem = name.rsplit(".", 1)[0]
    found = {one.digest for one in statement.subjects if one.name in {name, stem}}
    return found.pop() if len(found) == 1 else None


def dependencies(statement: Statement) -> tuple[tuple[str, Digest], ...]:
    """The resolved dependencies of a provenance statement, as (name, digest). Malformed ones are left out."""
    definition = statement.predicate.get("buildDefinition")
    listed = definition.get("resolvedDependencies") if isinstance(definition, Mapping) else None
    found: list[tuple[str, Digest]] = []
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, Mapping):
            continue
        try:
            found.append((str(entry.get("name", "")), digest_of_resource(entry)))
        except (ValueError, TypeError):
            continue
    return tuple(found)


def doubts(validate: Statement) -> Digest | None:
    """What the poisoning screen doubts of the accepted rows, where it doubts any; None before there was a screen."""
    screen = validate.predicate.get("screen")
    count = screen.get("doubtful") if isinstance(screen, Mapping) else None
    return subject(validate, SCREEN) if type(count) is int and count > 0 else None


def fact_digest(statement: Statement, key: str) -> Digest | None:
    """A digest-valued fact of a test result: `sha256:...`, or a ResourceDescriptor. None when there is none."""
    value: Any = statement.predicate.get(key)
    try:
        return digest_of_resource(value) if isinstance(value, Mapping) else parse_digest(value)
    except (ValueError, TypeError):
        return None


def contract(validate: Statement) -> tuple[str, Digest | None]:
    """The contract's file and its digest as a validate statement names them; no digest when it names none."""
    named = validate.predicate.get("contract")
    name = named.get("name") if isinstance(named, Mapping) else None
    return (name.rpartition(":")[0] if isinstance(name, str) else ""), fact_digest(validate, "contract")


def candidate(statement: Statement) -> dict[str, Digest]:
    """`CANDIDATE_FILES` as a train, judge or register statement names them; those it names."""
    listed = statement.predicate.get("files")
    if isinstance(listed, list):
        files = {entry.get("name"): f"sha256:{entry.get('sha256')}" for entry in listed if isinstance(entry, Mapping)}
        return {name: Digest(files[name]) for name in CANDIDATE_FILES if name in files}
    named = {one.name: one.digest for one in statement.subjects}
    return {name: named[name] for name in CANDIDATE_FILES if name in named}


def _validate_gap(statement: Statement, before: Statement) -> str:
    used, captured = fact_digest(statement, "snapshot"), subject(before, "snapshot.parquet")
    if used is None or captured is None:
        return "validate and ingest do not both name a snapshot"
    return "" if used == captured else f"validate read snapshot {short(used)}, ingest made {short(captured)}"


def _train_gap(statement: Statement, before: Statement) -> str:
    accepted = subject(before, "accepted.parquet")
    if accepted is None:
        return "validate names no accepted rows"
    if accepted not in {digest for _, digest in dependencies(statement)}:
        return f"train does not rest on the accepted rows {short(accepted)} of validate"
    file, judged_by = contract(before)
    captured = dict(dependencies(statement)).get(f"code/{file}")
    if judged_by is None or captured == judged_by:
        return _doubts_gap(statement, before)
    found = "none" if captured is None else short(captured)
    return f"train captured another {file} ({found}) than validate judged the rows by ({short(judged_by)})"


def _doubts_gap(statement: Statement, before: Statement) -> str:
    """Rows that were marked since, or doubted by other rules, are others to leave out of the control."""
    used, doubted = dict(dependencies(statement)).get(SCREEN), doubts(before)
    definition = statement.predicate.get("buildDefinition")
    chosen = definition.get("externalParameters") if isinstance(definition, Mapping) else None
    without = isinstance(chosen, Mapping) and chosen.get("control") == "off"
    if used == (None if without else doubted):
        return ""
    return "train held its model against other doubts than validate has now of the rows"


def _candidate_gap(stage: str, statement: Statement, before: Statement) -> str:
    made, found = candidate(before), candidate(statement)
    for name in CANDIDATE_FILES:
        if name == MODEL_DATA and name not in made and name not in found:
            continue
        if name not in made:
            return f"train names no {name}"
        if name not in found:
            return f"{stage} names no {name}"
        if made[name] != found[name]:
            return f"{stage} is about {name} {short(found[name])}, train made {short(made[name])}"
    return _code_gap(statement, before) if stage == "register" else ""


def _code_gap(statement: Statement, before: Statement) -> str:
    """What runs beside the model, contract and environment, is what training captured: nobody adds to it later."""
    captured = dict(dependencies(before))
    for entry in statement.predicate.get("files", ()):
        name, digest = str(entry.get("name")), f"sha256:{entry.get('sha256')}"
        if (name.startswith("code/") or name.endswith(".lock")) and captured.get(name) != digest:
            return f"register names a {name} that train did not capture"
    return ""
