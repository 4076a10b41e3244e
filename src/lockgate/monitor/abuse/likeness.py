"""In how much two coded rows agree, beyond what rows of the population do: points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lockgate.monitor.abuse.facts import TIERS

Bytes: TypeAlias = npt.NDArray[np.uint8]
Short: TypeAlias = npt.NDArray[np.uint16]


class Likeness:
    """`within`, `same`: of NearFacts. At most 5 points of a field, and 240 of all: a byte holds them."""

    def __init__(self, within: Sequence[Sequence[int]], same: Sequence[int]) -> None:
        tiers = np.array(within, np.uint8).reshape(-1, TIERS)
        self._tiers = [tiers[:, tier, None] for tier in range(TIERS) if tiers[:, tier].any()]
        given = np.array(same, np.uint8)
        self._same = [(given >= least)[:, None].view(np.uint8) for least in (1, 2) if (given >= least).any()]

    def __call__(self, one: tuple[Bytes, Short], many: tuple[Bytes, Short]) -> Bytes:
        """Of rows (n, f) and others (f, k), each as ranks and hashes: their points, (n, k)."""
        ranks, exact = one[0][:, :, None], one[1][:, :, None]
        apart = np.maximum(ranks, many[0])
        apart -= np.minimum(ranks, many[0])
        points = np.zeros(apart.shape, np.uint8)
        passed = np.empty(apart.shape, bool)
        for tier in self._tiers:
            np.less(apart, tier, out=passed)
            points += passed.view(np.uint8)
        if self._same:
            equal = np.equal(exact, many[1], out=passed).view(np.uint8)
            for given in self._same:
                points += equal & given
        found: Bytes = points.sum(axis=1, dtype=np.uint8)
        return found
