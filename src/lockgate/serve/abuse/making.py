"""What looks at a model version's rows, made once, in a thread: numpy takes a tenth of a second to load."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockgate.serve.abuse.entities import Groups, Kept
    from lockgate.serve.abuse.looking import Looking, Remembered
    from lockgate.serve.spec import Served

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")

Signature = tuple[str, tuple[tuple[str, str], ...]]


def name_of(served: Served) -> str:
    """As alarms call a model version."""
    return f"{served.name}@{served.version}"


def signature_of(served: Served) -> Signature:
    """What versions have in common that are looked at as one."""
    return served.name, tuple((one.name, one.kind) for one in served.fields)


def file_of(spool: Path, environment: str, number: int) -> Path:
    """Of a gateway, by its number: what was given away, and who is held back."""
    return spool / f"abuse-{environment}-{number}.json"


def make_looking(files: Mapping[str, bytes], kept: Kept[Remembered], groups: Groups, given: Sequence[str]) -> Looking:
    """In a thread. Nothing here is worth threads of its own for linear algebra, which each take memory."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    from lockgate.serve.abuse.looking import Looking

    return Looking(files, kept, groups, given)
