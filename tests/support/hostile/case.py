"""One hostile file: what it is called, its bytes, and why nobody may call it harmless.

Nothing here is ever loaded, imported or unpickled. Each payload would do something that harms nobody (`true`, an
expression, a path that does not exist), so that an accident stays one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

COMMAND = "true"
EXPRESSION = "1 + 1"
NOWHERE = "/nonexistent/lockgate"
ADDRESS = "https://index.example/lockgate"


@dataclass(frozen=True)
class Hostile:
    """A file that must not be found harmless.

    Attributes:
        family: what kind of attack it is; counts are told by family.
        name: its path within the folder of its own that it gets.
        data: its bytes.
        why: what it would do to whom.
        beside: other files of that folder, by path. They are not judged.
    """

    family: str
    name: str
    data: bytes
    why: str
    beside: Mapping[str, bytes] = field(default_factory=dict)
