"""All rules of the screen over one table: each loaded only where it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

import numpy as np

from lockgate.contract.findings import clean
from lockgate.errors import Refused
from lockgate.validate.screen.crew import Crew
from lockgate.validate.screen.spec import RULES, Outcome, RuleName
from lockgate.validate.screen.table import Floats, Table

if TYPE_CHECKING:
    from lockgate.validate.screen.labels import Labelled

_MODULES: Final[Mapping[RuleName, str]] = {
    "conflicts": "conflicts",
    "duplicates": "duplicates",
    "near_duplicates": "near",
    "triggers": "triggers",
    "spectral": "spectral",
}
"""Of the rules that need nothing but the table: where each is."""


@dataclass(frozen=True)
class Screened:
    """What came of each rule that was asked for, in the order of RULES.

    `score`: shape (n,), 0 to 1, how doubtful each row's label is; NaN where `labels` did not look.
    """

    outcomes: Mapping[RuleName, Outcome]
    score: Floats


def screen(table: Table, rules: Collection[RuleName], workers: int = 1) -> Screened:
    """Ask `rules`, on so many cores. The same for the same table and any `workers`; the rows stay as they are.

    Raises Refused LG240, which names the rule that stopped: what makes a rule stop must not get past it.
    """
    labelled = None
    with Crew(workers) as crew:
        begun = {
            rule: crew.aside(partial(_answer, rule, table)) for rule in RULES if rule in rules and rule in _MODULES
        }
        if {"labels", "sources"} & {*rules}:
            # Sources are told apart by how their labels fit, whether or not `labels` itself has a say.
            with _named("labels"):
                from lockgate.validate.screen import labels

                labelled = labels.screen(table, crew)
        found: dict[RuleName, Outcome] = {}
        for rule in RULES:
            if rule in rules:
                found[rule] = begun[rule]() if rule in begun else _answer(rule, table, labelled)
    score = labelled.score if labelled is not None and "labels" in rules else np.full(table.rows, np.nan)
    return Screened(found, score)


def _answer(rule: RuleName, table: Table, labelled: Labelled | None = None) -> Outcome:
    with _named(rule):
        return _ask(rule, table, labelled)


def _ask(rule: RuleName, table: Table, labelled: Labelled | None) -> Outcome:
    if rule == "labels":
        return labelled.outcome if labelled is not None else Outcome(absent="nobody asked for it")
    if rule == "sources":
        from lockgate.validate.screen import sources

        return sources.screen(table, labelled)
    asked = import_module(f"lockgate.validate.screen.{_MODULES[rule]}")
    outcome: Outcome = asked.screen(table)
    return outcome


@contextmanager
def _named(rule: RuleName) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the rows decide what is raised here
        said = clean(f"{type(error).__name__}: {error}", 300)
        raise Refused(
            "LG240",
            f"the rule {rule} of the screen stopped on something that nobody foresaw: {said}",
            seen={"rule": rule},
            next=f'policy.toml: [environment.NAME.screen] {rule} = "off", then lockgate policy sign',
        ) from None
