"""`[environment]` of lockgate.toml: where packages come from, how old they are, what is known against them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lockgate.core.strict import Document, Key, Kind, Named, Table, duration, text
from lockgate.errors import Usage
from lockgate.runtime.lock import normal

_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:(?!//)[^\0]+|cmd:[^\0]+)\Z")
_LITERAL = object()
_NAME = r"[a-z][a-z0-9-]{0,40}"


def _address() -> Kind:
    def read(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError
        if _REFERENCE.match(value):
            return value
        parts = urlsplit(value)
        if "@" in parts.netloc:
            return _LITERAL  # told apart later, so that no message quotes it
        if parts.scheme not in ("https", "http", "file") or not (parts.netloc or parts.scheme == "file"):
            raise ValueError
        return value

    expects = 'an address, or, where it holds a login, a reference: "env:NAME", "file:PATH", "cmd:COMMAND"'
    return Kind(expects, read, {"type": "string"})


TABLE = Table(
    {
        "requirements": Key(text(), "requirements.in", "What `lockgate lock` resolves; else pyproject.toml."),
        "min_age": Key(duration(), 0.0, "Time since its upload before a file of an index is taken."),
        "osv": Key(text(), "", "Known vulnerabilities: the all.zip of OSV's PyPI export, as downloaded."),
        "indexes": Named(Key(_address()), "Package indexes by a name of yours, beside the machine's own."),
        "packages": Named(
            Key(text(form=_NAME, expects="the name of an index")), "The one index that a package comes from."
        ),
    }
)


@dataclass(frozen=True)
class EnvironmentSettings:
    """`[environment]`. Time in seconds; package names in normal form."""

    requirements: str = "requirements.in"
    min_age: float = 0.0
    osv: str = ""
    indexes: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)


def of(document: Document) -> EnvironmentSettings:
    """The settings in a document that was read by a schema with TABLE at `environment`.

    Raises Usage LG124 for a login in an address, which is never quoted; LG942 for an index without a proper name.
    """
    values = document.values["environment"]
    for name, address in values["indexes"].items():
        where = f"{document.where('environment', 'indexes', name)}: environment.indexes.{name}"
        if address is _LITERAL:
            raise Usage(
                "LG124",
                f"{where} holds a login: refer to the whole address instead",
                seen={"file": document.filename, "key": name},
                next=f'refer to it: {name} = "env:NAME"; and change the password, for it was in a file',
            )
        if not re.fullmatch(_NAME, name):
            raise _flaw(document, where, "a name of lower-case letters, digits and hyphens")
    for package, index in values["packages"].items():
        if index not in values["indexes"]:
            where = f"{document.where('environment', 'packages', package)}: environment.packages.{package}"
            raise _flaw(document, where, f"one of [environment.indexes], not {index!r}")
    packages = {normal(package): index for package, index in values["packages"].items()}
    return EnvironmentSettings(**{**values, "packages": packages})


def is_reference(address: str) -> bool:
    """Whether an index is given by reference to a secret."""
    return bool(_REFERENCE.match(address))


def _flaw(document: Document, where: str, expects: str) -> Usage:
    file = document.filename
    return Usage("LG942", f"{where} expects {expects}", seen={"file": file}, next=f"edit {file}")
