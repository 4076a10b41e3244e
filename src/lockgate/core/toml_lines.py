"""On which line a TOML key stands. `tomllib` does not say; people need it.

Only for messages: the text has been read by `tomllib` already, and nothing here decides a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
      (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | \"(?:\\.|[^\"\\\n])*\" | '[^'\n]*')
    | (?P<comment>\#[^\n]*)
    | (?P<newline>\n)
    | (?P<mark>[\[\]{}=.,])
    | (?P<bare>[^\s\[\]{}=.,"'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)


def lines_of_keys(text: str) -> dict[Path, int]:
    """Line (from 1) of every table header and every key outside inline tables. Array elements count from 0."""
    found: dict[Path, int] = {(): 1}
    elements: dict[Path, int] = {}
    table: Path = ()
    for line, tokens in _statements(text):
        if tokens[0] == "[":
            is_element = tokens[1:2] == ["["]
            table = _header([_unquoted(t) for t in tokens if t not in "[]."], elements, is_element=is_element)
            found.setdefault(table, line)
        elif "=" in tokens:
            names = [_unquoted(t) for t in tokens[: tokens.index("=")] if t != "."]
            for depth in range(1, len(names) + 1):
                found.setdefault((*table, *names[:depth]), line)
    return found


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of `path`, or of the nearest thing around it that has one."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each statement as its first line and its tokens; values keep only enough to find where they end."""
    line, first, depth = 1, 1, 0
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        piece = match.group()
        if match.lastgroup == "newline":
            line += 1
            if tokens and depth == 0:
                yield first, tokens
                tokens = []
            continue
        if match.lastgroup == "comment":
            continue
        if not tokens:
            first = line
        if match.lastgroup == "mark":
            depth += (piece in "[{") - (piece in "]}")
        tokens.append(piece)
        line += piece.count("\n")
    if tokens:
        yield first, tokens


def _header(names: list[str], elements: dict[Path, int], *, is_element: bool) -> Path:
    path: Path = ()
    for place, name in enumerate(names):
        path = (*path, name)
        if is_element and place == len(names) - 1:
            elements[path] = elements.get(path, -1) + 1
        if path in elements:
            path = (*path, elements[path])
    return path


def _unquoted(token: str) -> str:
    return token[1:-1] if token[:1] in {'"', "'"} else token
