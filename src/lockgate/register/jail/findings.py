"""How a parser in the jail says no."""

from __future__ import annotations


class NotAllowed(Exception):
    """A file that is not on the allowlist: permanent id, sentence, what was seen."""

    def __init__(self, finding: str, message: str, **seen: object) -> None:
        super().__init__(message)
        self.finding = finding
        self.message = message
        self.seen = seen
