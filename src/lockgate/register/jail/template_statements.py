"""The statements of a template, one block after the other: what each may hold, and what it does to names and sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from lockgate.register.jail import template_words as words
from lockgate.register.jail.template_expressions import Reader
from lockgate.register.jail.template_growth import Caught, Node
from lockgate.register.jail.template_scope import Macro, Scope
from lockgate.register.jail.template_tokens import Block, Token, no
from lockgate.register.jail.template_values import Value


class _Open(NamedTuple):
    """A statement that is not at its end: what surrounds it, and what is to be done there."""

    statement: str
    body: list[Node]
    closed: Callable[[], object]


def read(found: Sequence[Block], scope: Scope) -> None:
    """Raises NotAllowed LG472."""
    bound = _bound(found)
    opened: list[_Open] = []
    for number, block in enumerate(found):
        reader = Reader(block.tokens, scope)
        statement = block.statement
        if not statement:
            scope.set("", reader.several().size)
            reader.end()
            continue
        reader.next()
        if statement in _ENDING:
            _close(reader, statement, opened)
        elif statement in ("else", "elif"):
            if not opened or opened[-1].statement not in ("if", "for"):
                reader.refuse(f"{statement!r} stands where nothing is open")
            if statement == "elif":
                reader.several()
        elif statement not in ("break", "continue"):
            _open(reader, statement, opened, bound.get(number, set()))
        reader.end()
    if opened:
        no(f"a statement {opened[-1].statement!r} in it does not end", 0, scope.where)


_ENDING: Final = frozenset(one for one in words.STATEMENTS if one.startswith("end"))


def _close(reader: Reader, statement: str, opened: list[_Open]) -> None:
    if not opened or "end" + opened[-1].statement != statement:
        reader.refuse(f"{statement!r} stands where nothing of it is open")
    last = opened.pop()
    if statement == "endmacro" and reader.peek().kind == "name":
        reader.next()
    last.closed()
    reader.scope.body = last.body


def _open(reader: Reader, statement: str, opened: list[_Open], bound: set[str]) -> None:
    scope, body = reader.scope, reader.scope.body
    closed: Callable[[], object] = lambda: None  # noqa: E731 - most have nothing to do
    match statement:
        case "if":
            reader.several()
        case "for":
            loop = scope.open_loop(*_loop(reader), bound)
            if reader.took("if"):
                reader.expression()
            scope.body, closed = loop.body, scope.within.pop
        case "with":
            _with(reader)
        case "filter":
            caught = Caught("", _growth(reader, first=True))
            body.append(caught)
            scope.body = caught.body
        case "macro":
            closed = _macro(reader)
        case "set":
            named = _set(reader)
            if named is None:
                return
            scope.body = named.body
    opened.append(_Open(statement, body, closed))


def _targets(reader: Reader) -> list[Token]:
    found = [reader.next()]
    while reader.took(","):
        found.append(reader.next())
    return found


def _loop(reader: Reader) -> tuple[list[Token], Value]:
    targets = _targets(reader)
    reader.expect("in")
    return targets, reader.several(condition=False)


def _with(reader: Reader) -> None:
    while reader.peek().kind:
        target = reader.next()
        reader.expect("=")
        _give(reader.scope, target, reader.expression())
        if reader.peek().kind:
            reader.expect(",")


def _give(scope: Scope, target: Token, value: Value) -> None:
    scope.bind(target, value)
    scope.set(target.value, value.size)


def _growth(reader: Reader, *, first: bool = False) -> float:
    """How many times longer what goes through the filters that come next comes out."""
    value = Value({"#": 1.0})
    while first or reader.took("|"):
        value, first = reader.filter(value), False
    return value.size.get("#", 1.0)


def _set(reader: Reader) -> Caught | None:
    """What is caught, where the value is what a block writes."""
    scope = reader.scope
    targets = _targets(reader)
    name = targets[0].value
    if reader.took("."):
        name = f"{name}.{reader.attribute().value}"
    if len(targets) > 1 and "." in name:
        reader.refuse("it sets an attribute among other names")
    if not reader.took("="):
        if "." not in name:
            scope.bind(targets[0], Value())
        scope.learn(name, 0)
        caught = Caught(name, _growth(reader))
        scope.body.append(caught)
        return caught
    if reader.peek().value == "namespace" and reader.peek(1).value == "(" and len(targets) == 1 and "." not in name:
        for attribute, value in reader.namespace().items():
            scope.learn(f"{name}.{attribute}", value.kind)
            scope.set(f"{name}.{attribute}", value.size)
        scope.check_namespace(targets[0])
        return None
    value = reader.several()
    if "." in name:
        scope.learn(name, value.kind)
        scope.set(name, value.size)
        return None
    for target in targets:
        _give(scope, target, value if len(targets) == 1 else Value(value.size))
    return None


def _macro(reader: Reader) -> Callable[[], object]:
    """A macro's beginning; what is to be done at its end."""
    scope, name = reader.scope, reader.next()
    if scope.macro is not None or name.value in scope.macros:
        reader.refuse("a macro in it stands in another, or is there twice", name)
    scope.check_macro(name)
    reader.expect("(")
    parameters = []
    while not reader.took(")"):
        target = reader.next()
        scope.bind(target, reader.expression().sized({}) if reader.took("=") else Value(path=(target.value,)))
        scope.learn(target.value, 0)
        parameters.append(target.value)
        if reader.peek().value != ")":
            reader.expect(",")
    macro, around = Macro(tuple(parameters), []), scope.within
    scope.macro, scope.within, scope.body = macro, [], macro.body

    def closed() -> None:
        scope.macros[name.value] = macro
        scope.macro, scope.within = None, around

    return closed


def _bound(found: Sequence[Block]) -> Mapping[int, set[str]]:
    """For each block that begins a loop, the names that are given values before its end."""
    bound: dict[int, set[str]] = {}
    loops: list[int] = []
    for number, block in enumerate(found):
        if block.statement == "endfor" and loops:
            loops.pop()
        if block.statement in ("set", "with", "for", "macro"):
            names = {token.value for token in block.tokens if token.kind == "name"}
            stop = {"set": "=", "for": "in"}.get(block.statement)
            values = [token.value for token in block.tokens]
            if stop in values:
                names &= set(values[: values.index(stop)])
            for loop in loops:
                bound[loop] |= names
        if block.statement == "for":
            bound[number] = set()
            loops.append(number)
    return bound
