"""The names of a template while it is read: which may be called, which are numbers, and which came with the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lockgate.register.jail import template_words as words
from lockgate.register.jail.template_growth import Call, Loop, Node, Set
from lockgate.register.jail.template_tokens import Block, Token, no
from lockgate.register.jail.template_values import CONSTANT, COUNT, OTHER, UNIT, Kind, Size, Value

MOST_ROUNDS: Final = 1e6
"""How often the innermost block of nested loops may come, if what comes with a request has a hundred parts."""
_PARTS: Final = 100


@dataclass
class Macro:
    """A macro of the template's own: its parameters, what it does, and how often its innermost block comes."""

    parameters: tuple[str, ...]
    body: list[Node]
    rounds: float = 1


@dataclass
class Learned:
    """What one reading of the template teaches the next. `kinds`: of names, until a value shows that they are less;
    `made`: names that the template gives values of its own making.
    """

    kinds: dict[str, Kind] | None = None
    made: set[str] = field(default_factory=set)


@dataclass
class _Within:
    """A loop that is open: whose keys its name stands for, how often its blocks come, and the names that are its."""

    keys: tuple[str, tuple[str, ...]] | None
    rounds: float
    names: set[str]


class Scope:
    """Where a block stands. `body`: what was seen so far of what surrounds it."""

    def __init__(self, blocks: Sequence[Block], learned: Learned, where: str) -> None:
        self.learned, self.where = learned, where
        self.given: dict[str, Kind] = {}
        self.macros: dict[str, Macro] = {}
        self.within: list[_Within] = []
        self.macro: Macro | None = None
        self.body: list[Node] = []
        self._macro_names = {
            block.tokens[1].value for block in blocks if block.statement == "macro" and len(block.tokens) > 1
        }
        self.namespaces = _namespaces(blocks)

    def is_callable(self, name: str) -> bool:
        """Whether it stands for something that can be called, which then is all that may be done with it."""
        return name in words.FUNCTIONS or name in self._macro_names

    def bind(self, token: Token, value: Value, *, loop: bool = False) -> None:
        """A name is given a value. Raises NotAllowed LG472 where it is one that is called, or has its meaning."""
        name = token.value
        if token.kind != "name" or name in words.KEYWORDS | words.CONSTANTS | words.NEVER | {"loop"}:
            no(f"it gives a value to {name[:40]!r}", token.at, self.where)
        if self.is_callable(name):
            no(f"it gives another meaning to {name[:40]!r}, which it calls", token.at, self.where)
        if name in self.namespaces:
            no("a namespace in it is something else too", token.at, self.where)
        self.learn(name, value.kind if not loop else COUNT if value.is_range else OTHER)
        origin = value.path or value.keys or value.pairs
        if not origin or origin[0] in self.learned.made:
            self.learned.made.add(name)
        if self.within and not loop:
            names, known = set(value.size) - {CONSTANT}, self.dependent()
            (self.within[-1].names.add if names and names <= known else self.within[-1].names.discard)(name)

    def check_macro(self, token: Token) -> None:
        """Raises NotAllowed LG472 for a name that a macro of the template's own cannot have."""
        name = token.value
        taken = words.KEYWORDS | words.CONSTANTS | words.NEVER | words.FUNCTIONS | self.namespaces | {"loop"}
        if token.kind != "name" or name in taken or name.startswith("_") or "__" in name:
            no(f"it gives another meaning to {name[:40]!r}", token.at, self.where)

    def check_namespace(self, token: Token) -> None:
        """Raises NotAllowed LG472 for a name that a namespace cannot have."""
        self.namespaces.discard(token.value)
        self.bind(token, Value())
        self.namespaces.add(token.value)

    def learn(self, name: str, kind: Kind) -> None:
        """The kind of a value that it is given."""
        self.given[name] = min(kind, self.given.get(name, COUNT))

    def kind(self, name: str) -> Kind:
        """What it can only be, if it is given values here at all."""
        return COUNT if self.learned.kinds is None else self.learned.kinds.get(name, OTHER)

    def dependent(self) -> set[str]:
        """Names that stand for a part of what an open loop is at."""
        return {name for one in self.within for name in one.names}

    def rounds(self) -> float:
        """How often a block here comes."""
        return self.within[-1].rounds if self.within else 1

    def open_loop(self, targets: Sequence[Token], value: Value, bound: set[str]) -> Loop:
        """A loop begins. `bound`: all names that are given values in it."""
        factor = _factor(value.size, self.dependent(), UNIT if value.is_range else _PARTS)
        rounds = self.rounds() * factor
        self.check_rounds(rounds, targets[0])
        for target in targets:
            self.bind(target, value, loop=True)
        path = value.pairs if len(targets) > 1 else value.keys or value.path
        name = targets[0].value
        honest = path and not {name, path[0]} & bound and path[0] not in self.learned.made | self.namespaces
        keys = (name, path) if honest and name != path[0] else None
        self.within.append(_Within(keys, rounds, {target.value for target in targets}))
        loop = Loop(tuple(target.value for target in targets), value.size, factor, value.is_range)
        self.body.append(loop)
        return loop

    def check_rounds(self, rounds: float, token: Token) -> None:
        """Raises NotAllowed LG472."""
        if rounds > MOST_ROUNDS:
            no("its loops within loops come too often", token.at, self.where)
        if self.macro:
            self.macro.rounds = max(self.macro.rounds, rounds)

    def is_key(self, name: str, path: tuple[str, ...]) -> bool:
        """Whether an open loop gives `name` the keys of the very thing that the path leads to."""
        return bool(path) and any(one.keys == (name, path) for one in self.within)

    def call(self, name: str, token: Token, arguments: Sequence[Value], size: Size) -> Value:
        """A macro is called. Raises NotAllowed LG472 for one that is not complete: it would call itself."""
        macro = self.macros.get(name)
        if macro is None:
            no("a macro in it calls itself, or one that comes after it", token.at, self.where)
        self.check_rounds(self.rounds() * macro.rounds, token)
        if not all(one.path and one.path[0] not in self.learned.made for one in arguments):
            self.learned.made.update(macro.parameters)
        self.body.append(Call(name, macro.parameters, macro.body, size))
        return Value({f"{name}()": 1})

    def set(self, name: str, size: Size) -> None:
        """What is assigned, for its growth."""
        self.body.append(Set(name, size))


def _factor(size: Size, dependent: set[str], parts: float) -> float:
    """How many parts that has which a loop goes through."""
    found = size.get(CONSTANT, 0) * UNIT
    for name, often in size.items():
        if name != CONSTANT:
            found += often * (1 if name in dependent else parts)
    return max(found, 1)


def _namespaces(blocks: Sequence[Block]) -> set[str]:
    """Names whose attributes the template sets."""
    return {
        block.tokens[1].value
        for block in blocks
        if block.statement == "set"
        and (
            [one.value for one in block.tokens[2:3]] == ["."]
            or [one.value for one in block.tokens[3:4]] == ["namespace"]
        )
    }
