"""A query file is one statement. Pure.

This looks for the end of the first statement, to say early and with a line what is wrong. It is not the control:
SQLite is asked through an interface that takes one statement and an authorizer that lets it only read; PostgreSQL
prepares one statement in a read-only transaction.
"""

from __future__ import annotations

import re

from lockgate.errors import Usage

MAX_QUERY = 1 << 20
_TOKEN = re.compile(
    r"""
    (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?P=dollar) )
  | (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<open> ['"] | /\* )
  | (?P<end> ; )
  | (?P<blank> \s+ )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def one_statement(data: bytes, name: str) -> str:
    """The text of the query file `name`, without a closing semicolon. Raises Usage LG131."""
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _refused(name, f"byte {error.start} is not UTF-8", {"byte": error.start}) from None
    if "\0" in text:
        raise _refused(name, "it holds a zero byte", {"byte": text.index("\0")})
    end, words = -1, False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            line = _line(text, token.start())
            raise _refused(name, f"the quote or comment of line {line} never closes", {"line": line})
        if kind in {"quoted", "other"}:
            if end >= 0:
                line = _line(text, token.start())
                raise _refused(name, f"a second statement begins in line {line}", {"line": line})
            words = True
        elif kind == "end":
            end = token.start() if end < 0 else end
    if not words:
        raise _refused(name, "it holds no statement", {"bytes": len(data)})
    # A comment at the end must not swallow what a driver puts behind the statement.
    return (text if end < 0 else text[:end]) + "\n"


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _refused(name: str, why: str, seen: dict[str, object]) -> Usage:
    return Usage(
        "LG131",
        f"{name} is not one statement that reads: {why}",
        seen={"file": name, **seen},
        next=f"edit {name}: leave one SELECT in it",
    )
