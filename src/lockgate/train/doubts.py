"""What the parse jail says of doubtful rows and of rows on both sides of the split, and what follows. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.audit import joins
from lockgate.core.digest import Digest
from lockgate.core.statement import resource
from lockgate.core.verdict import Level, Reason
from lockgate.train.spec import Doubts, Leak, Split


@dataclass(frozen=True)
class Parts:
    """Digests, as the launcher hashed them: the screen that was given; both files that the jail made of it."""

    screen: Digest
    control: Digest
    doubtful: Digest


def read_leak(value: object, heldout: int) -> Leak | None:
    """What the jail said of rows on both sides. Raises ValueError when it is not in form."""
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"rows", "of", "by_chance", "beyond"}:
        raise ValueError("leak has exactly rows, of, by_chance and beyond")
    rows, chance = value["rows"], value["by_chance"]
    counted = type(rows) is int and 0 <= rows <= heldout and value["of"] == heldout
    shared = isinstance(chance, float | int) and math.isfinite(chance) and 0 <= chance <= 1
    if not counted or not shared or type(value["beyond"]) is not bool:
        raise ValueError("leak is not in form")
    return Leak(rows, heldout, float(chance), value["beyond"])


def read(value: object, parts: Parts | None, counts: Sequence[int]) -> Doubts | None:
    """What the jail said of doubtful rows; `counts`: training and held-out rows. Raises ValueError when not in form."""
    if parts is None and value is None:
        return None
    if parts is None or not isinstance(value, dict) or set(value) != {"rows", "left_out"}:
        raise ValueError("doubts has exactly rows and left_out, where a screen was given")
    rows, out = value["rows"], value["left_out"]
    if any(type(count) is not int for count in (rows, out)) or not 0 <= rows - out <= counts[1]:
        raise ValueError("doubts are not counts of rows that are there")
    if not 0 <= out <= counts[0]:
        raise ValueError("doubts are not counts of rows that are there")
    return Doubts(parts.screen, rows, parts.doubtful, out, parts.control)


def dependencies(doubts: Doubts | None) -> list[Mapping[str, Any]]:
    """The screen and what was made of it, as the provenance names them."""
    if doubts is None:
        return []
    return [
        resource(joins.SCREEN, doubts.screen, use="control"),
        resource("doubtful.parquet", doubts.doubtful, rows=doubts.rows, use="judge"),
        resource("control.parquet", doubts.control, use="control"),
    ]


def other_kind(validate: Mapping[str, Any] | None, task: str) -> tuple[Reason, ...]:
    """What a person is told where the screen took the label for another kind than the judge, who took it for `task`."""
    screen = None if validate is None else validate.get("screen")
    taken = screen.get("task") if isinstance(screen, Mapping) else None
    if not isinstance(taken, str) or taken in {"", task}:
        return ()
    message = f"the screen for poisoned rows took the label for {taken}, the model is for {task}: it looked otherwise"
    return (Reason("LG336", Level.NOTE, message, {"screen": taken, "task": task}, "lockgate explain LG336"),)


def leaked(split: Split) -> Reason | None:
    """What a person is told of held-out rows that training sees too, where they are more than chance would have."""
    leak = split.leak
    if leak is None or not leak.beyond:
        return None
    return Reason(
        "LG332",
        Level.WARN,
        f"{leak.rows:,} of {leak.of:,} held-out rows equal a training row in all but time, group and label: "
        "the judge sees what training has learned by heart",
        dict(vars(leak)),
        "take the copies out, or set [data] group to what they have in common",
    )
