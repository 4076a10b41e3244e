"""Whether the index says what the log says: each segment is compared with the entries that it is of.

Answers rest on the log where they are read back, and on the index where they are counts, or say that there is nothing.
This is what makes sure of the latter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lockgate.audit.index.store import Index
from lockgate.core.verdict import Level, Reason

if TYPE_CHECKING:
    from lockgate.audit.index.shapes import Column, Columns
    from lockgate.audit.index.store import Place
    from lockgate.audit.log import Log

_TOLD: Final = 10
REPAIR: Final = "lockgate log reindex"


class IndexCheck:
    """Compare in a pass over the log that is made anyhow: `take` each entry from the first to the last, then ask."""

    def __init__(self, place: Place, log: Log) -> None:
        """Read what there is of an index of `log`. Makes and changes nothing."""
        self._index = Index(place, log, build=False)
        self._width = place.width
        self._columns: Columns | None = None
        self._gone: list[int] = []
        self._wrong: list[int] = []

    def take(self, index: int, entry: bytes) -> None:
        """The entry at `index`; they come in order."""
        number, offset = divmod(index, self._width)
        if number >= len(self._index.segments):
            return
        if self._columns is None:
            # Where there is no index, nothing of this is loaded.
            from lockgate.audit.index.shapes import Columns

            self._columns = Columns()
        self._columns.add(entry)
        if offset == self._width - 1:
            columns, self._columns = self._columns.done(), None
            self._compare(number, columns)

    def reasons(self) -> tuple[Reason, ...]:
        """Warnings, LG7051: the log is whole, and the index is made again by one command."""
        notes = list(self._index.notes)
        notes += [f"segment {number} is missing, or its file was changed" for number in self._gone]
        notes += [f"segment {number} says something else than the log" for number in self._wrong]
        if not notes:
            return ()
        message = f"the index of the predictions is not what the log has: {notes[0]}"
        return (Reason("LG7051", Level.WARN, message, {"count": len(notes), "first": notes[:_TOLD]}, REPAIR),)

    def _compare(self, number: int, columns: dict[str, Column]) -> None:
        from lockgate.audit.index.segment import says

        if not self._index.good(number):
            self._gone.append(number)
        elif not says(self._index.data(number), columns, number * self._width):
            self._wrong.append(number)


def check(place: Place, log: Log) -> tuple[Reason, ...]:
    """The same with a pass over the log of its own. Raises VerificationFailed as reading the log does."""
    found = IndexCheck(place, log)
    for index, entry in enumerate(log.entries(0, log.size)):
        found.take(index, entry)
    return found.reasons()
