"""The papers of a release: bill of materials (CycloneDX 1.6), provenance (SLSA v1), notes, the chart's archive. Pure.

A paper says what it was handed and nothing else: the bill's versions and hashes are the lock's, its licences what the
wheels that are installed here declare, each marked so.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lockgate.core.digest import digest_of
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import PROVENANCE, Statement, Subject

BUILD_TYPE = "urn:lockgate:build:release:v1"
BUILDER = "urn:lockgate:builder:make-release:v1"
REHEARSAL = "urn:lockgate:builder:rehearsal:v1"
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^ \\;]+)(?: *; *([^\\]*))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pinned:
    """One requirement of a lock: its version, for whom, the SHA-256 of each file that may be it, who asks for it."""

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()
    asked_by: tuple[str, ...] = ()

    @property
    def purl(self) -> str:
        """`pkg:pypi/click@8.3.1`."""
        return f"pkg:pypi/{self.name}@{self.version.replace('+', '%2B').replace('!', '%21')}"


def read_lock(text: str) -> tuple[Pinned, ...]:
    """Every requirement of a lock as `make lock` writes it. Raises ValueError for one without a hash."""
    found: list[Pinned] = []
    for line in text.splitlines():
        if line[:1].isalnum():
            pin = _PIN.match(line)
            if pin is None:
                raise ValueError(f"no pinned requirement: {line!r}")
            found.append(Pinned(pin[1].lower(), pin[2], (pin[3] or "").strip()))
        elif found and (hashed := _HASH.search(line)):
            found[-1] = replace(found[-1], hashes=(*found[-1].hashes, hashed[1]))
        elif found and (asked := line.strip().removeprefix("#").strip().removeprefix("via").strip()):
            found[-1] = replace(found[-1], asked_by=(*found[-1].asked_by, asked))
    bare = [each.name for each in found if not each.hashes]
    if bare or not found:
        raise ValueError(f"the lock gives no hash for {', '.join(bare) or 'anything'}")
    return tuple(found)


def bill(version: str, wheel: bytes, lock: Sequence[Pinned], licences: Mapping[str, str], time: datetime) -> bytes:
    """CycloneDX 1.6 of the wheel and what it needs when it runs, as locked.

    `licences`: SPDX expressions by name. The hashes stand where the files are told (`externalReferences`): each is one
    file that may be installed as that component, and no component has several contents.
    """
    own = f"pkg:pypi/lockgate@{version}"
    ours = {
        "type": "application",
        "bom-ref": own,
        "name": "lockgate",
        "version": version,
        "purl": own,
        "hashes": [_sha256(hashlib.sha256(wheel).hexdigest())],
        "licenses": [{"expression": "Apache-2.0", "acknowledgement": "declared"}],
    }
    needs: dict[str, list[str]] = {own: [], **{each.purl: [] for each in lock}}
    known = {each.name: each.purl for each in lock}
    for each in lock:
        for asking in each.asked_by:
            needs[own if asking.startswith("-r ") else known[asking]].append(each.purl)
    return encode(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"timestamp": rfc3339(time), "component": ours},
            "components": [_component(each, licences.get(each.name, "")) for each in lock],
            "dependencies": [{"ref": ref, "dependsOn": sorted(set(on))} for ref, on in sorted(needs.items())],
        }
    )


def _component(each: Pinned, licence: str) -> dict[str, Any]:
    files = [{"type": "distribution", "url": each.purl, "hashes": [_sha256(one)]} for one in each.hashes]
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": each.purl,
        "name": each.name,
        "version": each.version,
        "purl": each.purl,
        "scope": "required",
        "externalReferences": files,
    }
    if licence:
        found["licenses"] = [{"expression": licence, "acknowledgement": "declared"}]
    if each.marker:
        found["properties"] = [{"name": "lockgate:marker", "value": each.marker}]
    return found


def _sha256(content: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": content}


@dataclass(frozen=True)
class Made:
    """How the files came to be. `tools`: name and version of what built them; `locks`: bytes by name."""

    commit: str
    version: str
    epoch: int
    command: str
    tools: Mapping[str, str]
    locks: Mapping[str, bytes]
    started: datetime
    finished: datetime
    rehearsal: bool


def provenance(files: Mapping[str, bytes], made: Made) -> Statement:
    """SLSA provenance v1 over each of `files`. Source: slsa.dev/spec/v1.0/provenance."""
    resolved: list[dict[str, Any]] = [{"name": "source", "digest": {"gitCommit": made.commit}}]
    resolved += [
        {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}
        for name, data in sorted(made.locks.items())
    ]
    resolved += [
        {"uri": f"pkg:pypi/{name}@{version}" if name == "hatchling" else f"urn:lockgate:tool:{name}:{version}"}
        for name, version in sorted(made.tools.items())
    ]
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"version": made.version, "commit": made.commit},
            "internalParameters": {
                "command": made.command,
                "SOURCE_DATE_EPOCH": made.epoch,
                "tools": dict(made.tools),
                "rehearsal": made.rehearsal,
            },
            "resolvedDependencies": resolved,
        },
        "runDetails": {
            "builder": {"id": REHEARSAL if made.rehearsal else BUILDER},
            "metadata": {"startedOn": rfc3339(made.started), "finishedOn": rfc3339(made.finished)},
        },
    }
    return Statement(
        tuple(Subject(name, digest_of(data)) for name, data in sorted(files.items())), PROVENANCE, predicate
    )


def notes(version: str, commit: str, verifier: str, told: str, keyid: str, changes: str) -> bytes:
    """The text of the release. Its first line is the digest that outsiders compare."""
    return (
        f"`lockgate_verify.py` SHA-256 `{verifier}` ({told})\n"
        f"Signed with the key `{keyid}`; built from commit `{commit}`.\n\n"
        f"# Lockgate {version}\n\n{changes}\n"
    ).encode()


def sums(files: Mapping[str, bytes]) -> bytes:
    """As `sha256sum` writes and reads it, sorted by name."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())).encode()


def chart(files: Iterable[tuple[str, bytes]], epoch: int) -> bytes:
    """A Helm chart as Helm takes it: a .tgz with one folder; the same files and second give the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files):
            entry = tarfile.TarInfo(f"lockgate/{name}")
            entry.size, entry.mtime, entry.mode = len(data), epoch, 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=epoch)
