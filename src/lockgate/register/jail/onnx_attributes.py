"""The attributes of one node as arrays, and the questions that are asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from lockgate.register.formats import MAX_OUTPUTS
from lockgate.register.jail.findings import NotAllowed

Ints = NDArray[np.int64]


class Arrays:
    """The attributes of one node, read as arrays."""

    def __init__(self, node: onnx.NodeProto, attributes: Mapping[str, onnx.AttributeProto]) -> None:
        self._node, self._attributes = node, attributes

    def ints(self, name: str) -> Ints:
        """The whole numbers called `name`; none when they are absent."""
        found = self._attributes.get(name)
        return np.array(found.ints if found is not None else (), np.int64)

    def strings(self, name: str) -> list[bytes]:
        """The byte strings called `name`."""
        found = self._attributes.get(name)
        return list(found.strings) if found is not None else []

    def number(self, name: str, default: int) -> int:
        """The whole number called `name`."""
        found = self._attributes.get(name)
        return default if found is None else found.i

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """The tensor called `name`."""
        found = self._attributes.get(name)
        return None if found is None else found.t

    def count(self, *names: str) -> int:
        """How many values the first of `names` that is there has: of a list, or a tensor."""
        for name in names:
            found = self._attributes.get(name)
            if found is not None:
                if found.type == onnx.AttributeProto.TENSOR:
                    return int(np.prod(found.t.dims, dtype=np.int64))
                return len(found.ints) or len(found.floats) or len(found.strings)
        return 0

    def refuse(self, why: str, **seen: object) -> NotAllowed:
        """What to raise."""
        what = self._node.op_type
        return NotAllowed("LG425", f"the arrays of a {what} do not fit: {why}", node=self._node.name[:200], **seen)

    def same(self, *names: str) -> int:
        """How long the arrays `names` are, which must be one length."""
        lengths = {name: self.count(name) for name in names}
        if len(set(lengths.values())) > 1:
            raise self.refuse("they are of different lengths", lengths=lengths)
        return next(iter(lengths.values()))

    def bounded(self, what: str, value: int) -> None:
        """Refuses a number of outputs beyond the limit."""
        if not 0 <= value <= MAX_OUTPUTS:
            raise NotAllowed(
                "LG422", f"{self._node.op_type} has {what} beyond the limit", value=value, limit=MAX_OUTPUTS
            )

    def within(self, name: str, below: int) -> None:
        """The whole numbers called `name` are from 0 to below `below`."""
        values = self.ints(name)
        if values.size and not (values.min() >= 0 and values.max() < below):
            raise self.refuse(f"{name} point outside", most=below)

    def among(self, name: str, known: Sequence[bytes]) -> None:
        """The word called `name` is one of `known`, or the number stands for one."""
        found = self._attributes.get(name)
        if found is None:
            return
        numbered = found.type == onnx.AttributeProto.INT
        if not (0 <= found.i < len(known) if numbered else found.s in known):
            raise self.refuse(f"its {name} is none of those that are known")
