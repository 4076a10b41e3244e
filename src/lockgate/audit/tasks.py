"""Which kind of question a registered model answers: the task of its serving specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lockgate.errors import VerificationFailed
from lockgate.runtime import serving

if TYPE_CHECKING:
    from lockgate.audit.entries import Registration
    from lockgate.store.layout import RegistryStore

SPECIFICATION: Final = "io.json"
_MOST: Final = 4 << 20


def task_of(registration: Registration, registry: RegistryStore) -> str:
    """`binary`, `multiclass` or `regression`, from the closure.

    Raises VerificationFailed LG624, and as reading a blob does.
    """
    try:
        return serving.parse(registry.blobs.read(registration.file(SPECIFICATION).digest, _MOST)).task
    except ValueError as error:
        raise VerificationFailed(
            "LG624",
            f"{registration.ref} has no serving specification: {error}",
            seen={"manifest": registration.manifest},
            next=f"lockgate verify {registration.ref}",
        ) from None
