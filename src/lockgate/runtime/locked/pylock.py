"""pylock.toml (PEP 751) -> requirements. Pure; the form is read by `packaging`.

[[packages]]
name = "numpy"
version = "2.4.6"
marker = "python_version >= '3.11'"
wheels = [{url = "https://...", hashes = {sha256 = "HEX"}}]     the address is not used
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packaging.markers import Marker
from packaging.pylock import Package, Pylock, PylockUnsupportedVersionError, PylockValidationError

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


def read(raw: Mapping[str, Any], lines: dict[Path, int], filename: str) -> tuple[Requirement, ...]:
    """The packages that apply here: default groups, no extras. Raises as `read.read`."""
    try:
        document = Pylock.from_dict(raw)
    except (PylockValidationError, PylockUnsupportedVersionError, RecursionError) as error:
        raise Usage("LG340", f"{filename} is no pylock.toml: {error}"[:500], next=MAKE) from None
    if document.requires_python is not None:
        refuse_other_python(filename, line_of(lines, ("requires-python",)), "this lock", document.requires_python)
    groups = frozenset(document.default_groups or ())
    if document.environments and not any(
        _holds(each, groups, filename, line_of(lines, ("environments",))) for each in document.environments
    ):
        message = f"{filename}:{line_of(lines, ('environments',))}: this lock is for other environments than this one"
        raise Usage("LG340", message, next=MAKE)
    found = []
    for place, package in enumerate(document.packages):
        line = line_of(lines, ("packages", place))
        if package.marker is None or _holds(package.marker, groups, filename, line):
            found.append(_requirement(package, filename, line))
    return tuple(found)


def _holds(marker: Marker, groups: frozenset[str], filename: str, line: int) -> bool:
    try:
        return marker_holds(marker, groups=groups)
    except ValueError:
        message = f"{filename}:{line}: {str(marker)[:80]!r} is no marker that can be judged"
        raise Usage("LG340", message, seen={"line": line}, next=MAKE) from None


def _requirement(package: Package, filename: str, line: int) -> Requirement:
    name = normal(package.name)
    kinds = {"vcs": package.vcs, "directory": package.directory, "archive": package.archive}
    kind = next((word for word, value in kinds.items() if value is not None), "")
    if kind:
        raise bad_source(filename, line, name, kind)
    if package.version is None:
        raise Usage("LG342", f"{filename}:{line}: {name} has no version", seen={"line": line}, next=MAKE)
    if package.requires_python is not None:
        refuse_other_python(filename, line, name, package.requires_python)
    if not package.wheels:
        raise no_wheel(filename, line, name)
    hashes = frozenset(wheel.hashes["sha256"].lower() for wheel in package.wheels if wheel.hashes.get("sha256"))
    if len(hashes) == 0 or any(len(each) != 64 or not set(each) <= set("0123456789abcdef") for each in hashes):
        raise no_hash(filename, line, name)
    return locked(filename, line, name, str(package.version), hashes)
