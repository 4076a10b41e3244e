"""One call, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lockgate.errors import LockgateError
from lockgate.export.evidence.spec import Attempt

Expected = Literal["refused", "allowed"]


@dataclass(frozen=True)
class Table:
    """Calls of one kind. `where`: the code that is asked."""

    name: str
    where: str

    def call(self, who: str, what: str, expected: Expected, make: Callable[[], object]) -> Attempt:
        """Make a call now. A refusal is one of ours; any other exception is a fault, and passes."""
        try:
            make()
        except LockgateError as error:
            return Attempt(self.name, who, what, error.finding, expected, self.where, error.message)
        return Attempt(self.name, who, what, "allowed", expected, self.where)
