r"""requirements.lock: exact versions with hashes, nothing else. Pure.

The form is that of pip's hash-checking mode, without addresses: where a wheel is fetched from is the machine's
business, which bytes it has is the project's.

    name==1.2.3 ; marker \
        --hash=sha256:HEX --hash=sha256:HEX

A line whose marker excludes this interpreter locks nothing here. `runtime.locked.read` knows the other two forms.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.errors import Refused, Usage

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

MAKE = "lockgate lock   # makes requirements.lock, with hashes, from requirements.in"

_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[A-Za-z0-9._, -]*\])?\s*==\s*"
    r"(?P<version>[A-Za-z0-9.!+_-]+)\s*(?:;(?P<marker>[^#\\]*?))?(?=\s--hash|\s*\Z)"
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
_VERSION = re.compile(r"[A-Za-z0-9.!+_-]{1,128}\Z")
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


def locked(filename: str, line: int, name: str, version: str, hashes: frozenset[str]) -> Requirement:
    """The requirement, with its name in normal form.

    Names and versions are written into the lists that uv reads: whatever is neither would be an option there.
    Raises Usage LG342.
    """
    flaw = "" if _NAME.match(name) else f"{name[:80]!r} is no name of a package"
    if not flaw and not _is_version(version):
        flaw = f"{version[:80]!r} is no version"
    if flaw:
        raise Usage("LG342", f"{filename}:{line}: {flaw}", seen={"line": line}, next=MAKE)
    return Requirement(normal(name), version, hashes, line)


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return bool(_VERSION.match(text))  # `packaging` lets white space stand around a version


def parse_lock(data: bytes, filename: str = "requirements.lock") -> tuple[Requirement, ...]:
    """The locked packages. One name may stand twice, under different markers.

    Raises Usage: LG340 when it is no text or names no package, LG341 for a package without a SHA-256, LG342 for
    anything but `name==version`: an address, a path, an option, a version that floats. File and line are named.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Usage("LG340", f"{filename} is not UTF-8", seen={"byte": error.start}, next=MAKE) from None
    read = [_requirement(filename, line, entry) for line, entry in _entries(text)]
    found = tuple(requirement for requirement, applies in read if applies)
    if not found:
        raise Usage("LG340", f"{filename} locks no package", next=MAKE)
    return found


def pins_of(data: bytes) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Versions and hashes by package, for every platform; nothing for what is no requirements.lock."""
    found: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    try:
        read = [_requirement("", line, entry)[0] for line, entry in _entries(data.decode("utf-8"))]
    except (UnicodeDecodeError, Usage):
        return {}
    for each in read:
        versions, hashes = found.get(each.name, (frozenset(), frozenset()))
        found[each.name] = (versions | {each.version}, hashes | each.hashes)
    return found


def marker_holds(marker: Marker | str, *, groups: frozenset[str] = frozenset()) -> bool:
    """Whether `marker` holds for this interpreter, without extras and with the dependency groups `groups`.

    Raises ValueError for what is no marker, or compares what cannot be compared.
    """
    from packaging.markers import Marker, default_environment

    here: dict[str, str | frozenset[str]] = {**default_environment()}  # type: ignore[dict-item]
    here |= {"extra": "", "extras": frozenset(), "dependency_groups": groups}
    try:
        return (Marker(marker) if isinstance(marker, str) else marker).evaluate(here, "lock_file")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def refuse_other_python(filename: str, line: int, what: str, wanted: SpecifierSet) -> None:
    """Raises Usage LG340 when `wanted`, a requires-python, leaves this interpreter out."""
    here = ".".join(str(part) for part in sys.version_info[:3])
    if not wanted.contains(here, prereleases=True):
        message = f"{filename}:{line}: {what} is for Python {wanted}; this is {here}"
        raise Usage("LG340", message, seen={"line": line, "python": here}, next=MAKE)


def no_hash(filename: str, line: int, package: str) -> Usage:
    """The error for a package whose bytes the lock does not fix."""
    message = f"{filename}:{line}: {package} has no SHA-256"
    return Usage("LG341", message, seen={"line": line, "package": package}, next=MAKE)


def bad_source(filename: str, line: int, package: str, kind: str) -> Usage:
    """The error for a package that comes from somewhere else than an index."""
    message = f"{filename}:{line}: {package} comes from {kind}: only wheels of an index are taken"
    return Usage("LG342", message, seen={"line": line, "package": package, "source": kind}, next=MAKE)


def no_wheel(filename: str, line: int, package: str) -> Refused:
    """The error for a package that the lock knows as a source distribution only."""
    message = f"{filename}:{line}: {package} has no wheel: only wheels are taken"
    return Refused("LG344", message, seen={"line": line, "package": package}, next=f"lockgate lock --build {package}")


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Each logical line with the number of its first physical one; comments and continuations are undone.

    White space is one space each: what looks at a line behind a run of spaces takes the square of their number.
    """
    held, start = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?:^|\s)#.*", "", raw).rstrip()
        start = start if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        entry, held = " ".join((held + line).split()), ""
        if entry:
            yield start, entry
    if held.strip():
        yield start, " ".join(held.split())


def _requirement(filename: str, line: int, entry: str) -> tuple[Requirement, bool]:
    """The requirement, and whether its marker holds here."""
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
        raise no_hash(filename, line, pinned["name"])
    found = locked(filename, line, pinned["name"], pinned["version"], hashes)
    return found, _applies(filename, line, pinned)


def _applies(filename: str, line: int, pinned: re.Match[str]) -> bool:
    written = (pinned["marker"] or "").strip()
    try:
        return not written or marker_holds(written)
    except ValueError:
        message = f"{filename}:{line}: {written[:80]!r} is no marker"
        raise Usage("LG342", message, seen={"line": line}, next=MAKE) from None
