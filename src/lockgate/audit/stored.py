"""Are the bytes in the registry those that were registered? Reads every byte of one model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lockgate.audit.entries import Registration
from lockgate.errors import LockgateError, VerificationFailed
from lockgate.store import oci
from lockgate.store.layout import RegistryStore
from lockgate.trust import oms
from lockgate.trust.roles import KeyEntry, Roles

MOST_MANIFEST = 4 << 20


def check_stored(registration: Registration, registry: RegistryStore, roles: Roles) -> oms.SignedFiles:
    """Verify the stored closure of `registration`, file by file; return what its signature says.

    1. The manifest has its digest and size, and lists exactly the registered files.
    2. Its configuration and each file have their digest and size.
    3. `model.sig` is the signature, over exactly these files, by a key that signed the registration. `roles` is the
       roles file of that moment: a later rotation takes nothing back.

    Raises:
        VerificationFailed: LG444 manifest or size; LG802, LG805 a blob; LG850 to LG854 the signature;
            LG813 the key is not in the roles file.
    """
    # 1.
    data = registry.blobs.read(registration.manifest, MOST_MANIFEST)
    manifest = oci.parse_manifest(data)
    listed = [(file.name, file.digest, file.size) for file in manifest.files]
    registered = [(file.name, file.digest, file.size) for file in registration.files]
    if len(data) != registration.manifest_size or sorted(listed) != sorted(registered):
        raise _differs(registration, "its manifest lists other files than were registered")
    # 2.
    registry.blobs.check(manifest.config)
    for file in registration.files:
        with _telling(file.name):
            if registry.blobs.check(file.digest) != file.size:
                raise _differs(registration, f"{file.name} has another size than was registered")
    # 3.
    signature = registry.blobs.read(registration.signature, oms.MOST)
    files = [(file.name, file.digest) for file in registration.files]
    *others, last = _signers(registration, roles)
    for entry in others:
        with suppress(VerificationFailed):
            return oms.verify_bundle(signature, files, entry.key)
    return oms.verify_bundle(signature, files, last.key)


@contextmanager
def _telling(name: str) -> Iterator[None]:
    try:
        yield
    except LockgateError as error:
        error.tell(file_of_model=name)
        raise


def _signers(registration: Registration, roles: Roles) -> list[KeyEntry]:
    evidence = registration.evidence
    for keyid in evidence.keyids or (evidence.keyid,):
        if keyid not in roles.keys:
            raise VerificationFailed(
                "LG813",
                f"{registration.ref} was signed by a key that is not in the roles file",
                seen={"keyid": keyid},
                next="lockgate trust show",
            )
    return [roles.keys[keyid] for keyid in evidence.keyids or (evidence.keyid,)]


def _differs(registration: Registration, what: str) -> VerificationFailed:
    return VerificationFailed(
        "LG444",
        f"{registration.ref}: {what}",
        seen={"manifest": registration.manifest, "registration": registration.evidence.digest},
        next="lockgate verify --all",
    )
