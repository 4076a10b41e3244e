"""The decisions of ingest as functions of values: pins, manifest, statement. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from lockgate.contract.account import Account
from lockgate.contract.inputs import dependency
from lockgate.core.digest import Digest
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.core.statement import PROVENANCE, Statement, Subject, claim_uri, resource
from lockgate.errors import Refused
from lockgate.ingest.spec import CapturedFile, IngestSpec, Kept

SNAPSHOT = "snapshot.parquet"
MANIFEST = "manifest.json"
BUILDER = "urn:lockgate:builder:ingest:v1"


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


def manifest(account: Account, files: Sequence[CapturedFile]) -> bytes:
    """The manifest's bytes: kind, columns, rows, and per file digest, rows, bytes and format."""
    return encode(
        {
            "v": 1,
            "kind": account.kind,
            "columns": list(account.columns),
            "rows": sum(account.rows),
            "files": [file.as_json() for file in files],
        }
    )


def statement(
    spec: IngestSpec,
    files: Sequence[CapturedFile],
    *,
    snapshot: Digest,
    manifest_digest: Digest,
    jail: Mapping[str, object],
    fetchers: Sequence[Mapping[str, object]] = (),
    inputs: Sequence[Kept] = (),
    started: datetime,
    finished: datetime,
) -> Statement:
    """The provenance of a snapshot. `jail` parsed the files, `fetchers` fetched those from elsewhere.

    `inputs` are kept for training, beside the rows.
    """
    dependencies = [resource(f.name, f.digest, rows=f.rows, bytes=f.size, format=f.format, **f.origin) for f in files]
    dependencies += [
        dependency(one.wanted.name, one.wanted.sha256, source=one.wanted.source, bytes=one.size, **one.origin)
        for one in inputs
    ]
    inside = {"jail": jail, "fetchers": list(fetchers)} if fetchers else {"jail": jail}
    return Statement(
        (Subject(SNAPSHOT, snapshot), Subject(MANIFEST, manifest_digest)),
        PROVENANCE,
        {
            "buildDefinition": {
                "buildType": claim_uri("ingest"),
                "externalParameters": spec.as_json(),
                "internalParameters": inside,
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {"startedOn": rfc3339(started), "finishedOn": rfc3339(finished)},
                "byproducts": [resource(MANIFEST, manifest_digest)],
            },
        },
    )
