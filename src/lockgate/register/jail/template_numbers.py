"""Names and expressions of a template that can only be whole numbers, so that nothing is spelled by a subscript."""

from __future__ import annotations

from collections.abc import Sequence

from lockgate.register.jail.template_tokens import Block, Token

_NUMERIC = frozenset({"+", "-", "*", "//", "%", "(", ")", "|", ".", ":"})
_LOOP = frozenset({"index", "index0", "revindex", "revindex0", "length", "depth", "depth0"})


def is_number(tokens: Sequence[Token], numbers: set[str]) -> bool:
    """Whether an expression can only be a whole number, or a slice of such: see `number_names`."""
    for place, token in enumerate(tokens):
        before = tokens[place - 1].value if place else ""
        after = [one.value for one in tokens[place + 1 : place + 3]]
        if token.kind == "number" or token.value in _NUMERIC:
            continue
        if token.kind != "name" or not (
            (token.value in numbers and token.value != "loop")
            or (before == "." and token.value in _LOOP)
            or (token.value == "loop" and after[:1] == ["."] and set(after[1:]) <= _LOOP and "loop" in numbers)
            or (before == "|" and token.value in ("length", "int", "count"))
            or after in (["|", "length"], ["|", "count"])
        ):
            return False
    return True


def number_names(blocks: Sequence[Block]) -> set[str]:
    """Names that are numbers wherever the template gives them a value: by arithmetic, or counted by `range`.

    `loop` among them: it is what Jinja makes it.
    """
    given: dict[str, list[bool]] = {}
    known = {"loop"}
    for _ in range(3):
        given = {}
        for block in blocks:
            values = [token.value for token in block.tokens]
            if block.statement == "set" and "=" in values:
                at = values.index("=")
                number = at == 2 and is_number(block.tokens[3:], known)
                for name in values[1:at]:
                    given.setdefault(name, []).append(number)
            elif block.statement in ("set", "macro"):
                for name in values[1:]:
                    given.setdefault(name, []).append(False)
            elif block.statement == "for" and "in" in values:
                at = values.index("in")
                for name in values[1:at]:
                    given.setdefault(name, []).append(_is_range(values[at + 1 :]))
        known = {name for name, all_numbers in given.items() if all(all_numbers)} | {"loop"}
    return set() if "loop" in given else known


def _is_range(values: Sequence[str]) -> bool:
    """Whether they are a call of `range` and nothing behind it."""
    depth = 0
    for place, value in enumerate(values):
        depth += {"(": 1, ")": -1}.get(value, 0)
        if place and not depth:
            return values[0] == "range" and place == len(values) - 1
    return False
