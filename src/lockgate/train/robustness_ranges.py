"""How far each field may be moved: what the contract's compiled plan says of it. Pure.

The plan comes from the jail that imported the contract, and was signed for by the validator: what it says is a bound on
what a request may hold, so an attack that stays within it is one that the gateway would let through.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from lockgate.contract.plan import Plan, Real, Whole
from lockgate.errors import Refused
from lockgate.train.robustness_spec import Robustness

NUMBERS: Final = ("float", "int")

Range = tuple[float | None, float | None]
"""Least and largest value; None: the contract does not say, so what was observed holds."""


def ranges(plan: Plan, asked: Robustness, label: str) -> dict[str, Range]:
    """The bounds of each mutable field. Raises Refused LG394 for one that is no number field of the contract."""
    fields = {field.name: field for field in plan.fields if field.name != label}
    check(asked.mutable, {name: field.kind for name, field in fields.items()})
    return {name: _range(fields[name].node) for name in asked.mutable}


def check(mutable: Iterable[str], kinds: Mapping[str, str]) -> None:
    """That each is a number field of `kinds`. Raises Refused LG394."""
    wrong = [name for name in mutable if kinds.get(name) not in NUMBERS]
    if wrong:
        numbers = [name for name, kind in kinds.items() if kind in NUMBERS]
        found = kinds.get(wrong[0])
        what = "is no field of the contract beside the label" if found is None else f"is a {found}, and no number"
        raise Refused(
            "LG394",
            f"[robustness] mutable names {wrong[0]!r}, which {what}",
            seen={"fields": wrong, "numbers": numbers[:50]},
            next="edit lockgate.toml: [robustness] mutable",
        )


def _range(node: object) -> Range:
    above: float | None
    below: float | None
    if isinstance(node, Whole):
        above, below = (None if node.gt is None else node.gt + 1), (None if node.lt is None else node.lt - 1)
    elif isinstance(node, Real):
        above = None if node.gt is None else math.nextafter(node.gt, math.inf)
        below = None if node.lt is None else math.nextafter(node.lt, -math.inf)
    else:
        return None, None
    low = [float(bound) for bound in (node.ge, above) if bound is not None]
    high = [float(bound) for bound in (node.le, below) if bound is not None]
    return max(low, default=None), min(high, default=None)
