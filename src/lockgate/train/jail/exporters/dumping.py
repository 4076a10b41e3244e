"""A fitted model as bytes, to be asked again in another jail. Runs in the jail.

What is written is a program, as every pickle is: it is opened in a jail that has nothing, and never kept.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

MOST = 256 << 20


class _TooLarge(Exception):
    """More than is dumped of a model."""


class _Sink(io.BytesIO):
    """Takes at most `most` bytes: the copy of a large forest may not cost the training that made it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, piece: Buffer, /) -> int:
        """Take `piece`. Raises _TooLarge."""
        if self.tell() + memoryview(piece).nbytes > self._most:
            raise _TooLarge
        return super().write(piece)


def dumped(returned: object, most: int = MOST) -> bytes | None:
    """What train() returned, as joblib writes it; None where it cannot be written, or is larger than `most` bytes."""
    import joblib

    sink = _Sink(most)
    try:
        joblib.dump(returned, sink)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a class of the user's raises when it is pickled
        return None
    return sink.getvalue()
