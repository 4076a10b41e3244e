"""`init --data` without a jail: a file -> what was found in it -> the written files -> the verdict on every row."""

from __future__ import annotations

import ast
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lockgate.contract.findings import clean
from lockgate.contract.jail.read import read
from lockgate.project.scaffold.inferred import Inferred, infer, reading_of
from lockgate.project.scaffold.jail.cells import Snapshot
from lockgate.project.scaffold.jail.profile import profile
from lockgate.project.scaffold.jail.sniffing import looked_at
from lockgate.project.scaffold.settings_text import Reading
from tests.support.verdicts import engine


@dataclass(frozen=True)
class Scaffolded:
    """What came of one file."""

    folder: Path
    name: str
    profile: dict[str, Any]
    inferred: Inferred

    @property
    def reading(self) -> Reading:
        """How the file is read."""
        return reading_of(self.profile)

    @property
    def model(self) -> type[BaseModel]:
        """The written contract, which is a program and nothing else."""
        text = self.inferred.files["contract.py"]
        ast.parse(text)
        words: dict[str, Any] = {}
        exec(compile(text, "contract.py", "exec", dont_inherit=True), words)
        found: type[BaseModel] = words["Record"]
        return found

    def refused(self) -> tuple[int, Counter[str]]:
        """Rows that the engine refuses, and how many by each column; of rows without a label only that is counted."""
        reading, into = self.reading, self.folder / "again"
        into.mkdir(exist_ok=True)
        _read(self.folder, self.name, into, reading)
        judged = engine(self.model, into / "snapshot.parquet", dates=reading.dates, numbers=reading.numbers)
        rows: set[int] = set()
        without, names = self._unlabelled(into), {clean(part.source, 300): part.source for part in self.inferred.parts}
        by_column: set[tuple[str, int]] = set()
        for found in judged.verdicts():
            for reason in found.quarantine.to_pylist():
                rows.add(reason["row"])
                field = names.get(reason["field"], reason["field"])
                if reason["row"] not in without or field == self.label:
                    by_column.add((field, reason["row"]))
        return len(rows), Counter(field for field, _ in by_column)

    @property
    def label(self) -> str:
        """The column that is predicted."""
        return next(part.source for part in self.inferred.parts if part.role == "label")

    def _unlabelled(self, into: Path) -> set[int]:
        """Rows without a label, read as `lockgate.toml` says."""
        cells = Snapshot(into / "snapshot.parquet").column(self.label).cells
        return set(cells.is_null().arg_true().to_list())

    def announced(self) -> Counter[str]:
        """Rows that each column makes the contract refuse, as contract.py and the notes say."""
        said: Counter[str] = Counter()
        for part in self.inferred.parts:
            missing = int(part.column["nulls"]) if part.role == "label" else 0
            if part.role != "out" and (part.breaks or missing):
                said[part.source] = int(part.breaks.get("rows", 0)) + missing
        return said

    def facts(self, column: str) -> dict[str, Any]:
        """The profile of one column."""
        return next(each for each in self.profile["columns"] if each["name"] == column)

    def role(self, column: str) -> str:
        """What a column is taken for."""
        return next(part.role for part in self.inferred.parts if part.source == column)


def scaffolded(folder: Path, data: bytes, label: str, name: str = "d.csv") -> Scaffolded:
    """Everything that `init --data` finds out, in this process."""
    (folder / name).write_bytes(data)
    form = looked_at(folder / name, name)
    into = folder / "read"
    into.mkdir(exist_ok=True)
    _read(folder, name, into, Reading(form["encoding"], form["delimiter"]))
    found = profile(
        Snapshot(into / "snapshot.parquet"), delimiter=form["delimiter"], quoted=form["quoted"], label=label
    )
    whole = {**found, "form": form}
    return Scaffolded(folder, name, whole, infer(whole, name="n", source=name, label=label))


def _read(folder: Path, name: str, into: Path, reading: Reading) -> None:
    task = {
        "files": [{"name": name, "path": name, "format": None}],
        "null": list(reading.null),
        "delimiter": reading.delimiter,
        "encoding": reading.encoding,
    }
    read(task, folder, into)


def rows_of(
    header: str, *columns: Any, count: int = 300, delimiter: str = ",", encoding: str = "utf-8", end: str = "\n"
) -> bytes:
    """A CSV file: each column is a function of the row's number and of one random source, or a text."""
    chance = random.Random(5)
    cells = ([str(each(row, chance) if callable(each) else each) for each in columns] for row in range(count))
    lines = [header, *(delimiter.join(row) for row in cells)]
    return (end.join(lines) + end).encode(encoding)
