"""Is what a conversion made on the allowlist? Runs in a jail of its own, after the one in which it was made.

`main` reads `/in/result` and the task {"name"}; it writes `checked.json`: {"sha256", "format", "facts"}. The digest is
that of the bytes that were inspected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from lockgate.contract.jail.outcome import data_dir, guarded, out_dir, read_task
from lockgate.core.encoding import encode
from lockgate.errors import Refused
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.inspect import inspect

RESULT: Final = "result"
CHECKED: Final = "checked.json"


class _Alone:
    """Nothing lies beside the result."""

    def size(self, name: str) -> int | None:  # noqa: ARG002 - what `Beside` asks
        return None

    def read(self, name: str, begin: int, end: int) -> bytes:  # noqa: ARG002 - what `Beside` asks
        return b""


def main(arguments: Sequence[str]) -> None:  # noqa: ARG001 - a jail's target has this signature
    """Entry in the jail."""
    guarded(_work, out_dir(), unexpected="LG489")


def _work() -> None:
    name, path = read_task()["name"], data_dir() / RESULT
    with path.open("rb") as stream:
        before = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        try:
            seen = inspect(name, stream, path.stat().st_size, _Alone())
        except NotAllowed as no:
            raise Refused(
                no.finding, f"what the conversion made does not come in: {no.message}", seen=no.seen
            ) from None
    facts = {key: value for key, value in seen.facts.items() if isinstance(value, int | str | list)}
    (out_dir() / CHECKED).write_bytes(encode({"sha256": before, "format": seen.format, "facts": facts}))
