"""What a project asks for -> what is resolved: the person's requirements and those of our own jails. Pure.

The person's are read strictly, one requirement a line (PEP 508), comments allowed: an option or an address would decide
where packages come from, which is the machine's and lockgate.toml's business.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from lockgate.core.toml_lines import line_of, lines_of_keys
from lockgate.errors import Usage
from lockgate.runtime.lock import normal

OURS: tuple[str, ...] = (
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "protobuf<7",
    "pyarrow",
    "pydantic",
    "scikit-learn",
    "skl2onnx",
)
"""What converts, judges and serves a model in the locked environment; `requirements/project.in` says the same."""

_CONVERTED = {"torch": "onnxscript", "keras": "onnxscript"}
"""scikit-learn, XGBoost and LightGBM need nothing more: their graphs are written by Lockgate itself."""


def ours(theirs: Iterable[Requirement]) -> tuple[str, ...]:
    """What our jails need, with the converters of the libraries that the person asks for."""
    extra = {_CONVERTED[name] for each in theirs if (name := normal(each.name)) in _CONVERTED}
    return (*OURS, *sorted(extra))


def read_requirements(text: str, filename: str) -> tuple[Requirement, ...]:
    """The requirements of a requirements.in. Raises Usage LG351 with file and line."""
    found = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?:^|\s)#.*", "", raw).strip()
        if line:
            found.append(_one(line, filename, number))
    return tuple(found)


def read_pyproject(text: str, filename: str) -> tuple[Requirement, ...]:
    """The requirements of `[project] dependencies`. Raises Usage LG351."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _flaw(filename, 1, f"not TOML: {error}") from None
    project = document.get("project")
    listed = project.get("dependencies") if isinstance(project, dict) else None
    line = line_of(lines_of_keys(text), ("project", "dependencies"))
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise _flaw(filename, line, "it has no list [project] dependencies")
    return tuple(_one(each, filename, line) for each in listed)


def read_one(text: str) -> Requirement:
    """One requirement, of one line and without an address, for uv's list.

    Raises ValueError, with the reason: a marker may hold any text, and a second line would be an option to uv.
    """
    try:
        found = Requirement(text)
    except (InvalidRequirement, RecursionError):
        raise ValueError(f"{text[:80]!r} is no requirement such as numpy>=2") from None
    if len(text.splitlines()) != 1:
        raise ValueError(f"{text[:80]!r} is more than one line")
    if found.url:
        raise ValueError(f"{found.name} has an address: only packages of an index are taken")
    return found


def clashes(theirs: Iterable[Requirement], needed: Iterable[str], known: Sequence[str] = ()) -> list[str]:
    """The packages of which the person asks for versions that our converters cannot take, each in words.

    Told without an index, hence only for those bounds that no version at all can meet.
    """
    found = []
    mine = {normal(each.name): each.specifier for each in map(Requirement, needed) if str(each.specifier)}
    for each in theirs:
        name = normal(each.name)
        if name in mine and not _can_both(each.specifier, mine[name], known):
            found.append(f"{name}: you ask for {each.specifier}, Lockgate's converters need {mine[name]}")
    return found


def _can_both(one: SpecifierSet, other: SpecifierSet, known: Sequence[str]) -> bool:
    """Whether a version meets both; tried are the versions that the bounds name, and those just beside them."""
    tried = {*known, "0", "999999"}
    for bound in (*one, *other):
        text = bound.version.removesuffix(".*")
        try:
            release = Version(text).release
        except InvalidVersion:
            continue
        below = list(release)
        while below and below[-1] == 0:
            below.pop()
        tried |= {text, text + ".1"}
        if below:
            below[-1] -= 1
            tried.add(".".join(map(str, [*below, 999999])))
    return any(one.contains(each, prereleases=True) and other.contains(each, prereleases=True) for each in tried)


def _one(line: str, filename: str, number: int) -> Requirement:
    try:
        return read_one(line)
    except ValueError as error:
        raise _flaw(filename, number, str(error)) from None


def _flaw(filename: str, line: int, why: str) -> Usage:
    return Usage("LG351", f"{filename}:{line}: {why}", seen={"file": filename, "line": line}, next=f"edit {filename}")
