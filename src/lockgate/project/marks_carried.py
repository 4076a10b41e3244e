"""The rows of a mark that is signed on one machine and sealed on another: they travel beside the statement.

marks.json        the statement, as `--to-file marks.json` writes it
marks.json.rows   marks.parquet; believed for its digest, which is what the approver signed
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from lockgate.audit.marks import mark
from lockgate.audit.outbox import exists
from lockgate.errors import Refused, VerificationFailed
from lockgate.store.files import read_verified, write_new

if TYPE_CHECKING:
    from lockgate.audit.evidence import Evidence
    from lockgate.core.digest import Digest
    from lockgate.store.blobs import BlobStore

_MOST: Final = 1 << 30
_PRIVATE: Final = 0o400


def carry_out(data: BlobStore, marks: Digest, statement: Path) -> Path:
    """Write the rows beside the `statement`, for this user only. Raises Usage LG867 where something is there."""
    target = beside(statement)
    try:
        write_new(target, data.read(marks, _MOST), 0o600)
    except FileExistsError:
        raise exists(target) from None
    return target


def bring_in(data: BlobStore, said: Evidence, statement: Path) -> None:
    """Take the rows of a mark into the data store, unless they are there, before the log takes the mark.

    Raises Refused LG983 they are not beside the statement; VerificationFailed LG802 they are others than signed.
    """
    marks = mark(said).marks
    if data.has(marks):
        data.check(marks)
        return
    try:
        rows = read_verified(beside(statement), marks, _MOST)
    except VerificationFailed as error:
        if error.finding != "LG805":
            raise
        raise Refused(
            "LG983",
            "the rows that this mark is about are not here, so nobody could apply it",
            seen={"expected": str(beside(statement)), "digest": marks},
            next=f"fetch {beside(statement).name} too, which --to-file wrote beside {statement.name}",
        ) from None
    data.put(rows, mode=_PRIVATE)


def beside(statement: Path) -> Path:
    """Where the rows are."""
    return statement.with_name(f"{statement.name}.rows")
