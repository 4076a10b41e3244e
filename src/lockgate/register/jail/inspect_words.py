"""How a file that is something else is refused: what it is, what it reaches for, and what is inside."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

from lockgate.register.jail.archive_signs import CONVERTS, ENDINGS, Sign
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.scan_levels import is_familiar

_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER: Final = 1024
"""Source: docs/spec.md of Git LFS, "The Pointer"."""

_COMPRESSED: Final = ("gzip", "zlib", "bzip2", "xz", "LZMA")


def refuse_pointer(first: bytes, size: int) -> None:
    """A file that Git LFS has left where the model will be. Raises NotAllowed LG463."""
    if size < _LONGEST_POINTER and first.startswith(_POINTER):
        raise NotAllowed("LG463", "it is a Git LFS pointer, not the file itself: run `git lfs pull`", offset=0)


def disguised(sign: Sign, stream: BinaryIO, size: int, first: bytes, *, closure: bool) -> NotAllowed:
    """LG464 for a program, LG410 for anything else that never comes in; in a closure always the latter."""
    from lockgate.register.jail.archive_inside import inside

    found = inside(stream, size)
    title = found.title if found else sign.title
    code = (found.code if found else sign.code) and not closure
    seen: dict[str, Any] = {"first_bytes": first[:8].hex(), "offset": 0}
    said = f"it is {title}"
    if found and found.names:
        # Twenty names of a library must not hide the one that matters.
        names = sorted(found.names, key=is_familiar)
        seen["reaches"] = names[:20]
        said += f", which reaches for {', '.join(names[:3])}"
    if found and _converts(found.title, found.notes):
        seen["converts"] = True
    if found and found.notes:
        seen["inside"] = [note[:200] for note in found.notes[:20]]
        said += f" ({found.notes[0][:120]})"
    return NotAllowed("LG464" if code else "LG410", said[:500], **seen)


def unpromised(name: str, stream: BinaryIO, size: int, first: bytes) -> NotAllowed:
    """The name is of no form that comes in; what it is taken for by who goes by names is told, and what is in it."""
    from lockgate.register.jail.archive_inside import inside

    ending = "." + name.rpartition("/")[2].rpartition(".")[2].lower()
    taken = ENDINGS.get(ending, "")
    found = inside(stream, size)
    if found:
        return disguised(Sign(found.title, found.code), stream, size, first, closure=False)
    seen: dict[str, Any] = {"first_bytes": first[:8].hex(), "offset": 0}
    if not taken:
        return NotAllowed("LG463", "its name is not one of a form that comes in", **seen)
    way = "; `lockgate convert` can make ONNX or safetensors of one" if taken in CONVERTS else ""
    return NotAllowed("LG463", f"its name says that it is {taken}, which does not come in{way}", **seen)


def _converts(title: str, notes: list[str]) -> bool:
    """Whether `lockgate convert` opens what is called so."""
    if any(one in title for one in _COMPRESSED):
        return any("pickle" in one for one in notes)
    return any(one in title for one in ("pickle", "a torch checkpoint", "a Keras model"))
