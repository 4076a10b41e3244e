"""What makes much of little in a template: it would burn time and memory on every request.

The assignments are followed in the order in which they come, loops for as many rounds as it takes to see whether
something is doubled in each; nothing is rendered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from lockgate.register.jail.template_tokens import Block, Token, no
from lockgate.register.jail.template_values import CONSTANT, UNIT, Size

MOST_NUMBER: Final = 100_000
MOST_RANGE: Final = 1_000
MOST_DEPTH: Final = 32
MOST_SIZE: Final = 2e5
"""Of one value, in units."""

MOST_WRITTEN: Final = 1e6
MOST_WORK: Final = 200_000
PADDED: Final = re.compile(r"%(?:\([^)]*\))?[-+ #0]*\d*\.?(?:\d{4}|\*)")
"""In a text: a place that is filled up to so many characters."""

_ROUNDS: Final = 24
"""So often doubled is more than MOST_SIZE."""
_BEGINS = frozenset({"if", "for", "macro", "generation", "with", "filter"})
_ENDS = frozenset("end" + one for one in _BEGINS)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


@dataclass
class Set:
    """A name gets a value of that size; the empty name is what the template writes."""

    name: str
    size: Size


@dataclass
class Loop:
    """Its body comes again and again, with a part of something in its names."""

    names: tuple[str, ...]
    size: Size
    factor: float
    is_range: bool = False
    body: list[Node] = field(default_factory=list)


@dataclass
class Call:
    """A macro's body comes here; its parameters are at most as large as all arguments."""

    name: str
    parameters: tuple[str, ...]
    body: list[Node]
    size: Size


@dataclass
class Caught:
    """What its body writes goes through filters, and into a name or on."""

    name: str
    growth: float
    body: list[Node] = field(default_factory=list)


Node: TypeAlias = "Set | Loop | Call | Caught"


def check_nesting(blocks: Sequence[Block], where: str) -> None:
    """Nothing deep, no powers, no large numbers. Raises NotAllowed LG472."""
    depth = 0
    for block in blocks:
        at = block.tokens[0].at if block.tokens else 0
        depth += (block.statement in _BEGINS) - (block.statement in _ENDS)
        if depth > MOST_DEPTH or _brackets(block.tokens) > MOST_DEPTH:
            no("it is nested too deeply", at, where)
        for token in block.tokens:
            plain = token.value.replace(".", "", 1).isdigit()
            if token.kind == "number" and not (plain and float(token.value) <= MOST_NUMBER):
                no("a number in it is larger than a prompt needs", token.at, where)


def _brackets(tokens: Sequence[Token]) -> int:
    """How deep they are at most."""
    depth = deepest = 0
    for token in tokens:
        depth += (token.value in _OPENING) - (token.value in _CLOSING) if token.kind == "sign" else 0
        deepest = max(deepest, depth)
    return deepest


def check_growth(body: Sequence[Node], where: str) -> None:
    """Raises NotAllowed LG472 for what grows with a power of the rounds, or is large at once."""
    _Run(where, _kept(body)).run(body, {}, outermost=True)


def _kept(body: Sequence[Node]) -> int:
    """How many names may carry something from round to round."""
    waiting, names, seen = list(body), set(), set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Set):
            names |= {node.name} if "." in node.name else set()
        else:
            names |= {node.name} if isinstance(node, Caught) and "." in node.name else set()
            waiting += [] if id(node.body) in seen else node.body
            seen.add(id(node.body))
    return len(names)


class _Run:
    def __init__(self, where: str, kept: int) -> None:
        self._where, self._left = where, MOST_WORK
        self._rounds = _ROUNDS * (kept + 1) if kept else 2

    def run(self, body: Sequence[Node], sizes: dict[str, float], *, outermost: bool) -> float:
        """How much it writes. What is in `sizes` only grows, so that it does not matter which branch is taken."""
        written = 0.0
        for node in body:
            self._left -= 1
            if self._left < 0:
                no("it takes too long to see how much it makes", 0, self._where)
            written += self._node(node, sizes, outermost=outermost)
            if written > MOST_WRITTEN:
                no("it multiplies what it makes", 0, self._where)
        return written

    def _node(self, node: Node, sizes: dict[str, float], *, outermost: bool) -> float:
        match node:
            case Set(name, size):
                return self._grow(name, _total(size, sizes), sizes)
            case Caught(name, growth, body):
                return self._grow(name, growth * self.run(body, sizes, outermost=outermost), sizes)
            case Call(name, parameters, body, size):
                inner = {**sizes, **dict.fromkeys(parameters, _total(size, sizes))}
                self._grow(f"{name}()", self.run(body, inner, outermost=outermost), sizes)
                _keep(inner, sizes)
                return 0.0
            case Loop(names, size, factor, is_range, body):
                if is_range and _total(size, sizes) * UNIT > MOST_RANGE * 10:
                    no("it counts further than a prompt needs", 0, self._where)
                written = 0.0
                for _ in range(self._rounds if outermost else 2):
                    inner = {**sizes, **dict.fromkeys(names, _total(size, sizes))}
                    written = self.run(body, inner, outermost=False)
                    _keep(inner, sizes)
                return written * factor

    def _grow(self, name: str, size: float, sizes: dict[str, float]) -> float:
        if size > (MOST_SIZE if name else MOST_WRITTEN):
            no("it multiplies what it makes", 0, self._where)
        if name:
            sizes[name] = max(size, sizes.get(name, 0.0))
        return 0.0 if name else size


def _keep(inner: Mapping[str, float], sizes: dict[str, float]) -> None:
    """What outlives a round of a loop: attributes of namespaces, and what macros wrote."""
    for name, size in inner.items():
        if name[-1:] == ")" or "." in name:
            sizes[name] = max(size, sizes.get(name, 0.0))


def _total(size: Size, sizes: Mapping[str, float]) -> float:
    """Of what came with the request, one unit each."""
    return sum(often * (1.0 if name == CONSTANT else sizes.get(name, 1.0)) for name, often in size.items())
