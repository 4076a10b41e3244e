"""The shell of ingest: capture, parse in a jail, store, sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.contract.reading import read_sources
from lockgate.ingest import rules
from lockgate.ingest.addresses import is_remote
from lockgate.ingest.capture import capture_all
from lockgate.ingest.fetch import Asker
from lockgate.ingest.inputs import fetch_inputs, keep_inputs
from lockgate.ingest.spec import CapturedFile, IngestResult, IngestSpec

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace


def run(workplace: Workplace, spec: IngestSpec) -> IngestResult:
    """Make a snapshot of `spec.sources`.

    1. Who may not sign the result fetches nothing and learns no secret.   2. Every file is opened without following a
    link, hashed and copied from that descriptor; every object and every query's result is fetched in a jail and
    hashed; each has its pinned digest.   3. A jail without network or keys parses the copies.   4. Its account fits
    what was captured.   5. Snapshot and manifest are stored write-once, and each `[[input]]` that has the digest which
    lockgate.toml gives it.   6. The ingester signs the statement.

    Raises Refused LG101 to LG136 about a source, LG370 and LG371 about an input, Usage LG116 to LG131 about a setting,
    Unavailable LG126 and LG128.
    """
    started = workplace.now()
    named = [*(source.pattern for source in spec.sources), *(wanted.source for wanted in spec.inputs)]
    if any(is_remote(one) for one in named):
        workplace.keyring.signer("ingester")  # 1
    with workplace.scratch() as scratch:
        captured = capture_all(workplace.root, spec, scratch)  # 2
        sources = captured.files
        fetched, fetchers = fetch_inputs(spec, Asker(workplace.root, scratch), workplace)
        snapshot, account, report = read_sources(
            sources, null=spec.null, delimiter=spec.delimiter, encoding=spec.encoding, into=scratch / "out"
        )  # 3, 4
        with snapshot.open("rb") as stream:
            snapshot_digest = workplace.data.put(stream)  # 5
        inputs = keep_inputs(fetched, workplace.data)
    files = tuple(
        CapturedFile(source.name, source.digest, source.size, rows, account.kind, source.origin)
        for source, rows in zip(sources, account.rows, strict=True)
    )
    manifest_digest = workplace.data.put(rules.manifest(account, files))
    statement = rules.statement(
        spec,
        files,
        snapshot=snapshot_digest,
        manifest_digest=manifest_digest,
        jail=report.as_json(),
        fetchers=[one.as_json() for one in (*captured.fetchers, *fetchers)],
        inputs=inputs,
        started=started,
        finished=workplace.now(),
    )
    evidence = workplace.record("ingester", statement)  # 6
    return IngestResult(snapshot_digest, manifest_digest, sum(account.rows), files, evidence)
