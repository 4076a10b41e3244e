"""A Jinja template as blocks of tokens, by rules stricter than Jinja's own. Nothing is rendered or compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, NoReturn

from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.template_words import STATEMENTS

MOST_TOKENS: Final = 200_000
OPEN: Final = re.compile(r"\{\{|\{%|\{#")

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"""|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"|(?P<close>[-+]?(?:%\}|\}\}))"
    r"|(?P<sign>==|!=|<=|>=|//|\*\*|[-+*/%~|.,:()\[\]{}<>=])",
    # Letters beyond ASCII are more than one name's: Python, to which Jinja compiles, folds them.
    re.DOTALL | re.ASCII,
)


class Token(NamedTuple):
    """`kind`: name, number, text or sign; `at`: its place in the template."""

    kind: str
    value: str
    at: int


class Block(NamedTuple):
    """One `{{ ... }}` or `{% ... %}`: `statement` is its first word, or "" for an expression."""

    statement: str
    tokens: Sequence[Token]


def blocks(text: str, where: str) -> Iterator[Block]:
    """Every block but comments. Raises NotAllowed LG472 for a statement, or a sign, that is not known."""
    at, left = 0, MOST_TOKENS
    while opened := OPEN.search(text, at):
        if opened[0] == "{#":
            at = text.find("#}", opened.end())
            if at < 0:
                no("a comment in it does not end", opened.start(), where)
            at += 2
            continue
        tokens, at = _tokens(text, opened, where)
        left -= len(tokens)
        if left < 0:
            no("it is longer than the limit", at, where)
        statement = tokens[0].value if opened[0] == "{%" and tokens else ""
        if opened[0] == "{%" and statement not in STATEMENTS:
            no(f"it uses the statement {statement[:40]!r}", opened.start(), where)
        yield Block(statement, tokens)


def _tokens(text: str, opened: re.Match[str], where: str) -> tuple[list[Token], int]:
    """The tokens of the block that `opened` begins, and where it ends."""
    found: list[Token] = []
    at = opened.end() + (text[opened.end() : opened.end() + 1] in ("-", "+"))
    braces = 0
    while True:
        token = _TOKEN.match(text, at)
        if token is None:
            no("a block in it holds something that is no token, or does not end", at, where)
        kind, value = str(token.lastgroup), token[0]
        if kind == "close" and braces and value.endswith("}}"):
            # Two ends of dictionaries, not the end of the block.
            kind, value = "sign", value[:1]
        if kind == "close":
            if value[-2:] != ("}}" if opened[0] == "{{" else "%}"):
                no("a block in it ends as another kind of block", at, where)
            return found, token.end()
        braces += {"{": 1, "}": -1}.get(value, 0) if kind == "sign" else 0
        if kind != "space":
            found.append(Token(kind, value, at))
        at += len(value)


def no(why: str, offset: int, where: str = "") -> NoReturn:
    """Raises NotAllowed LG472: `why`, at a place in the template that stands at `where` in a file."""
    named = f" in {where}" if where else ""
    raise NotAllowed("LG472", f"the template{named} can do more than make a prompt: {why}", place=offset)
