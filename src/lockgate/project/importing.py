"""Models that were made elsewhere: taking one in, the list of them, and what of one can be proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockgate.audit.imported_gate import gate
from lockgate.audit.imports import Import, check_follows, imports, refuse_revoked
from lockgate.audit.stored_imports import check_imported
from lockgate.audit.withdrawn import withdrawn
from lockgate.core.digest import Digest, parse_digest
from lockgate.core.moments import rfc3339
from lockgate.core.shown_html import Shown
from lockgate.errors import Refused, Usage
from lockgate.project.reports import Link, ModelReport
from lockgate.project.sentences import sentence
from lockgate.project.steps import Steps, as_warning, report_of
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.ledger import Ledger
    from lockgate.audit.workplace import Workplace
    from lockgate.register.imports.run import Confirm
    from lockgate.trust.policy import EnvironmentPolicy

NOT_PROVED = (
    "anything about its training: data, code, who trained it",
    "what it answers, and whether it hides a backdoor",
    "that who vouched for the digest had it from its maker",
    "that who holds a key is who they say",
)


@dataclass(frozen=True, repr=False)
class ImportLine(Shown):
    """One import in the list."""

    ref: str
    kind: str
    manifest: Digest
    imported: str
    signer: str
    person: str
    files: tuple[str, ...]
    revoked: bool

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, repr=False)
class Imported(Shown):
    """What came in, or was there (`cached`)."""

    line: ImportLine
    index: int
    statement: Digest
    cached: bool

    def as_json(self) -> Mapping[str, Any]:
        """For `--json`."""
        found = self.line.as_json()
        return {**found, "log_index": self.index, "statement": self.statement, "cached": self.cached}


def import_folder(
    place: Workplace, folder: Path, name: str, *, key: Path | None, digest: str, confirm: Confirm | None
) -> Imported:
    """Take `folder` in as `name`. Raises Usage LG940 for what is no digest; as `register.imports.run.run`."""
    from lockgate.register.imports.run import run
    from lockgate.register.imports.spec import ImportSpec

    pem = None if key is None else key.read_bytes()
    done = run(place, ImportSpec(folder, name, pem, _digest(digest)), confirm)
    one = done.imported
    return Imported(_line(one, revoked=False), one.evidence.index, one.evidence.digest, done.cached)


def import_lines(ledger: Ledger) -> tuple[ImportLine, ...]:
    """All imports, oldest first."""
    gone = withdrawn(ledger.statements()).digests
    return tuple(
        _line(one, revoked=bool(gone & {one.manifest, one.evidence.digest})) for one in imports(ledger.statements())
    )


def prove_import(
    ledger: Ledger,
    one: Import,
    now: datetime,
    *,
    revoked_fails: bool = True,
    steps: Steps | None = None,
    policy: EnvironmentPolicy | None = None,
    registry: RegistryStore | None = None,
) -> ModelReport:
    """What of one import can be proved, in a verified log. `registry`: another than that of the ledger's folder.

    1. Its statement follows the one before it, and rests on a scan of its files that passed.
    2. Manifest, files and the signature that they bore are in the registry, byte for byte.
    3. It is not revoked; without `revoked_fails` that is a warning.
    4. Where an environment is asked about, by its `policy`: enough persons approved it there (`audit.imported_gate`).

    Raises VerificationFailed, Refused.
    """
    steps, statements = steps or Steps(), ledger.statements()
    # 1.
    with steps.step("the statements that it rests on", f"how {one.ref} came in is not proved", one.evidence):
        check_follows(one, statements)
    # 2.
    effect = f"{one.ref} is not what was imported: ingest refuses to read it"
    with steps.step("the bytes in the registry", effect, one.evidence):
        check_imported(one, registry or RegistryStore(ledger.home / "registry"))
    # 3.
    warnings = []
    with steps.step("revocation", f"nothing trains with {one.ref}", one.evidence):
        try:
            refuse_revoked(one, statements)
        except Refused as revoked:
            if revoked_fails:
                raise
            warnings.append(as_warning(revoked))
    scan = ledger.get(one.scan)
    links = [Link("scan", sentence(scan), scan), Link("import", sentence(one.evidence), one.evidence)]
    links += [Link("file", f"{file.name}   {file.size:,} bytes   {file.digest}") for file in one.files]
    # 4.
    if policy is not None:
        with steps.step(f"approvals for {policy.name}", f"nobody loads {one.ref} there", one.evidence):
            links += _passed(one, policy, statements)
    return report_of(ledger, one.ref, one.manifest, links, not_proved=NOT_PROVED, warnings=warnings, now=now)


def _passed(one: Import, policy: EnvironmentPolicy, statements: Sequence[Evidence]) -> list[Link]:
    found = gate(one, policy, statements)
    for reason in found.verdict.refusals:
        raise Refused(reason.finding, reason.message, seen=reason.seen, next=reason.next)
    return [*(Link("approve", sentence(each), each) for each in found.approvals), Link("gate", found.words)]


def _line(one: Import, *, revoked: bool) -> ImportLine:
    signer = one.signer.keyid if one.signer else ""
    names = tuple(file.name for file in one.files)
    when = rfc3339(one.evidence.time)
    return ImportLine(one.ref, one.kind, one.manifest, when, signer, one.person, names, revoked)


def _digest(text: str) -> Digest | None:
    if not text:
        return None
    try:
        return parse_digest(text)
    except ValueError:
        raise Usage(
            "LG940", f"--digest takes sha256: and 64 hex digits, not {text[:80]!r}", next="lockgate import --help"
        ) from None
