"""The archive as a ZIP: the same files give the same bytes, whoever writes them, whenever. Pure but for its stream.

Names are sorted; every file has the date 1980-01-01, mode 0644 and no other attribute. Source: PKWARE APPNOTE 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from lockgate.core.digest import hex_of
from lockgate.core.encoding import encode
from lockgate.core.moments import rfc3339
from lockgate.export.evidence.spec import INDEX, KIND, MOST_BYTES, MOST_FILES, Case, Item, Tree

_PIECE: Final = re.compile(r"[A-Za-z0-9_.+@=,() -]{1,128}")
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE, _LEVEL = 3, 0o100644, 9


def is_name(path: str) -> bool:
    """Whether a file of the archive may have this path: ASCII, relative, no part that begins or ends with a dot."""
    pieces = path.split("/")
    return len(path) <= 512 and all(_PIECE.fullmatch(one) and one == one.strip(". ") for one in pieces)


def index_of(case: Case, items: Sequence[Item]) -> bytes:
    """`index.json`: the model, both trees, and every other file with its digest."""
    return encode(
        {
            "v": 1,
            "kind": KIND,
            "project": case.project,
            "model": {"ref": case.ref, "name": case.name, "version": case.version, "manifest": case.manifest},
            "made": rfc3339(case.made),
            "events": _tree(case.events),
            "predictions": None if case.predictions is None else _tree(case.predictions),
            "files": [
                {
                    "path": one.path,
                    "sha256": hex_of(one.digest),
                    "bytes": one.size,
                    "what": one.what,
                    "proved": one.proved,
                }
                for one in sorted(items, key=lambda one: one.path)
            ],
        }
    )


def write(stream: IO[bytes], case: Case, items: Iterable[Item]) -> int:
    """Write the archive into an empty, seekable `stream`; how many files it has.

    There is no data descriptor, no extra field and no ZIP64, so that a reader can ask for exactly this form. Raises
    ValueError for a name that may not be, or more than an archive holds.
    """
    listed = sorted(items, key=lambda one: one.path)
    names = [one.path for one in listed]
    if len({name.lower() for name in names}) != len(names) or INDEX in names or not all(map(is_name, names)):
        raise ValueError("a file of the archive has no name that it may have, or two have one")
    whole = [*listed, Item(INDEX, index_of(case, listed), "", "none")]
    if len(whole) > MOST_FILES or sum(one.size for one in whole) > MOST_BYTES:
        raise ValueError("more than one archive holds")
    with ZipFile(stream, "w", allowZip64=False) as archive:
        for one in sorted(whole, key=lambda one: one.path):
            info = ZipInfo(one.path, _FIRST_DAY)
            info.create_system, info.external_attr = _UNIX, _MODE << 16
            info.compress_type, info._compresslevel = ZIP_DEFLATED, _LEVEL  # type: ignore[attr-defined]  # noqa: SLF001
            with archive.open(info, "w") as out:
                for chunk in (one.content,) if isinstance(one.content, bytes) else one.content.chunks():
                    out.write(chunk)
    return len(whole)


def _tree(tree: Tree) -> dict[str, object]:
    return {"size": tree.size, "root": tree.root.hex()}
