"""Captured source files -> one snapshot, parsed in a jail. The host's side; ingest and `validate DATA...` share it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockgate.contract.account import Account, parse_account
from lockgate.contract.jailed import Task, run_task
from lockgate.contract.sources import SourceFile
from lockgate.errors import Refused
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular

FINDINGS = frozenset({"LG119", "LG1101", *(f"LG{number}" for number in (*range(103, 118), *range(140, 145)))})
"""What the reading jail may complain of."""

_POOL = (("ARROW_DEFAULT_MEMORY_POOL", "system"),)
"""The default pool reserves a gigabyte that it may never touch, which would count against the reader's own bound."""

_SNAPSHOT, _READ = "snapshot.parquet", "read.json"
_MAX_ACCOUNT = 64 << 20
_LEAST_OUTPUT = 256 << 20


def read_sources(
    files: Sequence[SourceFile], *, null: Sequence[str], delimiter: str, encoding: str, into: Path
) -> tuple[Path, Account, JailReport]:
    """Parse `files` in a `parse` jail; return the snapshot in the new directory `into`, the account, the proof.

    Raises Refused LG103 to LG119 and LG140 to LG144 about a source, LG115 when the jail dies, LG122 when its account
    does not fit; Usage LG116 about a setting.
    """
    listed = [{"name": file.name, "path": file.path.name, "format": file.format} for file in files]
    task = Task(
        module="lockgate.contract.jail.read",
        given={"files": listed, "null": list(null), "delimiter": delimiter, "encoding": encoding},
        gives=(_SNAPSHOT, _READ),
        findings=FINDINGS,
        died="LG115",
        work="reading the sources",
        next="give fewer or smaller files",
    )
    limits = Limits(output_bytes=max(_LEAST_OUTPUT, 2 * sum(file.size for file in files)))
    binds = [Bind(file.path, f"/in/{file.path.name}") for file in files]
    settings = named("parse", python=PythonEnv.own(), limits=limits, binds=binds, environment=_POOL)
    given, report = run_task(settings, task, into)
    try:
        account = parse_account(read_regular(given[_READ], _MAX_ACCOUNT), [file.name for file in files])
    except ValueError as error:
        raise Refused("LG122", f"the reading jail's account is not in form: {error}", next="lockgate doctor") from None
    return given[_SNAPSHOT], account, report
