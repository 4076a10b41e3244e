"""`[[input]]` -> stored files with the digests that a person gave. The shell.

An input is fetched as rows are: a file of the project is copied, an object or a query's result comes out of a jail of
its own. A file of an imported model is read from the registry, by the digest of its import statement. Nobody parses
it here. What has another digest than lockgate.toml says is never stored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.audit.imports import asked_for, find_file, told
from lockgate.contract.inputs import Wanted, is_imported
from lockgate.contract.sources import SourceFile, capture, expand
from lockgate.core.digest import Digest
from lockgate.errors import LockgateError, Refused
from lockgate.ingest.addresses import Local, Query, Remote, place_of
from lockgate.ingest.ask import answer
from lockgate.ingest.fetch import Asker
from lockgate.ingest.spec import IngestSpec, Kept
from lockgate.sandbox.report import JailReport
from lockgate.store.blobs import BlobStore
from lockgate.store.files import damaged, hash_fd, missing, open_nofollow

if TYPE_CHECKING:
    from lockgate.audit.workplace import Workplace


def fetch_inputs(
    spec: IngestSpec, asker: Asker, workplace: Workplace
) -> tuple[dict[Wanted, SourceFile], list[JailReport]]:
    """Fetch and check every input of `spec`; and the reports of the jails that fetched.

    1. Each source names one file.   2. The file has the digest that lockgate.toml gives.
    Raises Refused LG370 (2), LG371 (1), LG466 and Usage LG469 of an import, and what fetching rows raises.
    """
    found: dict[Wanted, SourceFile] = {}
    reports = []
    for number, wanted in enumerate(spec.inputs):
        if is_imported(wanted.source):
            file, report = _brought(wanted, workplace, asker.scratch / f"input-{number:05d}"), None  # 1
        else:
            file, report = _fetched(wanted, spec, asker, f"input-{number:05d}")  # 1
        check(wanted, file.digest)  # 2
        found[wanted] = file
        reports += [report] if report is not None else []
    return found, reports


def keep_inputs(fetched: Mapping[Wanted, SourceFile], store: BlobStore) -> list[Kept]:
    """Store what was fetched and checked."""
    found = []
    for wanted, file in fetched.items():
        with file.path.open("rb") as stream:
            check(wanted, store.put(stream))
        found.append(Kept(wanted, file.size, file.origin))
    return found


def check(wanted: Wanted, digest: Digest) -> None:
    """Raises Refused LG370 when what was found is another file than the person named."""
    if digest != wanted.sha256:
        raise Refused(
            "LG370",
            f"the input {wanted.name} is not the file that lockgate.toml names by its digest",
            seen={"source": wanted.source, "expected": wanted.sha256, "found": digest},
            next="get the right file, or, if the change is meant, change sha256 of this [[input]] in lockgate.toml",
        )


def inputs_unchanged(root: Path, spec: IngestSpec) -> bool:
    """Whether the inputs that are files of the project still are those that lockgate.toml names.

    What comes from elsewhere is stored under its digest already, and cannot be another file under the same digest.
    """
    places = [(wanted, place_of(wanted.source, spec)) for wanted in spec.inputs if not is_imported(wanted.source)]
    return all(digest_at(root / wanted.source) == wanted.sha256 for wanted, place in places if isinstance(place, Local))


def _fetched(wanted: Wanted, spec: IngestSpec, asker: Asker, folder: str) -> tuple[SourceFile, JailReport | None]:
    match place_of(wanted.source, spec):
        case Local(pattern=pattern):
            names = expand(asker.root, pattern)
            _check_single(wanted, len(names))
            return capture(asker.root, names[0], asker.scratch / folder), None
        case Remote(store=store):
            (group,), report = asker.objects(store, [wanted.source], folder)
            _check_single(wanted, len(group))
            return group[0], report
        case Query() as query:
            return answer(asker, query, folder)


def _brought(wanted: Wanted, workplace: Workplace, into: Path) -> SourceFile:
    """A file of an import that is not revoked: a private copy, hashed as it is made."""
    name, version, file = asked_for(wanted)
    brought, entry = find_file(name, version, file, workplace.ledger.statements())
    stored = workplace.registry.blobs.path(entry.digest)
    if not stored.exists():
        raise missing(stored, entry.digest)
    copy = capture(stored.parent, stored.name, into)
    if copy.digest != entry.digest:
        raise damaged(stored, entry.digest, copy.digest)
    return replace(copy, name=wanted.source, origin=told(brought))


def _check_single(wanted: Wanted, files: int) -> None:
    if files != 1:
        raise Refused(
            "LG371",
            f"the source of the input {wanted.name} is {files} files, where one is meant",
            seen={"source": wanted.source, "files": files},
            next="name each file by an [[input]] of its own",
        )


def digest_at(path: Path) -> Digest | None:
    """The digest of a regular file, or None where there is none."""
    try:
        fd = open_nofollow(path)
    except (OSError, LockgateError):
        return None
    try:
        return hash_fd(fd)
    finally:
        os.close(fd)
