"""Does another reader find something in a file that is, perhaps, wholly of the form that its name promises?

Formats are read from several places: a zip archive from its end, HDF5 also behind a block of the user's, a pickle and
a compressed stream from byte 0. A file can be two of these at once, and whoever is handed it may take the other one.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from lockgate.register.jail.archive_zip import directory
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.pickle_walk import MOST_OPCODES, walk
from lockgate.register.jail.stream_forms import TRIED, refuse_streams

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_FIRST_BLOCK = 512


def refuse_other_forms(stream: BinaryIO, size: int, form: str) -> None:
    """Raises NotAllowed: LG410 a pickle; LG470 anything else that is there too."""
    seen = walk(stream, size)
    if seen.found:
        reached = f", which reaches for {', '.join(seen.names[:3])}" if seen.names else ""
        raise NotAllowed("LG410", f"it is a Python pickle{reached}", offset=0, reaches=seen.names[:20], end=seen.end)
    if seen.endless:
        raise NotAllowed(
            "LG410", f"it goes on as a Python pickle for more than {MOST_OPCODES:,} steps", offset=0, end=seen.end
        )
    if form != "npz" and (found := directory(stream, size)):
        raise NotAllowed("LG470", "it is a zip archive too", offset=found.end)
    at = _FIRST_BLOCK
    while at + len(_HDF5) <= size:
        stream.seek(at)
        if stream.read(len(_HDF5)) == _HDF5:
            raise NotAllowed("LG470", "it is an HDF5 file too", offset=at)
        at *= 2
    stream.seek(0)
    refuse_streams(stream.read(TRIED))
