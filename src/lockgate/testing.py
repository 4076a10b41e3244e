"""For tests: a copy of this program in which one check is patched out, to prove that a drill bites.

The copy is a folder of source that a test puts before the installed one. The program itself has no switch: who can
write such a folder and start Python with it can do anything anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockgate.drills.replays.program import copied


@dataclass(frozen=True)
class Patch:
    """One place: in `file` (below the package, `trust/oms.py`), `old` stands exactly once and becomes `new`."""

    file: str
    old: str
    new: str


def patched(place: Path, patches: Sequence[Patch]) -> Path:
    """A copy of the package below `place`, patched; the folder to put on PYTHONPATH.

    Raises ValueError where `old` does not stand exactly once: the code has moved on, and the patch must follow.
    """
    # With what is compiled already, times and all: what is not patched is not compiled anew.
    target = copied(place, compiled=True) / "lockgate"
    for one in patches:
        file = target / one.file
        text = file.read_text("utf-8")
        if (count := text.count(one.old)) != 1:
            raise ValueError(f"{one.file} has {one.old!r} {count} times, not once")
        file.unlink()  # where the package is installed as links, theirs stay
        file.write_text(text.replace(one.old, one.new), "utf-8")
    return place
