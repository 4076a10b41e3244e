"""Somebody else's words, as they may stand on a terminal or in a generated file. Pure.

What a statement, a registry or a file says can hold escape sequences, line breaks and marks that turn the direction of
writing: each of them makes a terminal show something else than what was signed. Here they become visible. A text whose
line breaks are our own is `Lines`; whoever joins texts of others makes it by `block`, and by nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

MOST_WORDS: Final = 300
_TOML_SHORT: Final = {'"': '\\"', "\\": "\\\\"}


class Lines(str):
    """A text in which only what `block` put there breaks a line."""

    __slots__ = ()


def visible(text: str) -> str:
    """`text` in one line, whole: nothing in it steers a terminal. `Lines` keep their line breaks."""
    if isinstance(text, Lines):
        return Lines("\n".join(visible(str(line)) for line in text.split("\n")))
    return text if text.isprintable() else "".join(map(_sign, text))


def shown(text: str) -> str:
    """As `visible`, and no longer than a line of words: for what a stranger may make as long as he likes."""
    return visible(text[:MOST_WORDS] + ("..." if len(text) > MOST_WORDS else ""))


def block(lines: Iterable[str]) -> Lines:
    """Lines of a picture, one below the other; a line break inside one of them is shown, unless it is ours too."""
    return Lines("\n".join(visible(line) for line in lines))


def json_line(value: Any) -> str:
    """One line of JSON that may be printed: the value is the same, and nothing in it steers a terminal."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if text.isprintable() else "".join(one if one.isprintable() else _utf16(one) for one in text)


def toml_string(text: str) -> str:
    """`text` as a TOML basic string. Raises ValueError for what TOML cannot say."""
    if re.search("[\ud800-\udfff]", text):
        raise ValueError(f"{visible(text)!r} is not Unicode text")
    return '"' + "".join(_TOML_SHORT.get(one, one if one.isprintable() else _toml(one)) for one in text) + '"'


def _sign(one: str) -> str:
    return one if one.isprintable() else one.encode("unicode_escape").decode()


def _toml(one: str) -> str:
    return f"\\u{ord(one):04x}" if ord(one) < 1 << 16 else f"\\U{ord(one):08x}"


def _utf16(one: str) -> str:
    data = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))
