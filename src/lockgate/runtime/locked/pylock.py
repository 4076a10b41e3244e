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

from packaging.pylock import Package, Pylock, PylockUnsupportedVersionError, PylockValidationError

from lockgate.core.toml_lines import Path, line_of
from lockgate.errors import Usage
from lockgate.runtime.lock import MAKE, Requirement, bad_source, marker_holds, no_hash, no_wheel, normal


def read(raw: Mapping[str, Any], lines: dict[Path, int], filename: str) -> tuple[Requirement, ...]:
    """The packages that apply here: default groups, no extras. Raises as `read.read`."""
    try:
        document = Pylock.from_dict(raw)
    except (PylockValidationError, PylockUnsupportedVersionError) as error:
        raise Usage("LG340", f"{filename} is no pylock.toml: {error}"[:500], next=MAKE) from None
    groups = frozenset(document.default_groups or ())
    found = []
    for place, package in enumerate(document.packages):
        if package.marker is None or marker_holds(package.marker, groups=groups):
            found.append(_requirement(package, filename, line_of(lines, ("packages", place))))
    return tuple(found)


def _requirement(package: Package, filename: str, line: int) -> Requirement:
    name = normal(package.name)
    kinds = {"vcs": package.vcs, "directory": package.directory, "archive": package.archive}
    kind = next((word for word, value in kinds.items() if value is not None), "")
    if kind:
        raise bad_source(filename, line, name, kind)
    if package.version is None:
        raise Usage("LG342", f"{filename}:{line}: {name} has no version", seen={"line": line}, next=MAKE)
    if not package.wheels:
        raise no_wheel(filename, line, name)
    hashes = frozenset(wheel.hashes["sha256"].lower() for wheel in package.wheels if wheel.hashes.get("sha256"))
    if len(hashes) == 0 or any(len(each) != 64 or not set(each) <= set("0123456789abcdef") for each in hashes):
        raise no_hash(filename, line, name)
    return Requirement(name, str(package.version), hashes, line)
