"""train.jail.exporters.trees: one form for all libraries' trees, and what onnxruntime makes of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from lockgate.register.jail.onnx_file import check_onnx
from lockgate.train.jail.exporters.graph import DOUBLE, Graph, model_of
from lockgate.train.jail.exporters.trees import Leaf, Split, Tree, ensemble, pruned, whole


def _asked(trees: list[Tree], base: list[float], values: list[float], *, codes: bool = False) -> Any:
    """What the graph says of one column."""
    graph = Graph()
    column = graph.cast("X", DOUBLE)
    found = ensemble(graph, whole(graph, column) if codes else column, trees, base)
    model = model_of(graph, {"X": ("float32", 1)}, {found: (DOUBLE, [None, len(base)])}).SerializeToString()
    check_onnx(model)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": np.array(values, np.float32).reshape(-1, 1)})[0].tolist()


def _split(comparison: Any, threshold: float, *members: int, missing: bool = False) -> Tree:
    return Tree((Split(0, comparison, threshold, missing, 1, 2, members), Leaf(1.0), Leaf(0.0)))


def test_comparisons_and_missing_values() -> None:
    """`<=` holds at the threshold, `<` does not; NaN goes where the split says."""
    assert _asked([_split("<=", 2.0)], [0.0], [1, 2, 3, math.nan]) == [[1.0], [1.0], [0.0], [0.0]]
    assert _asked([_split("<", 2.0, missing=True)], [0.0], [1, 2, 3, math.nan]) == [[1.0], [0.0], [0.0], [1.0]]


def test_a_threshold_between_two_numbers_of_32_bits_is_kept() -> None:
    """The next number above 1 in 32 bits is above 1 + 2**-30: rounded to 32 bits, the threshold would be 1."""
    above = float(np.nextafter(np.float32(1), np.float32(2)))
    assert _asked([_split("<", 1 + 2.0**-30)], [0.0], [1.0, above]) == [[1.0], [0.0]]


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 63, 64, 65, 200])
def test_sets_hold_their_members_and_no_others(size: int) -> None:
    """Sets below, at and above the widths of onnxruntime's bit sets; no negative, fraction or stranger is a member."""
    members = np.random.default_rng(size).choice(256, size, replace=False).tolist()
    asked = [*range(300), -1, 1e9, math.inf, -math.inf]
    wanted = [[1.0] if each in members else [0.0] for each in asked]
    assert wanted == _asked([_split("in", 0.0, *members)], [0.0], asked, codes=True)
    assert _asked([_split("in", 0.0, 0, missing=True)], [0.0], [0.5, -0.5, 1.5, math.nan], codes=True) == [
        [1.0],
        [1.0],
        [0.0],
        [1.0],
    ]


def test_trees_are_added_to_where_they_begin() -> None:
    """Each tree to its own output; a tree of one leaf is a constant; without any split there is only the base."""
    second = Tree((Leaf(5.0),), 1)
    assert _asked([_split("<=", 0.0), second], [10.0, 20.0], [0, 1]) == [[11.0, 25.0], [10.0, 25.0]]
    assert _asked([second], [0.0, 1.0], [0, math.nan]) == [[0.0, 6.0], [0.0, 6.0]]


def test_pruning_changes_no_answer() -> None:
    """A split between equal leaves is that leaf, all the way up; others stay."""
    nodes = (
        Split(0, "<=", 0.0, False, 1, 2),
        Split(0, "<=", -5.0, False, 3, 4),
        Split(0, "<=", 5.0, True, 5, 6),
        Leaf(1.0),
        Leaf(1.0),
        Leaf(2.0),
        Leaf(3.0),
    )
    small = pruned(Tree(nodes))
    asked = [-6.0, -1.0, 1.0, 6.0, math.nan]
    assert len(small.nodes) == 5
    assert [[1.0], [1.0], [2.0], [3.0], [2.0]] == _asked([Tree(nodes)], [0.0], asked) == _asked([small], [0.0], asked)
    assert pruned(Tree((Split(0, "<", 1.0, False, 1, 2), Leaf(4.0), Leaf(4.0)))).nodes == (Leaf(4.0),)


def test_an_infinite_threshold_parts_the_missing_values_from_all_others() -> None:
    """As HistGradientBoosting writes it: every number goes one way, an infinite one too, and NaN the other."""
    asked = [0.0, 3e38, math.inf, -math.inf, math.nan]
    assert _asked([_split("<=", math.inf)], [0.0], asked) == [[1.0], [1.0], [1.0], [1.0], [0.0]]
