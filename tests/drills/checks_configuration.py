"""The one check that stops each drill of `replays.configuration`; without it the drill bites."""

from __future__ import annotations

from collections.abc import Mapping

from lockgate.testing import Patch

_SETTINGS = "register/jail/json_settings.py"

CHECKS: Mapping[str, tuple[Patch, ...]] = {
    "code-in-configuration": (Patch(_SETTINGS, " or key in _MAKERS or ", " or "),),
    "remote-code-model": (Patch(_SETTINGS, "key in CODE_KEYS or ", ""),),
    "code-in-settings": (
        Patch("core/strict.py", "self.flaw((*path, name), self.unknown(name, table, path))", "continue"),
    ),
    "stranger-command": (
        Patch("project/locking.py", "        project.trusted_root()\n    found", "        pass\n    found"),
    ),
}
