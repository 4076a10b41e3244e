"""Which files a person leaves out of a scan, by name. Pure.

Said by the person who starts it, and decided outside the jail: nothing that is looked at can leave itself out.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def excluding(path: str, below: str, globs: Sequence[str]) -> str:
    """The first of `globs` that leaves this file out; "" for none.

    One without a slash speaks of any file or folder of that name. One with a slash speaks of the path, from where it
    was named (`path`) or from the folder that was (`below`).
    """
    for glob in globs:
        wanted = _plain(glob)
        if any(fnmatchcase(one, wanted) for one in _candidates(_plain(path), below, is_path="/" in wanted)):
            return glob
    return ""


def _plain(text: str) -> str:
    return text.removeprefix("./").rstrip("/")


def _candidates(path: str, below: str, *, is_path: bool) -> list[str]:
    if not is_path:
        return below.split("/")
    return [one[:end] for one in (path, below) for end in range(1, len(one) + 1) if one[end : end + 1] in ("", "/")]
