"""Unpacked wheels -> one environment: the same files under a second name, and every one of them compared.

Hard links cost no copy of half a gigabyte. A file of the store is never written to again, only replaced; and what
somebody changes in place is found by the comparison here and by the verification before each use.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockgate.core.digest import Digest
from lockgate.errors import Refused
from lockgate.runtime.locked.checks import is_code
from lockgate.runtime.locked.owners import conflicts
from lockgate.runtime.locked.unpack import Unpacked
from lockgate.runtime.locked.wheels import Stored
from lockgate.runtime.tree import digest_of_lines, tree_lines
from lockgate.store.files import writing

_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)


def assemble(made: Path, wheels: Sequence[Stored], unpacked: Unpacked) -> tuple[Digest, list[Stored]]:
    """Fill `made`, an empty environment, with the files of `wheels`.

    Returns the digest of what is there now, and the wheels whose unpacked files are not those of their record: with
    any of these the environment must not be used.
    Raises Refused LG354 when two packages bring one file of code with different bytes, or code under one import name.
    """
    expected = dict(tree_lines(made))
    owner: dict[str, Stored] = {}
    plan: list[tuple[Stored, list[str]]] = []
    brought = [(wheel, unpacked.lines(wheel) or {}) for wheel in wheels]
    _refuse_intruders(brought, unpacked)
    for wheel, lines in brought:
        plan.append((wheel, _claim(wheel, lines, expected, owner)))
    folders: set[str] = set()
    with writing(made):
        for wheel, paths in plan:
            _link(unpacked.folder(wheel), made, paths, folders)
    found = tree_lines(made)
    wrong = {owner[path].digest for path in owner if found.get(path) != expected[path]}
    return digest_of_lines(found.items()), [wheel for wheel in wheels if wheel.digest in wrong]


def _refuse_intruders(brought: Sequence[tuple[Stored, Mapping[str, bytes]]], unpacked: Unpacked) -> None:
    by_name = {wheel.name: wheel for wheel, _ in brought}

    def read(name: str, path: str) -> bytes:
        try:
            return (unpacked.folder(by_name[name]) / path).read_bytes()
        except OSError:
            return b""  # the comparison names the package whose file is gone

    for name, packages in conflicts({wheel.name: lines for wheel, lines in brought}, read):
        raise Refused(
            "LG354",
            f"{' and '.join(packages)} bring code under one import name: {name.replace('/', '.')}",
            seen={"name": name, "packages": packages},
            next="remove one of them from requirements.in, then lockgate lock",
        )


def _claim(
    wheel: Stored, lines: Mapping[str, bytes], expected: dict[str, bytes], owner: dict[str, Stored]
) -> list[str]:
    """The files that `wheel` brings first. The same file twice is no conflict, nor is a text of a name in common."""
    claimed = []
    for path, line in lines.items():
        if path not in expected:
            expected[path], owner[path] = line, wheel
            claimed.append(path)
        elif expected[path] != line and is_code(path):
            other = owner[path].name if path in owner else "the environment itself"
            raise Refused(
                "LG354",
                f"{wheel.name} and {other} bring different files of one name: {path}",
                seen={"file": path, "packages": sorted({wheel.name, other})},
                next="remove one of the two from requirements.in, then lockgate lock",
            )
    return claimed


def _link(source: Path, target: Path, paths: Sequence[str], folders: set[str]) -> None:
    for path in paths:
        folder = os.path.dirname(path)
        if folder not in folders:
            os.makedirs(target / folder, exist_ok=True)
            folders.add(folder)
        try:
            os.link(f"{source}/{path}", f"{target}/{path}", follow_symlinks=False)
        except FileNotFoundError:
            continue  # the comparison names the package whose file is gone
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            shutil.copy(f"{source}/{path}", f"{target}/{path}", follow_symlinks=False)
