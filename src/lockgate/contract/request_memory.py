"""What Pydantic accepted before, field by field: it would accept it again, with the same value. Pure, bounded.

It rests on two things. The plan says that each field decides alone (`Plan.rows` is empty), so that a record that was
accepted is a verdict on each of its values. And a validator of one field depends on its value alone, unless it is
marked `@lockgate.impure`, as everywhere in Lockgate (docs/adr/0014): nothing is remembered of one that is.
"""

from __future__ import annotations

from typing import Any, Final

LONGEST = 128
"""The longest text, in characters, that is remembered, and the longest that may have been made of one."""

ENTRIES = 4096
ALL_ENTRIES = 16_384
"""The most values of one field, and of all fields together: at most about 20 MB, of texts of the longest kind."""

TAUGHT = 64
"""The most that one request adds to one field: whoever wants to push out what others use pays for many requests."""

UNKNOWN: Final = object()


class Memory:
    """Values of one field that were accepted, and what was made of each. The ones used least lately are dropped.

    `fields` share the whole. Two generations: what is used moves to the young one; when that is full it becomes the
    old one, and the old one is forgotten. So a use costs one look, and no order has to be kept.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, fields: int) -> None:
        self._half = max(1, min(ENTRIES, ALL_ENTRIES // max(1, fields)) // 2)
        self._young: dict[Any, Any] = {}
        self._old: dict[Any, Any] = {}

    def recall(self, value: Any) -> Any:
        """What Pydantic made of `value`, or UNKNOWN."""
        key = value if type(value) is str else _key(value)
        found = self._young.get(key, UNKNOWN)
        if found is UNKNOWN:
            found = self._old.get(key, UNKNOWN)
            if found is not UNKNOWN:
                self._put(key, found)
        return found

    def learn(self, value: Any, made: Any) -> bool:
        """Remember that `made` was made of `value`; False where it was known, or is not kept."""
        if not _kept(value) or not _kept(made) or self.recall(value) is not UNKNOWN:
            return False
        self._put(value if type(value) is str else _key(value), made)
        return True

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _put(self, key: Any, made: Any) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = made


def _key(value: Any) -> tuple[str, str]:
    """1, 1.0 and true are three values, and so are 0.0 and -0.0."""
    return type(value).__name__, repr(value)


def _kept(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= LONGEST
    return value is None or type(value) in (int, float, bool)
