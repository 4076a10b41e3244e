"""Every file below a folder, inspected: one outcome each, and what was not looked at. No link is followed.

Trusted: nothing about the folder. Promised: an entry of it is in the outcomes once, as what was found out about it;
`ok` stands for bytes that were parsed to the last one, with their digest.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from lockgate.register.import_formats import MAX_FILES, REST
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.held_file import Folder, Held, Stamp, changed, held, opened
from lockgate.register.jail.inspect import Allow, inspect

MOST_DEPTH: Final = 64


@dataclass
class Outcome:
    """What was found out about one entry. `verdict`: ok, refused, skipped or failed."""

    name: str
    verdict: str
    sha256: str = ""
    size: int = 0
    format: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    finding: str = ""
    message: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)


Accounted: TypeAlias = dict[str, tuple[int, Stamp]]
"""Files beside a model that its own file accounts for: how long they are, and that they are the ones it spoke of."""

Begin = Callable[[str, int], bool]
"""Told each name and size before it is looked at; False: it is passed over, without an outcome."""


def _always(_name: str, _size: int) -> bool:
    return True


@dataclass
class _Walk:
    allow: Allow
    begin: Begin
    left: int = MAX_FILES


def outcomes(top: int, *, allow: Allow, begin: Begin = _always, most: int = MAX_FILES) -> Iterator[Outcome]:
    """One for each entry below the folder of the descriptor `top` that is no folder, in the order of names.

    Models come before what lies beside them in their folder: they say what the data beside them are.
    """
    yield from _folder(top, "", 0, _Walk(allow, begin, most))


def one_file(top: int, name: str, shown: str, *, allow: Allow, begin: Begin = _always) -> Iterator[Outcome]:
    """The outcome of the single entry `name` of that folder, under the name `shown`."""
    yield from _entry(top, name, shown, _Walk(allow, begin), {})


def _folder(descriptor: int, prefix: str, depth: int, walk: _Walk) -> Iterator[Outcome]:
    accounted: Accounted = {}
    try:
        entries = sorted(os.listdir(descriptor), key=lambda one: (not one.lower().endswith(".onnx"), one))
    except OSError as error:
        yield _skipped(prefix or ".", f"it cannot be read: {error.strerror}")
        return
    for name in entries:
        if walk.left <= 0:
            why = "more files than are looked at in one go, in this folder and behind it"
            yield replace(_skipped(prefix + name, why), seen={REST: True})
            return
        shown = prefix + name
        if not _is_folder(descriptor, name):
            walk.left -= 1
            yield from _entry(descriptor, name, shown, walk, accounted)
        elif depth >= MOST_DEPTH:
            yield _skipped(shown, "folders are nested too deeply")
        else:
            yield from _below(descriptor, name, shown, depth, walk)


def _below(descriptor: int, name: str, shown: str, depth: int, walk: _Walk) -> Iterator[Outcome]:
    try:
        with opened(descriptor, name) as inner:
            yield from _folder(inner, shown + "/", depth + 1, walk)
    except OSError as error:
        yield _skipped(shown, f"it cannot be read: {error.strerror}")


def _is_folder(descriptor: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _entry(folder: int, name: str, shown: str, walk: _Walk, accounted: Accounted) -> Iterator[Outcome]:
    """The outcome of one entry; `accounted` grows by what a model says about data beside it."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            yield _skipped(shown, _KINDS.get(stat.S_IFMT(status.st_mode), "it is no regular file"))
            return
        if not walk.begin(shown, status.st_size):
            return
        with held(folder, name) as file:
            yield _inspected(folder, shown, file, walk, accounted)
    except OSError as error:
        yield _skipped(shown, f"it cannot be read: {error.strerror or error}")


_KINDS: Final = {
    stat.S_IFLNK: "it is a symbolic link, and none is followed",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFIFO: "it is a pipe",
    stat.S_IFBLK: "it is a device",
    stat.S_IFCHR: "it is a device",
}


def _inspected(folder: int, shown: str, file: Held, walk: _Walk, accounted: Accounted) -> Outcome:
    name = shown.rpartition("/")[2]
    beside = Folder(folder)
    known, stamp = accounted.get(name, (_of_nothing(name, file, beside), file.stamp))
    try:
        if stamp != file.stamp:
            raise changed()
        found = file.looked_at(
            lambda stream, size: inspect(shown, stream, size, beside, allow=walk.allow, accounted=known)
        )
    except NotAllowed as no:
        message, seen = _writable(no.message), _writable(no.seen)
        return Outcome(shown, "refused", file.sha256, file.size, finding=no.finding, message=message, seen=seen)
    except MemoryError:
        return Outcome(shown, "failed", file.sha256, file.size, finding="LG420", message="its parser ran out of memory")
    except Exception as error:  # noqa: BLE001 - hostile bytes decide what is raised; the next file has a right to a look
        kind = type(error).__name__
        return Outcome(
            shown, "failed", file.sha256, file.size, finding="LG420", message=f"its parser broke off: {kind}"
        )
    external: Mapping[str, int] = found.facts.get("external", {})
    accounted |= {name: (size, beside.stamps[name]) for name, size in external.items()}
    return Outcome(shown, "ok", file.sha256, file.size, found.format, _writable(found.facts))


def _of_nothing(name: str, file: Held, beside: Folder) -> int | None:
    """0 for the empty file that torch writes beside a model which has all its weights in itself."""
    model = name.removesuffix(".data")
    is_empty = file.size == 0 and model != name and model.lower().endswith(".onnx") and beside.size(model) is not None
    return 0 if is_empty else None


def _writable(value: Any) -> Any:
    """The same, as a report can hold it: names in a file may be no Unicode, and numbers none of JSON."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace"), parse_constant=str)


def _skipped(name: str, why: str) -> Outcome:
    return Outcome(name, "skipped", finding="LG474", message=f"it was not looked at: {why}")
