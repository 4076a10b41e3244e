"""Credential helpers (`docker-credential-NAME`), as the user's own configuration names them: run as the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lockgate.sandbox._command import CommandError, output_of

_MOST: Final = 64 << 10
_SECONDS: Final = 60.0


def ask_helper(words: Sequence[str], given: bytes) -> bytes:
    """What the program prints when it is given this. ValueError says why there is nothing."""
    try:
        return output_of(words, most=_MOST, seconds=_SECONDS, given=given)
    except CommandError as error:
        raise ValueError(f"it {error}") from None
