"""The shell of ingest: capture, parse in a jail, store, sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.contract.jailed import Task, run_task
from lockgate.contract.sources import SourceFile, capture, expand, reading_task
from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.ingest import rules
from lockgate.ingest.spec import IngestResult, IngestSpec
from lockgate.sandbox.settings import Bind, JailSettings, Limits, PythonEnv, named
from lockgate.store.files import read_regular

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace

_READ = "read.json"
_MAX_ACCOUNT = 64 << 20
_LEAST_OUTPUT = 256 << 20


def run(workplace: Workplace, spec: IngestSpec) -> IngestResult:
    """Make a snapshot of `spec.sources`.

    1. Every file is opened without following a link, hashed and copied from that descriptor, and has its pinned
    digest.   2. A jail without network or keys parses the copies.   3. Its account fits what was captured.
    4. Snapshot and manifest are stored write-once.   5. The ingester signs the statement.

    Raises Refused LG101 to LG122 about a source, Usage LG116 about a setting.
    """
    started = workplace.now()
    with workplace.scratch() as scratch:
        files = _capture(workplace.root, spec, scratch)  # 1
        settings = reading_settings(files)
        task = reading(files, spec)
        given, report = run_task(settings, task, scratch / "out")  # 2
        account = read_regular(given[_READ], _MAX_ACCOUNT)
        try:
            described, captured = rules.read_account(account, [(f.name, f.digest, f.size) for f in files])  # 3
        except ValueError as error:
            raise Refused(
                "LG122", f"the reading jail's account is not in form: {error}", next="lockgate doctor"
            ) from None
        with given[rules.SNAPSHOT].open("rb") as snapshot:
            snapshot_digest = workplace.data.put(snapshot)  # 4
        manifest_digest = workplace.data.put(rules.manifest(described, captured))
    statement = rules.statement(
        spec,
        captured,
        snapshot=snapshot_digest,
        manifest_digest=manifest_digest,
        jail=report.as_json(),
        started=started,
        finished=workplace.now(),
    )
    evidence = workplace.record("ingester", statement)  # 5
    return IngestResult(snapshot_digest, manifest_digest, described["rows"], tuple(captured), evidence)


def reading(files: list[SourceFile], spec: IngestSpec) -> Task:
    """The task of the reading jail."""
    return Task(
        module="lockgate.contract.jail.read",
        given=reading_task(files, null=spec.null, delimiter=spec.delimiter, encoding=spec.encoding),
        gives=(rules.SNAPSHOT, _READ),
        findings=rules.FINDINGS,
        died="LG115",
        work="reading the sources",
        next="give fewer or smaller files: narrow [data] sources in lockgate.toml",
    )


def reading_settings(files: list[SourceFile]) -> JailSettings:
    """The `parse` jail for captured files. Its output may be as large as they are."""
    output = max(_LEAST_OUTPUT, 2 * sum(file.size for file in files))
    binds = [Bind(file.path, f"/in/{file.path.name}") for file in files]
    return named("parse", python=PythonEnv.own(), limits=Limits(output_bytes=output), binds=binds)


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
