"""Trees of any library in one neutral form, and that form as an ONNX TreeEnsemble. Runs in the jail.

Splits compare 64-bit numbers, as the libraries do. A set of categories holds whole numbers from 0, and so must what is
asked of it: onnxruntime 1.32 finds 0.5 in a set with 0 (`whole` makes whole numbers).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from onnx import numpy_helper

from lockgate.train.jail.exporters.graph import DOUBLE, INT64, ML, Graph

Comparison = Literal["<=", "<", "in"]
_MODES = {"<=": 0, "<": 1, "in": 6}
_SUM = 1


@dataclass(frozen=True)
class Leaf:
    """The end of a path."""

    value: float


@dataclass(frozen=True)
class Split:
    """`yes` and `no` are places in the tree's nodes; a missing value goes to yes where `missing` says so."""

    feature: int
    comparison: Comparison
    threshold: float
    missing: bool
    yes: int
    no: int
    members: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tree:
    """Nodes, the first being the root. Its value is added to the output `target`."""

    nodes: tuple[Leaf | Split, ...]
    target: int = 0


def pruned(tree: Tree) -> Tree:
    """The same function with fewer nodes: a split between two equal leaves is that leaf."""
    done: dict[int, Leaf | None] = {}
    order, pending = [], [0]
    while pending:
        place = pending.pop()
        order.append(place)
        node = tree.nodes[place]
        if isinstance(node, Split):
            pending += [node.yes, node.no]
    for place in reversed(order):
        node = tree.nodes[place]
        if isinstance(node, Leaf):
            done[place] = node
        else:
            yes, no = done[node.yes], done[node.no]
            done[place] = yes if yes is not None and yes == no else None
    return replace(tree, nodes=tuple(_relinked(tree, done)))


def _relinked(tree: Tree, leaves: dict[int, Leaf | None]) -> Iterable[Leaf | Split]:
    """The nodes that are left, parents before children."""
    order, places = [0], {0: 0}
    for place in order:
        node = tree.nodes[place]
        if leaves[place] is None and isinstance(node, Split):
            for child in (node.yes, node.no):
                places[child] = len(order)
                order.append(child)
    for place in order:
        node, leaf = tree.nodes[place], leaves[place]
        if leaf is not None:
            yield leaf
        elif isinstance(node, Split):
            yes, no = places[node.yes], places[node.no]
            yield Split(node.feature, node.comparison, node.threshold, node.missing, yes, no, node.members)


def ensemble(graph: Graph, matrix: str, trees: list[Tree], base: Any) -> str:
    """`base` plus the sum of the trees' values, shape (n, len(base)), float64."""
    written = _Written()
    total = np.array(base, dtype=np.float64).reshape(-1)
    for tree in trees:
        root = tree.nodes[0]
        if isinstance(root, Leaf):
            total[tree.target] += root.value
        else:
            written.add(tree)
    if not written.roots:
        zero = graph.op("Mul", graph.cast(graph.op("IsNaN", graph.column(matrix, 0)), DOUBLE), 0.0)
        return graph.op("Add", zero, total.reshape(1, -1))
    found = graph.op("TreeEnsemble", matrix, domain=ML, n_targets=len(total), **written.attributes())
    return graph.op("Add", found, total.reshape(1, -1))


@dataclass
class _Written:
    """The columns of ai.onnx.ml 5 TreeEnsemble; node and leaf numbers run through all trees."""

    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    yes: list[int] = field(default_factory=list)
    yes_leaf: list[int] = field(default_factory=list)
    no: list[int] = field(default_factory=list)
    no_leaf: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    members: list[float] = field(default_factory=list)

    def add(self, tree: Tree) -> None:
        """Append a tree whose root is a split."""
        self.roots.append(len(self.features))
        places: list[tuple[int, int]] = []
        splits, leaves = len(self.features), len(self.weights)
        for node in tree.nodes:
            if isinstance(node, Leaf):
                places.append((leaves, 1))
                leaves += 1
            else:
                places.append((splits, 0))
                splits += 1
        for node in tree.nodes:
            if isinstance(node, Leaf):
                self.targets.append(tree.target)
                self.weights.append(node.value)
            else:
                self._split(node, places[node.yes], places[node.no])

    def _split(self, node: Split, yes: tuple[int, int], no: tuple[int, int]) -> None:
        if node.comparison == "in":
            self.members += [*map(float, node.members), math.nan]
        self.features.append(node.feature)
        self.modes.append(_MODES[node.comparison])
        self.thresholds.append(node.threshold)
        self.missing.append(int(node.missing))
        self.yes.append(yes[0])
        self.yes_leaf.append(yes[1])
        self.no.append(no[0])
        self.no_leaf.append(no[1])

    def attributes(self) -> dict[str, Any]:
        """As the operator takes them."""
        sets = (
            {"membership_values": numpy_helper.from_array(np.array(self.members, np.float64))} if self.members else {}
        )
        return sets | {
            "nodes_featureids": self.features,
            "nodes_splits": numpy_helper.from_array(np.array(self.thresholds, np.float64)),
            "nodes_modes": numpy_helper.from_array(np.array(self.modes, np.uint8)),
            "nodes_missing_value_tracks_true": self.missing,
            "nodes_truenodeids": self.yes,
            "nodes_trueleafs": self.yes_leaf,
            "nodes_falsenodeids": self.no,
            "nodes_falseleafs": self.no_leaf,
            "tree_roots": self.roots,
            "leaf_targetids": self.targets,
            "leaf_weights": numpy_helper.from_array(np.array(self.weights, np.float64)),
            "aggregate_function": _SUM,
            "post_transform": 0,
        }


def whole(graph: Graph, column: str) -> str:
    """A column of codes as whole numbers, as a cast in C makes them; what is missing stays missing."""
    cut = graph.cast(graph.cast(column, INT64), DOUBLE)
    return graph.op("Where", graph.op("IsNaN", column), math.nan, cut)
