"""The jail in which the screen looks at accepted rows. The host's side.

Nothing of what comes out is trusted beyond its form: screen.json is read strictly, and screen.parquet is stored by its
digest and read in jails alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.jailed import Task, run_task
from lockgate.contract.spec import ACCEPTED, FieldTable
from lockgate.errors import Refused
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import read_regular
from lockgate.validate.examine import mark_binds
from lockgate.validate.screen.account import ROWS, SCREEN, Account, read_account
from lockgate.validate.spec import Marked, Screening

LIMITS = Limits(memory=4 << 30)
"""What the screen may use. It is far more than it needs: at most half a million rows are looked at of any file."""

FINDINGS = frozenset({"LG239", "LG240"})
"""What the jail may complain of."""

_MAX_JSON = 8 << 20
_MOST_WORKERS = 4


@dataclass(frozen=True)
class Rows:
    """Accepted rows to be looked at. `files`: name and rows of each source; `seed`: of everything that is drawn."""

    path: Path
    count: int
    table: FieldTable
    label: str
    sensitive: Sequence[str]
    files: Sequence[Mapping[str, Any]]
    seed: int
    marks: Sequence[Marked] = ()


@dataclass(frozen=True)
class Looked:
    """screen.json as a value, screen.parquet as a file, and the jail's report."""

    account: Account
    rows: Path
    report: JailReport


def look(rows: Rows, asked: Screening, scratch: Path) -> Looked:
    """Ask the rules of `asked` that are on about `rows`.

    Raises Usage LG239 about `[screen] origin`, Refused LG240 when the jail dies, LG241 when its account is not in form.
    """
    given, report = run_task(_settings(rows), _task(rows, asked), scratch / "screened")
    try:
        data = read_regular(given[SCREEN], _MAX_JSON)
        account = read_account(data, rows.count, [file["rows"] for file in rows.files], asked.rules)
    except ValueError as error:
        raise Refused(
            "LG241",
            f"the jail of the screen gave an account that does not add up: {error}",
            next="lockgate doctor",
        ) from None
    return Looked(account, given[ROWS], report)


def _settings(rows: Rows) -> JailSettings:
    """The accepted rows and the marked ones, read-only, and no code but Lockgate's own."""
    return named(
        "parse",
        python=PythonEnv.own(),
        limits=LIMITS,
        binds=[Bind(rows.path, f"/in/{ACCEPTED}"), *mark_binds(rows.marks)],
        # Threads that wait for each other spin: on a busy machine two of them burnt eight times what one needs. The
        # screen deals its work out itself (`screen.crew`), in parts that do not wait.
        environment=[
            ("POLARS_MAX_THREADS", str(os.cpu_count() or 1)),
            ("OMP_NUM_THREADS", "1"),
            ("OPENBLAS_NUM_THREADS", "1"),
        ],
    )


def _task(rows: Rows, asked: Screening) -> Task:
    return Task(
        module="lockgate.validate.jail.screen",
        given={
            "table": rows.table.as_json(),
            "label": rows.label,
            "sensitive": list(rows.sensitive),
            "origin": asked.origin,
            "sources": [file["name"] for file in rows.files],
            "rules": list(asked.rules),
            "seed": rows.seed,
            "marks": [mark.word for mark in rows.marks],
            "named": [mark.named for mark in rows.marks],
            "workers": min(os.cpu_count() or 1, _MOST_WORKERS),
        },
        gives=(ROWS, SCREEN),
        findings=FINDINGS,
        died="LG240",
        work="looking for poisoned rows",
        next="take fewer rows, or turn a rule off: policy.toml, [environment.NAME.screen]",
    )
