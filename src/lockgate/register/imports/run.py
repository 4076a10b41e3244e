"""Import a folder: copy and hash, verify its signer, hold it against the pin, scan, ask, store, sign. The shell.

Order of writing, so that a process killed at any moment leaves nothing half-imported: the scan statement; the blobs;
the import statement, which is the commit; the registry's index, which is derived from the log. What no statement names
is cleared away by whoever comes next.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lockgate.audit.entries import FileEntry
from lockgate.audit.evidence import Evidence
from lockgate.audit.imports import Signer, imported, newest
from lockgate.audit.shelf import shelf
from lockgate.audit.stored_imports import check_imported
from lockgate.audit.workplace import Workplace
from lockgate.core.digest import Digest, digest_of
from lockgate.errors import Refused
from lockgate.register.import_formats import ONNX, rules_digest
from lockgate.register.imports import rules
from lockgate.register.imports.copy import copy_folder
from lockgate.register.imports.spec import ImportResult, ImportSpec, Offer
from lockgate.register.look import look_at_import
from lockgate.register.rules import scan_statement
from lockgate.store.files import open_nofollow
from lockgate.store.lock import lock
from lockgate.store.tree import changed
from lockgate.trust.oms import compare
from lockgate.trust.oms_directory import SIGNATURE, read_signature

Confirm = Callable[[Offer], bool]


def run(workplace: Workplace, spec: ImportSpec, confirm: Confirm | None = None) -> ImportResult:
    """Import `spec.folder` as the next version of `spec.name`. `confirm` asks a person; None: nobody can be asked.

    1. The name is none of a registered model.
    2. Every file is copied and hashed in one go; what identifies the import is the digest of its manifest.
    3. With a key, `model.sig` is its signature over exactly these files. Without one a signature counts for nothing.
    4. These files are not revoked. Digest and signer are the pinned ones, and all is done; or a person's word is
       needed, and can be had.
    5. Each file is what its name promises, as the scan in the parse jail found.
    6. The person gave this very digest, or says yes to it.
    7. Files, configuration, manifest and signature are stored, write-once.
    8. The import is signed and logged: the commit. The registry's index is rendered from the log.

    Raises:
        Usage: LG440 (1), LG832 no key for models (3).
        Refused: LG460 (1), LG467, LG803, LG855, LG858, LG859 (2), LG466, LG461, LG462 (4, 6),
            LG410 to LG420, LG463 to LG465 (5).
        VerificationFailed: LG850 to LG854, LG857 (3), LG421 (5), LG444, LG802, LG805 what is pinned is damaged.
        Unfit, Unavailable: no jail, no key, no disk.
    """
    with lock(workplace.home / "state" / "locks" / "register"), workplace.scratch() as scratch:
        workplace.ledger.refresh()
        return _import(workplace, spec, confirm, scratch / "copy")


def _import(workplace: Workplace, spec: ImportSpec, confirm: Confirm | None, copy: Path) -> ImportResult:
    statements = workplace.ledger.statements()
    # 1.
    rules.check_name(spec.name, statements)
    # 2.
    copied = copy_folder(spec.folder, copy)
    files = tuple(one for one in copied if one.name != SIGNATURE)
    if not files:
        raise Refused("LG467", f"there is only a signature in {spec.folder}", next=f"ls -l {spec.folder}")
    config, manifest = rules.closure(files)
    # 3.
    signer, signature, unread = _signer(spec, copy, files)
    # 4.
    offer = _offer(spec, files, digest_of(manifest), signer, unread=unread, statements=statements)
    rules.check_digest(spec.digest, offer)
    rules.refuse_revoked_bytes(offer.manifest, statements)
    if offer.pinned is not None and not offer.changes:
        check_imported(offer.pinned, workplace.registry)
        return ImportResult(offer.pinned, offer, cached=True)
    if spec.digest is None and confirm is None:
        raise rules.no_word(offer, str(spec.folder), asked=False)
    # 5.
    kind, scan = _scanned(workplace, copy, files)
    offer = replace(offer, kind=kind)
    # 6.
    if spec.digest is None and confirm is not None and not confirm(offer):
        raise rules.no_word(offer, str(spec.folder), asked=True)
    # 7.
    for one in files:
        _store(workplace, copy / one.name, one)
    for data in (config, manifest, *((signature,) if signature else ())):
        workplace.registry.blobs.put(data)
    # 8.
    statement = rules.import_statement(
        offer,
        manifest,
        signer=signer,
        person=_person(workplace),
        how="terminal" if spec.digest is None else "digest",
        scan=scan.digest,
        now=workplace.now(),
    )
    evidence = workplace.record("signer", statement)
    workplace.registry.publish(shelf(workplace.ledger.statements()))
    return ImportResult(imported(evidence), offer, cached=False)


def _signer(spec: ImportSpec, copy: Path, files: Sequence[FileEntry]) -> tuple[Signer | None, bytes, bool]:
    """Whose signature was verified, the signature, and whether there is one that nobody could verify.

    The copy's own signature is taken away: it covers the files, and is none of them.
    """
    where = copy / SIGNATURE
    if spec.key is None:
        unread = where.is_file()
        if unread:
            where.unlink()
        return None, b"", unread
    signed = read_signature(copy, where, spec.key)
    compare(signed, [(one.name, one.digest) for one in files])
    signature = where.read_bytes()
    where.unlink()
    return Signer(signed.keyid, digest_of(signature), len(signature)), signature, False


def _offer(
    spec: ImportSpec,
    files: tuple[FileEntry, ...],
    manifest: Digest,
    signer: Signer | None,
    *,
    unread: bool,
    statements: Sequence[Evidence],
) -> Offer:
    pinned = newest(spec.name, statements)
    keyid = signer.keyid if signer else ""
    return Offer(
        spec.name,
        pinned.version + 1 if pinned else 1,
        rules.last_part(spec.folder.absolute().name),
        files,
        manifest,
        keyid,
        unread,
        pinned,
        rules.changes(files, manifest, keyid, pinned, statements),
    )


def _scanned(workplace: Workplace, copy: Path, files: Sequence[FileEntry]) -> tuple[str, Evidence]:
    """What kind of model it is, and the scan's statement. A scan that refuses is evidence too."""
    digests = {one.name: one.digest for one in files}
    report, jail = look_at_import(workplace, copy, has_onnx=any(one.name.lower().endswith(ONNX) for one in files))
    try:
        kind = rules.read_scan(report, digests)
    except Refused as no:
        failed = [f"{no.seen['file']}: {no.finding}"]
        _record_scan(workplace, digests, "FAILED", report, jail.as_json(), failed)
        raise
    return kind, _record_scan(workplace, digests, "PASSED", report, jail.as_json())


def _record_scan(
    workplace: Workplace,
    digests: Mapping[str, Digest],
    result: str,
    report: bytes,
    jail: Mapping[str, object],
    failed: Sequence[str] = (),
) -> Evidence:
    statement = scan_statement(
        digests,
        result,
        report=workplace.data.put(report),
        jail=jail,
        failed=failed,
        now=workplace.now(),
        by=rules_digest(),
    )
    return workplace.record("signer", statement)


def _store(workplace: Workplace, path: Path, one: FileEntry) -> None:
    """Store what was scanned: the private copy, if it still has the digest that was taken while it was made."""
    fd = open_nofollow(path)
    with os.fdopen(fd, "rb") as stream:
        if workplace.registry.blobs.put(stream) != one.digest:
            raise changed(one.name)


def _person(workplace: Workplace) -> str:
    """Who vouches: the person who holds the signer's key here."""
    keyid = workplace.keyring.public("signer").keyid
    entry = workplace.ledger.roles.keys.get(keyid)
    return entry.person if entry is not None else keyid
