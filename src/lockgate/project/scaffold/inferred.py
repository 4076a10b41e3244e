"""From a profile of somebody's data to readable files: contract.py, train.py, lockgate.toml, policy.toml. Pure.

Never tightens silently: what a rule refuses of the file is counted, in the comment beside it and in the notes. What
would need a guess is left open and said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.core.shown import shown, toml_string
from lockgate.errors import Refused, Usage
from lockgate.project.scaffold.beside import Training, training
from lockgate.project.scaffold.contract_text import ROOM, contract_text
from lockgate.project.scaffold.roles import Column, Part, parts_of
from lockgate.project.scaffold.settings_text import Reading, settings_text
from lockgate.project.scaffold.spellings import names_label
from lockgate.project.scaffold.train_text import params_of, train_text
from lockgate.trust.policy import default_policy

FEW_CLASSES = 50
MIN_ROWS = 50
COUNTED = 10
"""Whole numbers of more values than this are predicted as numbers, not as classes."""
RARE = 10
DEV_SHARE = 0.1
"""What the default policy lets be quarantined in dev."""
LEFT_OUT = "left out: "
REFUSED = "refused: "
OURS = training((), None)
WARNED = (LEFT_OUT, REFUSED, "doubt: ")

_MOST_SHOWN = 6


@dataclass(frozen=True)
class Inferred:
    """What was made of the data. `notes`: for the person, one line each. `least` and `most`: the number of rows that
    the contract refuses lies between them, for a row can have two bad cells.
    """

    files: Mapping[str, str]
    notes: tuple[str, ...]
    task: str
    parts: tuple[Part, ...]
    least: int
    most: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "task": self.task,
            "columns": [
                {"column": p.source, "field": p.name, "role": p.role, "why": p.why, "breaks": _lost(p)}
                for p in self.parts
            ],
        }


def infer(
    profile: Mapping[str, Any],
    *,
    name: str,
    source: str,
    label: str,
    sources: Sequence[str] = (),
    own: Training = OURS,
    typed: str = "",
) -> Inferred:
    """Write a project for a profiled file. `sources`: the files inside the project; `own`: what trains;
    `typed`: the command so far, for what to type next.

    Raises:
        Usage: LG956 the label is no column of the file; LG9020 no label was named.
        Refused: LG957 nothing can be learned from it: too few rows, one value, or a column of lists or objects.
    """
    columns: Sequence[Column] = profile["columns"]
    by_name = {column["name"]: column for column in columns}
    if label not in by_name:
        raise _no_label(columns, source, label, typed)
    rows = int(profile["rows"])
    _learnable(by_name[label], rows, source)
    parts = parts_of(columns, label)
    if not any(part.role in ("number", "category", "text") for part in parts):
        raise Refused(
            "LG957",
            "no column is left that a model could learn from",
            seen={part.source: part.why or part.role for part in parts if part.role != "label"},
            next="lockgate init DIR --data FILE --label COLUMN   # with a file that has more columns",
        )
    task = _task(by_name[label])
    reading = reading_of(profile)
    bad = int(profile.get("bad", 0))
    # A row without a label is refused, whatever else is in it: no other column counts it.
    without = bad + int(by_name[label]["nulls"])
    broken = [int(part.breaks.get("rows", 0)) for part in parts if part.role != "out"]
    least, most = without + max(broken, default=0), without + sum(broken)
    files = {
        "contract.py": contract_text(parts, rows=rows, task=task),
        "lockgate.toml": settings_text(
            name,
            sources or (f"data/{source}",),
            parts,
            reading,
            own.settings,
            params_of(parts, task=task) if own.file else {},
        ),
        "policy.toml": _policy(least / max(rows, 1)),
    }
    if own.file:
        files[own.file] = train_text(parts, task=task)
    head = f"{source}: {rows:,} rows, {len(columns)} columns; task: {task}"
    notes = (head, *_notes(parts, reading, rows, task))
    return Inferred(files, notes, task, parts, least, most)


def reading_of(profile: Mapping[str, Any]) -> Reading:
    """How the file is read, as profile.json and form.json say it."""
    said, form = profile.get("spelling", {}), profile.get("form", {})
    doubts = dict(said.get("doubts", {}))
    if form.get("doubt"):
        doubts["encoding"] = form["doubt"]
    return Reading(
        form.get("encoding", "utf-8"),
        form.get("delimiter", ","),
        tuple(said.get("null", ())) or ("",),
        said.get("dates", ""),
        said.get("numbers", ""),
        doubts,
        said.get("none", {}),
    )


def _no_label(columns: Sequence[Column], source: str, label: str, typed: str) -> Usage:
    likely = sorted(columns, key=lambda column: -_likelihood(column, columns))
    best = likely[0]["name"] if likely else "COLUMN"
    following = f"{typed or f'lockgate init DIR --data {word(source)}'} --label {word(best)}"
    if label:
        names = [column["name"] for column in columns]
        return Usage("LG956", f"there is no column {label!r} in {source}", seen={"columns": names}, next=following)
    seen = {
        "likely": ", ".join(shown(_told(column)) for column in likely[:3] if _likelihood(column, columns) > 0),
        "columns": ", ".join(shown(column["name"]) for column in columns),
    }
    return Usage(
        "LG9020",
        f"which column of {source} shall the model predict? Say it with --label",
        seen={name: words for name, words in seen.items() if words},
        next=following,
    )


def _likelihood(column: Column, columns: Sequence[Column]) -> int:
    """How much a column looks like what one would predict."""
    if column["kind"] in ("other", "date", "datetime") or column["distinct"] < 2:
        return -1
    few = column["kind"] == "bool" or column["distinct"] == 2
    last = column is columns[-1]
    able = column["kind"] != "string" or column["distinct"] <= FEW_CLASSES
    return (4 * names_label(column["name"]) + 2 * last + few) if able else -1


def _told(column: Column) -> str:
    return f"{column['name']} ({column['distinct']:,} different)"


def word(text: str) -> str:
    """`text` as a shell takes it in one word."""
    safe = text.isascii() and all(letter.isalnum() or letter in "_./-" for letter in text) and text
    return text if safe else "'" + shown(text).replace("'", "'\\''") + "'"


def _learnable(label: Column, rows: int, source: str) -> None:
    why, name = "", shown(str(label["name"]))
    if rows < MIN_ROWS:
        why = f"{rows} rows are too few to train and to judge (at least {MIN_ROWS})"
    elif label["kind"] in ("other", "date", "datetime"):
        why = f"the label {name!r} is a {label['kind']}, not a class or a number"
    elif label["distinct"] < 2:
        why = f"the label {name!r} has only one value"
    elif label["kind"] == "string" and label["distinct"] > FEW_CLASSES:
        almost = label.get("almost")
        but = f", and {almost['rows']:,} rows are no number, for example {shown(almost['example'])!r}" if almost else ""
        why = f"the label {name!r} has {label['distinct']} different texts{but}"
    elif label["kind"] == "string" and not label.get("values"):
        why = f"the label {name!r} has texts that are too long for names of classes"
    if why:
        following = "lockgate init DIR --data FILE --label COLUMN   # another label, or another file"
        raise Refused("LG957", why, seen={"source": source, "rows": rows}, next=following)


def _task(label: Column) -> str:
    if label["distinct"] == 2:
        return "binary"
    if label["kind"] == "float" or (label["kind"] == "int" and label["distinct"] > COUNTED):
        return "regression"
    return "multi-class"


def _lost(part: Part) -> int:
    """Rows that this column makes the contract refuse."""
    missing = int(part.column["nulls"]) if part.role == "label" else 0
    return int(part.breaks.get("rows", 0)) + missing


def _notes(parts: Sequence[Part], reading: Reading, rows: int, task: str) -> list[str]:
    said = ", ".join(f"{name} {_setting(value)}" for name, value in reading.as_json().items())
    found = [f"read with {said}"] if said else []
    found += [_doubt(name, shown(other), reading) for name, other in reading.doubts.items()]
    out = [f"{LEFT_OUT}{shown(part.source)}: {shown(part.why)}" for part in parts if part.role == "out"]
    found += _some(out, f"{LEFT_OUT}{len(out) - _MOST_SHOWN:,} more columns: contract.py has no field for them")
    broken = [
        f"{REFUSED}{shown(part.source)}: {part.breaks['rows']:,} of {part.column['rows']:,} rows, for example "
        f"{shown(str(part.breaks['example']))!r}; they are quarantined"
        for part in parts
        if part.role != "out" and part.breaks
    ]
    found += _some(broken, f"{REFUSED}cells of {len(broken) - _MOST_SHOWN:,} more columns: contract.py says which")
    figures = [
        f"doubt: {shown(part.source)}: taken as text: {shown(part.column['figures'])}"
        for part in parts
        if part.role in ("category", "text") and part.column.get("figures")
    ]
    found += _some(figures, f"doubt: figures of {len(figures) - _MOST_SHOWN:,} more columns are taken as text")
    twice = [
        f"doubt: {shown(part.source)}: {shown(seen['cell'])} is read as {shown(seen['read'])}: or is it "
        f"{shown(seen['other'])}? See [data] numbers"
        for part in parts
        if part.role != "out" and (seen := part.column.get("twice")) and "numbers" not in reading.doubts
    ]
    found += _some(twice, f"doubt: numbers of {len(twice) - _MOST_SHOWN:,} more columns could be read in two ways")
    marks = [
        f"doubt: {shown(part.source)}: {_marked(seen)} stands in {seen['rows']:,} rows: if it means that there is "
        f"none, {_unmarked(seen)}"
        for part in parts
        if part.role == "number" and (seen := part.column.get("stand_in"))
    ]
    found += _some(marks, f"doubt: {len(marks) - _MOST_SHOWN:,} more columns have a number that may mean none")
    found += _label_notes(next(part for part in parts if part.role == "label"), rows, task)
    if any(part.column.get("least") is not None for part in parts if part.role == "number"):
        found.append(
            f"bounds: a number may be up to {ROOM} times what was seen, or more: contract.py says where each ends"
        )
    moments = ", ".join(shown(part.source) for part in parts if part.role == "moment")
    if moments and not any(part.role == "time" for part in parts):
        found.append(f"doubt: no input yet, and nothing is ordered by it: {moments}; see [data] time, and train.py")
    for part in parts:
        if part.role == "time":
            found.append(f"held out by time: the latest rows by {part.name}")
        if part.role == "group":
            found.append(f"held out by group: all rows of one {part.name} on one side ({part.why}); it is no input")
    return found


def _marked(stand_in: Mapping[str, Any]) -> str:
    return " or ".join(map(shown, stand_in.get("cells", ()))) or f"{stand_in['value']:g}"


def _unmarked(stand_in: Mapping[str, Any]) -> str:
    """What to do about a number that means none: of CSV a setting, in which a cell is spelled as in the file."""
    cells = stand_in.get("cells", ())
    if not cells:
        return "leave it empty in the file"
    return f"add {' and '.join(toml_string(cell) for cell in cells)} to [data] null"


def _doubt(name: str, other: str, reading: Reading) -> str:
    if name == "encoding":
        return f"doubt: encoding: not UTF-8; read as {reading.encoding} there is the word {other!r}: is that right?"
    return f"doubt: {name}: {getattr(reading, name)} or {other}? Both fit every cell: see lockgate.toml"


def _label_notes(part: Part, rows: int, task: str) -> list[str]:
    column, found = part.column, []
    if column["nulls"]:
        share = column["nulls"] / max(rows, 1)
        part_of = f"{share:.0%}" if share >= 0.01 else "less than 1%"
        found.append(
            f"{LEFT_OUT}{column['nulls']:,} rows ({part_of}) have no {shown(part.source)}: they are quarantined"
        )
    pairs = zip(column.get("values", ()), column.get("counts", ()), strict=False)
    rare = [f"{shown(str(value))} ({count})" for value, count in pairs if count < RARE]
    if task != "regression" and rare:
        found.append(
            f"doubt: classes with fewer than {RARE} rows: {', '.join(rare[:6])}; join them in "
            "the file, or take them out of the Literal"
        )
    if task == "multi-class" and column["kind"] in ("int", "float"):
        found.append(f"doubt: {column['distinct']} whole numbers are taken as classes; train.py says which model")
    return found


def _some(lines: list[str], rest: str) -> list[str]:
    return [*lines[:_MOST_SHOWN], rest] if len(lines) > _MOST_SHOWN else lines


def _setting(value: Any) -> str:
    return " ".join(repr(one) for one in value) if isinstance(value, list) else repr(value)


def _policy(share: float) -> str:
    """The default policy; where more is refused than dev allows, dev allows that, and says why."""
    text = default_policy()
    if share <= DEV_SHARE:
        return text
    percent = min(100, math.ceil(100 * share) + 2)
    said = f'max_quarantined_share = "{DEV_SHARE:.0%}"'.replace("%", " %")
    why = (
        f'max_quarantined_share = "{percent} %"  # {share:.0%} of the file that this began with, many without a label;'
    )
    if said not in text:
        raise ValueError("the default policy's share has moved")
    return text.replace(said, why, 1)
