"""The captured code: which files are others, and the text of what changed, from the signed closure. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from lockgate.audit import joins
from lockgate.core.digest import Digest
from lockgate.project.differing.side import Side
from lockgate.project.differing.spec import Topic, few, pairs, plural

_MOST_TEXT: Final = 256 << 10
_MOST_LINES: Final = 400
_MOST_FILES: Final = 20
_AROUND: Final = 3
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""A line with its end, as Python's tokenizer ends one: no other sign does, or a remark could become code unseen."""
_BARE: Final = "\\ a carriage return alone ends this line"
_OPEN: Final = "\\ no line break at the end of the file"


def contract(one: Side, other: Side) -> Topic:
    """The contract: which class of which file, and whether its bytes are the same."""
    found = [joins.contract(side.statements["validate"].statement) for side in (one, other)]
    names = [side.said("validate").get("contract", {}).get("name") for side in (one, other)]
    same = found[0] == found[1] and names[0] == names[1]
    says = f"{names[1]}" if names[0] == names[1] else f"{names[0]}, now {names[1]}"
    if not same and names[0] == names[1]:
        says += " has other bytes"
    facts = {"one": {"name": names[0], "digest": found[0][1]}, "other": {"name": names[1], "digest": found[1][1]}}
    return Topic("contract", same=same, says=says, facts=facts)


def code(one: Side, other: Side) -> Topic:
    """Files that changed, with a unified diff of their text, as far as that is stored and not too long."""
    then, now = one.code(), other.code()
    found = list(pairs(then, now))
    if not found:
        return Topic("code", same=True, says=f"the same {plural(len(now), 'file')}", facts={"files": {}, "diff": None})
    lines = list(_diffs(one, other, found))
    shown = lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        shown.append(f"... and {len(lines) - _MOST_LINES:,} more lines")
    words = [name if before and after else f"{name} ({'new' if after else 'gone'})" for name, before, after in found]
    return Topic(
        "code",
        same=False,
        says=f"{plural(len(found), 'file')} of {len({*then, *now})}: {few(words)}",
        lines=tuple(shown),
        facts={"files": {name: [before, after] for name, before, after in found}, "diff": "\n".join(shown)},
    )


def _diffs(one: Side, other: Side, found: list[tuple[str, Digest | None, Digest | None]]) -> Iterator[str]:
    for name, before, after in found[:_MOST_FILES]:
        texts = _text(one, before), _text(other, after)
        lost = [side.ref for side, text in zip((one, other), texts, strict=True) if text is None]
        if lost:
            yield f"{name}: its text in {' and '.join(lost)} is no text, is long, or is not in .lockgate/data any more"
            continue
        lines = [_LINE.findall(text or "") for text in texts]
        names = (f"{one.ref}/{name}" if before else "(none)", f"{other.ref}/{name}" if after else "(none)")
        for line in difflib.unified_diff(lines[0], lines[1], *names, n=_AROUND):
            yield from _ended(line)
    if len(found) > _MOST_FILES:
        yield f"... and {len(found) - _MOST_FILES} more files"


def _ended(line: str) -> Iterator[str]:
    """A line of the diff without its line feed; another end is shown: of CRLF the carriage return, others in words."""
    yield line.removesuffix("\n")
    if not line.endswith("\n"):
        yield _BARE if line.endswith("\r") else _OPEN


def _text(side: Side, digest: Digest | None) -> str | None:
    """A file's text; "" of a file that there is not; None where nobody can show it."""
    if digest is None:
        return ""
    data = side.read(digest)
    if data is None or len(data) > _MOST_TEXT:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
