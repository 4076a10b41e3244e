"""What a policy says of poisoned rows in one environment: its form in `policy.toml`, its values, their order. Pure.

    [environment.prod.screen]
    triggers = "enforce"
    spectral = "off"

`off`: the rule is not run where this environment is validated for. `warn`: what it finds is told. `enforce`: what it
finds, and nobody marked good, is refused, by validate and again by the gate, and so is that it did not look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lockgate.core.screen import RULES
from lockgate.core.strict import Key, Table, one_of
from lockgate.trust.policy_order import Difference
from lockgate.trust.policy_values import Weight

LEAK: Final = "leak"
NAMES: Final[tuple[str, ...]] = (*RULES, LEAK)

_WEIGHTS: Final[tuple[Weight, ...]] = ("off", "warn", "enforce")
_HELP: Final[Mapping[str, str]] = {
    "conflicts": "Rows with the same features and another label.",
    "duplicates": "Rows that are there more often than chance explains.",
    "near_duplicates": "Rows that are almost the same.",
    "labels": "Labels that do not fit those of similar rows.",
    "triggers": "A rare pair of values that goes with one label.",
    "sources": "A source whose labels do not fit those of the others.",
    "spectral": "Rows that pull their class into a direction of their own. Weak against values in range.",
    LEAK: "Held-out rows that training saw too.",
}

TABLE: Final = Table(
    {name: Key(one_of(*_WEIGHTS), "warn", _HELP[name]) for name in NAMES},
    "What each rule of the poisoning screen does. off: it is not run; warn: what it finds is told; enforce: it is "
    "refused.",
)


@dataclass(frozen=True)
class ScreenPolicy:
    """The weights of the screen's rules, by name; what is not named warns."""

    weights: Mapping[str, Weight] = field(default_factory=dict)

    def weight(self, rule: str) -> Weight:
        """`off`, `warn` or `enforce`. Raises KeyError for another word than NAMES."""
        if rule not in NAMES:
            raise KeyError(rule)
        return self.weights.get(rule, "warn")

    def at(self, weight: Weight) -> tuple[str, ...]:
        """The rules with this weight."""
        return tuple(name for name in NAMES if self.weight(name) == weight)

    def __str__(self) -> str:
        said = {weight: self.at(weight) for weight in ("enforce", "off", "warn")}
        return ", ".join(f"{weight}: {' '.join(names)}" for weight, names in said.items() if names)


def screen_of(values: Mapping[str, Any]) -> ScreenPolicy:
    """From the table's values."""
    return ScreenPolicy({name: weight for name, weight in values.items() if weight != "warn"})


def compare(old: Any, new: Any) -> Iterator[Difference]:
    """Rules of the screen that weigh something else: less is looser."""
    for name in NAMES:
        was, now = old.screen.weight(name), new.screen.weight(name)
        if was != now:
            looser = _WEIGHTS.index(now) < _WEIGHTS.index(was)
            yield Difference(f"screen {name}", was, now, "looser" if looser else "stricter")
