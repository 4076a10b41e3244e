"""The user's code as the jail gets it: copied by digest, never a bind of the project.

Trusts no name and no link: a file is opened once, without following a link, and what was read is what is hashed,
stored and shown. What appears in the project later is not in the closure.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from lockgate.core.digest import digest_of
from lockgate.errors import LockgateError, Refused
from lockgate.runtime.code_bundle import check_name
from lockgate.store.blobs import BlobStore
from lockgate.store.files import read_regular, write_all, writing
from lockgate.train.spec import Closure, CodeFile

MOST_FILES = 1000
MOST_BYTES = 16 << 20
_NEVER = frozenset({".lockgate", ".git", ".venv", "__pycache__"})


def capture(root: Path, code: Sequence[str], always: Sequence[str], store: BlobStore) -> Closure:
    """Store the files below `root` that `code` (globs) and `always` (single files) name.

    Raises Refused LG301 when a named file is not there, LG305 for a link, a hidden folder, too much or too large.
    """
    names = sorted({name for pattern in code for name in _expand(root, pattern)} | set(always))
    if not names:
        raise Refused(
            "LG301",
            "no file matches [train] code",
            seen={"code": list(code), "folder": str(root)},
            next="edit lockgate.toml: [train] code",
        )
    if len(names) > MOST_FILES:
        raise _refused(
            f"[train] code matches {len(names)} files; at most {MOST_FILES} are taken", {"files": len(names)}
        )
    return Closure(tuple(_keep(root, name, store) for name in names))


def lay_out(closure: Closure, store: BlobStore, folder: Path) -> Path:
    """Write the captured files into the new directory `folder`, readable by any user, writable by none."""
    with writing(folder):
        folder.mkdir(mode=0o755)
        for file in closure.files:
            target = folder / file.name
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444)
            try:
                os.fchmod(fd, 0o444)
                write_all(fd, store.read(file.digest, MOST_BYTES))
            finally:
                os.close(fd)
        for place, _, _ in os.walk(folder):
            os.chmod(place, 0o755)  # noqa: S103 - the jail's uid is another, and must read it
    return folder


def _expand(root: Path, pattern: str) -> list[str]:
    found = glob.iglob(pattern, root_dir=root, recursive=True)
    return [name for name in found if not _NEVER.intersection(Path(name).parts) and not (root / name).is_dir()]


def _keep(root: Path, name: str, store: BlobStore) -> CodeFile:
    _check_folders(root, name)
    try:
        data = read_regular(root / check_name(name), MOST_BYTES)
    except FileNotFoundError:
        raise Refused(
            "LG301", f"{name} is not there", seen={"file": str(root / name)}, next="edit lockgate.toml"
        ) from None
    except ValueError as error:
        raise _refused(str(error), {"file": name}) from None
    except OSError as error:
        raise _refused(f"{name} cannot be read: {error.strerror}", {"file": name}) from None
    except LockgateError as error:
        raise _refused(f"{name} cannot be captured: {error.message}", {"file": name}) from None
    store.put(data)
    return CodeFile(name, digest_of(data), len(data))


def _check_folders(root: Path, name: str) -> None:
    place = root
    for part in Path(name).parts[:-1]:
        place /= part
        if place.is_symlink():
            raise _refused(f"{name} lies behind a symbolic link", {"link": str(place)})


def _refused(message: str, seen: dict[str, object]) -> Refused:
    return Refused("LG305", message, seen=seen, next="edit lockgate.toml: [train] code")
