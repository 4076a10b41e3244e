"""Texts of a column: exact counts while there are few different ones, then the frequent ones and how many there are.

Beyond `MOST_VALUES` different texts counts come from a frequent-items sketch of Apache DataSketches: each is too low by
at most `missed`. A text that occurs in less than a thousandth of a batch is not given to it, which costs as much
precision as the sketch itself would, and saves the calls: in a column of identifiers nothing is frequent.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from datasketches import (
    frequent_items_error_type,
    frequent_strings_sketch,
)

from lockgate.validate.jail._cells import MOST_VALUES, counted
from lockgate.validate.jail._distinct import Distinct

pc: Any = pyarrow.compute  # its stubs do not know that a function of an array gives an array

LONGEST = 200
"""UTF-8 bytes of a text that is kept whole."""

MOST_FREQUENT = 768

_CUT = 150
_MARK = "\N{HORIZONTAL ELLIPSIS}sha256:"
LONGEST_KEPT = _CUT + len(_MARK.encode()) + 64
"""UTF-8 bytes of a text that is kept in part, with its digest: more than any that is kept whole."""

_LG_FREQUENT = 10  # a table of 1024, three quarters of which may be full
_SHARE = 1024
_CHUNK = 1 << 16


@dataclass
class Texts:
    """Counts of one column's texts: exact in `values`, or None and what the sketches hold."""

    values: Counter[str] | None = field(default_factory=Counter)
    distinct: Distinct = field(default_factory=Distinct)
    missed: int = 0
    _frequent: frequent_strings_sketch = field(default_factory=lambda: frequent_strings_sketch(_LG_FREQUENT))

    def add(self, texts: pa.StringArray) -> None:
        """Take texts without nulls."""
        for begin in range(0, len(texts), _CHUNK):
            part = _shortened(texts.slice(begin, _CHUNK))
            if self.values is None:
                self._sketch(part)
            else:
                self.values.update(dict(_counts(part)))
                self._bound()

    def merge(self, other: Texts) -> None:
        """Take all that the other has counted."""
        if self.values is not None and other.values is not None:
            self.values.update(other.values)
            self._bound()
            return
        self._give_up_exactness()
        if other.values is not None:
            self._take(other.values)
            return
        self.distinct.merge(other.distinct)
        self._count(other.frequent())
        self.missed += other.missed_at_most()

    def frequent(self) -> list[tuple[str, int]]:
        """Texts and how often each is there at least, commonest first."""
        if self.values is not None:
            found: Iterable[tuple[str, int]] = self.values.items()
        else:
            held = self._frequent.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
            found = ((text, least) for text, _, least, _ in held)
        return sorted(found, key=lambda entry: (-entry[1], entry[0]))

    def missed_at_most(self) -> int:
        """By how much each count may be too low, and how often a text may be there that is not named."""
        uncertain = self._frequent.get_upper_bound("") - self._frequent.get_lower_bound("")  # the same for every text
        return 0 if self.values is not None else self.missed + int(uncertain)

    @staticmethod
    def of_frequent(frequent: Iterable[tuple[str, int]], missed: int, distinct: Distinct) -> Texts:
        """What `frequent`, `missed_at_most` and `distinct` of a column that is not exact tell."""
        found = Texts(None, distinct, missed)
        found._count(frequent)
        return found

    def _bound(self) -> None:
        if self.values is not None and len(self.values) > MOST_VALUES:
            self._give_up_exactness()

    def _give_up_exactness(self) -> None:
        known, self.values = self.values, None
        if known is not None:
            self._take(known)

    def _take(self, known: Counter[str]) -> None:
        self.distinct.add_texts(pa.array(known, pa.string()))
        self._count(sorted(known.items(), key=lambda entry: (-entry[1], entry[0])))

    def _count(self, entries: Iterable[tuple[str, int]]) -> None:
        for text, number in entries:
            self._frequent.update(text, number)

    def _sketch(self, texts: pa.StringArray) -> None:
        hashes = self.distinct.add_texts(texts).view(np.int64)
        least = len(texts) // _SHARE + 1
        found, counts = counted(hashes)
        often = found[counts >= least]
        missed = int(counts[counts < least].max(initial=0))
        if len(often):
            # Other texts can have the same hash: what is counted are the texts.
            at = np.minimum(np.searchsorted(often, hashes), len(often) - 1)
            entries = _counts(texts.filter(pa.array(often[at] == hashes)))
            missed = max([missed, *(number for _, number in entries if number < least)])
            self._count((text, number) for text, number in entries if number >= least)
        self.missed += missed


def _counts(texts: pa.StringArray) -> list[tuple[str, int]]:
    found = pc.value_counts(texts)
    return list(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))


def _shortened(texts: pa.StringArray) -> pa.StringArray:
    """Texts of more than `LONGEST` bytes as their beginning and their digest, which is again longer than that."""
    long = pc.greater(pc.binary_length(texts), LONGEST)
    if not pc.any(long).as_py():
        return texts
    cut = pa.array([_cut(text or "") for text in texts.filter(long).to_pylist()], pa.string())
    short: pa.StringArray = pc.replace_with_mask(texts, long, cut)
    return short


def _cut(text: str) -> str:
    data = text.encode()
    return data[:_CUT].decode(errors="ignore") + _MARK + hashlib.sha256(data).hexdigest()
