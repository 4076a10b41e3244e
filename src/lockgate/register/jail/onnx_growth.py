"""Values that become larger step by step: in every round of a loop, or by joining a text with itself. Pure.

Shape inference cannot tell either. Counted is how often a value goes into what is joined of it: once may be honest (a
list that gets an entry in each round), twice doubles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import onnx

from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.onnx_operators import graphs_in

_JOINS: Final = frozenset({"Concat", "StringConcat", "SequenceConstruct", "SequenceInsert", "ConcatFromSequence"})
_MULTIPLIES: Final = frozenset({"Expand", "Pad", "Resize", "Tile", "Upsample", "MaxUnpool", "CenterCropPad"})
_MOST_JOINED: Final = 1024
_STOP: Final = 1 << 30


def check_growth(graph: onnx.GraphProto) -> None:
    """Raises NotAllowed LG422."""
    pending = [graph]
    while pending:
        one = pending.pop()
        for node in one.node:
            nested = list(graphs_in(node))
            if node.op_type == "Loop" and nested:
                _check_loop(node, nested[0])
            pending += nested
        texts = [node for node in one.node if node.op_type == "StringConcat"]
        grown = _grown(texts, {name: 1 for node in texts for name in node.input})
        if max(grown.values(), default=0) > _MOST_JOINED:
            raise NotAllowed("LG422", "a text is joined with itself more often than the limit", limit=_MOST_JOINED)


def _check_loop(node: onnx.NodeProto, body: onnx.GraphProto) -> None:
    carried = [value.name for value in body.input[2:]]
    grown = _grown(body.node, dict.fromkeys(carried, 1))
    for value in body.output[1 : 1 + len(carried)]:
        if grown.get(value.name, 0) > 1:
            raise NotAllowed(
                "LG422", "a value of a loop becomes larger in every round", node=node.name[:200], value=value.name[:200]
            )


def _grown(nodes: Iterable[onnx.NodeProto], start: Mapping[str, int]) -> dict[str, int]:
    """How often what has a number in `start` is in each value."""
    grown = dict(start)
    for node in nodes:
        counts = [grown.get(name, 0) for name in node.input]
        if not any(counts):
            continue
        count = sum(counts) if node.op_type in _JOINS else max(counts)
        if node.op_type in _MULTIPLIES and counts[0]:
            count = _STOP
        # A stop, so that long chains do not make huge numbers.
        grown.update((name, max(min(count, _STOP), grown.get(name, 0))) for name in node.output)
    return grown
