"""Names that are two files here and one file elsewhere. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def colliding(names: Iterable[str]) -> tuple[str, str] | None:
    """Two of `names`, or of the folders in them, that a system would take for one; None where all stay apart.

    Systems differ: NTFS and APFS ignore case, APFS and HFS+ ignore how an accent is composed. The rule is Unicode's
    canonical caseless matching (Unicode 15.0, D145), which is wider than any of them.
    """
    met: dict[str, str] = {}
    for name in names:
        pieces = name.split("/")
        for count in range(1, len(pieces) + 1):
            spelled = "/".join(pieces[:count])
            other = met.setdefault(_folded(spelled), spelled)
            if other != spelled:
                return other, spelled
    return None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
