"""Wheels that a project builds itself: which ones, building them, and showing them to whoever resolves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement as Wanted

from lockgate.core.digest import hex_of
from lockgate.errors import Usage
from lockgate.runtime.building import build_wheel, records
from lockgate.runtime.lock import Requirement, normal, pins_of
from lockgate.runtime.locked import built
from lockgate.runtime.locked.built import Built
from lockgate.runtime.locked.fetch import Origins
from lockgate.runtime.locked.wheels import WheelStore
from lockgate.store.files import atomic_write, writing

if TYPE_CHECKING:
    from lockgate.project.folder import Folder


def build(
    project: Folder,
    names: Sequence[str],
    theirs: Sequence[Wanted],
    previous: bytes,
    store: WheelStore,
    origins: Origins,
    say: Callable[[str], None],
) -> tuple[Built, ...]:
    """Build each of `names`, and what was built before and is not in the store; keep it in built-wheels.toml.

    Raises Usage LG355 for a package whose version nothing pins, and what `build_wheel` raises.
    """
    found = {(each.name, each.version): each for each in records(project.root)}
    wanted = [_pinned(normal(name), theirs, previous) for name in names]
    lost = [each for each in found.values() if not _is_stored(each, store)]
    wanted += [Requirement(each.name, each.version, frozenset(), 0) for each in lost]
    for each in dict.fromkeys(wanted):
        before = found.get((each.name, each.version))
        if before is None or not _is_stored(before, store) or each.name in map(normal, names):
            found[each.name, each.version] = build_wheel(each, before, project.home, store, origins, say)
    entries = tuple(found.values())
    if names:
        atomic_write(project.root / built.FILENAME, built.write(entries).encode())
    return entries


@contextmanager
def shown(entries: Sequence[Built], store: WheelStore) -> Iterator[Path | None]:
    """A folder with the wheels of `entries`, for uv; None when there are none."""
    if not entries:
        yield None
        return
    parent = store.cache / "tmp"
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=parent, prefix="own-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in entries:
            stored = store.find(_requirement(each))
            if stored is not None and store.check(stored):
                shutil.copy(stored.path, folder / stored.path.name)
        yield folder


def _is_stored(each: Built, store: WheelStore) -> bool:
    stored = store.find(_requirement(each))
    return stored is not None and store.check(stored)


def _requirement(each: Built) -> Requirement:
    return Requirement(each.name, each.version, frozenset({hex_of(each.wheel)}), 0)


def _pinned(name: str, theirs: Sequence[Wanted], previous: bytes) -> Requirement:
    exact = {
        bound.version
        for each in theirs
        if normal(each.name) == name
        for bound in each.specifier
        if bound.operator == "==" and not bound.version.endswith("*")
    }
    versions, hashes = pins_of(previous).get(name, (frozenset(exact), frozenset()))
    if exact and exact != set(versions):
        versions, hashes = frozenset(exact), frozenset()
    if len(versions) != 1:
        raise Usage(
            "LG355",
            f"nothing says which version of {name} to build",
            seen={"package": name},
            next=f"write {name}==VERSION in the requirements, then lockgate lock --build {name}",
        )
    return Requirement(name, next(iter(versions)), hashes, 0)
