"""Captured source files -> one snapshot, parsed in a jail. The host's side; ingest and `validate DATA...` share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.contract.jailed import Task, run_task
from lockgate.contract.sources import SourceFile
from lockgate.contract.spec import SOURCE_KINDS, SourceKind
from lockgate.core.encoding import decode_exact
from lockgate.errors import Refused
from lockgate.sandbox.report import JailReport
from lockgate.sandbox.settings import Bind, Limits, PythonEnv, named
from lockgate.store.files import read_regular

FINDINGS = frozenset({"LG119", *(f"LG{number}" for number in range(103, 118))})
"""What the reading jail may complain of."""

_SNAPSHOT, _READ = "snapshot.parquet", "read.json"
_MAX_ACCOUNT = 64 << 20
_LEAST_OUTPUT = 256 << 20


@dataclass(frozen=True)
class Account:
    """What the jail says of its reading. `rows` per file, in the order of the capture; `columns` name and type."""

    kind: SourceKind
    columns: tuple[dict[str, str], ...]
    rows: tuple[int, ...]


def read_sources(
    files: Sequence[SourceFile], *, null: Sequence[str], delimiter: str, encoding: str, into: Path
) -> tuple[Path, Account, JailReport]:
    """Parse `files` in a `parse` jail; return the snapshot in the new directory `into`, the account, the proof.

    Raises Refused LG103 to LG119 about a source, LG115 when the jail dies, LG122 when its account does not fit;
    Usage LG116 about a setting.
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
    settings = named("parse", python=PythonEnv.own(), limits=limits, binds=binds)
    given, report = run_task(settings, task, into)
    try:
        account = parse_account(read_regular(given[_READ], _MAX_ACCOUNT), [file.name for file in files])
    except ValueError as error:
        raise Refused("LG122", f"the reading jail's account is not in form: {error}", next="lockgate doctor") from None
    return given[_SNAPSHOT], account, report


def parse_account(data: bytes, names: Sequence[str]) -> Account:
    """read.json, checked against the captured `names`. Raises ValueError."""
    value = decode_exact(data)
    if not isinstance(value, dict) or set(value) != {"kind", "columns", "files", "rows"}:
        raise ValueError("read.json has exactly kind, columns, files and rows")
    if value["kind"] not in SOURCE_KINDS:
        raise ValueError("an unknown kind of source")
    entries = value["files"]
    if not isinstance(entries, list) or len(entries) != len(names):
        raise ValueError("not one entry per file")
    rows = tuple(_rows(entry, name, value["kind"]) for entry, name in zip(entries, names, strict=True))
    if value["rows"] != sum(rows) or not sum(rows):
        raise ValueError("the rows do not add up")
    return Account(value["kind"], tuple(_columns(value["columns"])), rows)


def _rows(entry: Any, name: str, kind: str) -> int:
    if not isinstance(entry, dict) or set(entry) != {"name", "format", "rows"} or entry["name"] != name:
        raise ValueError(f"the entry of {name} is not in form")
    rows = entry["rows"]
    if type(rows) is not int or rows < 0 or entry["format"] != kind:
        raise ValueError(f"rows or format of {name} are not in form")
    return rows


def _columns(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise ValueError("columns must be a list")
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != {"name", "type"}:
            raise ValueError("a column has exactly name and type")
        if not all(isinstance(text, str) for text in entry.values()):
            raise ValueError("a column's name and type are texts")
    return value
