"""Read a TOML file that a person wrote: `lockgate.toml`, `policy.toml`. Pure: text in, values out.

Promises: every key that is read was declared; every declared key has a value of its kind or its default;
each flaw is named with file, line, what was expected and the nearest valid key. All flaws are reported at
once, the first one as the message.

    SCHEMA = Table({"data": Table({"files": Key(list_of(text()))}), "clients": Named(Table({...}))})
    document = read_strict(open("x.toml").read(), "x.toml", SCHEMA, finding="LG910")
    document.values["data"]["files"]; document.where("data", "files")      # "x.toml:3"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from lockgate.core.shapes import limits, pattern, spelt
from lockgate.core.toml_lines import Path, line_of, lines_of_keys
from lockgate.errors import Usage

REQUIRED: Final = object()


@dataclass(frozen=True)
class Kind:
    """What a value may be. `expects`: in words, for messages and the reference; `read`: raises ValueError.

    `shape`: the same for editors, as JSON Schema (2020-12). It refuses nothing that `read` takes.
    """

    expects: str
    read: Callable[[object], Any]
    shape: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Key:
    """One setting. Without a `default` the file must say it."""

    kind: Kind
    default: Any = REQUIRED
    help: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose keys are all known."""

    items: Mapping[str, Item]
    help: str = ""


@dataclass(frozen=True)
class Named:
    """A table in which the person chooses the names, and every name has the same shape."""

    item: Item
    help: str = ""


@dataclass(frozen=True)
class Many:
    """An array of tables, `[[...]]`."""

    table: Table
    help: str = ""


Item: TypeAlias = Key | Table | Named | Many


@dataclass(frozen=True)
class Document:
    """What was read. `values`: nested dicts with every default filled in."""

    filename: str
    values: dict[str, Any]
    lines: dict[Path, int] = field(repr=False)

    def where(self, *path: str | int) -> str:
        """`policy.toml:12`, for messages about a value that is well formed but does not fit another."""
        return f"{self.filename}:{line_of(self.lines, path)}"


def check_seen(text: str, filename: str, *, finding: str) -> None:
    """Raises Usage(`finding`) unless whoever looks at `text` sees what the machine reads.

    A sign that breaks a line in an editor and not in TOML, turns the direction round or has no width makes two texts
    of one. Signs are those that are printable, space, tab and line ends.
    """
    text = text.replace("\r\n", "\n")
    place = next((n for n, sign in enumerate(text) if not sign.isprintable() and sign not in "\t\n"), None)
    if place is not None:
        from unicodedata import name

        sign = text[place]
        called = f"U+{ord(sign):04X} {name(sign, '')}".strip()
        flaw = f"a sign that people and machines read differently: {called}; take it out, or write it as an escape"
        raise _usage(finding, filename, [(text.count("\n", 0, place) + 1, flaw)])


def read_strict(text: str, filename: str, schema: Table, *, finding: str, sealed: bool = False) -> Document:
    """Read `text` by `schema`. Raises Usage(`finding`), whose message starts with `filename:line:`.

    `sealed`: the text is in force already, and was checked when it came: a Python that knows other signs must read
    it too.
    """
    # A policy in force is read from its statement, with the schema here and without any TOML.
    import tomllib

    if not sealed:
        check_seen(text, filename, finding=finding)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _usage(finding, filename, [_toml_flaw(str(error), text)]) from None
    except RecursionError:
        raise _usage(finding, filename, [(1, "nested too deeply")]) from None
    except ValueError as error:  # what tomllib lets through from int()
        raise _usage(finding, filename, [(1, f"not TOML: {error}")]) from None
    lines = lines_of_keys(text)
    reader = _Reader(schema, lines)
    values = reader.table(raw, schema, ())
    if reader.flaws:
        raise _usage(finding, filename, sorted(reader.flaws))
    return Document(filename, values, lines)


class _Reader:
    def __init__(self, schema: Table, lines: dict[Path, int]) -> None:
        self.schema = schema
        self.lines = lines
        self.flaws: list[tuple[int, str]] = []

    def table(self, raw: object, table: Table, path: Path) -> dict[str, Any]:
        if not isinstance(raw, dict):
            self.flaw(path, f"{_dotted(path)} is a table, not {_shown(raw)}")
            return {}
        for name in raw:
            if name not in table.items:
                self.flaw((*path, name), self.unknown(name, table, path))
        return {name: self.item(raw, name, item, path) for name, item in table.items.items()}

    def item(self, raw: Mapping[str, object], name: str, item: Item, path: Path) -> Any:
        here = (*path, name)
        if isinstance(item, Key):
            return self.key(raw, name, item, path)
        if isinstance(item, Table):
            return self.table(raw.get(name, {}), item, here)
        if isinstance(item, Many):
            found = raw.get(name, [])
            if not isinstance(found, list):
                self.flaw(here, f"{_dotted(here)} is written [[{_dotted(here)}]]")
                return []
            return [self.table(entry, item.table, (*here, place)) for place, entry in enumerate(found)]
        found = raw.get(name, {})
        if not isinstance(found, dict):
            self.flaw(here, f"{_dotted(here)} is a table, not {_shown(found)}")
            return {}
        return {chosen: self.item(found, chosen, item.item, here) for chosen in found}

    def key(self, raw: Mapping[str, object], name: str, key: Key, path: Path) -> Any:
        here = (*path, name)
        if name not in raw:
            if key.default is REQUIRED:
                self.flaw(path, f"{_dotted(here)} is missing: {key.kind.expects}")
            return key.default
        try:
            return key.kind.read(raw[name])
        except ValueError as error:
            reason = f" ({error})" if str(error) else ""
            self.flaw(here, f"{_dotted(here)} expects {key.kind.expects}, not {_shown(raw[name])}{reason}")
            return None

    def unknown(self, name: str, table: Table, path: Path) -> str:
        sentence = f"unknown key {_dotted((*path, name))}"
        if name[:1].isdigit() and path and str(path[-1])[-1:].isdigit():
            return f'{sentence}: a name with a dot is written in quotes, "{path[-1]}.{name}"'
        near = nearest(name, list(table.items))
        if near:
            return f"{sentence}: did you mean {_dotted((*path, near))}?"
        elsewhere = [place for place in _places(self.schema, ()) if place[-1] == name and len(place) > 1]
        if elsewhere:
            return f"{sentence}: it belongs in [{_dotted(elsewhere[0][:-1])}]"
        return f"{sentence}: known here are {', '.join(table.items)}"

    def flaw(self, path: Path, sentence: str) -> None:
        self.flaws.append((line_of(self.lines, path), sentence))


def nearest(word: str, words: Sequence[str]) -> str:
    """The one of `words` that `word` was probably meant to be, or ""."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, words, n=1, cutoff=0.6)), "")


def text(*, form: str = "", expects: str = "text") -> Kind:
    """A string; with `form`, one that matches this regular expression wholly."""

    def read(value: object) -> str:
        if not isinstance(value, str) or (form and not re.fullmatch(form, value)):
            raise ValueError
        return value

    return Kind(expects, read, {"type": "string", **pattern(form)})


def flag() -> Kind:
    """A truth value, never 0 or 1."""

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    return Kind("true or false", read, {"type": "boolean"})


def whole(least: int | None = None, most: int | None = None) -> Kind:
    """A whole number within bounds."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not _within(value, least, most):
            raise ValueError
        if abs(value) > _EXACT:
            raise ValueError("too large")
        return value

    return Kind("a whole number" + _bounds(least, most), read, {"type": "integer", **limits(least, most)})


def number(least: float | None = None, most: float | None = None) -> Kind:
    """A finite number within bounds."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not _within(value, least, most):
            raise ValueError
        return float(value)

    return Kind("a number" + _bounds(least, most), read, {"type": "number", **limits(least, most)})


def one_of(*words: str) -> Kind:
    """One of a few words."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        near = nearest(value, words) if isinstance(value, str) else ""
        raise ValueError(f'nearest: "{near}"' if near else "")

    return Kind(" or ".join(f'"{word}"' for word in words), read, {"enum": list(words)})


def list_of(kind: Kind, *, least: int = 0) -> Kind:
    """A list, read as a tuple."""

    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) < least:
            raise ValueError
        found = []
        for place, entry in enumerate(value):
            try:
                found.append(kind.read(entry))
            except ValueError:
                raise ValueError(f"entry {place + 1} is {_shown(entry)}") from None
        return tuple(found)

    shape = {"type": "array", "items": kind.shape, "minItems": least}
    return Kind(f"a list, each entry {kind.expects}" + (f", at least {least}" if least else ""), read, shape)


def share() -> Kind:
    """A part of a whole: 0.05 or "5 %", read as a float from 0 to 1."""

    def read(value: object) -> float:
        if isinstance(value, str):
            match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?%", value)
            value = float(match[1]) / 100 if match else None
        return float(number(0, 1).read(value))

    either: list[Mapping[str, Any]] = [number(0, 1).shape, {"type": "string", **pattern(r"[0-9]+(?:\.[0-9]+)? ?%")}]
    return Kind('a share from 0 to 1, or "5 %"', read, {"anyOf": either})


_HUGE = 1e300
_EXACT = 2**53
"""The largest whole number that can be set. Statements repeat it, and a larger one not every reader reads the same."""
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_DURATIONS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def size() -> Kind:
    """Bytes with their unit: "512 MiB", read as an int."""
    expects = 'a size with its unit, such as "512 MiB"'
    return Kind(expects, lambda value: round(_with_unit(value, _SIZES)), spelt(_SIZES))


def duration() -> Kind:
    """Time with its unit: "15 min", read as seconds (float)."""
    expects = 'a time with its unit, such as "30 s", "15 min" or "2 h"'
    return Kind(expects, lambda value: _with_unit(value, _DURATIONS), spelt(_DURATIONS))


def _with_unit(value: object, units: Mapping[str, float]) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("the units are " + ", ".join(units))
    if match[2] not in units:
        lower = {unit.lower(): unit for unit in units}
        near = lower.get(match[2].lower()) or lower.get(nearest(match[2].lower(), list(lower)))
        raise ValueError(f'unknown unit: did you mean "{near}"?' if near else "the units are " + ", ".join(units))
    if len(match[1]) > 15:
        raise ValueError("too many digits")
    return float(match[1]) * units[match[2]]


def _within(value: float, least: float | None, most: float | None) -> bool:
    low = float("-inf") if least is None else least
    high = float("inf") if most is None else most
    return abs(value) < _HUGE and low <= value <= high


def _bounds(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f" of at least {least}"
    return f" of at most {most}" if least is None else f" from {least} to {most}"


def _toml_flaw(message: str, text: str) -> tuple[int, str]:
    match = re.search(r"^(.*) \(at line (\d+), column \d+\)$", message, re.DOTALL)
    if match is None:
        return max(1, len(text.splitlines())), f"not TOML: {message.removesuffix(' (at end of document)')}"
    return int(match[2]), f"not TOML: {match[1]}"


def _usage(finding: str, filename: str, flaws: list[tuple[int, str]]) -> Usage:
    lines = [f"{filename}:{line}: {sentence}" for line, sentence in flaws]
    seen: dict[str, object] = {"file": filename, "line": flaws[0][0]}
    if len(lines) > 1:
        seen["also"] = lines[1:]
    return Usage(finding, lines[0], seen=seen, next=f"edit {filename}, line {flaws[0][0]}")


def _places(item: Item, path: Path) -> list[Path]:
    if isinstance(item, Table):
        return [
            place for name, inner in item.items.items() for place in [(*path, name), *_places(inner, (*path, name))]
        ]
    if isinstance(item, Named):
        return _places(item.item, (*path, "NAME"))
    return _places(item.table, path) if isinstance(item, Many) else []


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) > _EXACT:
        return "a huge number"
    return f'"{value[:60]}"' if isinstance(value, str) else str(value)
