"""Who may write the event log: somebody without the sealer's key tries, on a copy of this project's own log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lockgate.audit.log import VKEY, Log, vkey_bytes
from lockgate.audit.seal import Sealer
from lockgate.audit.tiles import ENTRIES, WIDTH, Tile
from lockgate.export.evidence.spec import Attempt
from lockgate.project.evidence.calls.made import Table
from lockgate.store.files import atomic_write
from lockgate.trust.signer import generate

if TYPE_CHECKING:
    from lockgate.export.evidence.spec import Case
    from lockgate.project.folder import Folder

_LOG: Final = Table("log", "audit.log, audit.seal")
_WITHOUT: Final = "whoever has no key of the sealer"


def attempts(project: Folder, case: Case, place: Path) -> Iterator[Attempt]:
    """Read an untouched copy; then change an entry, append one, and seal all of it anew with another key."""
    source, key = project.home / "log" / "events", case.events.public_key
    untouched, edited, longer, forged = (place / name for name in ("untouched", "edited", "longer", "forged"))
    for copy in (untouched, edited, longer):
        shutil.copytree(source, copy, symlinks=True)
    reader = "whoever has the root's fingerprint"
    yield _LOG.call(reader, "read an untouched copy of the event log", "allowed", lambda: _read(untouched, case))
    _edit(edited, case.events.size)
    yield _LOG.call(_WITHOUT, "change one letter of the last entry", "refused", lambda: _read(edited, case))
    thief = generate("sealer")

    def append(log: Path, public_key: bytes, leaves: Sequence[bytes]) -> object:
        sealer = Sealer(log, origin=case.events.origin, sign=thief.sign_note, public_key=public_key)
        return sealer.append(leaves)

    yield _LOG.call(_WITHOUT, "append an entry", "refused", lambda: append(longer, key, [b"{}"]))
    entries = list(Log.open(untouched, public_key=key, origin=case.events.origin).entries(0, case.events.size))
    append(forged, thief.public.raw, entries)
    what = "hand out the same entries under a key of their own"
    yield _LOG.call(_WITHOUT, what, "refused", lambda: _read(forged, case))
    atomic_write(forged / VKEY, vkey_bytes(key, case.events.origin))
    yield _LOG.call(_WITHOUT, f"{what}, and say that it is the sealer's", "refused", lambda: _read(forged, case))

    def append_to_own() -> object:
        return append(place / "own", thief.public.raw, [b"{}"])

    yield _LOG.call("the sealer of a throw-away log", "append an entry to it", "allowed", append_to_own)


def _read(log: Path, case: Case) -> object:
    found = Log.open(log, public_key=case.events.public_key, origin=case.events.origin)
    return list(found.entries(0, found.size))


def _edit(log: Path, size: int) -> None:
    """Turn a bit of the last entry, in the bundle that a reader of this size takes."""
    bundle = log / Tile(ENTRIES, (size - 1) // WIDTH).at(size).path
    data = bytearray(bundle.read_bytes())
    data[-2] ^= 1
    bundle.chmod(0o600)
    bundle.write_bytes(data)
