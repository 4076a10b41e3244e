"""built-wheels.toml: which wheels were built here, of which sources, by which build tools. Pure.

    [[wheel]]
    name = "package"
    version = "1.0"
    sdist = "sha256:..."             what was built
    wheel = "sha256:..."             what came of it: the hash that the lock has
    tools = ["setuptools==80.9.0 sha256:..."]

It lies beside the lock and is reviewed with it. Sorted; one spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lockgate.core.digest import Digest, parse_digest
from lockgate.core.strict import Key, Kind, Many, Table, list_of, read_strict, text

FILENAME = "built-wheels.toml"
_TOOL = r"[a-z0-9-]+==[A-Za-z0-9.!+_-]+ sha256:[0-9a-f]{64}"


def _digest() -> Kind:
    return Kind("sha256: and 64 hexadecimal digits", parse_digest)


SCHEMA = Table(
    {
        "wheel": Many(
            Table(
                {
                    "name": Key(text(form=r"[a-z0-9]+(-[a-z0-9]+)*", expects="a package's normal name")),
                    "version": Key(text(form=r"[A-Za-z0-9.!+_-]+", expects="a version")),
                    "sdist": Key(_digest()),
                    "wheel": Key(_digest()),
                    "tools": Key(list_of(text(form=_TOOL, expects="name==version sha256:...")), ()),
                }
            )
        )
    }
)


@dataclass(frozen=True)
class Built:
    """One wheel that was built here."""

    name: str
    version: str
    sdist: Digest
    wheel: Digest
    tools: tuple[str, ...]

    def tools_lock(self) -> bytes:
        """The build tools as a requirements.lock."""
        lines = [re.sub(r" (sha256:)", r" --hash=\1", tool) for tool in self.tools]
        return "".join(f"{line}\n" for line in lines).encode()


def read(document: str) -> tuple[Built, ...]:
    """What a built-wheels.toml says. Raises Usage LG355 with file and line."""
    values = read_strict(document, FILENAME, SCHEMA, finding="LG355").values
    return tuple(Built(**entry) for entry in values["wheel"])


def write(entries: Iterable[Built]) -> str:
    """The file's text."""
    parts = [
        "# Made by `lockgate lock --build NAME`: wheels that were built here, of pinned sources, without network.\n"
    ]
    for each in sorted(entries, key=lambda one: (one.name, one.version)):
        tools = "".join(f'\n    "{tool}",' for tool in sorted(each.tools))
        parts.append(
            f'\n[[wheel]]\nname = "{each.name}"\nversion = "{each.version}"\nsdist = "{each.sdist}"\n'
            f'wheel = "{each.wheel}"\ntools = [{tools}{chr(10) if tools else ""}]\n'
        )
    return "".join(parts)
