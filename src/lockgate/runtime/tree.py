"""What lies in a locked environment: its digest, its wheels, and what in it would run when Python starts."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lockgate.core.digest import Digest, digest_of, from_hex
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.runtime.lock import Requirement, normal
from lockgate.store.files import hash_fd, open_nofollow

_THREADS = 2
_HOOKS = re.compile(r"(sitecustomize|usercustomize)(\.[^/]*)?\Z")
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
    files = sorted(_walk(folder))
    with ThreadPoolExecutor(_THREADS) as pool:
        lines = pool.map(lambda relative: _line(folder, relative), files, chunksize=64)
        state = hashlib.sha256()
        for line in lines:
            state.update(line)
    return from_hex(state.hexdigest())


def refuse_hooks(folder: Path) -> None:
    """Raises Refused LG345 when something in the environment runs at the start of every Python process."""
    for relative in _walk(folder):
        name = os.path.basename(relative)
        if _HOOKS.match(name) and os.path.basename(os.path.dirname(relative)) in ("site-packages", "__pycache__"):
            raise _hook(relative, "Python imports it at every start")
        if name.endswith(".pth"):
            data = (folder / relative).read_bytes()
            code = [line for line in data.splitlines() if line.lstrip(b"\xef\xbb\xbf \t").startswith(b"import")]
            if code and hashlib.sha256(data).hexdigest() not in _KNOWN_PTH:
                raise _hook(relative, f"it runs {code[0].decode(errors='replace')[:120]!r} at every start")


def wheels_of(folder: Path, requirements: tuple[Requirement, ...], cache: Path) -> list[tuple[str, str, Digest]]:
    """Name, version and digest of each installed wheel, sorted by name.

    uv notes in its cache, per wheel file, the hash that it computed; the one whose tags are those of the installed
    files and whose hash the lock allows is the one. Raises Refused LG348 when that is not exactly one.
    """
    allowed = {(each.name, each.version): each.hashes for each in requirements}
    found = []
    for info in sorted(folder.glob("lib/python*/site-packages/*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        key = (normal(name), version)
        hashes = _noted(cache, key, _tags(info)) & allowed.get(key, frozenset())
        if len(hashes) != 1:
            raise Refused(
                "LG348",
                f"nobody can tell which wheel {key[0]} {version} came from",
                seen={"package": key[0], "candidates": len(hashes)},
                next=f"rm -r {cache}   # then run again",
            )
        found.append((*key, from_hex(next(iter(hashes)))))
    return sorted(found)


def _walk(folder: Path) -> Iterator[str]:
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
    path = folder / relative
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return encode([relative, "link", os.readlink(path)]) + b"\n"
    if not stat.S_ISREG(mode):
        raise _hook(relative, "it is no regular file")
    fd = open_nofollow(path)
    try:
        return encode([relative, "run" if mode & 0o111 else "file", hash_fd(fd)]) + b"\n"
    finally:
        os.close(fd)


def _tags(info: Path) -> frozenset[str]:
    lines = (info / "WHEEL").read_text(encoding="utf-8").splitlines()
    return frozenset(line.partition(":")[2].strip() for line in lines if line.startswith("Tag:"))


def _noted(cache: Path, key: tuple[str, str], tags: frozenset[str]) -> frozenset[str]:
    name, version = key
    found: set[str] = set()
    for note in cache.glob(f"wheels-v*/**/{name}/{version}-*"):
        if note.suffix in (".http", ".rev") and tags & _expanded(note.stem.removeprefix(f"{version}-")):
            found.update(match.decode() for match in re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}", note.read_bytes()))
    return frozenset(found)


def _expanded(tag: str) -> frozenset[str]:
    """`py2.py3-none-any` as single tags (PEP 425)."""
    parts = [part.split(".") for part in tag.rsplit("-", 2)]
    if len(parts) != 3:
        return frozenset()
    return frozenset(f"{python}-{abi}-{platform}" for python in parts[0] for abi in parts[1] for platform in parts[2])


def _hook(relative: str, why: str) -> Refused:
    return Refused(
        "LG345",
        f"{relative} may not be in a locked environment: {why}",
        seen={"file": relative, "digest_of_name": digest_of(relative.encode())},
        next="remove the package that brings it from requirements.in, then lock again",
    )
