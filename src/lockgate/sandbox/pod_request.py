"""What a jailed pod is asked to do, as the last word of its container's command: base64 of JSON. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

PREFIX = b"LG1"
CHUNK = 8 << 10


@dataclass(frozen=True)
class Request:
    """What is to be run. `inputs`: names below the folder of inputs, with their SHA-256 as hex digits."""

    command: tuple[str, ...]
    stdin: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    seconds: int = 7200
    talk_bytes: int = 8 << 20

    def words(self) -> tuple[str, ...]:
        """The container's command."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return ("python", "-m", "lockgate.sandbox.pod", base64.b64encode(text.encode()).decode())


def parse(word: str) -> Request:
    """A request from its argument. Raises ValueError."""
    value = json.loads(base64.b64decode(word, validate=True))
    return Request(**{**value, "command": tuple(value["command"])})
