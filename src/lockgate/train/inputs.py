"""What the project's `[[input]]` are when training starts: looked up in the signed statement of ingest. The shell.

Trusts neither lockgate.toml nor the folder: a file is shown to training when ingest signed it under this name, with the
digest that lockgate.toml gives, and the stored bytes still have that digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lockgate.audit.imports import asked_for, find_file
from lockgate.contract.inputs import inputs_of, is_imported, is_input
from lockgate.core.digest import Digest
from lockgate.core.statement import digest_of_resource
from lockgate.errors import Refused
from lockgate.sandbox.settings import Bind
from lockgate.train.spec import TrainSpec

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.audit.workplace import Workplace
    from lockgate.store.blobs import BlobStore


def look_up(workplace: Workplace, spec: TrainSpec) -> dict[str, Digest]:
    """Name -> digest of the inputs that `spec` wants.

    1. Ingest's newest statement names each with this digest.   2. None of them is, byte for byte, a file that holds
    rows which only the judge may see.   3. The stored bytes have the digest.   4. No import that one comes from was
    revoked since.
    Raises Refused LG372 (1), LG373 (2), LG466 (4), VerificationFailed LG802, LG805 (3), Usage LG469 (4).
    """
    ingest = workplace.head("ingest")
    signed = {} if ingest is None else inputs_of(_listed(ingest))
    found: dict[str, Digest] = {}
    for wanted in spec.inputs:
        if signed.get(wanted.name) != wanted.sha256:  # 1
            raise Refused(
                "LG372",
                f"ingest has not signed the input {wanted.name} with this digest",
                seen={"expected": wanted.sha256, "signed": signed.get(wanted.name)},
                next="lockgate ingest",
            )
        found[wanted.name] = wanted.sha256
    if ingest is not None:
        refuse_rows(found, rows_of(ingest))  # 2
    for digest in found.values():
        workplace.data.check(digest)  # 3
    for wanted in spec.inputs:
        if is_imported(wanted.source):
            find_file(*asked_for(wanted), workplace.ledger.statements())  # 4
    return found


def rows_of(ingest: Evidence) -> dict[Digest, str]:
    """Every file that holds all rows, by its digest: the ingested files themselves and the snapshot."""
    found = {digest_of_resource(each): str(each.get("name")) for each in _listed(ingest) if not is_input(each)}
    return found | {subject.digest: subject.name for subject in ingest.statement.subjects}


def refuse_rows(inputs: Mapping[str, Digest], rows: Mapping[Digest, str]) -> None:
    """Raises Refused LG373 when an input is, byte for byte, one of the files in `rows`."""
    for name, digest in inputs.items():
        if digest in rows:
            raise Refused(
                "LG373",
                f"the input {name} is {rows[digest]}: training would see the rows that only the judge may see",
                seen={"input": name, "rows": rows[digest], "digest": digest},
                next="remove this [[input]] from lockgate.toml: training gets its rows in train.parquet",
            )


def binds(inputs: Mapping[str, Digest], store: BlobStore) -> list[Bind]:
    """The inputs as the train jail sees them, read-only."""
    return [Bind(store.path(digest), f"/in/{name}") for name, digest in inputs.items()]


def _listed(ingest: Evidence) -> list[Mapping[str, Any]]:
    definition = ingest.predicate.get("buildDefinition")
    listed = definition.get("resolvedDependencies") if isinstance(definition, Mapping) else None
    return [each for each in listed or [] if isinstance(each, Mapping) and "digest" in each]
