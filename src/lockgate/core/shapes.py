"""Parts of a JSON Schema (2020-12) that say what a kind of value reads. They refuse nothing that it takes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LETTERS: Final = r"[^\u0000-/:-@\[-^`{-\u007f]"
"""As Python's \\w, which is a letter of any script: all but the ASCII signs that are none."""
_OTHERWISE: Final = re.compile(r"\\[A-Za-z0-9]|\(\?[^:]|(?<!\\)\.")
"""What other engines read otherwise than Python's: classes by a letter, looking around, any sign."""


def pattern(form: str) -> dict[str, str]:
    """`form`, which a whole text matches; nothing where other engines than Python's would read it otherwise."""
    plain = form if re.search(r"\[[^]]*\\w", form) else form.replace(r"\w", _LETTERS)
    if not form or _OTHERWISE.search(plain.replace(_LETTERS, "")):
        return {}
    return {"pattern": f"^(?:{plain})$"}


def spelt(units: Iterable[str]) -> dict[str, str]:
    """A number with one of `units`."""
    return {"type": "string", **pattern(rf"[0-9]+(?:\.[0-9]+)? ?(?:{'|'.join(units)})")}


def limits(least: float | None, most: float | None) -> dict[str, float]:
    """Bounds of a number."""
    return {key: at for key, at in (("minimum", least), ("maximum", most)) if at is not None}
