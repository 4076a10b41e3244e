"""What lies in a locked environment: its digest, and what in it would run when Python starts."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lockgate.core.digest import Digest, digest_of, from_hex
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.store.files import hash_fd

_THREADS = 2
_BATCH = 256
_SMALL = 1 << 20
_HOOKS = re.compile(r"(__pycache__/)?(sitecustomize|usercustomize)[./]")
_SITE = re.compile(r"(?:.*?/)?site-packages/")
_FOLDER = re.compile(r"(?!/)[A-Za-z0-9._/+-]*\Z")
_KNOWN_PTH: Collection[str] = frozenset(
    {
        # setuptools' distutils-precedence.pth: picks its own distutils when an environment variable says so.
        "2638ce9e2500e572a5e0de7faed6661eb569d1b696fcba07b0dd223da5f5d224",
    }
)


def tree_digest(folder: Path) -> Digest:
    """The digest of every file (path, executable or not, content) and link (path, destination) below `folder`.

    Raises Refused LG345 for a file that is neither. Folders count by what is in them.
    """
    return digest_of_lines(tree_lines(folder).items())


def digest_of_lines(lines: Iterable[tuple[str, bytes]]) -> Digest:
    """The tree digest of what `tree_lines` would find: (path, its line), in any order."""
    state = hashlib.sha256()
    for _, line in sorted(lines):
        state.update(line)
    return from_hex(state.hexdigest())


def tree_lines(folder: Path) -> dict[str, bytes]:
    """One line for each file and link below `folder`, by its path: `["path","file" or "run","sha256:..."]`.

    Raises Refused LG345 for a file that is neither.
    """
    files = sorted(walk(folder))
    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]

    def hashed(batch: list[str]) -> list[tuple[str, bytes]]:
        return [(relative, _line(folder, relative)) for relative in batch]

    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(pair for done in pool.map(hashed, batches) for pair in done)


def refuse_hooks(folder: Path) -> None:
    """Raises Refused LG345 when something in the environment runs at the start of every Python process.

    1. A `.pth` file names folders of the environment, and does nothing else.
    2. In none of the folders that modules are then looked for in is a `sitecustomize` or `usercustomize`, whatever form
       it has: a file of any kind, or a folder.
    """
    files = {path[site.end() :]: path for path in sorted(walk(folder)) if (site := _SITE.match(path))}
    added: set[str] = set()
    for inside, path in files.items():
        if inside.endswith(".pth") and "/" not in inside:
            added |= {f"{entry}/" for entry in _folders(folder, path)}  # 1
    for inside, path in files.items():
        places = ["", *(place for place in added if inside.startswith(place))]
        if any(_HOOKS.match(inside.removeprefix(place)) for place in places):
            raise _hook(path, "Python imports it at every start")  # 2


def _folders(folder: Path, path: str) -> Iterator[str]:
    """What a `.pth` file adds to where modules are looked for, below its own folder.

    Which bytes end a line differs between versions of Python: what holds any other byte than those of a plain path is
    refused.
    """
    data = (folder / path).read_bytes()
    if hashlib.sha256(data).hexdigest() in _KNOWN_PTH:
        return
    for line in data.decode("utf-8", "replace").splitlines():
        entry = line.strip(" \t")
        if entry.startswith("#") and entry.isascii():
            continue
        if entry.lstrip("\ufeff \t").startswith("import"):
            raise _hook(path, f"it runs {entry[:120]!r} at every start")
        if not _FOLDER.match(entry) or ".." in entry.split("/"):
            raise _hook(path, f"its line {entry[:120]!r} is more than the name of a folder of the package")
        yield os.path.normpath(entry)


def walk(folder: Path) -> Iterator[str]:
    """The path of each file and link below `folder`, relative to it. No link is followed."""
    stack = [""]
    while stack:
        at = stack.pop()
        with os.scandir(folder / at) as entries:
            for entry in entries:
                relative = f"{at}/{entry.name}" if at else entry.name
                if entry.is_dir(follow_symlinks=False):
                    stack.append(relative)
                else:
                    yield relative


def _line(folder: Path, relative: str) -> bytes:
    path = f"{folder}/{relative}"
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return encode([relative, "link", os.readlink(path)]) + b"\n"
    if not stat.S_ISREG(mode):
        raise _hook(relative, "it is no regular file")
    # Not store.files: 14,000 small files are read here at every start, and its buffer is made for large ones.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise _hook(relative, "it is no regular file")
        return encode([relative, "run" if found.st_mode & 0o111 else "file", _digest(fd, found.st_size)]) + b"\n"
    finally:
        os.close(fd)


def _digest(fd: int, size: int) -> Digest:
    if size >= _SMALL:
        return hash_fd(fd)
    data = os.read(fd, size + 1)
    return digest_of(data) if len(data) == size else hash_fd(fd)


def _hook(relative: str, why: str) -> Refused:
    return Refused(
        "LG345",
        f"{relative} may not be in a locked environment: {why}",
        seen={"file": relative, "digest_of_name": digest_of(relative.encode())},
        next="remove the package that brings it from requirements.in, then lock again",
    )
