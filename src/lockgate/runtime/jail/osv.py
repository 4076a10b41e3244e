"""Which locked packages have known vulnerabilities, by a database of OSV. Runs in the `parse` jail: no network.

Task on standard input: {"packages": [[normal name, version]]}. Reads /in/osv.zip, OSV's export of one ecosystem: a
zip of JSON files, one per entry. Writes osv.json:

    {"entries": n, "modified": RFC3339 of the newest entry,
     "found": [{"package", "version", "id", "aliases": [...], "severity", "summary"}]}

or the finding LG356. What cannot be judged for lack of form counts as a hit, where it is said of a package; an entry
that does not say of which package it speaks makes the database one that cannot be used. Fail closed.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.version import InvalidVersion, Version

from lockgate.contract.findings import clean
from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused

_MOST_ENTRIES = 2_000_000
_MOST_ENTRY = 32 << 20
_MOST_BYTES = 16 << 30
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
_LOWEST = Version("0.dev0")
_EVENTS = frozenset({"introduced", "fixed", "last_affected", "limit"})


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Look every package of the task up."""
    guarded(_work, out_dir(), unexpected="LG356")


def _work() -> None:
    packages = {name: Version(version) for name, version in read_task()["packages"]}
    found: list[dict[str, Any]] = []
    entries, newest = 0, ""
    for entry in _entries():
        entries += 1
        modified = str(entry.get("modified", ""))
        if _MOMENT.match(modified):
            newest = max(newest, modified[:19] + "Z")
        found.extend(hits(entry, packages))
    if not newest:
        raise _unusable("it holds no entry of OSV")
    found.sort(key=lambda each: (each["package"], each["id"]))
    (out_dir() / "osv.json").write_bytes(encode({"entries": entries, "modified": newest, "found": found}))


def _entries() -> Iterator[Mapping[str, Any]]:
    try:
        with zipfile.ZipFile(data_dir() / "osv.zip") as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".json")]
            if len(members) > _MOST_ENTRIES or sum(member.file_size for member in members) > _MOST_BYTES:
                raise _unusable("it unpacks to more than a database can be")
            for member in members:
                with archive.open(member) as file:
                    data = file.read(_MOST_ENTRY + 1)
                entry = json.loads(data) if len(data) <= _MOST_ENTRY else None
                if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
                    raise _unusable(f"{member.filename[:80]!r} is no entry of OSV")
                yield entry
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RecursionError) as error:
        raise _unusable(f"it is no zip of JSON files ({error})") from None


def hits(entry: Mapping[str, Any], packages: Mapping[str, Version]) -> Iterator[dict[str, Any]]:
    """What `entry` says against `packages` (normal name -> version). Withdrawn entries say nothing. Pure.

    Raises Refused LG356 for an entry that does not say in form which packages it is about.
    """
    if _MOMENT.match(str(entry.get("withdrawn", ""))):
        return
    told = set()
    for affected, package in _affected(entry):
        if package["ecosystem"].partition(":")[0].lower() != "pypi":
            continue
        name = re.sub(r"[-_.]+", "-", package["name"]).lower()
        if name in packages and name not in told and is_affected(affected, packages[name]):
            told.add(name)
            yield {
                "package": name,
                "version": str(packages[name]),
                "id": clean(entry["id"], 80),
                "aliases": sorted(clean(str(alias), 80) for alias in _list(entry.get("aliases")))[:20],
                "severity": _severity(entry, affected),
                "summary": clean(str(entry.get("summary", "")), 200),
            }


def _affected(entry: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, str]]]:
    """Each `affected`, and the package that it is about: a nameless one where it speaks of commits alone."""
    unusable = _unusable(f"{clean(str(entry['id']), 80)} does not say in form which packages it is about")
    listed = entry.get("affected", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise unusable
    for affected in listed:
        package = affected.get("package", {"name": "", "ecosystem": ""})
        if not isinstance(package, dict) or not all(isinstance(package.get(key), str) for key in ("name", "ecosystem")):
            raise unusable
        yield affected, package


def is_affected(affected: Mapping[str, Any], version: Version) -> bool:
    """Whether `version` is listed, or lies in one of the ranges, or nobody can tell. Pure.

    A local version (2.1.0+cpu) is a build of the version before the plus, which is what databases speak of.
    """
    versions, ranges = affected.get("versions", []), affected.get("ranges", [])
    if not isinstance(versions, list) or not isinstance(ranges, list):
        return True
    builds = {version, Version(version.public)}
    listed = {found for each in versions if (found := _version(each)) is not None}  # others are no version of a wheel
    if builds & listed:
        return True
    judged = [each for each in ranges if not isinstance(each, dict) or each.get("type") != "GIT"]
    if any(_in_range(each, one) for each in judged for one in builds):
        return True
    return not judged and not listed  # commits alone, or nothing at all: nobody says that this one is not affected


def _in_range(given: object, version: Version) -> bool:
    """Whether `version` is in a range; one that says nothing of it, or in another form than OSV's, counts."""
    if not isinstance(given, dict) or given.get("type") not in ("ECOSYSTEM", "SEMVER"):
        return True
    events = given.get("events")
    if not isinstance(events, list) or not all(isinstance(each, dict) and set(each) <= _EVENTS for each in events):
        return True
    return not any("introduced" in each for each in events) or _decided(events, version)


def _decided(events: Sequence[Mapping[str, object]], version: Version) -> bool:
    """OSV's algorithm: events in order of their version, the last one that applies decides."""
    steps: list[tuple[Version, int, str]] = []
    limits: list[Version | None] = []
    for event in events:
        for kind, text in event.items():
            at = _LOWEST if kind == "introduced" and text == "0" else _version(text)
            if kind == "introduced":
                steps.append((at or _LOWEST, 1, kind))
            elif kind in ("fixed", "last_affected") and at is not None:
                steps.append((at, 0 if kind == "fixed" else 2, kind))
            elif kind == "limit" and text != "*":
                limits.append(at)
    if limits and not any(limit is None or version < limit for limit in limits):
        return False
    inside = False
    for at, _, kind in sorted(steps):
        if kind == "introduced" and version >= at:
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            inside = False
    return inside


def _severity(entry: Mapping[str, Any], affected: Mapping[str, Any]) -> str:
    """The word of the database, with the score as it stands there; empty where none is given."""
    scores = [*_list(affected.get("severity")), *_list(entry.get("severity"))]
    score = next((str(each.get("score", "")) for each in scores if isinstance(each, dict)), "")
    own = entry.get("database_specific")
    word = own.get("severity") if isinstance(own, dict) else ""
    return clean(" ".join(part for part in (str(word or ""), score) if part), 120)


def _version(text: object) -> Version | None:
    try:
        return Version(str(text))
    except InvalidVersion:
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _unusable(why: str) -> Refused:
    following = "download it again, or correct [environment] osv in lockgate.toml"
    return Refused("LG356", f"the database of known vulnerabilities cannot be used: {why}", next=following)
