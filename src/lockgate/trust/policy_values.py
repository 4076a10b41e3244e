"""What a policy's settings say, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lockgate.core.strict import Kind, duration

Weight = Literal["off", "warn", "enforce"]
Better = Literal["higher", "lower"]

BETTER: Final[Mapping[str, Better]] = {
    **dict.fromkeys(("roc_auc", "accuracy", "macro_f1", "r2"), "higher"),
    **dict.fromkeys(("log_loss", "brier", "mae", "rmse"), "lower"),
}
"""Which way the judge's metrics are better. `positive_rate` describes the rows: no way is."""


def span(least: float, most: float) -> Kind:
    """Time with its unit, within bounds in seconds: "7 d", read as seconds."""

    def read(value: object) -> float:
        seconds = float(duration().read(value))
        if not least <= seconds <= most:
            raise ValueError(f"from {_time(least)} to {_time(most)}")
        return seconds

    expects = f'a time from {_time(least)} to {_time(most)}, such as "{_time(least)}"'
    return Kind(expects, read, duration().shape)


def _time(seconds: float) -> str:
    size, unit = next(each for each in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")) if seconds >= each[0])
    return f"{seconds / size:g} {unit}"


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a measured value may be; None: no bound.

    Attributes:
        interval: the whole 95 % interval must lie within, not just the value. Without an interval it does not.
    """

    least: float | None
    most: float | None
    interval: bool = False

    def holds(self, value: float, low: float | None = None, high: float | None = None) -> bool:
        """Whether `value`, or its interval, lies within. What is not a number never does."""
        if not self.interval:
            return self._within(value)
        if low is None or high is None:
            return False
        return low <= value <= high and self._within(low) and self._within(high)

    def _within(self, value: float) -> bool:
        low = self.least is None or value >= self.least
        high = self.most is None or value <= self.most
        return value == value and low and high  # noqa: PLR0124 - NaN

    def __str__(self) -> str:
        parts = [f"at least {self.least:g}"] if self.least is not None else []
        parts += [f"at most {self.most:g}"] if self.most is not None else []
        words = " and ".join(parts) or "any value"
        return f"{words}, with its whole interval" if self.interval else words

    @staticmethod
    def of(values: Mapping[str, Any]) -> Bounds:
        """From the keys `min`, `max`, `interval`."""
        return Bounds(values["min"], values["max"], values["interval"])


@dataclass(frozen=True)
class SliceFloor:
    """What a metric must be in every slice of at least `rows` rows."""

    bounds: Bounds
    rows: int

    def __str__(self) -> str:
        return f"{self.bounds} in every slice of {self.rows} rows or more"


@dataclass(frozen=True)
class Parity:
    """How much worse than the live model's a metric may be.

    Attributes:
        same_rows: both must have been judged on the same held-out rows.
    """

    better: Better
    worse: float
    same_rows: bool

    def holds(self, value: float, live: float) -> bool:
        """Whether `value` is good enough beside the live model's."""
        return value >= live - self.worse if self.better == "higher" else value <= live + self.worse

    def __str__(self) -> str:
        rows = ", judged on the same rows" if self.same_rows else ""
        return f"at most {self.worse:g} worse than the live model's ({self.better} is better){rows}"


@dataclass(frozen=True)
class Licences:
    """Which licences the environment's packages may have. `most_unknown` counts packages that declare none."""

    allowed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    most_unknown: int | None = None

    @property
    def unknown(self) -> int | None:
        """How many packages may have no licence that we can read; None: nobody asks. Whoever asks has to say more."""
        asked = bool(self.allowed or self.refused)
        return 0 if asked and self.most_unknown is None else self.most_unknown

    def __str__(self) -> str:
        parts = [f"one of {', '.join(self.allowed)}"] if self.allowed else []
        parts += [f"not {', '.join(self.refused)}"] if self.refused else []
        parts += [f"at most {self.unknown} unknown"] if self.unknown is not None else []
        return "; ".join(parts) or "not asked"
