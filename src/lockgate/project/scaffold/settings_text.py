"""lockgate.toml for somebody's data: how its cells are read, each setting with what it was found by. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lockgate.core.shown import shown, toml_string
from lockgate.project.scaffold.roles import Part

_SHOWN = 3


@dataclass(frozen=True)
class Reading:
    """How the file is read: what the jails found. `doubts`: by setting, what else it could be."""

    encoding: str = "utf-8"
    delimiter: str = ","
    null: tuple[str, ...] = ("",)
    dates: str = ""
    numbers: str = ""
    doubts: Mapping[str, str] = field(default_factory=dict)
    none: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What is not the default, as `--json` gives it."""
        plain, said = Reading(), {}
        for name in ("encoding", "delimiter", "null", "dates", "numbers"):
            if getattr(self, name) != getattr(plain, name):
                value = getattr(self, name)
                said[name] = list(value) if isinstance(value, tuple) else value
        return said


def settings_text(
    name: str,
    sources: Sequence[str],
    parts: Sequence[Part],
    reading: Reading,
    trains: str,
    params: Mapping[str, str],
) -> str:
    """The whole file. `sources`: paths inside the project; `trains`: the line of `[train]` that says what trains;
    `params`: what our own model is given.
    """
    label = next(part.name for part in parts if part.role == "label")
    lines = ["[project]", f"name = {toml_string(name)}", "", "[data]"]
    lines.append(f"sources = [{', '.join(toml_string(source) for source in sources)}]")
    lines += ['contract = "contract.py:Record"', f"label = {toml_string(label)}", *_split(parts), *_read(reading)]
    lines += ["", "[train]", trains, "holdout = 0.2", ""]
    if params:
        given = (f"{name} = {value}" for name, value in params.items())
        lines += ["[train.params]  # what the model takes by itself", *given, ""]
    return "\n".join(lines)


def _split(parts: Sequence[Part]) -> list[str]:
    lines = []
    for part in parts:
        if part.role == "time":
            lines.append(f"time = {toml_string(part.name)}  # the model is judged on the latest rows")
        if part.role == "group":
            lines.append(
                f"group = {toml_string(part.name)}  # {shown(part.why)}: judged on others than it was trained on"
            )
    return lines


def _read(reading: Reading) -> list[str]:
    said = reading.as_json()
    lines = [f"{name} = {_value(value)}{_because(name, reading)}" for name, value in said.items()]
    return ["", "# Found in the file: how its cells are read.", *lines] if lines else []


def _value(value: Any) -> str:
    return f"[{', '.join(map(toml_string, value))}]" if isinstance(value, list) else toml_string(value)


def _because(name: str, reading: Reading) -> str:
    doubt = reading.doubts.get(name, "")
    if name == "null":
        where = [
            f"{shown(spelling) or 'the empty cell'!s} in {shown(column)} ({cells:,})"
            for spelling, columns in reading.none.items()
            if spelling
            for column, cells in columns.items()
        ]
        return f"  # {', '.join(where[:_SHOWN])}{', ...' if len(where) > _SHOWN else ''}" if where else ""
    if name == "encoding" and doubt:
        return f"  # not UTF-8, so a guess: is {shown(doubt)} right?"
    if name == "numbers" and doubt:
        return f"  # or is it {shown(doubt)}? Look at a large number of the file"
    return {"delimiter": "  # between the cells", "dates": "  # day, month, year", "numbers": "  # by example"}.get(
        name, ""
    )
