"""Numbers, times and metrics in words for somebody who knows no machine learning. Pure; trusts no form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def moment(time: datetime) -> str:
    """`27 November 2026, 00:04 UTC`."""
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time:%H:%M} UTC"


def count(value: object) -> str:
    """A whole number with its separators; `an unknown number` for anything else."""
    return f"{value:,}" if type(value) is int else "an unknown number"


def many(value: int, word: str, plural: str = "") -> str:
    """`1 file`, `2 files`, `no files`."""
    return f"1 {word}" if value == 1 else f"{f'{value:,}' if value else 'no'} {plural or word + 's'}"


def share(part: object, whole: object) -> str:
    """`3.3 %`; "" where there is none."""
    if type(part) is not int or type(whole) is not int or whole <= 0:
        return ""
    return f"{part / whole * 100:.2g} %"


def listed(names: list[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nobody"


def metrics(found: object) -> Iterator[str]:
    """A sentence for each metric of a judge's statement; those that nobody knows are named with their value."""
    accuracy, base = (_number(found.get(name) if isinstance(found, Mapping) else None, "value") for name in _PAIR)
    for name, one in sorted(found.items(), key=_order) if isinstance(found, Mapping) else ():
        value = _number(one, "value")
        if value is None:
            continue
        low, high = _number(one, "low"), _number(one, "high")
        say = _METRICS.get(str(name), _plain)
        told = "" if low is None or high is None else _between(str(name), low, high)
        spread = f"; with other such rows it is likely {told}" if told else ""
        yield f"{say(str(name), value)}{spread}."
    if accuracy is not None and base is not None:
        common = max(base, 1 - base)
        word = "better" if accuracy > common else "no better"
        yield (
            f"Whoever always gives the commoner answer is right on {_hundred(common)} of 100: counted in right answers "
            f"alone, the model is {word} than that."
        )


def _order(item: tuple[Any, Any]) -> tuple[int, str]:
    name = str(item[0])
    return (list(_METRICS).index(name) if name in _METRICS else len(_METRICS)), name


def _between(name: str, low: float, high: float) -> str:
    form = _hundred if name in _SHARES else _four
    return f"between {form(low)} and {form(high)} (95 % interval)"


def _accuracy(_: str, value: float) -> str:
    return f"Accuracy: of 100 answers, about {_hundred(value)} were right"


def _ranks(_: str, value: float) -> str:
    return (
        f"ROC AUC {_four(value)}: shown one case of either kind, it rates the right one higher about "
        f"{value * 100:.0f} times of 100 (50 is guessing, 100 is perfect)"
    )


def _really(_: str, value: float) -> str:
    return f"Of 100 of these rows, about {_hundred(value)} really were a yes"


def _off(_: str, value: float) -> str:
    return f"Mean absolute error: on average it is off by {_four(value)}, in units of what it predicts"


def _wild(_: str, value: float) -> str:
    return f"Root of the mean squared error {_four(value)}: as the mean error, but large misses weigh more"


def _explains(_: str, value: float) -> str:
    return f"R squared {_four(value)}: 1 is perfect, 0 is no better than always giving the average"


def _balanced(_: str, value: float) -> str:
    return f"Macro F1 {_four(value)}: how well it does on each kind alike, rare ones too (1 is perfect)"


def _brier(_: str, value: float) -> str:
    return f"Brier score {_four(value)}: how far its stated chances are off (0 is perfect, 0.25 is always saying 50 %)"


def _loss(_: str, value: float) -> str:
    return f"Log loss {_four(value)}: how much its stated chances surprise (0 is perfect, 0.693 is always saying 50 %)"


def _plain(name: str, value: float) -> str:
    return f"{name}: {_four(value)}"


_PAIR: Final = ("accuracy", "positive_rate")
_SHARES: Final = frozenset({"accuracy", "positive_rate"})
_METRICS: Final = {
    "accuracy": _accuracy,
    "roc_auc": _ranks,
    "macro_f1": _balanced,
    "mae": _off,
    "rmse": _wild,
    "r2": _explains,
    "positive_rate": _really,
    "brier": _brier,
    "log_loss": _loss,
}


def _hundred(value: float) -> str:
    return f"{value * 100:.1f}"


def _four(value: float) -> str:
    return f"{value:.4g}"


def _number(value: object, key: str) -> float | None:
    found = value.get(key) if isinstance(value, Mapping) else value if key == "value" else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
