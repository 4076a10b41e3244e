"""What a fuzzed parser is, for the lists of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Target = Callable[[bytes], None]
MAX_BYTES = 65_536

Given = TypeVar("Given")


@dataclass(frozen=True)
class Fuzzed:
    """A target, and what it starts from: families of hostile files (by the start of their names), or seeds of its own.

    `modules`: those that are instrumented, each with what it imports; none: every parser of model files.
    """

    target: Target
    families: tuple[str, ...] = ()
    seeds: Callable[[], Iterator[bytes]] | None = None
    modules: tuple[str, ...] = ()


def may_refuse(work: Callable[[], Given], *refusals: type[Exception]) -> Given | None:
    """What `work` gives; None when it refuses in the way that is promised."""
    try:
        return work()
    except refusals:
        return None
