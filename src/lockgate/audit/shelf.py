"""What the registry's derived files must show: a pure function of registrations and imports in the event log.

`store.layout` renders and checks them; whoever opens, repairs or verifies a registry asks here for the entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lockgate.audit import entries
from lockgate.audit.entries import INPUTS, Registration
from lockgate.audit.imports import Import, imports
from lockgate.errors import VerificationFailed
from lockgate.store.oci import BUNDLE, DSSE, Attached, Entry

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest

SIGNATURE_TYPE = "https://model_signing/signature/v1.0"


def shelf(evidences: Sequence[Evidence]) -> list[Entry]:
    """All registrations and imports in log order, each with its signature and the statements it rests on.

    Raises VerificationFailed: LG526 malformed; LG443 a statement that one rests on is not in the log.
    """
    known = {one.digest: one for one in evidences}
    found = {one.evidence.index: _imported(one, known) for one in imports(evidences)}
    for registration in entries.registrations(evidences):
        attached = [
            Attached(BUNDLE, registration.signature, registration.signature_size, SIGNATURE_TYPE),
            *(_statement(registration, claim, known.get(registration.inputs[claim])) for claim in INPUTS),
            _statement(registration, "register", registration.evidence),
        ]
        found[registration.evidence.index] = Entry(
            registration.name,
            registration.version,
            registration.manifest,
            registration.manifest_size,
            tuple(attached),
        )
    return [entry for _, entry in sorted(found.items())]


def _imported(one: Import, known: Mapping[Digest, Evidence]) -> Entry:
    """An import with the signature that its files bore, if anybody's was verified, and our scan of it."""
    signed = [Attached(BUNDLE, one.signer.signature, one.signer.size, SIGNATURE_TYPE)] if one.signer else []
    attached = (*signed, _statement(one, "scan", known.get(one.scan)), _statement(one, "import", one.evidence))
    return Entry(one.name, one.version, one.manifest, one.manifest_size, attached)


def _statement(registration: Registration | Import, claim: str, one: Evidence | None) -> Attached:
    if one is None:
        raise VerificationFailed(
            "LG443",
            f"the {claim} statement that {registration.ref} rests on is not in the event log",
            seen={"registration": registration.evidence.digest, "claim": claim},
            next="lockgate log verify",
        )
    return Attached(DSSE, one.digest, len(one.envelope), one.statement.predicate_type)
