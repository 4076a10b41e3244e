"""contract.py for somebody's data, readable, with what each rule refuses and how many rows of the file break it. Pure.

Never tightens silently: bounds leave ten times the room that the data took. All that comes of a stranger's file stands
in comments, made visible, or in string literals.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Sequence

from lockgate.core.shown import shown
from lockgate.project.scaffold.roles import Column, Part

ROOM = 10
"""How many times the largest value seen a number may be."""

_INT64 = 2**63 - 1
_LONG = 100_000
_SHORT = 10**15
_WIDE = 118
_SEEN = 6
_TYPES = {"int": "int", "float": "float", "bool": "bool", "date": "dt.date", "datetime": "dt.datetime", "string": "str"}


def contract_text(parts: Sequence[Part], *, rows: int, task: str) -> str:
    """The whole file."""
    kept = [part for part in parts if part.kept]
    label = next(part for part in parts if part.role == "label")
    lines = [*(_field(part, rows) for part in kept), "", *_label_lines(label, rows, task), *_of_time(kept)]
    body = "\n".join(lines)
    pydantic = "BaseModel, ConfigDict" + (", Field" if "Field(" in body else "")
    imports = ("import datetime as dt\n" if "dt.date" in body else "") + (
        "from typing import Literal\n" if "Literal[" in body else ""
    )
    # A column that the contract does not name must not stop the training file; a request is held to the same.
    out = any(part.role == "out" for part in parts)
    said = 'extra="forbid": a record with a key that has no field here is refused; allow_inf_nan: NaN and infinity too.'
    if out:
        said = (
            'extra="ignore": the file has columns that have no field here; with "forbid" none of its rows would pass.'
        )
    alias = ""
    if any(part.alias for part in (*kept, label)):
        alias = (
            "    # alias: the column's own name, which a record in a request has too; training code sees the field's.\n"
        )
    return f'''"""What one record is. Read off the file that lockgate.toml names: tighten it where you know more."""

{imports}{chr(10) if imports else ""}from pydantic import {pydantic}


class Record(BaseModel):
    """One record, at training and, without the label, in a request."""

    # {said}
{alias}    model_config = ConfigDict(extra="{"ignore" if out else "forbid"}", allow_inf_nan=False)

{body}
'''


def literal(text: object) -> str:
    """A string, number or boolean as Python spells it, in one line of what can be seen."""
    if isinstance(text, str) and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return repr(text)


def closed(column: Column) -> bool:
    """Whether a feature's few values are all there are: each common, in both halves of the file."""
    return column["kind"] == "string" and bool(column.get("stable")) and bool(column.get("values"))


def bounds(column: Column) -> tuple[float, float]:
    """The least and the most that a number may be: a power of ten beyond what was seen, and no sign that was not."""
    seen = max(abs(column["least"]), abs(column["most"]), 1.0)
    reach: float = 10 ** (math.ceil(math.log10(seen)) + int(math.log10(ROOM)))
    low: float = -reach
    if column["kind"] == "int" and reach > _INT64:
        low, reach = -_INT64 - 1, _INT64
    elif reach > _SHORT:
        reach = float(min(reach, sys.float_info.max))
        low = -reach
    return (0 if column["least"] >= 0 else low), reach


def _field(part: Part, rows: int) -> str:
    column = part.column
    kind, comments, constraint = _TYPES[column["kind"]], [], []
    values = column.get("values", [])
    if closed(column):
        kind = f"Literal[{', '.join(map(literal, values))}]"
        comments.append("these alone, in both halves of the file; refused: any other")
    elif column["kind"] == "string" and len(values) > 1:
        seen = ", ".join(_listed(shown(str(value))) for value in values[:_SEEN])
        comments.append(f"seen: {seen}{', ...' if len(values) > _SEEN else ''}")
    elif column["kind"] == "string" and part.role == "category":
        comments.append(f"{column['distinct']:,} different")
    if part.role == "text":
        comments.append(f"text, {column['words']:g} words on average")
    if column.get("codes"):
        comments.append(shown(column["codes"]))
    if column.get("figures"):
        comments.append(shown(column["figures"]))
    if column["kind"] in ("int", "float") and column.get("least") is not None:
        low, high = bounds(column)
        constraint = [f"ge={_number(low)}", f"le={_number(high)}"]
        comments.append(
            f"seen: {_seen(column['least'])} to {_seen(column['most'])};"
            f" refused: below {_told(low)} or above {_told(high)}"
        )
    if "first" in column:
        comments.append(f"seen: {shown(column['first'])} to {shown(column['last'])}")
    if column["nulls"]:
        comments.append(f"{column['nulls']:,} of {column['rows']:,} rows have none")
        kind = f"{kind} | None"
        constraint.insert(0, "default=None")
    return _line(part, kind, constraint, comments, _warnings(part, rows))


def _warnings(part: Part, rows: int) -> list[str]:
    """Lines of their own above a field: what breaks it, what may be meant otherwise."""
    column, found = part.column, []
    # What counts of an input is said of the rows that have a label.
    rows = rows if part.role == "label" else int(column["rows"])
    if part.breaks:
        example = shown(str(part.breaks["example"]))
        found.append(f"{_of(part.breaks['rows'], rows)} break this, for example {example!r}: they are quarantined")
    almost = column.get("almost")
    if almost:
        found.append(
            f"not {_TYPES[almost['kind']]}: {_of(almost['rows'], rows)} are none, for example "
            f"{shown(str(almost['example']))!r}; with {_TYPES[almost['kind']]} here they would be quarantined"
        )
    twice = column.get("twice")
    if twice:
        found.append(f"{shown(twice['cell'])} is read as {shown(twice['read'])}: or is it {shown(twice['other'])}?")
    stand_in = column.get("stand_in")
    if stand_in:
        spelled = " or ".join(map(shown, stand_in.get("cells", ()))) or f"{stand_in['value']:g}"
        found.append(f"{spelled} stands in {_of(stand_in['rows'], rows)}: does it mean that there is none?")
    return found


def _label_lines(part: Part, rows: int, task: str) -> list[str]:
    column, comments, constraint = part.column, [], []
    kind, values = _TYPES[column["kind"]], column.get("values", [])
    if _truth(column):
        kind = "bool"
    elif column["kind"] == "string" or (task != "regression" and column["kind"] == "float"):
        kind = f"Literal[{', '.join(map(literal, values))}]"
    elif column["kind"] in ("int", "float") and column.get("least") is not None:
        comments.append(f"seen: {_seen(column['least'])} to {_seen(column['most'])}")
        if task != "regression":
            constraint = [f"ge={_number(column['least'])}", f"le={_number(column['most'])}"]
            comments.append("refused: any class beyond")
    warnings = _warnings(part, rows)
    if column["nulls"]:
        warnings.append(
            f"{_of(column['nulls'], rows)} have no label: they are quarantined, for nothing is learned there"
        )
    return ["    # The label: what the model predicts.", _line(part, kind, constraint, comments, warnings)]


def _of_time(kept: Sequence[Part]) -> list[str]:
    """How a time becomes an input: left to the person, for it makes each record pass through Python."""
    part = next((part for part in kept if part.role in ("time", "moment")), None)
    if part is None:
        return []
    made = "hour" if part.column["kind"] == "datetime" else "month"
    name, kind, value = f"{part.name}_{made}", "int", f"self.{part.name}.{made}"
    if part.column["nulls"]:
        kind, value = "int | None", f"None if self.{part.name} is None else {value}"
    lines = ["@computed_field", "@property", f"def {name}(self) -> {kind}:", f"    return {value}"]
    about = (
        "An input made of a time, the simple way; the quicker one is said where the model is made. Import "
        "computed_field from pydantic, and name the field among NUMBERS there."
    )
    return ["", *(f"    # {line}" for line in _wrapped(about)), *(f"    # {line}" for line in lines)]


def _truth(column: Column) -> bool:
    """Whether a label of zeros and ones says no and yes."""
    return column["kind"] == "bool" or (
        column["kind"] == "int" and list(map(str, column.get("values", []))) == ["0", "1"]
    )


def _line(part: Part, kind: str, constraint: Sequence[str], comments: Sequence[str], warnings: Sequence[str]) -> str:
    arguments = [*constraint]
    if part.alias:
        arguments.append(f"alias={literal(part.alias)}")
    default = f" = Field({', '.join(arguments)})" if arguments else ""
    if arguments == ["default=None"]:
        default = " = None"
    field = f"    {part.name}: {kind}{default}"
    above = [f"    # {line}" for warning in warnings for line in _wrapped(warning)]
    comment = "; ".join(comments)
    if comment and len(field) + len(comment) + 4 <= _WIDE:
        field = f"{field}  # {comment}"
    elif comment:
        above += [f"    # {line}" for line in _wrapped(comment)]
    return "\n".join([*above, field])


# No remark names a module of the project: a contract that names one is judged anew when that one changes.
def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDE - 6, break_on_hyphens=False)


def _listed(text: str) -> str:
    """A value among others, between commas."""
    return repr(text) if "," in text else text


def _of(count: int, rows: int) -> str:
    return f"{count:,} of {rows:,} rows"


def _seen(value: float) -> str:
    """As people write it: years without a comma, millions without an exponent."""
    return f"{value:g}" if abs(value) < _LONG else _told(value)


def _told(value: float) -> str:
    return f"{int(value):,}" if abs(value) <= _SHORT and float(value).is_integer() else f"{value:g}"


def _number(value: float) -> str:
    return f"{int(value):_}" if abs(value) <= _SHORT and float(value).is_integer() else repr(value)
