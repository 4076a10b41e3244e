"""Does a Jinja template do no more than make a prompt? An allowlist over its tokens; nothing is rendered or compiled.

Trusted: nothing about the text. Promised on return: in every block, only statements, functions, methods, filters and
tests of `template_words`; no name or text with two underscores in a row, no name that begins with one; no subscript by
a text that was put together; no escape that spells a character in another way.

It is stricter than Jinja: what it does not know it refuses. Source: Jinja's lexer and its template designer's manual.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from lockgate.register.jail import template_words as words
from lockgate.register.jail.template_growth import PADDED, check_growth
from lockgate.register.jail.template_numbers import is_number, number_names
from lockgate.register.jail.template_tokens import OPEN, Block, Token, blocks, no

_PLAIN_ESCAPES = frozenset("nrt\\'\"")
_REACHES = re.compile(r"__|\|\s*attr\b|\b(?:lipsum|cycler|joiner|gi_frame|mro)\b")
_OTHER_ENGINES = re.compile(r"<%|<#|\$\{")
_TURNED = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_LONGEST_BLOCK = 10_000
_MOST_BLOCKS = 10_000
_ATTRIBUTE = re.compile(r"[A-Za-z][\w.]*")
_NO_NAMES = words.NO_ATTRIBUTES | {"attr"}
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"})


def check_template(text: str, *, where: str = "") -> int:
    """How many blocks it has. Raises NotAllowed LG472."""
    for other, why in ((_OTHER_ENGINES, "it is written for another engine too"), (_TURNED, "it turns how it is read")):
        if seen := other.search(text):
            no(why, seen.start(), where)
    found = list(blocks(text, where))
    check_growth(found, where)
    macros = {block.tokens[1].value for block in found if block.statement == "macro" and len(block.tokens) > 1}
    numbers = number_names(found)
    for block in found:
        _check(block, macros, numbers, where)
    return len(found)


def check_plain(text: str) -> None:
    """For what is no template by its name: no block in it reaches for Python's insides. Raises NotAllowed LG472."""
    for opened in islice(OPEN.finditer(text), _MOST_BLOCKS):
        end = text.find("%}" if opened[0] == "{%" else "}}", opened.end(), opened.end() + _LONGEST_BLOCK)
        if opened[0] != "{#" and end > 0 and (found := _REACHES.search(text, opened.start(), end)):
            no(f"a template block in it uses {found[0]!r}", found.start())


def _check(block: Block, macros: set[str], numbers: set[str], where: str) -> None:
    tokens = block.tokens
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else Token("", "", 0)
        after = tokens[place + 1] if place + 1 < len(tokens) else Token("", "", 0)
        if token.kind == "text":
            _check_text(token, where)
        elif token.kind == "name" and not (place == 0 and block.statement):
            _check_name(token, before, after, macros, where)
            if before.value == "|" and token.value in words.BY_NAME:
                _check_by_name(tokens[place + 1 :], where)
        elif token.value == "[" and _is_subscript(before):
            _check_subscript(token.at, tokens[place + 1 :], numbers, where)
        elif token.value == "(" and before.value in (")", "]", "}"):
            no("it calls what an expression gives", token.at, where)
        elif token.value == "." and before.kind in ("text", "") and after.value not in words.METHODS:
            no("it takes an attribute of a text", after.at, where)


def _check_text(token: Token, where: str) -> None:
    if PADDED.search(token.value):
        no("a text in it is padded by more than a prompt needs", token.at, where)
    if "__" in token.value:
        no("a text in it holds two underscores in a row", token.at, where)
    for escape in re.finditer(r"\\(.)", token.value, re.DOTALL):
        if escape[1] not in _PLAIN_ESCAPES:
            no(f"a text in it spells a character as {escape[0][:10]!r}", token.at, where)


def _check_name(token: Token, before: Token, after: Token, macros: set[str], where: str) -> None:
    name, called = token.value, after.value == "("
    if name.startswith("_") or "__" in name:
        no(f"it uses the name {name[:40]!r}", token.at, where)
    if before.value == ".":
        if name in words.NO_ATTRIBUTES or (called and name not in words.METHODS):
            no(f"it uses the attribute {name[:40]!r}", token.at, where)
    elif before.value == "|":
        if name not in words.FILTERS:
            no(f"it uses the filter {name[:40]!r}", token.at, where)
    elif before.value == "is" or (before.value == "not" and name in words.TESTS):
        if name not in words.TESTS | {"not"}:
            no(f"it uses the test {name[:40]!r}", token.at, where)
    elif name in words.NEVER and after.value != "=":
        no(f"it uses the name {name!r}", token.at, where)
    elif called and name not in words.FUNCTIONS | macros | _KEYWORDS:
        no(f"it calls {name[:40]!r}", token.at, where)


def _check_by_name(after: Sequence[Token], where: str) -> None:
    """`map('upper')`, `map(attribute='name')`, `selectattr('role', 'equalto', ...)`: plain names, spelled out."""
    if after and after[0].value == "(":
        end = 4 if [one.value for one in after[1:3]] == ["attribute", "="] else 2
        text, behind = after[end - 1 : end], [one.value for one in after[end : end + 1]]
        if not text or text[0].kind != "text" or not _ATTRIBUTE.fullmatch(text[0].value[1:-1]):
            no("a filter takes what it is to use from something else than a plain text", after[0].at, where)
        if behind not in ([","], [")"]):
            no("a filter takes what it is to use from a text that is put together", after[0].at, where)
        inside = after[: next((at for at, one in enumerate(after) if one.value == ")"), len(after))]
        named = {part for one in inside if one.kind == "text" for part in one.value[1:-1].split(".")}
        if named & _NO_NAMES:
            no("it names an attribute that leads elsewhere", after[0].at, where)


def _is_subscript(before: Token) -> bool:
    """A `[` behind a value; anywhere else it begins a list."""
    return (
        before.value in (")", "]", "}")
        or before.kind == "text"
        or (before.kind == "name" and before.value not in _KEYWORDS)
    )


def _check_subscript(at: int, after: Sequence[Token], numbers: set[str], where: str) -> None:
    """One plain text, or arithmetic of numbers: what an attribute's name could be put together from is none."""
    inside: list[Token] = []
    depth = 0
    for token in after:
        depth += {"[": 1, "]": -1}.get(token.value, 0) if token.kind == "sign" else 0
        if depth < 0:
            break
        inside.append(token)
    if len(inside) == 1 and inside[0].kind == "text":
        if inside[0].value[1:2] == "_" or inside[0].value[1:-1] in words.NO_ATTRIBUTES:
            no("it takes an attribute by a text", inside[0].at, where)
        return
    if not inside or not is_number(inside, numbers):
        no("it takes a part of something by a text that is put together, or may be", at, where)
