"""A snapshot through two jails: one runs the user's contract, the other counts what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lockgate.contract.closure import Closure
from lockgate.contract.jailed import Task, run_task
from lockgate.contract.spec import ACCEPTED, QUARANTINE, FieldTable
from lockgate.errors import Refused
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.validate import rules
from lockgate.validate.spec import Reckoning

T = TypeVar("T")

BASELINE = "baseline.json"

_CHECK, _RECKONING = "check.json", "reckoning.json"
_MAX_JSON = 64 << 20
_LEAST_OUTPUT = 256 << 20


@dataclass(frozen=True)
class Question:
    """What is judged by what. `files` are name and rows of each source; `key` hides sensitive values."""

    snapshot: Path
    files: Sequence[Mapping[str, Any]]
    closure: Closure
    contract_file: str
    model: str | None
    label: str | None
    sensitive: Sequence[str]
    key: bytes


@dataclass(frozen=True)
class Examined:
    """What came out: files by name (accepted, quarantine, baseline), table, versions, counts, both jails' reports."""

    files: Mapping[str, Path]
    table: FieldTable
    versions: Mapping[str, str]
    reckoning: Reckoning
    jails: Mapping[str, JailReport]


def examine(question: Question, python: PythonEnv, scratch: Path) -> Examined:
    """Judge `question` in `python`'s environment, with `scratch` for what comes out.

    Raises Usage LG205 to LG221 about the contract, Refused LG212 when its jail dies, LG213 when the counts do not
    add up to the rows of the snapshot.
    """
    given, contract_report = run_task(contract_settings(question, python), _contract_task(question), scratch / "judged")
    table, versions = _formed(rules.read_check, given[_CHECK])
    names = (ACCEPTED, QUARANTINE)
    settings = named("parse", python=PythonEnv.own(), binds=[Bind(given[name], f"/in/{name}") for name in names])
    counted, parse_report = run_task(settings, _reckon_task(question, table), scratch / "counted")
    rows = sum(file["rows"] for file in question.files)
    reckoning = _formed(lambda data: rules.read_reckoning(data, rows), counted[_RECKONING])
    files = {ACCEPTED: given[ACCEPTED], QUARANTINE: given[QUARANTINE], BASELINE: counted[BASELINE]}
    return Examined(files, table, versions, reckoning, {"contract": contract_report, "parse": parse_report})


def contract_settings(question: Question, python: PythonEnv) -> JailSettings:
    """The `contract` jail: snapshot and captured code, read-only, and nothing else of the host."""
    output = max(_LEAST_OUTPUT, 4 * question.snapshot.stat().st_size)
    binds = [Bind(question.snapshot, "/in/snapshot.parquet"), Bind(question.closure.folder, "/job")]
    return named("contract", python=python, limits=Limits(output_bytes=output), binds=binds)


def _contract_task(question: Question) -> Task:
    return Task(
        module="lockgate.validate.jail.check",
        given={
            "contract": question.contract_file,
            "model": question.model,
            "label": question.label,
            "sources": [file["name"] for file in question.files],
            "sensitive": list(question.sensitive),
            "key": question.key.hex(),
        },
        gives=(ACCEPTED, QUARANTINE, _CHECK),
        findings=rules.CONTRACT_FINDINGS,
        died="LG212",
        work="judging the rows by the contract",
        next=f"look at {question.contract_file}: its code ran in this jail",
    )


def _reckon_task(question: Question, table: FieldTable) -> Task:
    return Task(
        module="lockgate.validate.jail.reckon",
        given={
            "table": table.as_json(),
            "files": [dict(file) for file in question.files],
            "sensitive": list(question.sensitive),
        },
        gives=(_RECKONING, BASELINE),
        findings=rules.RECKON_FINDINGS,
        died="LG213",
        work="counting the accepted and the quarantined rows",
        next="lockgate doctor",
    )


def _formed(read: Callable[[bytes], T], path: Path) -> T:
    try:
        return read(read_regular(path, _MAX_JSON))
    except ValueError as error:
        raise Refused("LG213", f"the contract's jail gave an account that does not add up: {error}") from None
