"""A model that takes a part of the contract's fields has a population of its own: of these fields alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lockgate.monitor.abuse.facts import Population
from lockgate.monitor.asked import Asked
from lockgate.monitor.plan import Plan, parse_plan, population_of
from lockgate.runtime.jail.predict import Outputs
from lockgate.runtime.serving import Kind
from lockgate.train.jail.frame import Rows
from lockgate.train.jail.watched import population_of as population_of_rows
from lockgate.train.jail.watched import takes_all, watched

FIELDS = tuple("abcdefghij")


def made(given: Collection[str], sensitive: Collection[str] | None = (), rows: int = 2_000) -> Plan:
    """What the judge makes of a model that takes `given`, as the gateway reads it."""
    draw = np.random.default_rng(3)
    values = draw.normal(size=(rows, len(FIELDS)))
    data = pd.DataFrame(values, columns=list(FIELDS)).assign(y=values.sum(axis=1))
    found = Rows(data, dict.fromkeys(FIELDS, "float"), "y", "float", ())
    outputs = Outputs(None, None, data["y"].to_numpy())
    half = rows // 2
    parts = [replace(found, data=data.iloc[:half]), replace(found, data=data.iloc[half:])]
    known = None if takes_all(found, given) else population_of_rows(parts, Asked(), given, sensitive)
    return parse_plan(watched("regression", found, outputs, Asked(), known).encode())


def names(plan: Plan) -> list[str]:
    """Of the fields that are compared."""
    assert plan.population is not None
    return [one.name for one in plan.population.fields]


def test_it_is_of_the_given_fields_and_can_raise_somebody() -> None:
    """Half of the fields: both detectors have something to say, and no other field is compared."""
    plan = made(FIELDS[:5])
    assert list(FIELDS[:5]) == names(plan)
    assert plan.population is not None
    assert plan.population.silent == ()


def test_a_model_that_takes_all_fields_is_looked_at_by_that_of_validation() -> None:
    """Positive control: nothing is said twice."""
    assert made(FIELDS).population is None


def test_a_moment_is_no_field_in_which_rows_are_compared() -> None:
    """A model that leaves out nothing but a moment is looked at by the population of validation."""
    kinds: dict[str, Kind] = {**dict.fromkeys(FIELDS, "float"), "when": "timestamp"}
    rows = Rows(pd.DataFrame({name: [1.0] for name in kinds}), kinds, "y", "float", ())
    assert takes_all(rows, FIELDS)
    assert not takes_all(rows, [*FIELDS[1:], "when"])


@pytest.mark.parametrize(("sensitive", "rows"), [(None, 2_000), ((), 300)])
def test_there_is_none_where_it_cannot_be_made(sensitive: Collection[str] | None, rows: int) -> None:
    """Nobody said which fields are sensitive; too few rows."""
    assert made(FIELDS[:5], sensitive, rows).population is None


def test_no_value_of_a_sensitive_field_is_in_it() -> None:
    """Even where the model takes it."""
    assert list(FIELDS[1:5]) == names(made(FIELDS[:5], ["a"]))


def test_which_one_counts() -> None:
    """That of the judge for the fields that it is of, else that of validation as far as it goes."""
    whole, part = made([*FIELDS[:9]]), made(FIELDS[:5])
    assert part.population is population_of(whole, part, FIELDS[:5])
    assert part.population is population_of(None, part, FIELDS[:5])
    assert isinstance(whole.population, Population)
    assert whole.population.served(FIELDS[1:9]) == population_of(whole, part, FIELDS[1:9])
    assert population_of(None, None, FIELDS) is None
    with pytest.raises(LookupError):
        population_of(whole, None, FIELDS[:2])
