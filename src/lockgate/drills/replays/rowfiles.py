"""The project's own data files as an attacker sees them: read, changed and written again in their own form.

Nothing is imported of the stages: who can write to a data file needs none of our code for it.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.drills.replays.spec import NotApplicable

if TYPE_CHECKING:
    from lockgate.drills.replays.scene import Scene

_MOST_CLASSES: Final = 20
"""A label with more values is a quantity, where they are numbers."""
_LEAST_ROWS: Final = 100
_NO_SCHEMA: Final = pa.schema([])


@dataclass
class RowFile:
    """One file of rows, in memory. `kind`: "csv", "jsonl" or "parquet"; a row has one value per column.

    A CSV cell is the text that stands there. Columns of JSON Lines are the keys of its first records.
    """

    path: Path
    kind: str
    columns: list[str]
    rows: list[list[Any]]
    encoding: str = "utf-8"
    delimiter: str = ","
    schema: pa.Schema = _NO_SCHEMA

    def at(self, column: str) -> int:
        """Its place."""
        return self.columns.index(column)

    def write(self) -> None:
        """Write it where it was."""
        if self.kind == "parquet":
            columns = [
                pa.array(values, self.schema.field(name).type)
                for name, values in zip(self.columns, zip(*self.rows, strict=True), strict=True)
            ]
            pq.write_table(pa.table(columns, schema=self.schema), self.path)
        elif self.kind == "jsonl":
            lines = (json.dumps(dict(zip(self.columns, row, strict=True))) for row in self.rows)
            self.path.write_text("".join(f"{line}\n" for line in lines), self.encoding)
        else:
            with self.path.open("w", encoding=self.encoding, newline="") as file:
                csv.writer(file, delimiter=self.delimiter, lineterminator="\n").writerows([self.columns, *self.rows])


@dataclass(frozen=True)
class Data:
    """All local data files of a project, and the name of its label."""

    files: list[RowFile]
    label: str

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(len(file.rows) for file in self.files)

    def write(self) -> None:
        """Write each where it was."""
        for file in self.files:
            file.write()

    def column(self, name: str) -> list[Any]:
        """Its values in all files."""
        return [row[file.at(name)] for file in self.files for row in file.rows]

    def another(self) -> Callable[[Any], Any]:
        """What turns a label into one that is wrong: the next class, or of a quantity the mirrored value.

        Raises NotApplicable where all rows have the same label, or it is no plain value.
        """
        seen = self._labels()
        numbers = _numbers(seen)
        if len(seen) > _MOST_CLASSES and numbers:
            return _mirrored(min(numbers), max(numbers))
        ordered = sorted(seen, key=lambda value: (-seen[value], str(value)))
        following = dict(zip(ordered, [*ordered[1:], ordered[0]], strict=True))
        return lambda value: following.get(value, value)

    def targets(self) -> list[Any]:
        """Labels that an attacker could want: each class, or of a quantity the highest value. Raises as `another`."""
        seen = self._labels()
        if len(seen) > _MOST_CLASSES and _numbers(seen):
            return [max(seen, key=float)]
        return sorted(seen, key=str)[:_MOST_CLASSES]

    def _labels(self) -> Counter[Any]:
        values = [value for value in self.column(self.label) if value not in (None, "")]
        try:
            seen = Counter(values)
        except TypeError:
            raise NotApplicable("the label is no single value") from None
        if len(seen) < 2:
            raise NotApplicable("all rows have the same label")
        return seen


def data_of(scene: Scene) -> Data:
    """The data files of the scene. Raises NotApplicable where there are none here, or too few rows."""
    settings = tomllib.loads((scene.root / "lockgate.toml").read_text("utf-8")).get("data", {})
    label = settings.get("label")
    if not label:
        raise NotApplicable("the project has no label")
    encoding, delimiter = settings.get("encoding", "utf-8"), settings.get("delimiter", ",")
    files = [_read(path, encoding, delimiter) for path in paths(scene)]
    found = Data([file for file in files if label in file.columns], label)
    if found.rows < _LEAST_ROWS:
        raise NotApplicable(f"fewer than {_LEAST_ROWS} rows lie in files of the project")
    return found


def paths(scene: Scene) -> list[Path]:
    """The data files of the scene, in order. Raises NotApplicable where there is none here."""
    settings = tomllib.loads((scene.root / "lockgate.toml").read_text("utf-8")).get("data", {})
    named = settings.get("sources", [])
    found = [path for pattern in named if ":" not in pattern.split("/")[0] for path in sorted(scene.root.glob(pattern))]
    if not found:
        raise NotApplicable("no data lies in files of the project")
    return found


def picked(data: Data, share: float) -> Iterator[tuple[RowFile, int]]:
    """`share` of each file's rows, always the same ones."""
    for file in data.files:
        most = max(1, round(share * len(file.rows)))
        for number in sorted(Random(file.path.name).sample(range(len(file.rows)), most)):  # noqa: S311 - no secret
            yield file, number


def flip(data: Data, share: float) -> set[tuple[str, int]]:
    """Give `share` of all rows a wrong label, and write the files; which rows, by file name and number."""
    wrong, changed = data.another(), set()
    for file, number in picked(data, share):
        place = file.at(data.label)
        row = file.rows[number]
        if (label := wrong(row[place])) != row[place]:
            file.rows[number] = [*row[:place], label, *row[place + 1 :]]
            changed.add((file.path.name, number))
    data.write()
    return changed


def between(values: Sequence[Any]) -> Any:
    """A number that the column does not hold and that lies among those that it does; None of a column of others.

    Of a column in which a number has decimals: whole numbers may have to be whole.
    """
    given = [value for value in values if value not in (None, "")]
    texts = all(isinstance(value, str) for value in given)
    if not texts and not all(type(value) is float for value in given):
        return None
    numbers = sorted(set(_numbers(Counter(given))))
    if len(numbers) < 2 or (texts and not any("." in value for value in given)):
        return None
    at = 3 * (len(numbers) - 1) // 4
    low, high = numbers[max(0, at - 1) : max(0, at - 1) + 2]
    found = round(low + 0.46 * (high - low), 4)
    if not low < found < high:
        return None
    return str(found) if texts else found


def _read(path: Path, encoding: str, delimiter: str) -> RowFile:
    try:
        if path.read_bytes()[:4] == b"PAR1":
            table = pq.read_table(path)
            rows = [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
            return RowFile(path, "parquet", list(table.column_names), rows, schema=table.schema)
        text = path.read_text(encoding)
        if path.suffix in {".jsonl", ".ndjson", ".json"}:
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
            columns = list(dict.fromkeys(key for record in records for key in record))
            return RowFile(path, "jsonl", columns, [[one.get(key) for key in columns] for one in records], encoding)
        head, *cells = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
        return RowFile(path, "csv", head, [row for row in cells if len(row) == len(head)], encoding, delimiter)
    except (OSError, ValueError, TypeError, AttributeError, csv.Error, pa.ArrowException) as error:
        raise NotApplicable(f"{path.name} cannot be changed: {type(error).__name__}") from None


def _numbers(values: Sequence[Any] | Counter[Any]) -> list[float]:
    """All of them as numbers; none where one of them is not."""
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        return []


def _mirrored(low: float, high: float) -> Callable[[Any], Any]:
    def mirror(value: Any) -> Any:
        if value in (None, ""):
            return value
        wrong = low + high - float(value)
        if isinstance(value, str):
            return str(int(wrong)) if wrong.is_integer() and "." not in value else repr(wrong)
        return type(value)(wrong)

    return mirror
