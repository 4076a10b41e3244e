"""Traps of texts, times and decimals, as docs/adr/0014 sums them up."""

# ruff: noqa: RUF001 - letters and digits that look alike are what is tested

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated

import pyarrow as pa
from pydantic import AwareDatetime, Field, NaiveDatetime, StringConstraints

from tests.support.traps import REAL, STRICT, WHOLE, Case, Rule, refused

LEAP = datetime(2024, 2, 29, 12)  # noqa: DTZ001 - as files hold them
TWO_HOURS = timezone(timedelta(hours=2))


def _pattern(name: str, pattern: str, good: Sequence[str], bad: Sequence[str]) -> Case:
    said = [*((text, text) for text in good), *refused("string_pattern_mismatch", *bad)]
    return Case(f"pattern: {name}", Annotated[str, Field(pattern=pattern)], "csv", said)


TEXTS = [
    _pattern("the end is the end", "^[A-Z]{2}$", ["AB"], ["AB\n", "ab", "ÄB", "ABC"]),
    _pattern("searched for", "b", ["b", "abc"], ["", "a"]),
    _pattern("digits of all scripts", r"^\d+$", ["1", "١٢", "１２"], ["²", "", "1\n"]),
    _pattern("letters of all scripts", r"^\w+$", ["é", "e\u0301", "名", "a_1"], ["a-b", " "]),
    _pattern("blanks of all scripts", r"^\s$", [" ", "\u00a0", "\u3000", "\x85"], ["\x1c", "\u200b"]),
    _pattern("a point is one character", "^.{2}$", ["ab", "😀😀", "e\u0301"], ["é", "a\n"]),
    _pattern("alternation binds least", "^a|b$", ["ax", "xb"], ["xb\n"]),
    _pattern("classes of Unicode", r"^\p{Lu}+$", ["ÀÉ"], ["ab"]),
    _pattern("case beyond ASCII", "(?i)^k$", ["K", "\u212a"], ["x"]),
    Case(
        "pattern: Python's own engine lets a newline by",
        Annotated[str, Field(pattern="^(?=.*[A-Z])[A-Z]{2}$")],
        "csv",
        [("AB", "AB"), ("AB\n", "AB\n"), *refused("string_pattern_mismatch", "ab")],
        None,
        {"regex_engine": "python-re"},
    ),
    Case(
        "lengths are code points",
        Annotated[str, Field(min_length=2, max_length=3)],
        "csv",
        [
            ("ééé", "ééé"),
            ("😀😀😀", "😀😀😀"),
            ("e\u0301", "e\u0301"),
            *refused("string_too_short", "é", "😀"),
            *refused("string_too_long", "abcd"),
        ],
    ),
    Case(
        "blanks are stripped before the checks",
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=1)],
        "csv",
        [
            (" a\n", "a"),
            ("\u00a0a\u3000", "a"),
            ("   ", ""),
            *refused("string_too_long", "\x1ca", "a\u200b", "\ufeffa"),
        ],
    ),
    Case(
        "case is changed after the pattern",
        Annotated[str, StringConstraints(to_upper=True, pattern="^[A-Z]+$")],
        "csv",
        [("AB", "AB"), *refused("string_pattern_mismatch", "ab", "ß")],
    ),
    Case(
        "case beyond ASCII",
        Annotated[str, StringConstraints(to_lower=True)],
        "csv",
        [("İ", "i\u0307"), ("ΣΑΣ", "σας"), ("STRASSE", "strasse")],
    ),
    Case(
        "case beyond ASCII, upwards",
        Annotated[str, StringConstraints(to_upper=True)],
        "csv",
        [("ß", "SS"), ("ﬁ", "FI"), ("ǆ", "Ǆ")],
    ),
    Case("str takes no number", str, "parquet", refused("string_type", 1, 0), WHOLE),
]
TIMES = [
    Case(
        "date from text",
        date,
        "csv",
        [
            ("2024-02-29", date(2024, 2, 29)),
            ("0001-01-01", date(1, 1, 1)),
            ("9999-12-31", date(9999, 12, 31)),
            ("2024-02-29T00:00:00", date(2024, 2, 29)),
            ("1700006400", date(2023, 11, 15)),
            ("1700000000", Rule("date_from_datetime_inexact")),
            ("1699920000", date(2023, 11, 14)),
            ("0", date(1970, 1, 1)),
            *refused(
                "date_from_datetime_parsing",
                "2023-02-29",
                "2024-2-9",
                "2024/02/29",
                " 2024-02-29",
                "infinity",
                "٢٠٢٤-٠٢-٢٩",
            ),
            *refused("date_parsing", "0000-01-01"),
            *refused("date_from_datetime_inexact", "2024-02-29T12:00:00"),
        ],
    ),
    Case("date from text, strict", date, "csv", refused("date_type", "2024-02-29"), None, STRICT),
    Case(
        "date from JSON, strict",
        date,
        "jsonl",
        [('"2024-02-29"', date(2024, 2, 29)), *refused("date_type", "0")],
        None,
        STRICT,
    ),
    Case(
        "date from a timestamp, at midnight only",
        date,
        "parquet",
        [(datetime(2024, 2, 29), date(2024, 2, 29)), *refused("date_from_datetime_inexact", LEAP)],  # noqa: DTZ001
        pa.timestamp("us"),
    ),
    Case(
        "date from days",
        date,
        "parquet",
        [(date(1, 1, 1), date(1, 1, 1)), (date(9999, 12, 31), date(9999, 12, 31))],
        pa.date32(),
    ),
    Case(
        "datetime from text",
        datetime,
        "csv",
        [
            ("2024-02-29T12:00:00", LEAP),
            ("2024-02-29 12:00", LEAP),
            ("2024-02-29", datetime(2024, 2, 29)),  # noqa: DTZ001
            ("2024-02-29T12:00:00Z", LEAP.replace(tzinfo=UTC)),
            ("2024-02-29T12:00:00+02:00", LEAP.replace(tzinfo=TWO_HOURS)),
            ("1700000000", datetime.fromtimestamp(1700000000, UTC)),
            ("1700000000000", datetime.fromtimestamp(1700000000, UTC)),
            ("2024-02-29T12:00:00.1234567", LEAP + timedelta(microseconds=123456)),
            *refused("datetime_from_date_parsing", "2024-02-29T12:00:60", "2024-02-29T24:00:00", "2023-02-29T12:00:00"),
            *refused("datetime_from_date_parsing", "2024-02-29T12:00:00 ", "infinity", ""),
        ],
    ),
    Case(
        "aware from text",
        AwareDatetime,
        "csv",
        [("2024-02-29T12:00:00Z", LEAP.replace(tzinfo=UTC)), *refused("timezone_aware", "2024-02-29T12:00:00")],
    ),
    Case(
        "naive from text",
        NaiveDatetime,
        "csv",
        [("2024-02-29T12:00:00", LEAP), *refused("timezone_naive", "2024-02-29T12:00:00Z")],
    ),
    Case(
        "naive from a timestamp with a zone",
        NaiveDatetime,
        "parquet",
        refused("timezone_naive", LEAP),
        pa.timestamp("us", "Europe/Berlin"),
    ),
    Case(
        "datetime before the epoch",
        datetime,
        "parquet",
        [(LEAP.replace(year=1600), LEAP.replace(year=1600))],
        pa.timestamp("us"),
    ),
    Case(
        "Decimal from text",
        Annotated[Decimal, Field(max_digits=5, decimal_places=2)],
        "csv",
        [
            ("1.10", Decimal("1.10")),
            ("1.1", Decimal("1.1")),
            (" 1.5 ", Decimal("1.5")),
            ("1.234", Rule("decimal_max_places")),
            ("12345.6", Rule("decimal_max_digits")),
            ("NaN", Rule("finite_number")),
            ("x", Rule("decimal_parsing")),
        ],
    ),
    Case("Decimal from float64, strict", Decimal, "parquet", refused("is_instance_of", 1.5), REAL, STRICT),
    Case(
        "Decimal with a bound",
        Annotated[Decimal, Field(ge=1)],
        "parquet",
        [(Decimal("1.00"), Decimal("1.00")), *refused("greater_than_equal", Decimal("0.99"))],
        pa.decimal128(5, 2),
    ),
]
