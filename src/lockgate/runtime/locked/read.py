"""Three forms of lock, told apart by what they hold: requirements.lock, uv.lock, pylock.toml. Pure.

All become the same tuple of requirements, for one interpreter: what its markers exclude is left out, and a lock
that would need anything but a wheel with a SHA-256 is refused by file and line.
"""

from __future__ import annotations

import tomllib
from typing import Any

from lockgate.core.toml_lines import lines_of_keys
from lockgate.errors import Usage
from lockgate.runtime.lock import MAKE, Requirement, parse_lock
from lockgate.runtime.locked import pylock, uvlock

_MOST_PARTS = 50


def read(data: bytes, filename: str = "requirements.lock") -> tuple[Requirement, ...]:
    """The locked packages of `data` for this interpreter.

    Raises Usage: LG340 when it is in none of the three forms or locks nothing here, LG341 for a wheel without SHA-256,
    LG342 for a source that is no index, or two versions of one package; Refused LG344 for a package that has no wheel.
    """
    found = _read(data, filename)
    versions: dict[str, str] = {}
    for each in found:
        if versions.setdefault(each.name, each.version) != each.version:
            message = (
                f"{filename}:{each.line}: {each.name} is locked twice, as {versions[each.name]} and {each.version}"
            )
            raise Usage("LG342", message, seen={"line": each.line}, next=MAKE)
    return found


def _read(data: bytes, filename: str) -> tuple[Requirement, ...]:
    raw = _as_toml(data)
    if raw is None:
        return parse_lock(data, filename)
    lines = lines_of_keys(data.decode())
    if "lock-version" in raw:
        found = pylock.read(raw, lines, filename)
    elif isinstance(raw.get("package"), list) and type(raw.get("version")) is int:
        found = uvlock.read(raw, lines, filename)
    else:
        raise Usage("LG340", f"{filename} is TOML, but neither a uv.lock nor a pylock.toml", next=MAKE)
    if not found:
        raise Usage("LG340", f"{filename} locks no package for this interpreter", next=MAKE)
    return found


def _as_toml(data: bytes) -> dict[str, Any] | None:
    """The document, or None for what is no TOML: a requirements.lock with a package in it never is."""
    try:
        text = data.decode("utf-8")
        if _is_deep(text):
            return None
        raw = tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
    return raw or None


def _is_deep(text: str) -> bool:
    """Whether a key may have more parts than any lock's: reading it takes the square of their number."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return any(part.count(".") > _MOST_PARTS for line in lines for part in line.split("="))
