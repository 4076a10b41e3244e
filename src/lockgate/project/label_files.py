"""Files of labels: CSV with a line of names, or JSON Lines. Trusts nothing in them; one wrong line refuses the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.core.encoding import decode
from lockgate.errors import Usage
from lockgate.serve.recording import labelling
from lockgate.store.files import read_regular

MOST_BYTES = 1 << 28
ROW = "row"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_TRUTH = {"true": True, "True": True, "false": False, "False": False}


@dataclass(frozen=True)
class Row:
    """One line of the file: its id or receipt, which row of that request where it says so, and the label."""

    number: int
    key: str
    row: int | None
    label: Any


def read_rows(file: Path, column: str, label: str) -> Iterator[Row]:
    """The lines of a file: `column` has the id or receipt, `label` the label. Raises Usage LG668.

    In CSV a label that looks like a number, true or false is one; in JSON Lines it is what it is.
    """
    try:
        text = read_regular(file, MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise _malformed(file, 0, "there is no such file") from None
    except (OSError, ValueError) as error:
        raise _malformed(file, 0, f"it cannot be read: {error}") from None
    lines = _json_lines(file, text) if text.lstrip()[:1] == "{" else _csv_lines(file, text, label)
    for number, one in lines:
        key, value, row = one.get(column), one.get(label), one.get(ROW)
        if not isinstance(key, str) or not key:
            raise _malformed(file, number, f"it has no {column!r}")
        if not labelling.is_label(value):
            raise _malformed(file, number, f"it has no {label!r} that can be a label")
        if row is not None and (type(row) is not int or row < 0):
            raise _malformed(file, number, "its row is no number from 0")
        yield Row(number, key, row, value)


def _json_lines(file: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                found = decode(line.encode())
            except ValueError as error:
                raise _malformed(file, number, str(error)) from None
            if not isinstance(found, dict):
                raise _malformed(file, number, "it is no object")
            yield number, found


def _csv_lines(file: Path, text: str, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for line in reader:
            if None in line or None in line.values():
                raise _malformed(file, reader.line_num, "it has not as many fields as the first line has names")
            row = line.pop(ROW, "")
            read: dict[str, Any] = {**line, label: value_of(line.get(label, ""))}
            yield reader.line_num, read | ({ROW: int(row) if row.isdecimal() else row} if row else {})
    except csv.Error as error:
        raise _malformed(file, reader.line_num, str(error)) from None


def value_of(text: str) -> object:
    """What a text without a type stands for: a number, true or false where it looks so."""
    if text in _TRUTH:
        return _TRUTH[text]
    return decode(text.encode()) if _NUMBER.match(text) else text


def _malformed(file: Path, line: int, why: str) -> Usage:
    where = f"line {line} of {file.name}" if line else file.name
    return Usage("LG668", f"{where}: {why}", seen={"file": str(file), "line": line}, next="lockgate feedback --help")
