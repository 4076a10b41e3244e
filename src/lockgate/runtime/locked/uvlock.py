"""uv.lock -> requirements: what the project's own package needs on this interpreter. Pure.

    [[package]]
    name = "project"                            the root: the one whose source is the folder itself
    source = { virtual = "." }
    dependencies = [{ name = "numpy", marker = "...", extra = ["..."] }]

    [[package]]
    name = "numpy"
    version = "2.4.6"
    source = { registry = "https://..." }       the address is not used
    wheels = [{ url = "...", hash = "sha256:HEX" }]

Followed are `dependencies` and the extras that somebody asks for; groups for developing are not: training is not
developing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lockgate.core.toml_lines import Path, line_of
from lockgate.errors import Usage
from lockgate.runtime.lock import (
    MAKE,
    Requirement,
    bad_source,
    locked,
    marker_holds,
    no_hash,
    no_wheel,
    normal,
    refuse_other_python,
)

_HASH = re.compile(r"sha256:([0-9a-f]{64})\Z")
_VERSIONS = (1,)


def read(raw: Mapping[str, Any], lines: dict[Path, int], filename: str) -> tuple[Requirement, ...]:
    """The wheels that the root needs, sorted by name. Raises as `read.read`."""
    return _Reader(raw, lines, filename).read()


class _Reader:
    def __init__(self, raw: Mapping[str, Any], lines: dict[Path, int], filename: str) -> None:
        self.filename, self.lines = filename, lines
        if raw["version"] not in _VERSIONS:
            raise Usage("LG340", f"{filename}: version {raw['version']} of uv.lock is not known", next=MAKE)
        self.check_python(raw.get("requires-python", ""))
        self.packages: dict[str, list[int]] = {}
        self.entries: list[Mapping[str, Any]] = []
        for place, entry in enumerate(raw["package"]):
            if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
                raise self.malformed(place, "a package has a name")
            self.entries.append(entry)
            self.packages.setdefault(normal(entry["name"]), []).append(place)

    def read(self) -> tuple[Requirement, ...]:
        root = self.root()
        seen: set[tuple[int, str]] = set()
        waiting = [(root, "")]
        while waiting:
            step = waiting.pop()
            if step not in seen:
                seen.add(step)
                waiting.extend(self.needed(*step))
        places = sorted({place for place, _ in seen if place != root}, key=lambda each: str(self.entries[each]["name"]))
        return tuple(self.requirement(place) for place in places)

    def check_python(self, written: object) -> None:
        line = line_of(self.lines, ("requires-python",))
        try:
            wanted = SpecifierSet(str(written))
        except InvalidSpecifier:
            message = f"{self.filename}:{line}: {str(written)[:80]!r} is no requires-python"
            raise Usage("LG340", message, seen={"line": line}, next=MAKE) from None
        refuse_other_python(self.filename, line, "this lock", wanted)

    def root(self) -> int:
        found = [place for place, entry in enumerate(self.entries) if _kind(entry) in ("virtual", "editable")]
        own = [place for place in found if next(iter(self.entries[place]["source"].values())) == "."]
        if len(own) != 1:
            raise Usage("LG340", f"{self.filename} names no package that is the project itself", next=MAKE)
        return own[0]

    def needed(self, place: int, extra: str) -> Iterator[tuple[int, str]]:
        """The packages, each with one of its extras or none, that one package (or one extra of it) asks for."""
        entry = self.entries[place]
        optional = entry.get("optional-dependencies", {})
        if not isinstance(optional, dict):
            raise self.malformed(place, "optional-dependencies is a table")
        for wanted in self.listed(place, optional.get(extra, []) if extra else entry.get("dependencies", [])):
            if not isinstance(wanted, dict) or not isinstance(wanted.get("name"), str):
                raise self.malformed(place, "a dependency has a name")
            if not self.applies(place, wanted.get("marker", "")):
                continue
            target = self.named(place, wanted)
            for each in ("", *self.listed(place, wanted.get("extra", []))):
                yield target, str(each)

    def listed(self, place: int, value: object) -> list[Any]:
        if not isinstance(value, list):
            raise self.malformed(place, f"{str(value)[:80]!r} stands where a list must")
        return value

    def applies(self, place: int, marker: object) -> bool:
        try:
            return not marker or marker_holds(str(marker))
        except ValueError:
            raise self.malformed(place, f"{str(marker)[:80]!r} is no marker") from None

    def named(self, place: int, wanted: Mapping[str, Any]) -> int:
        among = self.packages.get(normal(wanted["name"]), [])
        if "version" in wanted:
            among = [each for each in among if self.entries[each].get("version") == wanted["version"]]
        if len(among) != 1:
            raise self.malformed(place, f"it needs {wanted['name']}, which stands here {len(among)} times")
        return among[0]

    def requirement(self, place: int) -> Requirement:
        entry, line = self.entries[place], self.line(place)
        name, version, kind = normal(entry["name"]), entry.get("version"), _kind(entry)
        if kind != "registry":
            raise bad_source(self.filename, line, name, kind or "no source")
        if not isinstance(version, str):
            raise self.malformed(place, f"{name} has no version")
        wheels = self.listed(place, entry.get("wheels", []))
        if not wheels:
            raise no_wheel(self.filename, line, name)
        matches = [_HASH.match(str(wheel.get("hash", ""))) for wheel in wheels if isinstance(wheel, dict)]
        hashes = frozenset(match[1] for match in matches if match)
        if not hashes:
            raise no_hash(self.filename, line, name)
        return locked(self.filename, line, entry["name"], version, hashes)

    def line(self, place: int) -> int:
        return line_of(self.lines, ("package", place))

    def malformed(self, place: int, why: str) -> Usage:
        line = self.line(place)
        return Usage("LG340", f"{self.filename}:{line}: {why}", seen={"line": line}, next=MAKE)


def _kind(entry: Mapping[str, Any]) -> str:
    source = entry.get("source")
    return str(next(iter(source), "")) if isinstance(source, dict) else ""
