"""What the rows nearest to a row are labelled: copies of it do not count, and many copies of another count once."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from lockgate.validate.screen.crew import Crew
from lockgate.validate.screen.table import Floats, Ints, Table

NEIGHBOURS = 15
MOST_EXACT = 20_000
"""Points up to which every one is looked at as a neighbour; of more, so many as below are drawn."""
DRAWN = 1_000
BLOCK = 1 << 15
"""Rows that are asked about at a time: a multiple of what scikit-learn does at once, so that a cut changes nothing."""


def nearest(table: Table, point: Ints, crew: Crew | None = None) -> Ints:
    """Shape (n, k): the rows nearest to each row, k = 15 or fewer; empty where there is but one point.

    Each stands for a point of its own, and never for the row's own point: whoever repeats a row, changed label and
    all, gains no voice for it.
    """
    from sklearn.neighbors import NearestNeighbors

    first = np.unique(point, return_index=True)[1].astype(np.int64)
    held = first
    if len(first) > MOST_EXACT:
        held = np.sort(table.draw("neighbours").choice(first, DRAWN, replace=False))
    wanted = min(NEIGHBOURS + 1, len(held))
    if wanted < 2:
        return np.zeros((table.rows, 0), np.int64)
    places = NearestNeighbors(n_neighbors=wanted, algorithm="brute").fit(table.scaled[held])
    # The last block takes what is left over: no block is smaller than one.
    cuts = range(BLOCK, len(first) - BLOCK + 1, BLOCK)
    asked = [partial(places.kneighbors, one, return_distance=False) for one in np.split(table.scaled[first], cuts)]
    found = held[np.vstack((crew or Crew()).every(asked))]
    same = found == first[:, None]
    # The row itself goes out; where it is not among them (it was not drawn, or many are as near), the farthest.
    out = np.where(same.any(axis=1), same.argmax(axis=1), wanted - 1)
    rest = np.arange(wanted) != out[:, None]
    others: Ints = found[rest].reshape(len(found), wanted - 1)[point]
    return others


def disagreement(label: Ints, near: Ints) -> Floats:
    """Shape (n,): the share of a row's neighbours with another label."""
    found: Floats = (label[near] != label[:, None]).sum(axis=1) / max(1, near.shape[1])
    return found


def votes(label: Ints, near: Ints, heard: npt.NDArray[np.bool_], classes: int) -> Floats:
    """Shape (n, classes): the neighbours' labels as probabilities, of those that are heard."""
    found = np.full((len(label), classes), 0.5)
    rows = np.arange(len(label))
    for place in near.T:
        found[rows, label[place]] += heard[place]
    said: Floats = found / found.sum(axis=1, keepdims=True)
    return said
