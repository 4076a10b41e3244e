"""Rows as codes: of each field where its value lies among the population's, and a hash: is it the same?

A row is coded once for all keys and detectors. The salt is the gateway's own: nobody else can make values that are
different and look the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.facts import CATEGORIES, CUTS, MOST_FIELDS, Population

Array: TypeAlias = npt.NDArray[Any]
Bytes: TypeAlias = npt.NDArray[np.uint8]

MISSING = 255
"""The rank of a value that is not there."""

_COARSE = 16
_SMOOTH = np.uint64(1 << 11)
"""Half of what is not told apart of a number: its last 12 bits of 52."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_WEIGHTS = np.array([0x9E3779B97F4A7C15 * (2 * place + 1) % 2**64 for place in range(MOST_FIELDS)], np.uint64)


@dataclass(frozen=True)
class Coded:
    """Of n rows and f fields.

    Attributes:
        ranks: (n, f), 0 to 250, MISSING (255) of none: how many of 250 cuts of the population lie below the value; of a
            category a code, the same in every process.
        exact: (n, f): a salted hash of the value itself.
        whole: (n,): a salted hash of the whole record, with the fields that are not compared.
    """

    ranks: Bytes
    exact: npt.NDArray[np.uint32]
    whole: npt.NDArray[np.uint32]

    def part(self, rows: slice | npt.NDArray[np.intp]) -> Coded:
        """Some of the rows."""
        return Coded(self.ranks[rows], self.exact[rows], self.whole[rows])


class Coder:
    """The fields of a population, made ready. `salt`: a secret number below 2**64, one for all that is compared."""

    def __init__(self, population: Population, salt: int) -> None:
        fields = population.fields
        self._salt = np.uint64(salt)
        self._secret = salt
        self._fields = len(fields)
        self._numbers = [(place, one.name) for place, one in enumerate(fields) if one.kind == "number"]
        self._texts = [(place, one.name) for place, one in enumerate(fields) if one.kind == "category"]
        cuts = np.full((len(self._numbers), _COARSE * _COARSE), np.inf)
        for row, (place, _) in enumerate(self._numbers):
            cuts[row, :CUTS] = fields[place].cuts
        # Two steps of 16: which sixteenth, then where in it.
        self._ends = cuts[:, _COARSE - 1 :: _COARSE].copy()
        self._fine = cuts.reshape(-1, _COARSE)
        self._starts = np.arange(len(self._numbers)) * _COARSE
        self._places = np.array([place for place, _ in self._numbers], np.intp)

    def rows(self, columns: Mapping[str, Array], rows: int, whole: Sequence[Hashable] | None = None) -> Coded:
        """Code `rows` rows. A column that is not there is missing in each.

        `whole`: of each row its canonical bytes, or what `hash` says of them; without, the compared fields are all.
        """
        ranks = np.full((rows, self._fields), MISSING, np.uint8)
        exact = np.zeros((rows, self._fields), np.uint32)
        if self._numbers:
            values = np.empty((rows, len(self._numbers)))
            for place, (_, name) in enumerate(self._numbers):
                values[:, place] = columns.get(name, np.nan)
            ranks[:, self._places] = self._ranked(values)
            exact[:, self._places] = self._hashed(values)
        for place, name in self._texts:
            if name in columns:
                cells = columns[name].tolist()
                ranks[:, place] = [MISSING if cell is None else code(cell) for cell in cells]
                exact[:, place] = [hash((self._secret, cell)) & 0xFFFFFFFF for cell in cells]
        if whole is not None:
            hashes = np.array([hash((self._secret, one)) & 0xFFFFFFFF for one in whole], np.uint32)
        else:
            hashes = compared(exact)
        return Coded(ranks, exact, hashes)

    def _ranked(self, values: npt.NDArray[np.float64]) -> Bytes:
        coarse = (self._ends < values[:, :, None]).sum(axis=2)
        np.minimum(coarse, _COARSE - 1, out=coarse)
        fine = (self._fine.take(coarse + self._starts, axis=0) < values[:, :, None]).sum(axis=2)
        found: Bytes = (coarse * _COARSE + fine).astype(np.uint8)
        found[np.isnan(values)] = MISSING
        return found

    def _hashed(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
        bits = (values + 0.0).view(np.uint64)  # -0.0 is 0.0
        mixed = ((bits + _SMOOTH) >> np.uint64(12)) ^ self._salt
        mixed *= _ODD
        mixed ^= mixed >> np.uint64(29)
        mixed *= _ODD
        found: npt.NDArray[np.uint32] = (mixed >> np.uint64(32)).astype(np.uint32)
        return found


def compared(exact: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Of each row (n, f) one hash of all fields that are compared, (n,)."""
    summed: npt.NDArray[np.uint64] = (exact * _WEIGHTS[: exact.shape[1]]).sum(axis=1, dtype=np.uint64)
    return (summed >> np.uint64(32)).astype(np.uint32)


def code(text: object) -> int:
    """The code of a category, 0 to 250: texts of the same code are as good as one."""
    return crc32(str(text).encode("utf-8", "surrogatepass")) % CATEGORIES
