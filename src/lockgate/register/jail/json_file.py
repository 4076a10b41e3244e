"""Is this strict JSON that loads no code?"""

from __future__ import annotations

import json
import re
from typing import Any

from lockgate.core.encoding import decode
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.json_settings import check_settings

_SHOWN = 20
_EXPONENT = re.compile(rb"\d{309}|\d[eE]\+?\d{3}")
_HALVES = re.compile(rb"\\u[dD][89abcdefABCDEF]")


def check_settings_file(data: bytes) -> dict[str, Any]:
    """Facts: `keys`, as many names at the top as are worth showing. Raises NotAllowed LG418, LG464, LG472."""
    value = parsed(data)
    _refuse_ambiguous(data, value)
    check_settings(value)
    return {"keys": sorted(shown(key) for key in value)[:_SHOWN] if isinstance(value, dict) else []}


def parsed(data: bytes) -> Any:
    """The value. Raises NotAllowed LG418."""
    try:
        return decode(data)
    except ValueError as error:
        raise NotAllowed("LG418", f"it is not strict JSON: {error}", **_place(error)) from None


def _refuse_ambiguous(data: bytes, value: Any) -> None:
    """What one reader takes and another cannot: numbers beyond all that it has, and halves of characters.

    Looked for only where the spelling makes it possible, since most files are large and have neither.
    """
    try:
        if _EXPONENT.search(data):
            json.dumps(value, allow_nan=False)
        if _HALVES.search(data):
            json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise NotAllowed("LG418", f"it holds what other readers cannot: {str(error)[:100]}") from None


def shown(key: str) -> str:
    """A name that can be written down: half of a character cannot."""
    return key[:80].encode("utf-8", "replace").decode()


def _place(error: ValueError) -> dict[str, int]:
    """Where a JSON parser, or one of UTF-8, stopped."""
    at = getattr(error, "pos", getattr(error, "start", None))
    return {"offset": at} if isinstance(at, int) else {}
