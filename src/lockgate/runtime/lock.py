r"""requirements.lock: exact versions with hashes, nothing else. Pure.

The form is that of pip's hash-checking mode, without addresses: where a wheel is fetched from is the machine's
business, which bytes it has is the project's.

    name==1.2.3 ; marker \
        --hash=sha256:HEX --hash=sha256:HEX
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.errors import Usage

MAKE = "uv pip compile --generate-hashes --no-emit-index-url requirements.in -o requirements.lock"

_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[A-Za-z0-9._, -]*\])?\s*==\s*"
    r"(?P<version>[A-Za-z0-9.!+_-]+)\s*(?:;[^#\\]*?)?(?=\s--hash|\s*\Z)"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?=\s|\Z)")
_ANY_HASH = re.compile(r"--hash[= ]\S+")


@dataclass(frozen=True)
class Requirement:
    """One locked package: its normal name, its version, the digests that its wheels may have (hex), its line."""

    name: str
    version: str
    hashes: frozenset[str]
    line: int


def normal(name: str) -> str:
    """A package's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_lock(data: bytes, filename: str = "requirements.lock") -> tuple[Requirement, ...]:
    """The locked packages. One name may stand twice, under different markers.

    Raises Usage: LG340 when it is no text or names no package, LG341 for a package without a SHA-256, LG342 for
    anything but `name==version`: an address, a path, an option, a version that floats. File and line are named.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Usage("LG340", f"{filename} is not UTF-8", seen={"byte": error.start}, next=MAKE) from None
    found = tuple(_requirement(filename, line, entry) for line, entry in _entries(text))
    if not found:
        raise Usage("LG340", f"{filename} locks no package", next=MAKE)
    return found


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Each logical line with the number of its first physical one; comments and continuations are undone."""
    held, start = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?:^|\s)#.*", "", raw).rstrip()
        start = start if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        entry, held = (held + line).strip(), ""
        if entry:
            yield start, entry
    if held.strip():
        yield start, held.strip()


def _requirement(filename: str, line: int, entry: str) -> Requirement:
    pinned = _PINNED.match(entry)
    if pinned is None:
        raise Usage(
            "LG342",
            f"{filename}:{line}: only name==version with hashes is taken, not {entry[:80]!r}",
            seen={"line": line},
            next=MAKE,
        )
    hashes = frozenset(_HASH.findall(entry))
    rest = _ANY_HASH.sub("", entry[pinned.end() :]).strip()
    if rest:
        raise Usage("LG342", f"{filename}:{line}: {rest[:80]!r} is no hash of a wheel", seen={"line": line}, next=MAKE)
    if not hashes:
        raise Usage(
            "LG341",
            f"{filename}:{line}: {pinned['name']} has no SHA-256",
            seen={"line": line, "package": pinned["name"]},
            next=MAKE,
        )
    return Requirement(normal(pinned["name"]), pinned["version"], hashes, line)
