"""What gateways say that they looked at, held against what they recorded that they answered. One pass, little memory.

    predictions    rows of a model                     added up, by gateway and model
    unrecorded     rows that no record shows           they may be of any model
    window         seen, rows, dropped, labelled       no more than that, added up likewise

and not far less: a gateway that is silent about what it was asked hides a change as well as one that lies about it.
How the rows lay in the bins no record of an answer shows: that is the gateway's word.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.core.digest import Digest
from lockgate.core.record_kinds import UnrecordedRecord, parse_any
from lockgate.core.record_scan import ENVIRONMENT_AT, IS_SINGLE, answered
from lockgate.core.record_window import WindowRecord
from lockgate.errors import VerificationFailed

_UNRECORDED = b'"kind":"unrecorded"'
_LONGEST_UNRECORDED = 512
_KEY = b'"model":"'
_DIGEST = len("sha256:") + 64
LEAST_ROWS, MOST_UNSEEN = 1_000, 100_000
"""Of so many answered rows a first window, and a further one, should be there by now."""


@dataclass
class _Rows:
    """Of one model at one gateway. `ahead`: by how many more rows were seen than answered at most, and where."""

    answered: int = 0
    seen: int = 0
    counted: int = 0
    ahead: int = 0
    at: tuple[int, WindowRecord] | None = None


class Answered:
    """Takes each record of the log of predictions, in order."""

    def __init__(self) -> None:
        self._rows: dict[tuple[bytes, bytes], _Rows] = {}
        self._unrecorded: dict[bytes, int] = {}
        self._failure: VerificationFailed | None = None
        self._labelled: dict[bytes, int] = {}
        self._gap: dict[bytes, int] = {}
        self.windows = 0

    def take(self, gateway: bytes, entry: bytes) -> None:
        """A record that is no window, which `place_of` took."""
        if entry.endswith(IS_SINGLE):
            rows, place = 1, entry.find(_KEY, ENVIRONMENT_AT)
        else:
            rows, place = answered(entry)
            if not rows:
                self._other(gateway, entry)
                return
        start = place + len(_KEY)
        model = entry[start : start + _DIGEST]
        self._of(gateway, model).answered += rows
        self._gap[model] = self._gap.get(model, 0) + rows

    def window(self, index: int, gateway: bytes, record: WindowRecord) -> None:
        """The window at `index`. See `check`."""
        model = record.model.encode()
        one = self._of(gateway, model)
        self.windows += 1
        one.seen += record.seen
        if record.seen:
            self._gap[model] = 0
        one.counted += record.rows + record.dropped
        self._labelled[model] = self._labelled.get(model, 0) + record.labelled
        if one.counted > one.seen and self._failure is None:
            seen = {"check": "rows and dropped", "told": one.counted, "found": one.seen}
            self._failure = _more(index, record, "a gateway counted more rows than it looked at", seen)
        if one.seen - one.answered > one.ahead:
            one.ahead, one.at = one.seen - one.answered, one.at or (index, record)

    def check(self) -> int:
        """How many windows there were. What they tell holds:

        1. No more rows are counted and dropped than were looked at, until each record.
        2. No more are looked at than were answered, but for what that gateway could not record.
        3. No more labels came of a model than rows were answered from it.

        Raises VerificationFailed LG773.
        """
        if self._failure is not None:
            raise self._failure
        of_model: dict[bytes, int] = {}
        for (gateway, model), one in self._rows.items():
            unrecorded = self._unrecorded.get(gateway, 0)
            of_model[model] = of_model.get(model, 0) + one.answered + unrecorded
            if one.ahead > unrecorded and one.at is not None:
                seen = {"check": "seen", "told": one.answered + one.ahead, "found": one.answered + unrecorded}
                raise _more(*one.at, "a gateway looked at more rows than it answered", seen)
        for model, labels in self._labelled.items():
            if labels > of_model.get(model, 0):
                raise VerificationFailed(
                    "LG773",
                    "more rows have labels than were answered",
                    seen={"model": model.decode(), "told": labels, "found": of_model.get(model, 0)},
                    next=_NEXT,
                )
        return self.windows

    def unseen(self, manifest: Digest) -> tuple[int, int] | None:
        """Of a model with a plan: rows answered, and of them those that windows tell of; None where that is enough.

        Of several gateways of one house one counts, so only those that count are asked for half of their own rows; and
        one of them is to count all the time.
        """
        model = manifest.encode()
        found = [one for (_, name), one in self._rows.items() if name == model]
        answered, seen = sum(one.answered for one in found), sum(one.seen for one in found)
        counting = sum(one.answered for one in found if one.seen)
        least = MOST_UNSEEN if seen else LEAST_ROWS
        few = counting >= 2 * LEAST_ROWS and 2 * seen < counting
        return (answered, seen) if few or self._gap.get(model, 0) >= least else None

    def _of(self, gateway: bytes, model: bytes) -> _Rows:
        found = self._rows.get((gateway, model))
        if found is None:
            found = self._rows[gateway, model] = _Rows()
        return found

    def _other(self, gateway: bytes, entry: bytes) -> None:
        if len(entry) < _LONGEST_UNRECORDED and _UNRECORDED in entry:
            record = parse_any(entry)
            if isinstance(record, UnrecordedRecord):
                self._unrecorded[gateway] = self._unrecorded.get(gateway, 0) + record.rows


def _more(index: int, record: WindowRecord, message: str, seen: dict[str, object]) -> VerificationFailed:
    place = {"log_entry": index, "gateway": record.gateway, "record": record.seq, "model": record.model}
    return VerificationFailed("LG773", message, seen={**seen, **place}, next=_NEXT)


_NEXT = "lockgate explain LG773"
