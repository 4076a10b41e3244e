"""A person's data files: which they are, and where each lies in the project. Nothing is written over, or by a link."""

from __future__ import annotations

import filecmp
import glob
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.contract.sources import SourceFile
from lockgate.errors import Refused, Usage

_DATA = "data"


@dataclass(frozen=True)
class Place:
    """`name`: where a file lies inside the project, or will; `copied`: it is still to be copied there."""

    name: str
    copied: bool


def found(data: Path) -> tuple[list[Path], list[str]]:
    """The files that a path or a pattern names, without links, each once; and what is said about links among them.

    Raises Usage LG959 when there is none.
    """
    named = [data] if data.is_file() else sorted(Path(name) for name in glob.glob(str(data)) if Path(name).is_file())
    if not named:
        raise Usage("LG959", f"there is no file {data}", next="lockgate init DIR --data FILE --label COLUMN")
    files: dict[Path, Path] = {}
    notes = []
    for file in named:
        real = file.resolve()
        if real in files:
            notes.append(f"{file} is {files[real]} under another name: read once")
        else:
            # A file in a folder that is a link stays what it was called: it may be inside the project by that name.
            files[real] = real if file.is_symlink() else file
    return list(files.values()), notes


def placed(files: Sequence[Path], sources: Sequence[SourceFile], root: Path) -> tuple[Place, ...]:
    """Where each file lies in the project `root`, or is copied to: `data/`, under a name that no other file has."""
    places: list[Place] = []
    for file, source in zip(files, sources, strict=True):
        inside = _inside(file, root)
        places.append(Place(inside, copied=False) if inside else _free(file, source, root, {p.name for p in places}))
    return tuple(places)


def renamed(files: Sequence[Path], places: Sequence[Place]) -> list[str]:
    """What is said of files that are kept under another name than their own."""
    pairs = zip(files, places, strict=True)
    return [
        f"{file} is kept as {place.name}: there is another {file.name}"
        for file, place in pairs
        if place.copied and Path(place.name).name != file.name
    ]


def write(root: Path, texts: Mapping[str, str], copies: Mapping[str, Path], elsewhere: str) -> list[str]:
    """Write each text that is not there yet and copy each file; return the names of the texts that were written.

    `elsewhere`: what to type where that cannot be.

    Raises Refused, before anything is written: LG9024 a link stands in the way; LG949 `data` is there and no folder.
    """
    wanted = [name for name in texts if not (root / name).exists()]
    links = [name for name in (*wanted, *({_DATA} if copies else ())) if (root / name).is_symlink()]
    if links:
        raise Refused(
            "LG9024",
            f"{root / links[0]} is a symbolic link: init writes no file by a link",
            seen={"link": links[0], "leads_to": str((root / links[0]).readlink())},
            next=elsewhere,
        )
    if copies and (root / _DATA).exists() and not (root / _DATA).is_dir():
        raise Refused("LG949", f"{root / _DATA} is no folder", seen={"file": _DATA}, next=elsewhere)
    root.mkdir(parents=True, exist_ok=True)
    for name, copy in copies.items():
        (root / name).parent.mkdir(exist_ok=True)
        with (root / name).open("xb") as into, copy.open("rb") as of:
            shutil.copyfileobj(of, into)
    for name in wanted:
        with (root / name).open("x", encoding="utf-8") as file:
            file.write(texts[name])
    return wanted


def _inside(file: Path, root: Path) -> str:
    """The file's path in the project; "" when it lies elsewhere."""
    typed = Path(os.path.abspath(file)), Path(os.path.abspath(root))
    for path, folder in ((file.resolve(), root.resolve()), typed):
        if path.is_relative_to(folder) and path.samefile(file):
            return path.relative_to(folder).as_posix()
    return ""


def _free(file: Path, source: SourceFile, root: Path, taken: Collection[str]) -> Place:
    number, name = 1, f"{_DATA}/{file.name}"
    while name in taken or os.path.lexists(root / name):
        there = root / name
        if name not in taken and not there.is_symlink() and _same(source.path, there):
            return Place(name, copied=False)
        number += 1
        name = f"{_DATA}/{file.stem}-{number}{file.suffix}"
    return Place(name, copied=True)


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)
