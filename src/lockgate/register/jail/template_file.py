"""Does a Jinja template do no more than make a prompt? A grammar of its own, over its tokens; nothing is rendered.

Trusted: nothing about the text. Promised on return:
1. only statements, functions, methods, filters and tests of `template_words`, and calls of nothing else: no name of
   one is given another meaning, and no key or attribute that the template makes is called as a method is;
2. no name, text or attribute with two underscores in a row, no attribute that begins with one, or of NO_ATTRIBUTES;
3. a part of something is taken by a text that is spelled out, by a number, or by a key that a loop over that very thing
   gave, which came with the request;
4. what it makes does not grow with a power of the messages beyond the third, nor by doubling.

It is stricter than Jinja: what it does not know it refuses. Source: Jinja's lexer, parser and its designer's manual.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from lockgate.register.jail.template_growth import check_growth, check_nesting
from lockgate.register.jail.template_scope import Learned, Scope
from lockgate.register.jail.template_statements import read
from lockgate.register.jail.template_tokens import OPEN, Block, blocks, no

_REACHES = re.compile(r"__|\|\s*attr\b|\b(?:lipsum|cycler|joiner|gi_frame|mro)\b")
_OTHER_ENGINES = re.compile(r"<%|<#|\$\{")
_TURNED = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_LONGEST_BLOCK = 10_000
_MOST_BLOCKS = 10_000
_MOST_READINGS = 20


def check_template(text: str, *, where: str = "") -> int:
    """How many blocks it has. Raises NotAllowed LG472."""
    for other, why in ((_OTHER_ENGINES, "it is written for another engine too"), (_TURNED, "it turns how it is read")):
        if seen := other.search(text):
            no(why, seen.start(), where)
    found = list(blocks(text, where))
    check_nesting(found, where)
    _check(found, where)
    return len(found)


def check_plain(text: str) -> None:
    """For what is no template by its name: no block in it reaches for Python's insides. Raises NotAllowed LG472."""
    for opened in islice(OPEN.finditer(text), _MOST_BLOCKS):
        end = text.find("%}" if opened[0] == "{%" else "}}", opened.end(), opened.end() + _LONGEST_BLOCK)
        if opened[0] != "{#" and end > 0 and (found := _REACHES.search(text, opened.start(), end)):
            no(f"a template block in it uses {found[0]!r}", found.start())


def _check(found: Sequence[Block], where: str) -> None:
    """Read it until a reading teaches nothing new: which names are numbers rests on what is given to them anywhere."""
    learned = Learned()
    for _ in range(_MOST_READINGS):
        scope, made = Scope(found, learned, where), len(learned.made)
        read(found, scope)
        if scope.given == learned.kinds and len(learned.made) == made:
            check_growth(scope.body, where)
            return
        learned.kinds = scope.given
    no("its numbers depend on each other", 0, where)
