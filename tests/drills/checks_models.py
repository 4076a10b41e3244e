"""The one check that stops each drill of `replays.models`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

_JAIL = "register/jail"

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    # The pickle that is all text then passes as a text; tensors and arrays have parsers of their own.
    "pickle-in-disguise": (Patch(f"{_JAIL}/other_forms.py", "    if seen.found:\n", "    if False:\n"),),
    "broken-archives": (Patch(f"{_JAIL}/archive_zip.py", " or self._sum != self._one.crc", ""),),
    "malformed-headers": (Patch(f"{_JAIL}/safetensors_file.py", " and 0 <= one < 1 << 63", ""),),
}
