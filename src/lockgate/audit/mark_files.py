"""Where the rows of marks are: files of the data store, read through before anybody believes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lockgate.errors import VerificationFailed

if TYPE_CHECKING:
    from lockgate.audit.marks import Mark
    from lockgate.store.blobs import BlobStore


def mark_files(marks: Sequence[Mark], data: BlobStore) -> tuple[Path, ...]:
    """Where the rows of `marks` are, each read through once and found to be the signed bytes.

    Raises VerificationFailed LG805 one is gone, LG802 it has other bytes: a mark is never passed over in silence.
    """
    for one in marks:
        try:
            data.check(one.marks)
        except VerificationFailed as error:
            index = one.evidence.index
            raise VerificationFailed(
                error.finding,
                f"the rows of the mark of log entry {index} cannot be read: {error.message}",
                seen={**error.seen, "mark": one.evidence.digest, "log_index": index, "person": one.evidence.person},
                next=f'restore that file; or take the word back: lockgate revoke {index} --reason "..."',
            ) from None
    return tuple(data.path(one.marks) for one in marks)
