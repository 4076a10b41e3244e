"""What `gc` took away and when: a note for people, so that what is missing later can be told from what was lost.

    .lockgate/state/collected.jsonl      {"digest": "sha256:...", "time": RFC3339Z} a line

No evidence: whoever writes it changes no verdict, only the sentence that goes with a missing file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lockgate.core.digest import Digest
from lockgate.core.encoding import decode_exact, encode
from lockgate.errors import LockgateError
from lockgate.store.files import atomic_write, read_regular

_MOST: Final = 16 << 20
_NAME: Final = "collected.jsonl"


def taken(home: Path) -> dict[Digest, str]:
    """When each digest was collected, last. Lines that are not in form are left out; no file: nothing ever was."""
    try:
        lines = read_regular(home / "state" / _NAME, _MOST).splitlines()
    except (OSError, LockgateError):
        return {}
    found: dict[Digest, str] = {}
    for line in lines:
        try:
            value = decode_exact(line)
            found[Digest(str(value["digest"]))] = str(value["time"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


def take(home: Path, digests: Iterable[Digest], time: str) -> None:
    """Note that `digests` are about to go. The oldest notes give way where there are too many."""
    found = {**taken(home), **dict.fromkeys(digests, time)}
    lines = [encode({"digest": digest, "time": when}) + b"\n" for digest, when in found.items()]
    while lines and sum(map(len, lines)) > _MOST:
        lines = lines[len(lines) // 2 :]
    atomic_write(home / "state" / _NAME, b"".join(lines), 0o600)
