"""Where the quotation marks of a CSV text stand, found without parsing its cells.

Marks alternate: the first opens a cell, the second closes it, the third opens... A doubled mark inside a cell closes
and opens in one place. The text is sound by RFC 4180 when every mark that opens follows a delimiter, a line end, or
the mark that closed just before, and every mark that closes has one of these behind it.
"""

from __future__ import annotations

import codecs

import numpy as np

from lockgate.contract.jail._bounds import MAX_RECORD

_QUOTE = ord('"')


class QuoteScan:
    """Fed a UTF-8 text piece by piece (a byte order mark in the first), then `close`d.

    `sound` promises that a strict parser finds no fault. It does not promise the reverse: a mark inside an unquoted
    cell is no fault, and makes the scan unsure. So does a quoted cell that comes near `MAX_RECORD`.
    """

    def __init__(self, delimiter: str) -> None:
        self.sound = True
        self._around = np.zeros(256, np.bool_)
        self._around[list(b'"\r\n' + delimiter.encode("ascii"))] = True
        self._inside = False
        self._cell = 0
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        """Look at the next `piece`."""
        if not self._tail:
            piece = b"\n" + piece.removeprefix(codecs.BOM_UTF8)
        data = self._tail + piece
        self._tail = data[-2:]
        if self.sound:
            self.sound = self._look(data)

    def close(self) -> bool:
        """Whether the whole text is sound."""
        self.feed(b"\n")
        return self.sound and not self._inside

    def _look(self, data: bytes) -> bool:
        """Judge each mark of `data` that has a neighbour on both sides there."""
        view = np.frombuffer(data, np.uint8)
        marks = np.flatnonzero(view[1:-1] == _QUOTE) + 1
        opening, closing = marks[int(self._inside) :: 2], marks[1 - int(self._inside) :: 2]
        before, after = view[opening - 1], view[closing + 1]
        self._inside ^= bool(len(marks) % 2)
        begun = opening[before != _QUOTE]
        self._cell = 0 if not self._inside else len(data) - int(begun[-1]) if len(begun) else self._cell + len(data)
        near = self._cell > MAX_RECORD - 2 * len(data)
        return bool(self._around[before].all() and self._around[after].all()) and not near
