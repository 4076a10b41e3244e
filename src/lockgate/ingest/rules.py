"""The decisions of ingest as functions of values: pins, the jail's account of its reading, manifest, statement. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from lockgate.contract.spec import SOURCE_KINDS
from lockgate.core.digest import Digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import PROVENANCE, Statement, Subject, claim_uri, resource
from lockgate.errors import Refused
from lockgate.ingest.spec import CapturedFile, IngestSpec

SNAPSHOT = "snapshot.parquet"
MANIFEST = "manifest.json"
BUILDER = "urn:lockgate:builder:ingest:v1"

FINDINGS = frozenset({"LG119", *(f"LG{number}" for number in range(103, 118))})
"""What the reading jail may complain of."""


def check_pin(name: str, digest: Digest, pins: Mapping[str, Digest]) -> None:
    """Raises Refused LG120 when `name` is pinned to another digest."""
    pinned = pins.get(name)
    if pinned is not None and pinned != digest:
        raise Refused(
            "LG120",
            f"{name} is not the file that the project pinned",
            seen={"file": name, "pinned": pinned, "found": digest},
            next=f"fetch {name} again, or, if the change is meant, change its pin in lockgate.toml",
        )


def check_pinned_names(names: Collection[str], pins: Mapping[str, Digest]) -> None:
    """Raises Refused LG121 when a pin names a file that is not among the sources."""
    lost = sorted(set(pins) - set(names))
    if lost:
        raise Refused(
            "LG121",
            f"lockgate.toml pins {lost[0]}, which no source names",
            seen={"pins": lost},
            next="correct [data.pins] or [data] sources in lockgate.toml",
        )


def read_account(data: bytes, captured: Sequence[tuple[str, Digest, int]]) -> tuple[dict[str, Any], list[CapturedFile]]:
    """The jail's read.json, checked against what was captured: (name, digest, size) per file.

    Raises ValueError when files, order or sums are not those of the capture.
    """
    account = decode_exact(data)
    if not isinstance(account, dict) or set(account) != {"kind", "columns", "files", "rows"}:
        raise ValueError("read.json has exactly kind, columns, files and rows")
    if account["kind"] not in SOURCE_KINDS or not isinstance(account["columns"], list):
        raise ValueError("an unknown kind of source")
    files, entries = [], account["files"]
    if not isinstance(entries, list) or len(entries) != len(captured):
        raise ValueError("not one entry per file")
    for entry, (name, digest, size) in zip(entries, captured, strict=True):
        if not isinstance(entry, dict) or set(entry) != {"name", "format", "rows"} or entry["name"] != name:
            raise ValueError(f"the entry of {name} is not in form")
        if type(entry["rows"]) is not int or entry["rows"] < 0 or entry["format"] != account["kind"]:
            raise ValueError(f"rows or format of {name} are not in form")
        files.append(CapturedFile(name, digest, size, entry["rows"], entry["format"]))
    if account["rows"] != sum(file.rows for file in files) or not account["rows"]:
        raise ValueError("the rows do not add up")
    return account, files


def manifest(account: Mapping[str, Any], files: Sequence[CapturedFile]) -> bytes:
    """The manifest's bytes: kind, columns, rows, and per file digest, rows, bytes and format."""
    listed = [file.as_json() for file in files]
    return encode(
        {"v": 1, "kind": account["kind"], "columns": account["columns"], "rows": account["rows"], "files": listed}
    )


def statement(
    spec: IngestSpec,
    files: Sequence[CapturedFile],
    *,
    snapshot: Digest,
    manifest_digest: Digest,
    jail: Mapping[str, object],
    started: datetime,
    finished: datetime,
) -> Statement:
    """The provenance of a snapshot."""
    dependencies = [resource(f.name, f.digest, rows=f.rows, bytes=f.size, format=f.format) for f in files]
    return Statement(
        (Subject(SNAPSHOT, snapshot), Subject(MANIFEST, manifest_digest)),
        PROVENANCE,
        {
            "buildDefinition": {
                "buildType": claim_uri("ingest"),
                "externalParameters": spec.as_json(),
                "internalParameters": {"jail": jail},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {"startedOn": rfc3339(started), "finishedOn": rfc3339(finished)},
                "byproducts": [resource(MANIFEST, manifest_digest)],
            },
        },
    )
