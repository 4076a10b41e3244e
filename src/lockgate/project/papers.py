"""The papers of a registered model, for others: the bill of materials and the card, as they were signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockgate.audit.stored import check_stored
from lockgate.core.digest import Digest
from lockgate.core.shown_html import Shown
from lockgate.register import card, mlbom
from lockgate.runtime.locked import bom
from lockgate.store.layout import RegistryStore

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.audit.ledger import Ledger


@dataclass(frozen=True, repr=False)
class Paper(Shown):
    """One paper. `signed`: the digest of the file in the model that it was taken from."""

    ref: str
    name: str
    content: bytes
    signed: Digest


def bill(registration: Registration, ledger: Ledger, registry: RegistryStore) -> Paper:
    """Its CycloneDX bill, with version, manifest and time of its registration. Raises as `card_of`."""
    data, digest = _signed(registration, ledger, registry, bom.FILENAME)
    time = registration.evidence.time
    whole = mlbom.released(data, version=registration.version, manifest=registration.manifest, time=time)
    return Paper(registration.ref, bom.FILENAME, whole, digest)


def card_of(registration: Registration, ledger: Ledger, registry: RegistryStore) -> Paper:
    """Its model card, the very bytes. Raises VerificationFailed LG444, LG802, LG805, LG85x when it is not as signed."""
    data, digest = _signed(registration, ledger, registry, card.FILENAME)
    return Paper(registration.ref, card.FILENAME, data, digest)


def _signed(registration: Registration, ledger: Ledger, registry: RegistryStore, name: str) -> tuple[bytes, Digest]:
    check_stored(registration, registry, ledger.roles_at(registration.evidence.index))
    entry = registration.file(name)
    return registry.blobs.read(entry.digest), entry.digest
