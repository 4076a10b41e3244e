"""The names of persons: which can be given, and which spellings are one person. Pure.

Persons are counted by name, so a name that looks like another makes one person two, and hides from whoever signs a
roles file whom it names. A small part of what Unicode's security report (UTS 39) asks for, all of it decided by
Python's own `unicodedata`:

    form        NFC; letters with their marks, digits 0-9, ASCII punctuation, the middle dot, single spaces between
    seen        no control, format or filling character, no mark without a letter before it
    one script  the letters of one name are of one script, by the first word of their Unicode names; Han, Kana,
                Hangul and Bopomofo are one

Not found are look-alikes inside one script (I and l) and whole names of another one (all Cyrillic, for a Latin one).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 128

_BETWEEN: Final = frozenset(" \u00b7!\"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`{|}~")
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are drawn as nothing (Default_Ignorable_Code_Point), which `unicodedata` does not tell."""

_LETTERS: Final = frozenset({"Lu", "Ll", "Lt", "Lo"})
_MODIFIER: Final = "Lm"
_MARKS: Final = frozenset({"Mn", "Mc"})
_EAST_ASIAN: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})


def fold(name: str) -> str:
    """What two spellings of one person have in common, to compare and count by, never to show.

    Unicode's compatibility caseless match (D146), without what cannot be seen and with single spaces.
    """
    text = unicodedata.normalize("NFD", name)
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(one for one in text if one.isspace() or not _is_unseen(one)).split())


def distinct(names: Iterable[str]) -> dict[str, str]:
    """The persons behind `names`: the first spelling of each, by its fold."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(fold(name), name)
    return found


def fault(name: str) -> str:
    """Why nobody can be named `name` from now on, in a sentence; "" when somebody can."""
    if not 1 <= len(name) <= LONGEST:
        return f"a name has 1 to {LONGEST} characters"
    if unicodedata.normalize("NFC", name) != name:
        return "it is not in Unicode's form NFC"
    strange = _strange(name)
    if strange:
        return f"{_called(strange)} is not for names"
    if name != " ".join(name.split()):
        return "it has spaces at its ends, or two together"
    if not any(one.isalnum() for one in name):
        return "it has neither a letter nor a digit"
    scripts = sorted(_scripts(name))
    return f"its letters are of several scripts: {', '.join(scripts)}" if len(scripts) > 1 else ""


def _strange(name: str) -> str:
    before = ""
    for one in name:
        kind = unicodedata.category(one)
        lettered = kind in _LETTERS or kind == _MODIFIER or (kind in _MARKS and before[:1] in {"L", "M"})
        if _is_unseen(one) or not (lettered or one in _BETWEEN):
            return one
        before = kind
    return ""


def _is_unseen(one: str) -> bool:
    return unicodedata.category(one).startswith("C") or _UNSEEN.match(one) is not None


def _scripts(name: str) -> set[str]:
    plain = unicodedata.normalize("NFKC", name)
    words = {unicodedata.name(one, "?").split()[0] for one in plain if unicodedata.category(one) in _LETTERS}
    return {"EAST ASIAN" if word in _EAST_ASIAN else word for word in words}


def _called(one: str) -> str:
    return f"U+{ord(one):04X} {unicodedata.name(one, '')}".strip()
