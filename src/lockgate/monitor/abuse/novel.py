"""Rows that no population has: how odd each one is, and whether a client sends more of them than any customer would.

Who copies a model with made-up rows draws values field by field, steps away from rows that are there, or mixes two of
them; such rows lie where nearly none of the population's do. A customer has odd rows too, and a customer of one region
or product has more of them than the population: `NovelFacts.usual` says how many more the oddest large part of the
population has, and what is tested is twice that share.

For each watched tail rank and each of some shares that an attacker might have, the likelihood ratio of "this share"
against "the usual one" is a supermartingale for every client that has the usual share or less, whatever the order of
its rows (a bet on each row, fixed before it is seen). They are summed over all beginnings (Shiryaev and Roberts): what
was ordinary before says nothing for a client, so that an attack inside years of custom is seen like one of a new key.
A client below the usual shares crosses BAR once in at least BAR rows on average, at worst.

Nothing that is not odd is seen: rows drawn from the population itself (natural extraction), and synthetic rows where
fields hardly depend on each other. Those only a leak budget bounds (`leak`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.coded import compared
from lockgate.monitor.abuse.novel_facts import STEPS, WATCHED, NovelFacts
from lockgate.monitor.abuse.novel_views import Oddness
from lockgate.monitor.abuse.said import Said

BAR: Final = 3e6
FACTOR: Final = 2.0
"""A client may have so many times the odd rows of the oddest large part of the population."""
SHARES: Final = (0.02, 0.06, 0.2, 0.5, 0.95)
"""Of odd rows among an attacker's: bets are made on those that lie well above what is usual."""
KNOWN: Final = 128
"""Places for numbers of odd rows: what is there comes again."""
CLOSE: Final = 0.1
"""A margin below it is one at the boundary."""

_APART = 1.5
_MOST = 1e100
_TAILS = np.array([2 ** (-step / 2) for step in range(STEPS + 1)], np.float32)
_BANDS = tuple(_TAILS[list(WATCHED)].tolist())
_FAREST, _ODD = _BANDS[0], _BANDS[2]
_NEW = 0
"""The kind of a row that lies near none before: only it is a drawing of its own."""


class _Population(Protocol):
    @property
    def novel(self) -> NovelFacts | None: ...


class _Ranked(Protocol):
    @property
    def ranks(self) -> npt.NDArray[np.uint8]: ...


class _Coded(Protocol):
    @property
    def exact(self) -> npt.NDArray[np.uint32]: ...


class Novelty:
    """Of one model: scores rows."""

    def __init__(self, population: _Population) -> None:
        facts = population.novel
        self._oddness = None if facts is None else Oddness(facts)
        self._cuts = np.array(() if facts is None else facts.cuts)
        self._fields = np.array(() if facts is None else facts.fields, np.intp)
        self.bets = () if facts is None else _bets(facts)

    def scores(self, coded: _Ranked) -> npt.NDArray[np.float32]:
        """Of each row its tail rank, 0.01 if at most 1 % of the population's rows are as odd; 2**-12 is least.

        1 of all where the population says nothing about it.
        """
        if self._oddness is None:
            return np.ones(len(coded.ranks), np.float32)
        return _TAILS.take(np.searchsorted(self._cuts, self._oddness(coded.ranks)))

    def same(self, coded: _Coded, scores: npt.NDArray[np.float32]) -> Sequence[int]:
        """Of each row a number by which it is told whether all that is looked at here was the same before; or none."""
        if self._oddness is None or not (scores <= _BANDS[-1]).any():
            return ()
        found: list[int] = compared(coded.exact.take(self._fields, axis=1)).tolist()
        return found


class Novel:
    """Of one client: some tens of numbers, whatever comes."""

    __slots__ = ("_bets", "_known", "_sums", "boundary", "far", "odd", "raised", "rows")

    def __init__(self, novelty: Novelty) -> None:
        self._bets = novelty.bets
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._sums = [0.0] * (len(self._bets[0]) if self._bets else 0)
        self._known = array("I", [0] * KNOWN)
        self.rows = self.odd = self.far = self.boundary = 0
        self.raised = False

    def take(
        self,
        scores: npt.NDArray[np.float32],
        said: Said,
        kinds: npt.NDArray[np.uint8],
        same: Sequence[int] = (),
    ) -> None:
        """Rows in their order; each adds at most a row's worth, however they are cut into blocks.

        What lies near a row before says nothing more about how odd a client's rows are: that is for `Near`. Nor does an
        odd row that is the same in all that is odd about it, such as a hundred of one new product. `same`: see Novelty.
        """
        if not self._bets:
            return
        sums = self._sums
        numbers = same or [0] * len(scores)
        for score, kind, margin, number in zip(
            scores.tolist(), kinds.tolist(), said.margins.tolist(), numbers, strict=True
        ):
            if kind == _NEW:
                if same and score <= _BANDS[-1]:
                    if self._known[number % KNOWN] == number:
                        continue
                    self._known[number % KNOWN] = number
                self.rows += 1
                self.boundary += margin < CLOSE
                self.odd += score <= _ODD
                self.far += score <= _FAREST
                bets = self._bets[len(WATCHED) - bisect_left(_BANDS, score)]
                sums = [(before + 1) * bet for before, bet in zip(sums, bets, strict=True)]
                if score <= _BANDS[-1]:  # Only such a row raises a sum.
                    sums = [min(one, _MOST) for one in sums]
                    self.raised = self.raised or sum(sums) >= BAR * len(sums) > 0
        self._sums = sums

    @property
    def evidence(self) -> Mapping[str, int]:
        """Rows that were counted; `odd` and `far`: of those the ones with a tail rank below 0.01, and below 0.0003."""
        return {"rows": self.rows, "odd": self.odd, "far": self.far, "boundary": self.boundary}


def _bets(facts: NovelFacts) -> tuple[tuple[float, ...], ...]:
    """By what a row within none of the watched tails multiplies each bet, one within the widest, the two widest ..."""
    usual = [min(FACTOR * share, 1.0) for share in facts.usual]
    pairs = [(at, null, share) for at, null in enumerate(usual) for share in SHARES if share > _APART * null]
    return tuple(
        tuple(share / null if at >= len(WATCHED) - hits else (1 - share) / (1 - null) for at, null, share in pairs)
        for hits in range(len(WATCHED) + 1)
    )
