"""Which version of Lockgate this is, file by file."""

from __future__ import annotations

from pathlib import Path

import lockgate
from lockgate.core.digest import Digest, digest_of, hex_of


def digest(place: Path | None = None) -> Digest:
    """That of this program, or of the copy below `place`: of the list of its files, each with its own digest.

    As `sha256sum` writes it. Every install of the same wheel has the same; what Python compiles beside it does not
    count, and drills run a copy that is compiled anew. It is the program's own word about itself: it tells versions
    apart, and proves nothing against somebody who can write to the package.
    """
    root = place / "lockgate" if place else Path(lockgate.__file__).parent
    files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    lines = sorted((path.relative_to(root).as_posix(), hex_of(digest_of(path.read_bytes()))) for path in files)
    return digest_of("".join(f"{found}  {name}\n" for name, found in lines).encode())
