"""The shell of ingest: capture, parse in a jail, store, sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.contract.reading import read_sources
from lockgate.contract.sources import SourceFile, capture, expand
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.ingest import rules
from lockgate.ingest.spec import CapturedFile, IngestResult, IngestSpec

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace


def run(workplace: Workplace, spec: IngestSpec) -> IngestResult:
    """Make a snapshot of `spec.sources`.

    1. Every file is opened without following a link, hashed and copied from that descriptor, and has its pinned
    digest.   2. A jail without network or keys parses the copies.   3. Its account fits what was captured.
    4. Snapshot and manifest are stored write-once.   5. The ingester signs the statement.

    Raises Refused LG101 to LG122 about a source, Usage LG116 about a setting.
    """
    started = workplace.now()
    with workplace.scratch() as scratch:
        sources = _capture(workplace.root, spec, scratch)  # 1
        snapshot, account, report = read_sources(
            sources, null=spec.null, delimiter=spec.delimiter, encoding=spec.encoding, into=scratch / "out"
        )  # 2, 3
        with snapshot.open("rb") as stream:
            snapshot_digest = workplace.data.put(stream)  # 4
    files = tuple(
        CapturedFile(source.name, source.digest, source.size, rows, account.kind)
        for source, rows in zip(sources, account.rows, strict=True)
    )
    manifest_digest = workplace.data.put(rules.manifest(account, files))
    statement = rules.statement(
        spec,
        files,
        snapshot=snapshot_digest,
        manifest_digest=manifest_digest,
        jail=report.as_json(),
        started=started,
        finished=workplace.now(),
    )
    evidence = workplace.record("ingester", statement)  # 5
    return IngestResult(snapshot_digest, manifest_digest, sum(account.rows), files, evidence)


def _capture(root: Path, spec: IngestSpec, scratch: Path) -> list[SourceFile]:
    pins: dict[str, Digest] = dict(spec.pins)
    chosen: dict[str, str | None] = {}
    for source in spec.sources:
        names = expand(root, source.pattern)
        if source.sha256 is not None:
            if len(names) != 1:
                raise Refused(
                    "LG121",
                    f"{source.pattern} is pinned to one digest and matches {len(names)} files",
                    seen={"pattern": source.pattern, "files": len(names)},
                    next="pin each file by its name in [data.pins]",
                )
            pins[names[0]] = source.sha256
        chosen |= {name: source.format for name in names if name not in chosen}
    rules.check_pinned_names(chosen, pins)
    found = []
    for number, (name, declared) in enumerate(chosen.items()):
        found.append(capture(root, name, scratch / f"source-{number:05d}", declared))
        rules.check_pin(name, found[-1].digest, pins)
    return found
