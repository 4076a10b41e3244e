"""A snapshot judged in jails: one evaluates the plan and counts, the others answer for the contract's code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lockgate.contract.asked import ContractJails
from lockgate.contract.closure import Closure
from lockgate.contract.cluster import ABSENT, CA, CERTIFICATE, CLUSTER_FINDINGS, KEY
from lockgate.contract.dates import check_dates
from lockgate.contract.jailed import Task, run_task
from lockgate.contract.numbers import check_numbers
from lockgate.contract.plan import Plan, parse_plan
from lockgate.contract.share import Shared
from lockgate.contract.spec import ACCEPTED, PLAN, QUARANTINE, FieldTable
from lockgate.errors import Refused, Unavailable
from lockgate.monitor.asked import Asked
from lockgate.monitor.plan import INPUTS
from lockgate.monitor.plan import parse_plan as parse_watched
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.validate import rules
from lockgate.validate.spec import Marked, Reckoning

T = TypeVar("T")

BASELINE = "baseline.json"
FILES = (ACCEPTED, QUARANTINE, BASELINE, PLAN)

CONTRACT_LIMITS = Limits()
"""What one jail with the contract's code may use."""

_CHECK = "check.json"
_MAX_JSON = 64 << 20
_LEAST_OUTPUT = 256 << 20
_ROWS_PER_JAIL = 50_000
_MOST_JAILS = 8


@dataclass(frozen=True)
class Question:
    """What is judged by what. `files` are name and rows of each source; `key` hides sensitive values.

    `cluster`: the workers that evaluate the plan, and the copy of the snapshot that they see. `inference`: judged is by
    the inference contract, and the accepted rows have no label. `monitor`: how the plan of what is watched is made, and
    the seed of its sample; None to make none. `marks`: what people said of single rows, oldest first.
    """

    snapshot: Path
    files: Sequence[Mapping[str, Any]]
    closure: Closure
    contract_file: str
    model: str | None
    label: str | None
    sensitive: Sequence[str]
    dates: str
    key: bytes
    cluster: Shared | None = None
    inference: bool = False
    monitor: tuple[Asked, int] | None = None
    marks: Sequence[Marked] = ()
    numbers: str = ""


@dataclass(frozen=True)
class Examined:
    """What came out: files by name (FILES), the account of the jail that judged, the plan, and all jails' reports.

    Among the files is monitor.json, if it was asked for and there are rows enough.
    """

    files: Mapping[str, Path]
    account: rules.Checked
    plan: Plan
    jails: Mapping[str, JailReport]

    @property
    def table(self) -> FieldTable:
        """The contract's fields."""
        return self.account.table

    @property
    def reckoning(self) -> Reckoning:
        """The counts."""
        return self.account.reckoning


def examine(question: Question, python: PythonEnv, scratch: Path) -> Examined:
    """Judge `question`: the contract's code in `python`'s environment, all else in Lockgate's own.

    Raises Usage LG116 about `dates`, LG1100 about `numbers`, LG205 to LG221 about the contract; Refused LG212 when its
    jail dies, LG213 when the counts do not add up to the rows of the snapshot; LG222 to LG226 about the cluster, of
    which Unavailable LG222.
    """
    check_dates(question.dates)
    check_numbers(question.numbers)
    rows = sum(file["rows"] for file in question.files)
    number = min(os.cpu_count() or 1, _MOST_JAILS, 1 + rows // _ROWS_PER_JAIL)
    jails = ContractJails(contract_settings(question, python), _contract_task(question), scratch, number)
    with _absent_said(), jails.blamed_first(), jails:
        given, report = run_task(
            _check_settings(question),
            _check_task(question),
            scratch / "judged",
            started=jails.handed_over,
            descriptors=jails.descriptors,
        )
    account = _formed(lambda data: rules.read_check(data, rows, len(question.marks)), given[_CHECK])
    plan = _formed(parse_plan, given[PLAN])
    names = list(FILES)
    if account.monitor is not None and not account.monitor.why:
        _formed(parse_watched, given[INPUTS])
        names.append(INPUTS)
    return Examined({name: given[name] for name in names}, account, plan, {**jails.reports, "rows": report})


def contract_settings(question: Question, python: PythonEnv) -> JailSettings:
    """A `contract` jail: the captured code, read-only, and nothing else of the host."""
    return named("contract", python=python, limits=CONTRACT_LIMITS, binds=[Bind(question.closure.folder, "/job")])


def _check_settings(question: Question) -> JailSettings:
    """The jail that judges: the snapshot, read-only, and no code but Lockgate's own.

    With a cluster it has a network too, and the certificate that the cluster asks for.
    """
    output = max(_LEAST_OUTPUT, 4 * question.snapshot.stat().st_size)
    return named(
        "cluster" if question.cluster else "parse",
        python=PythonEnv.own(),
        limits=Limits(output_bytes=output),
        binds=[Bind(question.snapshot, "/in/snapshot.parquet"), *mark_binds(question.marks), *_certificates(question)],
        environment=[("POLARS_MAX_THREADS", str(os.cpu_count() or 1))],
    )


def mark_binds(marks: Sequence[Marked]) -> list[Bind]:
    """The files with marked rows, where both jails that read them look: /in/marks/N.parquet."""
    return [Bind(mark.rows, f"/in/marks/{number}.parquet") for number, mark in enumerate(marks)]


def _certificates(question: Question) -> list[Bind]:
    if question.cluster is None:
        return []
    cluster = question.cluster.cluster
    shown = {CA: cluster.ca, CERTIFICATE: cluster.certificate, KEY: cluster.key}
    return [Bind(path, f"/in/{name}") for name, path in shown.items()]


@contextmanager
def _absent_said() -> Iterator[None]:
    """A jail knows two classes of errors; that it is nobody's fault when a cluster is away, is said here."""
    try:
        yield
    except Refused as error:
        if error.finding not in ABSENT:
            raise
        raise Unavailable(error.finding, error.message, seen=error.seen, next=error.next) from None


def _contract_task(question: Question) -> Task:
    return Task(
        module="lockgate.contract.jail.judge",
        given={
            "contract": question.contract_file,
            "model": question.model,
            "label": question.label,
            "inference": question.inference,
            "sources": [file["name"] for file in question.files],
            "sensitive": list(question.sensitive),
            "key": question.key.hex(),
        },
        gives=(),
        findings=rules.CONTRACT_FINDINGS,
        died="LG212",
        work="judging the rows by the contract",
        next=f"look at {question.contract_file}: its code ran in this jail",
    )


def _check_task(question: Question) -> Task:
    monitor = question.monitor
    return Task(
        module="lockgate.validate.jail.check",
        given={
            "files": [dict(file) for file in question.files],
            "sensitive": list(question.sensitive),
            "dates": question.dates,
            "numbers": question.numbers,
            "cluster": question.cluster.as_json() if question.cluster else None,
            "monitor": monitor and {"asked": monitor[0].as_json(), "seed": monitor[1]},
            "marks": [mark.word for mark in question.marks],
            "statements": [mark.statement for mark in question.marks],
        },
        gives=(*FILES, *((INPUTS,) if monitor else ()), _CHECK),
        findings=rules.CHECK_FINDINGS | (CLUSTER_FINDINGS if question.cluster else frozenset()),
        died="LG213",
        work="evaluating the plan and counting the rows",
        next="lockgate doctor",
    )


def _formed(read: Callable[[bytes], T], path: Path) -> T:
    try:
        return read(read_regular(path, _MAX_JSON))
    except ValueError as error:
        raise Refused("LG213", f"the contract's jail gave an account that does not add up: {error}") from None
