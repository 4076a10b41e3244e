"""What makes much of little in a template: it would burn time and memory on every request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lockgate.register.jail.template_tokens import Block, Token, no

MOST_NUMBER: Final = 100_000
MOST_RANGE: Final = 1_000
MOST_RANGES: Final = 2
MOST_DEPTH: Final = 32
PADDED: Final = re.compile(r"%[-+ #0]*(?:\d{4}|\*)")
"""In a text: a place that is filled up to so many characters."""

_BEGINS = frozenset({"if", "for", "macro", "generation"})
_ENDS = frozenset("end" + one for one in _BEGINS)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


def check_growth(blocks: Sequence[Block], where: str) -> None:
    """No powers, no factors of factors, no long or many ranges, nothing deep, no macro that calls itself.

    Raises NotAllowed LG472.
    """
    depth, ranges, macro = 0, 0, ""
    for block in blocks:
        values = [token.value for token in block.tokens]
        at = block.tokens[0].at if block.tokens else 0
        depth += (block.statement in _BEGINS) - (block.statement in _ENDS)
        ranges += values.count("range")
        if depth > MOST_DEPTH or _brackets(block.tokens) > MOST_DEPTH:
            no("it is nested too deeply", at, where)
        if "**" in values or values.count("*") > 1 or ranges > MOST_RANGES:
            no("it multiplies what it makes", at, where)
        _check_numbers(block.tokens, MOST_RANGE if "range" in values else MOST_NUMBER, where)
        begins = block.statement == "macro" and len(values) > 1
        macro = values[1] if begins else "" if block.statement == "endmacro" else macro
        if macro and macro in values[2 if begins else 0 :]:
            no("a macro in it calls itself", at, where)


def _brackets(tokens: Sequence[Token]) -> int:
    """How deep they are at most."""
    depth = deepest = 0
    for token in tokens:
        depth += (token.value in _OPENING) - (token.value in _CLOSING) if token.kind == "sign" else 0
        deepest = max(deepest, depth)
    return deepest


def _check_numbers(tokens: Sequence[Token], most: int, where: str) -> None:
    for token in tokens:
        plain = token.value.replace(".", "", 1).isdigit()
        if token.kind == "number" and not (plain and float(token.value) <= most):
            no("a number in it is larger than a prompt needs", token.at, where)
