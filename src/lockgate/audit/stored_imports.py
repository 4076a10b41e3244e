"""Are the bytes in the registry those that were imported? Reads every byte of one import."""

from __future__ import annotations

from lockgate.audit.imports import Import
from lockgate.errors import VerificationFailed
from lockgate.store import oci
from lockgate.store.layout import RegistryStore

MOST_MANIFEST = 4 << 20


def check_imported(one: Import, registry: RegistryStore) -> None:
    """Verify the stored files of `one`.

    1. The manifest has its digest and size, and lists exactly the imported files.
    2. Its configuration, each file and the signature that they bore have their digest and size.

    Raises VerificationFailed: LG444 manifest or size; LG802, LG805 a blob.
    """
    # 1.
    data = registry.blobs.read(one.manifest, MOST_MANIFEST)
    manifest = oci.parse_manifest(data)
    listed = sorted((file.name, file.digest, file.size) for file in manifest.files)
    if len(data) != one.manifest_size or listed != sorted((file.name, file.digest, file.size) for file in one.files):
        raise _differs(one, "its manifest lists other files than were imported")
    # 2.
    registry.blobs.check(manifest.config)
    sizes = [(file.name, file.digest, file.size) for file in one.files]
    if one.signer is not None:
        sizes.append(("model.sig", one.signer.signature, one.signer.size))
    for name, digest, size in sizes:
        if registry.blobs.check(digest) != size:
            raise _differs(one, f"{name} has another size than was imported")


def _differs(one: Import, what: str) -> VerificationFailed:
    return VerificationFailed(
        "LG444",
        f"{one.ref}: {what}",
        seen={"manifest": one.manifest, "statement": one.evidence.digest},
        next="lockgate verify --all",
    )
