"""Traps of numbers, truth, choices and unions, as docs/adr/0014 sums them up."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from tests.support.traps import INF, NAN, REAL, STRICT, WHOLE, Case, Rule, refused


class Letter(Enum):
    """An enum of texts."""

    A = "a"
    B = "b"


BOUNDED = [
    Case(
        f"{rule} on float64",
        Annotated[float, bound],
        "parquet",
        [(INF, over), (-INF, under), *refused(rule, NAN)],
        REAL,
    )
    for bound, over, under, rule in (
        (Field(ge=0), INF, Rule("greater_than_equal"), "greater_than_equal"),
        (Field(gt=0), INF, Rule("greater_than"), "greater_than"),
        (Field(le=0), Rule("less_than_equal"), -INF, "less_than_equal"),
        (Field(lt=0), Rule("less_than"), -INF, "less_than"),
    )
]
NUMBERS = [
    *BOUNDED,
    Case(
        "floats without a bound",
        float,
        "parquet",
        [(NAN, NAN), (INF, INF), (-0.0, -0.0), (None, Rule("float_type"))],
        REAL,
    ),
    Case("floats without a bound, strict", float, "parquet", [(NAN, NAN), (INF, INF), (-0.0, -0.0)], REAL, STRICT),
    Case(
        "signed zero at a bound",
        Annotated[float, Field(ge=0)],
        "parquet",
        [(-0.0, -0.0), (5e-324, 5e-324), *refused("greater_than_equal", -5e-324)],
        REAL,
    ),
    Case(
        "finite is said instead of the bound",
        Annotated[float, Field(ge=0, allow_inf_nan=False)],
        "parquet",
        [*refused("finite_number", NAN, INF, -INF), *refused("greater_than_equal", -1.0), (1.0, 1.0)],
        REAL,
    ),
    Case(
        "multiples of a float have a tolerance",
        Annotated[float, Field(multiple_of=0.1)],
        "parquet",
        [(NAN, NAN), (0.3, 0.3), (0.1, 0.1), *refused("multiple_of", 0.25, 0.35)],
        REAL,
    ),
    Case(
        "multiples of an int",
        Annotated[int, Field(multiple_of=3)],
        "parquet",
        [(-3, -3), (0, 0), *refused("multiple_of", 1, -1, 2)],
        WHOLE,
    ),
    Case(
        "int from float64",
        int,
        "parquet",
        [(1.0, 1), (-0.0, 0), (2.0**53, 2**53), *refused("int_from_float", 1.5), *refused("finite_number", NAN, INF)],
        REAL,
    ),
    Case("int from float64, strict", int, "parquet", refused("int_type", 1.0, 1.5, NAN), REAL, STRICT),
    Case("int from bool", int, "parquet", [(True, 1), (False, 0)], pa.bool_()),
    Case("int from bool, strict", int, "parquet", refused("int_type", True, False), pa.bool_(), STRICT),
    Case("uint64 above int64", int, "parquet", [(2**63 - 1, 2**63 - 1), (2**63, Rule("lockgate_int64"))], pa.uint64()),
    Case(
        "int from text",
        int,
        "csv",
        [
            ("1.0", 1),
            ("1_000", 1000),
            (" 12 ", 12),
            ("-0", 0),
            ("+1", 1),
            ("007", 7),
            ("12\n", 12),
            *refused("int_parsing", "1e3", "0x10", "1.5", "1.", "", "abc", "1__0", "1,000", "²"),
            ("9223372036854775808", Rule("lockgate_int64")),
            (None, Rule("int_type")),
        ],
    ),
    Case("int from text, strict", int, "csv", refused("int_type", "1", "1.0"), None, STRICT),
    Case(
        "int from JSON",
        int,
        "jsonl",
        [
            ("1", 1),
            ("1.0", 1),
            ('"1"', 1),
            ("1e3", 1000),
            ("true", 1),
            *refused("int_from_float", "1.5"),
            *refused("int_parsing", '"1e3"'),
        ],
    ),
    Case("float from whole numbers", float, "parquet", [(1, 1.0), (2**53, 2.0**53), (2**53 + 1, 2.0**53)], WHOLE),
    Case("float from bool", float, "parquet", [(True, 1.0)], pa.bool_()),
    Case(
        "float from text",
        float,
        "csv",
        [
            (" 1.5 ", 1.5),
            ("1_000.5", 1000.5),
            ("nan", NAN),
            ("inf", INF),
            ("-Infinity", -INF),
            ("1e400", INF),
            ("-0.0", -0.0),
            (".5", 0.5),
            ("1.", 1.0),
            *refused("float_parsing", "", "abc", "0x1p3", "1,5", "1__0.5"),
        ],
    ),
    Case(
        "float from JSON", float, "jsonl", [("NaN", NAN), ("Infinity", INF), ("1e400", INF), ("1", 1.0), ('"1.5"', 1.5)]
    ),
]
TRUTHS = [
    Case(
        "bool from text",
        bool,
        "csv",
        [
            *((t, True) for t in ("1", "on", "t", "y", "YES", "true", "TRUE", "oN")),
            *((f, False) for f in ("0", "off", "f", "n", "No", "False")),
            *refused("bool_parsing", " true", "true ", "2", "1.0", "", "wahr"),
        ],
    ),
    Case("bool from whole numbers", bool, "parquet", [(1, True), (0, False), *refused("bool_parsing", 2, -1)], WHOLE),
    Case("bool from float64", bool, "parquet", [(1.0, True), (0.0, False), *refused("bool_type", 0.5, NAN)], REAL),
    Case("bool from whole numbers, strict", bool, "parquet", refused("bool_type", 1, 0), WHOLE, STRICT),
]
CHOICES = [
    Case("Literal of numbers takes truth", Literal[0, 1], "parquet", [(True, 1), (False, 0)], pa.bool_(), STRICT),
    Case(
        "Literal of numbers takes floats",
        Literal[0, 1],
        "parquet",
        [(1.0, 1), (0.0, 0), *refused("literal_error", 0.5, NAN)],
        REAL,
        STRICT,
    ),
    Case("Literal of numbers takes no text", Literal[0, 1], "csv", refused("literal_error", "0", "1", "True")),
    Case(
        "Literal of texts",
        Literal["a", "b"],
        "csv",
        [("a", "a"), *refused("literal_error", "A", "a ", "a\n", "", None)],
    ),
    Case("Enum of texts", Letter, "csv", [("a", "a"), ("b", "b"), *refused("enum", "A", " a")]),
    Case("Enum of texts, strict", Letter, "csv", refused("is_instance_of", "a"), None, STRICT),
    Case("Enum of texts, strict JSON", Letter, "jsonl", [('"a"', "a"), *refused("enum", '"c"')], None, STRICT),
]


OTHERS = [
    Case("null where None is allowed", int | None, "csv", [(None, None), ("1", 1), *refused("int_parsing", "")]),
    Case("the text None is a text", str | None, "csv", [(None, None), ("None", "None"), ("", "")]),
    Case("the exact member of a union", int | str, "csv", [("1", "1"), ("x", "x")]),
    Case("the exact member of a union, typed", int | str, "parquet", [(1, 1)], WHOLE),
    Case(
        "the first member of a union",
        Annotated[int | str, Field(union_mode="left_to_right")],
        "csv",
        [("1", 1), ("x", "x")],
    ),
    Case("a float for int or str", int | float, "parquet", [(1.0, 1.0), (1.5, 1.5), (NAN, NAN)], REAL),
    Case("a list", list[int], "parquet", [([1], [1]), ([], []), *refused("int_type", [None])], pa.list_(WHOLE)),
]
