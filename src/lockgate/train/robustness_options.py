"""`[robustness]` of lockgate.toml."""

from __future__ import annotations

from lockgate.core.robustness_words import DEFAULT_ATTACKS
from lockgate.core.strict import Document, Key, Table, duration, list_of, number, one_of, text, whole
from lockgate.errors import Usage
from lockgate.train.robustness_spec import ATTACKS, LEAST_ROWS, Robustness

MOST_DISTANCES = 5
TABLE = Table(
    {
        "mutable": Key(list_of(text()), (), "Number fields that an attacker may change. With any: attacks are tried."),
        "rows": Key(
            whole(LEAST_ROWS, 10_000), LEAST_ROWS, "Held-out rows that are attacked; all, where there are fewer."
        ),
        "distances": Key(
            list_of(number(1e-6, 1e6), least=1),
            (0.25, 0.5, 1.0),
            "How far a row may be moved, in standard deviations of its fields.",
        ),
        "queries": Key(whole(100, 20_000), 1000, "The most that one attack asks about one row."),
        "attacks": Key(list_of(one_of(*ATTACKS), least=1), DEFAULT_ATTACKS, "Which attacks are tried on a classifier."),
        "time": Key(duration(), 600.0, "The longest that all attacks together may take; then nothing is stated."),
    }
)


def of(document: Document, rate: float) -> Robustness | None:
    """The settings that were read; None where no attack is asked for. `rate`: rows a second that a client may ask for.

    Raises Usage LG942: settings without a field to change, distances that do not ascend, names that come twice.
    """
    values = document.values["robustness"]
    said = any(path[:1] == ("robustness",) for path in document.lines)
    if not values["mutable"]:
        if said:
            raise _flaw(
                document, "mutable", "robustness.mutable is missing: the number fields that an attacker may change"
            )
        return None
    for key in ("mutable", "attacks"):
        if len(set(values[key])) != len(values[key]):
            raise _flaw(document, key, f"robustness.{key} names one of them twice")
    distances = values["distances"]
    named = [f"{each:g}" for each in distances]
    if list(distances) != sorted(distances) or len(set(named)) != len(named) or len(named) > MOST_DISTANCES:
        raise _flaw(
            document, "distances", f"robustness.distances expects at most {MOST_DISTANCES} numbers, the smallest first"
        )
    if not 1 <= values["time"] <= 86400:
        raise _flaw(document, "time", "robustness.time expects a time from 1 s to 24 h")
    return Robustness(**values, rate=rate)


def _flaw(document: Document, key: str, what: str) -> Usage:
    return Usage("LG942", f"{document.where('robustness', key)}: {what}", next=f"edit {document.filename}")
