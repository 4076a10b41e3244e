"""Bars and histograms of text, for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lockgate.core.shown import shown

WIDTH: Final = 14
MOST_LABEL: Final = 24
_PARTS: Final = " ▏▎▍▌▋▊▉█"


def bar(value: float, most: float, width: int = WIDTH) -> str:
    """`value` of `most` as a bar of `width` signs, filled to an eighth of one; dots for the rest."""
    share = min(max(value / most, 0.0), 1.0) if most > 0 else 0.0
    eighths = round(share * width * 8)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (_PARTS[part] if part else "")
    return drawn + "·" * (width - len(drawn))


def histogram(labels: Sequence[str], reference: Sequence[float], current: Sequence[int]) -> list[str]:
    """Reference and current side by side, a line a bin: shares as bars on one scale, and as numbers.

    Args:
        reference: shares that sum to 1.
        current: rows in each bin.
    """
    rows = sum(current) or 1
    shares = [count / rows for count in current]
    most = max((*reference, *shares), default=0.0)
    words = [shown(each) for each in labels]
    wide = min(max(map(len, words), default=0), MOST_LABEL)
    lines = [f"{'':{wide}}  {'reference':<{WIDTH + 8}}  current"]
    for word, before, now in zip(words, reference, shares, strict=True):
        both = (f"{bar(each, most)} {each * 100:5.1f} %" for each in (before, now))
        lines.append(f"{word[:wide]:<{wide}}  {'  '.join(both)}")
    return lines
