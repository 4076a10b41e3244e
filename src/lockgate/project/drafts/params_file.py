"""Parameters written into lockgate.toml by lines: comments, order and spelling of all else stay. Pure.

What comes out is read again by whoever calls; where it would not say exactly what it should, nothing is written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from lockgate.core.encoding import encode
from lockgate.core.toml_lines import lines_of_keys

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


def written(text: str, table: tuple[str, ...], params: Mapping[str, Any]) -> str:
    """`text`, in which `table` (such as ("train", "params")) says each of `params`.

    Raises ValueError for a value that TOML has no word for.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = _lines(text)
    for name, value in params.items():
        places = lines_of_keys("".join(lines))
        if (*table, name) in places:
            _replace(lines, places[*table, name] - 1, spelled(value))
        elif table in places and not lines[places[table] - 1].lstrip().startswith("["):
            # An inline table: said once more, whole.
            chunk = "".join(lines[places[table] - 1 :])
            _replace(lines, places[table] - 1, _inline({**_inside(chunk), **params}))
        elif table in places:
            lines.insert(places[table], f"{line(name, value)}{end}")
            _close(lines, places[table] - 1, end)
        else:
            if lines:
                _close(lines, len(lines) - 1, end)
            lines += [end, f"[{'.'.join(map(_key, table))}]{end}", f"{line(name, value)}{end}"]
    return "".join(lines)


def spelled(value: Any) -> str:
    """A value as TOML spells it. Raises ValueError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's. What is not seen is written as an escape: lockgate.toml takes no such sign.
        return "".join(map(_sign, encode(value).decode()))
    if isinstance(value, list):
        return "[" + ", ".join(map(spelled, value)) + "]"
    raise ValueError(f"TOML has no word for {type(value).__name__}")


def line(name: str, value: Any) -> str:
    """A parameter in a line of its table. Raises ValueError as `spelled`."""
    return f"{_key(name)} = {spelled(value)}"


def _sign(sign: str) -> str:
    if sign.isprintable():
        return sign
    return f"\\u{ord(sign):04x}" if ord(sign) < 1 << 16 else f"\\U{ord(sign):08x}"


def _key(name: str) -> str:
    return name if _BARE.match(name) else spelled(name)


def _inline(params: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(line(name, value) for name, value in params.items()) + " }"


def _replace(lines: list[str], at: int, value: str) -> None:
    """The statement that begins in line `at` gets another value; its name and the remark behind it stay."""
    after = next(stop for stop in range(at + 1, len(lines) + 1) if _parses("".join(lines[at:stop])))
    first = lines[at]
    name = next(first[:i] for i, sign in enumerate(first) if sign == "=" and _parses(f"{first[:i]}= 0"))
    last = lines[after - 1].rstrip("\r\n")
    ending = lines[after - 1][len(last) :]
    whole = "".join(lines[at : after - 1])
    remark = next(
        (last[i:] for i, sign in enumerate(last) if sign == "#" and _parses(f"{whole}{last[:i]}")),
        "",
    )
    lines[at:after] = [f"{name}= {value}" + (f"  {remark}" if remark else "") + ending]


def _inside(chunk: str) -> dict[str, Any]:
    """What the inline table at the beginning of `chunk` says."""
    lines = _lines(chunk)
    stop = next(stop for stop in range(1, len(lines) + 1) if _parses("".join(lines[:stop])))
    found: Any = tomllib.loads("".join(lines[:stop]))
    while isinstance(found, dict) and len(found) == 1 and isinstance(next(iter(found.values())), dict):
        found = next(iter(found.values()))
    return dict(found)


def _lines(text: str) -> list[str]:
    """As `lines_of_keys` counts them: other signs that break lines are part of one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _close(lines: list[str], at: int, end: str) -> None:
    if not lines[at].endswith("\n"):
        lines[at] += end


def _parses(text: str) -> bool:
    try:
        tomllib.loads(text)
    except ValueError:
        return False
    return True
