"""Is this an npz archive, wholly: a zip of arrays without objects, and nothing else?"""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from lockgate.register.jail.archive_zip import Member, broken, whole
from lockgate.register.jail.npy_file import check_npy

_SHOWN = 50


def check_npz(stream: BinaryIO, size: int) -> dict[str, Any]:
    """Facts: `arrays`, by name. Raises NotAllowed LG471 for the archive, LG424 for an array in it."""
    members = whole(stream, size)
    arrays: dict[str, Any] = {}
    for one in members:
        if not one.name.endswith(".npy"):
            raise broken(f"its member {one.name[:80]!r} is no array", one.at, member=one.name[:200])
        member = Member(stream, one)
        arrays[one.name[:200]] = check_npy(cast("BinaryIO", member), one.size)
        member.finish()
    return {"count": len(members), "arrays": dict(list(arrays.items())[:_SHOWN])}
