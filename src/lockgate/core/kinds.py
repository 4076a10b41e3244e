"""Kinds of values that more than one table of lockgate.toml has. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from lockgate.core.licences import canonical
from lockgate.core.strict import Kind

_REFERENCE = r"(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\0]+|cmd:[^\0]+)"
LITERAL = object()
"""What stands for a value that no message may quote: whoever reads the table refuses it."""


def scalar() -> Kind:
    """What a person hands on to code of their own."""

    def read(value: object) -> Any:
        if isinstance(value, list):
            return [read(entry) for entry in value]
        if not isinstance(value, str | bool | int | float):
            raise ValueError
        return value

    # Lists within lists are not drawn: an editor that sees none of it refuses none of it.
    return Kind(
        "a text, a number, true or false, or a list of these",
        read,
        {"type": ["string", "number", "boolean", "array"]},
    )


def inside() -> Kind:
    """A relative path that does not leave the project."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not value or PurePosixPath(value).is_absolute():
            raise ValueError
        if ".." in PurePosixPath(value).parts:
            raise ValueError("it may not leave the project")
        return value

    return Kind("a path inside the project", read, {"type": "string", "minLength": 1, "pattern": "^[^/]"})


def reference() -> Kind:
    """A secret by reference. What is none is read as LITERAL and told apart later, by who does not quote it."""

    def read(value: object) -> object:
        return value if isinstance(value, str) and re.fullmatch(_REFERENCE, value) else LITERAL

    expects = 'a reference to a secret: "env:NAME", "file:PATH" or "cmd:COMMAND"'
    return Kind(expects, read, {"type": "string", "pattern": "^(?:env|file|cmd):"})


def licence() -> Kind:
    """A licence as SPDX spells it, or nothing."""

    def read(value: object) -> str:
        found = canonical(value) if isinstance(value, str) and value else value
        if not isinstance(found, str):
            raise ValueError
        return found

    return Kind('an SPDX expression, such as "Apache-2.0"', read, {"type": "string"})
