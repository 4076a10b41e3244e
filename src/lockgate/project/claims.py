"""Which project a damaged folder claims to be, and whether it was ever begun. Unproved: only to look up a pin."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from lockgate.audit.disk import read_file
from lockgate.audit.folder import CHECKPOINT, TILES
from lockgate.audit.ledger import EVENTS, PREDICTIONS, claimed_project
from lockgate.audit.log import VKEY
from lockgate.core.checkpoint import MAX_NOTE_BYTES
from lockgate.errors import LockgateError
from lockgate.trust import pin

_ORIGIN = re.compile(r"\Alockgate/([0-9a-f]{64})/")


def claimed(home: Path) -> str:
    """The project that a `.lockgate` claims to be, by whatever can be read of it, if this user pinned it; else ""."""
    claims: list[str] = []
    with suppress(LockgateError):
        claims.append(claimed_project(home))
    for name in (EVENTS, PREDICTIONS):
        for file in (VKEY, CHECKPOINT):
            with suppress(OSError, ValueError):
                # The first line of a checkpoint is its origin; a key begins with it.
                line = read_file(home / "log" / name / file, MAX_NOTE_BYTES).decode().partition("\n")[0]
                claims += _ORIGIN.findall(line)
    with suppress(LockgateError):
        return next((one for one in claims if pin.pinned(one) is not None), "")
    return ""


def was_begun(home: Path) -> bool:
    """Whether logs lay here: entries of one, or what names a project that this user pinned.

    An `init` that was killed leaves neither: a checkpoint comes before the first tile, and the pin comes last.
    """
    return any((home / "log" / name / TILES).is_dir() for name in (EVENTS, PREDICTIONS)) or bool(claimed(home))
