"""validate.advice: what a person can do about rows that a rule refuses."""

from __future__ import annotations

from typing import Any

import pytest

from lockgate.validate.advice import advised

MENDS = {"spelling": "1.234,56", "mends": 3, "of": 4}
FIELDS: list[dict[str, Any]] = [
    {"field": "umsatz_eur", "columns": ["Umsatz €"], "numbers": MENDS},
    {"field": "seen", "columns": ["seen", "Gesehen am"], "dates": {"spelling": "%d.%m.%Y", "mends": 2, "of": 2}},
    {"field": "gone", "columns": ["Gekündigt?"]},
]


@pytest.mark.parametrize(
    ("rule", "name", "said"),
    [
        ("float_parsing", "Umsatz €", '[data] numbers = "1.234,56" mends 3 of 4'),
        ("int_parsing", "umsatz_eur", '[data] numbers = "1.234,56" mends 3 of 4'),
        ("float_type", "Umsatz €", "if a value may be missing, declare it: umsatz_eur: ... | None = None"),
        ("datetime_from_date_parsing", "Gesehen am", '[data] dates = "%d.%m.%Y" mends all'),
        ("datetime_type", "seen", "if a value may be missing, declare it: seen: ... | None = None"),
        ("bool_type", "Gekündigt?", "a row without its label cannot train; it is left out"),
        ("float_parsing", "other", "mend the column; a spelling of 'no value' belongs into [data] null"),
        ("bool_type", "", "if a value may be missing, declare it: the field: ... | None = None"),
        ("made_up", "seen", ""),
    ],
)
def test_what_mends_is_said_by_the_field_s_own_name(rule: str, name: str, said: str) -> None:
    """A rule names the record's key, an alias perhaps: the setting is found by it, code is told by the field's name."""
    assert advised([{"rule": rule, "field": name, "count": 1}], FIELDS, {"gone"})[0]["suggestion"] == said
