"""The rows of a file judged by the inference contract of a registered model, with the machinery of validate.

The file is parsed in one jail, judged and counted in another, and the contract's code runs in further ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lockgate.audit.entries import Registration
from lockgate.audit.evidence import Evidence
from lockgate.contract.closure import Closure, lay_out
from lockgate.contract.reading import read_sources
from lockgate.contract.sources import SourceFile
from lockgate.contract.spec import FieldTable
from lockgate.errors import Refused, Usage, VerificationFailed
from lockgate.pipeline.scoring.spec import Form
from lockgate.runtime.serving import ServingSpec
from lockgate.sandbox.settings import PythonEnv
from lockgate.serve.evidence import Closed
from lockgate.validate.examine import Examined, Question, examine


def judge(
    closed: Closed,
    validated: Evidence,
    file: SourceFile,
    form: Form,
    python: PythonEnv,
    scratch: Path,
    *,
    labelled: bool = False,
) -> Examined:
    """The verdict on every row of `file`, by the inference contract in `closed`, or by that of training where the rows
    are `labelled`; what the validate statement says of dates, of numbers and of sensitive fields holds here too.

    Raises what reading and `examine` raise; Usage LG220 when the contract does not give what the model wants.
    """
    contract = closed.contract
    code = _laid_out(contract.files, scratch / "code")
    snapshot, account, _ = read_sources(
        [file], null=form.null, delimiter=form.delimiter, encoding=form.encoding, into=scratch / "read"
    )
    path, _, name = contract.reference.rpartition(":")
    question = Question(
        snapshot=snapshot,
        files=[{"name": file.name, "rows": account.rows[0]}],
        closure=code,
        contract_file=path,
        model=name,
        label=contract.label,
        sensitive=_texts(validated.predicate.get("sensitive")),
        dates=str(validated.predicate.get("dates") or ""),
        numbers=str(validated.predicate.get("numbers") or ""),
        key=secrets.token_bytes(32),
        inference=not labelled,
    )
    found = examine(question, python, scratch)
    _check_fields(found.table, closed.spec, contract.reference)
    return found


def check_any(found: Examined, registration: Registration, source: str) -> None:
    """Raises Refused LG674 when the contract accepts no row."""
    counts = found.reckoning
    if counts.accepted:
        return
    commonest = [f"{each['count']} x {each['field'] or 'record'}: {each['rule']}" for each in counts.by_rule[:3]]
    raise Refused(
        "LG674",
        f"the contract of {registration.ref} accepts none of {counts.rows} rows of {source}",
        seen={"rows": counts.rows, "commonest": commonest},
        next=_what_then(found, registration.ref, source),
    )


def _what_then(found: Examined, ref: str, source: str) -> str:
    """The commonest mistake is a file that has its label still."""
    counts = found.reckoning
    extra = [str(each["field"]) for each in counts.by_rule if each["rule"] == "extra_forbidden"]
    if extra and all(each["rule"] == "extra_forbidden" for each in counts.by_rule):
        return f"leave {', '.join(extra[:3])} out of {source}: the label, or what else no request has"
    return f"lockgate show {ref}   # which fields a record has; the label is none of them"


def _check_fields(table: FieldTable, spec: ServingSpec, reference: str) -> None:
    known = {field.name: field.kind for field in table.inputs}
    for field in spec.fields:
        if known.get(field.name) != field.kind:
            raise Usage(
                "LG220",
                f"the model wants the field {field.name!r} as {field.kind}, which the contract does not give it",
                seen={"field": field.name, "kind": field.kind, "contract": reference},
                next="lockgate run",
            )


def _laid_out(files: Mapping[str, bytes], into: Path) -> Closure:
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or ".." in path.parts:
            raise VerificationFailed(
                "LG624",
                f"a file of the closure has a name that leaves its folder: {name!r}",
                next="lockgate verify --all",
            )
    return lay_out(files, into)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list | tuple) else ()
