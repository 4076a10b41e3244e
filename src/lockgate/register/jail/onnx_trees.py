"""Tree ensembles: their arrays fit each other, every child is there, and no path leads in a circle.

A child that two nodes share is let through: converters write sets of categories so. Depth is bounded, since the
runtime walks the trees by recursion when it loads them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from lockgate.register.formats import MAX_TREE_DEPTH
from lockgate.register.jail.onnx_attributes import Arrays, Ints

_MODES: Final = frozenset(
    {b"BRANCH_LEQ", b"BRANCH_LT", b"BRANCH_GTE", b"BRANCH_GT", b"BRANCH_EQ", b"BRANCH_NEQ", b"LEAF"}
)
_MEMBER: Final = 6
_MOST_FEATURES: Final = 1 << 31


def check_trees(arrays: Arrays, leaf: str, outputs: int) -> None:
    """A TreeEnsembleClassifier (`leaf` "class") or TreeEnsembleRegressor ("target"). Raises NotAllowed LG425."""
    # 1. One length for what describes nodes, one for what describes leaves.
    needed = ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
    count = arrays.same(*needed, "nodes_modes")
    optional = ("nodes_hitrates", "nodes_hitrates_as_tensor", "nodes_missing_value_tracks_true")
    values = arrays.count("nodes_values", "nodes_values_as_tensor")
    if not count or values != count or any(arrays.count(one) not in (0, count) for one in optional):
        raise arrays.refuse("the arrays of its nodes are of different lengths, or empty", nodes=count, values=values)
    arrays.within("nodes_featureids", _MOST_FEATURES)
    # 2. Every node is named once; children are nodes of the same tree.
    modes = arrays.strings("nodes_modes")
    unknown = set(modes) - _MODES
    if unknown:
        raise arrays.refuse("a node is of a mode that nobody knows", mode=min(unknown)[:40].decode("ascii", "replace"))
    nodes = _Named(arrays, "nodes")
    inner = np.array([mode != b"LEAF" for mode in modes])
    parents = np.flatnonzero(inner)
    children = [nodes.find(arrays, nodes.trees[inner], arrays.ints(one)[inner]) for one in needed[3:]]
    # 3. From the roots every path ends.
    roots = _peel(arrays, count, np.concatenate([parents, parents]), np.concatenate(children))
    if len(np.unique(nodes.trees[roots])) != len(roots):
        raise arrays.refuse("a tree has two roots")
    # 4. Leaves say something about outputs that are there.
    arrays.same(f"{leaf}_treeids", f"{leaf}_nodeids", f"{leaf}_ids")
    weights = arrays.count(f"{leaf}_weights", f"{leaf}_weights_as_tensor")
    if weights != arrays.count(f"{leaf}_ids"):
        raise arrays.refuse("there is not one weight for each output of a leaf")
    arrays.within(f"{leaf}_ids", outputs)
    nodes.find(arrays, arrays.ints(f"{leaf}_treeids"), arrays.ints(f"{leaf}_nodeids"))
    # Of two classes one may be left to the other.
    fewest = 1 if leaf == "class" and outputs <= 2 else outputs
    if arrays.count("base_values", "base_values_as_tensor") not in (0, fewest, outputs):
        raise arrays.refuse("there is not one base value for each output")


class _Named:
    """Nodes by (tree, node): where each stands in the arrays."""

    def __init__(self, arrays: Arrays, prefix: str) -> None:
        self.trees = arrays.ints(f"{prefix}_treeids")
        keys = _keys(arrays, self.trees, arrays.ints(f"{prefix}_nodeids"))
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]
        if np.any(self._sorted[1:] == self._sorted[:-1]):
            raise arrays.refuse("two nodes have one name")

    def find(self, arrays: Arrays, trees: Ints, nodes: Ints) -> Ints:
        """Where these nodes stand. Raises NotAllowed for one that is not there."""
        keys = _keys(arrays, trees, nodes)
        place = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        if np.any(self._sorted[place] != keys):
            raise arrays.refuse("they name a node that is not there")
        return self._order[place]


def _keys(arrays: Arrays, trees: Ints, nodes: Ints) -> Ints:
    for values in (trees, nodes):
        if values.size and not (values.min() >= 0 and values.max() < 1 << 31):
            raise arrays.refuse("a tree or a node has a number out of range")
    return trees << 32 | nodes


def _peel(arrays: Arrays, count: int, parents: Ints, children: Ints) -> Ints:
    """The roots of a graph without circles: level by level, whatever has no parent left is taken away."""
    waiting = np.bincount(children, minlength=count)
    roots = level = np.flatnonzero(waiting == 0)
    order = np.argsort(parents, kind="stable")
    children, first = children[order], np.searchsorted(parents[order], np.arange(count + 1))
    seen = len(level)
    for _ in range(MAX_TREE_DEPTH):
        lengths = first[level + 1] - first[level]
        if not lengths.any():
            break
        offsets = np.repeat(first[level] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        below = children[offsets + np.arange(lengths.sum())]
        np.subtract.at(waiting, below, 1)
        below = np.unique(below)
        level = below[waiting[below] == 0]
        seen += len(level)
    if seen != count:
        raise arrays.refuse("its nodes go in a circle, or deeper than the limit", limit=MAX_TREE_DEPTH)
    return roots


def check_ensemble(arrays: Arrays) -> None:
    """A TreeEnsemble of `ai.onnx.ml` 5: nodes and leaves by their places. Raises NotAllowed LG425."""
    # 1. One length for what describes inner nodes, one for leaves.
    children = (("nodes_truenodeids", "nodes_trueleafs"), ("nodes_falsenodeids", "nodes_falseleafs"))
    count = arrays.same("nodes_featureids", "nodes_splits", "nodes_modes", *children[0], *children[1])
    leaves = arrays.same("leaf_targetids", "leaf_weights")
    optional = ("nodes_hitrates", "nodes_missing_value_tracks_true")
    if not count or not leaves or any(arrays.count(one) not in (0, count) for one in optional):
        raise arrays.refuse("the arrays of its nodes are of different lengths, or empty", nodes=count, leaves=leaves)
    arrays.within("nodes_featureids", _MOST_FEATURES)
    arrays.within("leaf_targetids", arrays.number("n_targets", 1))
    arrays.within("tree_roots", count)
    _check_modes(arrays)
    # 2. Children are there.
    parents, below = [], []
    for ids, leafs in children:
        arrays.within(leafs, 2)
        to_leaf = arrays.ints(leafs) == 1
        places = arrays.ints(ids)
        if np.any(places < 0) or np.any(places >= np.where(to_leaf, leaves, count)):
            raise arrays.refuse(f"{ids} point outside")
        parents.append(np.flatnonzero(~to_leaf))
        below.append(places[~to_leaf])
    # 3. From the roots every path ends, and nothing lies apart.
    roots = _peel(arrays, count, np.concatenate(parents), np.concatenate(below))
    if set(roots.tolist()) != set(arrays.ints("tree_roots").tolist()):
        raise arrays.refuse("its roots are not those that it names")


def _check_modes(arrays: Arrays) -> None:
    modes = _values(arrays, "nodes_modes")
    if modes.dtype != np.uint8 or np.any(modes > _MEMBER):
        raise arrays.refuse("a node is of a mode that nobody knows")
    members = _values(arrays, "membership_values")
    if members.dtype.kind != "f":
        raise arrays.refuse("its members are no floating numbers")
    ends = np.isnan(members)
    if int(ends.sum()) != int((modes == _MEMBER).sum()) or (ends.size and not ends[-1]):
        raise arrays.refuse("there is not one set of members for each node that asks for one")


def _values(arrays: Arrays, name: str) -> NDArray[Any]:
    """The elements of a tensor; none when it is absent."""
    tensor = arrays.tensor(name)
    if tensor is None:
        return np.zeros(0)
    try:
        values: NDArray[Any] = numpy_helper.to_array(tensor).reshape(-1)
    except (KeyError, TypeError, ValueError):
        # An attribute that says it is a tensor, and holds none, or one of no type.
        raise arrays.refuse(f"{name} is no tensor that can be read") from None
    return values
