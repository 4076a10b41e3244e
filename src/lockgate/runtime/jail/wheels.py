"""The directory of each wheel, read where a hostile archive can do no harm. Runs in the `parse` jail.

Task on standard input: {"wheels": [[package, file below /in/wheels]]}. Writes wheels.json, an empty object, or the
finding LG353 for an archive that names a file outside of itself, a link, or the same file twice.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator, Sequence

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused

_MOST_BYTES = 16 << 30
_MOST_FILES = 1_000_000


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Look at every wheel of the task."""
    guarded(_work, out_dir(), unexpected="LG353")


def _work() -> None:
    for package, file in read_task()["wheels"]:
        try:
            with zipfile.ZipFile(data_dir() / "wheels" / file) as archive:
                flaw = next(flaws(archive.infolist()), "")
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            flaw = f"it is no archive ({error})"
        if flaw:
            raise Refused(
                "LG353",
                f"the wheel of {package} is refused: {flaw}",
                seen={"package": package, "file": file},
                next=f"remove {package} from requirements.in, then lockgate lock",
            )
    (out_dir() / "wheels.json").write_bytes(encode({}))


def flaws(members: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """What is wrong with an archive of these members, in words. Pure."""
    if len(members) > _MOST_FILES or sum(member.file_size for member in members) > _MOST_BYTES:
        yield "it unpacks to more than a package can be"
    seen: set[str] = set()
    for member in members:
        name = member.orig_filename
        parts = name.split("/")
        if ("." in parts or "" in parts[:-1]) and not name.startswith("/"):
            yield f"{name[:120]!r} has a second spelling"
        if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or ":" in parts[0]:
            yield f"{name[:120]!r} leads out of it"
        if stat.S_ISLNK(member.external_attr >> 16):
            yield f"{name[:120]!r} is a link"
        if name in seen:
            yield f"{name[:120]!r} is in it twice"
        seen.add(name)
