"""What the parsers of the jail say about one file of the corpora, in this process."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lockgate.core.encoding import encode
from lockgate.register.jail.findings import NotAllowed
from lockgate.register.jail.inspect import inspect
from tests.support.files_in_memory import Files


@dataclass(frozen=True)
class Looked:
    """`finding` is empty for a file that was found harmless; what it was found to be is then `said`."""

    finding: str
    said: str
    seconds: float


def look(name: str, data: bytes, beside: Mapping[str, bytes] | None = None, *, size: int | None = None) -> Looked:
    """What is said, and the CPU seconds that it took. Raises whatever a parser raises that is no refusal."""
    begun = time.process_time()
    folder = Files({**(beside or {}), name: data})
    try:
        found = inspect(name, io.BytesIO(data), len(data) if size is None else size, folder)
    except NotAllowed as no:
        encode(no.seen)
        return Looked(no.finding, no.message, time.process_time() - begun)
    encode(found.facts)
    return Looked("", found.format, time.process_time() - begun)
