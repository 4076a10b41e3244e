"""Models that were made elsewhere: what an import statement says, and what may be read under it. Pure.

    {"claim", "time", "name", "version", "kind", "manifest": {"digest", "size"}, "files": [{"name", "sha256", "size"}],
     "origin", "signer": {"keyid", "signature": {"digest", "size"}} or null, "vouched": {"person", "how"},
     "scan", "predecessor": envelope digest or null}

An import proves which files came in, who vouched for them and whose signature they bore; of how the model was made it
proves nothing. So it has a name and versions of its own, never those of a model that was registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lockgate.audit.entries import FileEntry, is_model_name, registrations, revocations
from lockgate.contract.inputs import Wanted, imported_file, is_input
from lockgate.core.digest import Digest, from_hex, hex_of, parse_digest
from lockgate.core.names import check_file_name
from lockgate.errors import Refused, Usage, VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.core.statement import Statement

KINDS: Final = ("huggingface", "mlflow model", "mlflow run", "files")
HOW: Final = ("terminal", "digest")


@dataclass(frozen=True)
class Signer:
    """Whose signature the files bore, as verified: fingerprint of the key, and the signature itself."""

    keyid: str
    signature: Digest
    size: int


@dataclass(frozen=True)
class Import:
    """One imported model: `name@version` is this manifest and these files, for ever.

    Attributes:
        origin: the last part of the path it came from; nobody's word but the importer's.
        person, how: who vouched for the digest, on a terminal or by giving it.
        scan: envelope digest of the scan that passed.
        predecessor: envelope digest of the import of this name that was pinned before.
    """

    evidence: Evidence
    name: str
    version: int
    kind: str
    manifest: Digest
    manifest_size: int
    files: tuple[FileEntry, ...]
    origin: str
    signer: Signer | None
    person: str
    how: str
    scan: Digest
    predecessor: Digest | None

    @property
    def ref(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


def imports(evidences: Iterable[Evidence]) -> list[Import]:
    """All imports, oldest first. Raises VerificationFailed LG526."""
    return [imported(one) for one in evidences if one.claim == "import"]


def imported(one: Evidence) -> Import:
    """Read one import statement. Raises VerificationFailed LG526 and names the field."""
    said, field = one.predicate, "files"
    try:
        files = tuple(_file(entry) for entry in said["files"])
        if not files or len({file.name for file in files}) != len(files):
            raise ValueError("it has files, and no two of one name")
        field = "name, version, kind, origin"
        name, version, kind = _text(said["name"]), _count(said["version"]), _text(said["kind"])
        if not is_model_name(name) or kind not in KINDS:
            raise ValueError("no name, or a kind that nobody knows")
        origin = _text(said["origin"])
        field = "signer"
        signer = None if said["signer"] is None else _signer(said["signer"])
        field = "vouched"
        person, how = _text(said["vouched"]["person"]), _text(said["vouched"]["how"])
        if how not in HOW:
            raise ValueError("nobody knows how it was vouched for")
        field = "manifest, scan, predecessor"
        manifest, size = parse_digest(said["manifest"]["digest"]), _count(said["manifest"]["size"])
        scan = parse_digest(said["scan"])
        predecessor = None if said["predecessor"] is None else parse_digest(said["predecessor"])
        field = "subject"
        if [(one.name, one.digest) for one in one.statement.subjects] != [(f"{name}@{version}", manifest)]:
            raise ValueError("it is about something else")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise VerificationFailed(
            "LG526",
            f"an import statement does not say what it must: {field}",
            seen={"statement": one.digest, "log_index": one.index, "field": field},
            next="lockgate log verify",
        ) from None
    return Import(one, name, version, kind, manifest, size, files, origin, signer, person, how, scan, predecessor)


def newest(name: str, evidences: Iterable[Evidence]) -> Import | None:
    """The import of `name` that is pinned: the newest."""
    found = [one for one in imports(evidences) if one.name == name]
    return found[-1] if found else None


def named(ref: str, evidences: Iterable[Evidence]) -> Import | None:
    """The import that `name` or `name@version` names; None when it names none."""
    name, _, version = ref.partition("@")
    found = [one for one in imports(evidences) if one.name == name and version in {"", str(one.version)}]
    return found[-1] if found else None


def check_follows(one: Import, evidences: Sequence[Evidence]) -> None:
    """What must hold of an import in its log.

    1. Its name is no registered model's at that time.   2. It follows the import of that name before it.
    3. The scan that it names is in the log before it, passed, and was of exactly its files.

    Raises VerificationFailed: LG460 (1), LG521 (2), LG443 (3).
    """
    before = [each for each in evidences if each.index < one.evidence.index]
    # 1.
    if any(each.name == one.name for each in registrations(before)):
        raise VerificationFailed(
            "LG460",
            f"{one.ref} was imported under the name of a registered model",
            seen={"statement": one.evidence.digest},
            next="lockgate log show",
        )
    # 2.
    last = newest(one.name, before)
    expected = (last.version + 1, last.evidence.digest) if last else (1, None)
    if (one.version, one.predecessor) != expected:
        raise VerificationFailed(
            "LG521",
            f"the import {one.ref} does not follow the one before it: a gap, a replay or a fork",
            seen={"statement": one.evidence.digest, "version_expected": expected[0]},
            next="lockgate log verify",
        )
    # 3.
    scan = next((each for each in before if each.digest == one.scan), None)
    scanned = {} if scan is None else {subject.name: subject.digest for subject in scan.statement.subjects}
    passed = scan is not None and scan.claim == "scan" and scan.predicate.get("result") == "PASSED"
    if not passed or scanned != {file.name: file.digest for file in one.files}:
        raise VerificationFailed(
            "LG443",
            f"{one.ref} rests on no scan of its files that passed",
            seen={"statement": one.evidence.digest, "scan": one.scan},
            next="lockgate log verify",
        )


def refuse_imported(name: str, evidences: Iterable[Evidence]) -> None:
    """Raises Refused LG460 when `name` was given to an import."""
    taken = newest(name, evidences)
    if taken is not None:
        raise Refused(
            "LG460",
            f"{name} is the name of an imported model",
            seen={"imported": taken.ref, "statement": taken.evidence.digest},
            next="set another [project] name in lockgate.toml",
        )


def refuse_revoked(one: Import, evidences: Iterable[Evidence]) -> None:
    """Raises Refused LG466 when its manifest or its statement is revoked."""
    for revocation in revocations(evidences):
        if {one.manifest, one.evidence.digest}.intersection(revocation.targets):
            raise Refused(
                "LG466",
                f"the imported model {one.ref} is revoked: {revocation.reason}",
                seen={"manifest": one.manifest, "revocation": revocation.evidence.digest},
                next="lockgate models",
            )


def asked_for(wanted: Wanted) -> tuple[str, int, str]:
    """Name, version and file that an `[[input]]` names. Raises Usage LG469 for another form."""
    found = imported_file(wanted.source)
    if found is None:
        raise Usage(
            "LG469",
            f"the source of the input {wanted.name} is written import:NAME@VERSION/FILE",
            seen={"source": wanted.source},
            next="edit this [[input]] in lockgate.toml",
        )
    return found


def find_file(name: str, version: int, file: str, evidences: Sequence[Evidence]) -> tuple[Import, FileEntry]:
    """One file of an import that is not revoked. Raises Usage LG469, Refused LG466."""
    found = named(f"{name}@{version}", evidences)
    entry = next((each for each in found.files if each.name == file), None) if found is not None else None
    if found is None or entry is None:
        what = f"{name}@{version}" if found is None else f"{found.ref} has no file {file!r}"
        raise Usage(
            "LG469",
            f"there is no such imported file: {what}",
            seen={"files": [each.name for each in found.files][:20] if found else []},
            next="lockgate models",
        )
    refuse_revoked(found, evidences)
    return found, entry


def told(one: Import) -> dict[str, str]:
    """How ingest's statement names the import that an input came from."""
    return {"import": one.evidence.digest, "manifest": one.manifest}


def imported_into(ingest: Statement) -> frozenset[Digest]:
    """Statements and manifests of the imports whose files an ingest statement took in, as `told` names them."""
    definition = ingest.predicate.get("buildDefinition")
    listed = definition.get("resolvedDependencies") if isinstance(definition, Mapping) else None
    found = set()
    for entry in listed if isinstance(listed, list) else ():
        annotations = entry.get("annotations") if isinstance(entry, Mapping) and is_input(entry) else None
        if not isinstance(annotations, Mapping) or "import" not in annotations:
            continue
        for key in ("import", "manifest"):
            with suppress(ValueError):
                found.add(parse_digest(annotations.get(key)))
    return frozenset(found)


def _signer(value: Mapping[str, Any]) -> Signer:
    signature = value["signature"]
    return Signer(hex_of(from_hex(value["keyid"])), parse_digest(signature["digest"]), _count(signature["size"]))


def _file(entry: Mapping[str, Any]) -> FileEntry:
    size = entry["size"]
    if type(size) is not int or size < 0:
        raise ValueError("a size is a whole number")
    return FileEntry(check_file_name(entry["name"]), from_hex(entry["sha256"]), size)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is missing")
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("a number from 1 is missing")
    return value
