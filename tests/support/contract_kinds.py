"""Annotations of fields as text, over all kinds and constraints that Pydantic has, with values that lie near them."""

# ruff: noqa: RUF001 - letters and digits that look alike are what is tested

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import typing
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import annotated_types
import pydantic
import typing_extensions
from hypothesis import strategies as st

from tests.support import contract_words

WORDS = {
    **{name: getattr(typing, name) for name in typing.__all__},
    **{name: getattr(pydantic, name) for name in pydantic.__all__ if name in dir(pydantic)},
    **{name: getattr(annotated_types, name) for name in ("Predicate", "Interval", "Len", "MultipleOf", "Not", "Ge")},
    **{module.__name__: module for module in (dt, decimal, enum, math, uuid)},
    **vars(contract_words),
    "TypeAliasType": typing_extensions.TypeAliasType,
}
"""What the text of a contract may name."""


@dataclass(frozen=True)
class Drawn:
    """An annotation: its text, the kind of values that it is for, and values where verdicts change."""

    text: str
    base: str = "any"
    near: tuple[Any, ...] = field(repr=False, default=())

    def within(self, text: str, *near: Any) -> Drawn:
        """The same kind of value in a wider annotation."""
        return Drawn(text, self.base, (*self.near, *near))


BOUNDS = (-(2**63), -(2**53) - 1, -10, -1, 0, 1, 3, 10, 255, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**70)
FLOAT_BOUNDS = (0.0, -0.0, 0.1, 1.0, -1.5, 0.3, 10.0, 1e22, 5e-324, -1e308, 2.0**53, math.inf, -math.inf)
DATES = ("1970-01-01", "2024-02-29", "0001-01-01", "9999-12-31", "1969-12-31")
MOMENTS = (
    "datetime.datetime(2024, 2, 29, 12)",
    "datetime.datetime(1970, 1, 1)",
    "datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)",
    "datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)",
    "datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))",
    "datetime.datetime(9999, 12, 31)",
)
PATTERNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"^[A-Z]{2}$", ("AB", "AB\n", "ab", "ÄB", "ABC")),
    (r"^\d+$", ("1", "12\n", "١٢", "１２", "", "²")),
    (r"\d{3}", ("123", "a1234", "12")),
    (r"^\w+$", ("a_1", "é", "e\u0301", "a-b", "名", "\u200d")),
    (r"^\s*$", ("", " ", "\u00a0", "\u3000", "\x1c", "\u200b", "\x85")),
    (r"^\S+$", ("a", "a\u00a0", "a\x1c")),
    (r"a|b", ("a", "xbx", "c")),
    (r"^(a|b)$", ("a", "b\n", "ab")),
    (r"^a|b$", ("ax", "xb", "xb\n", "x")),
    (r"^\p{Lu}+$", ("ÀÉ", "ab", "Ⅷ", "Ǆ")),
    (r"^\p{Greek}+$", ("αβ", "ab")),
    (r"(?i)^abc$", ("ABC", "abc", "abc\n")),
    (r"(?i)^straße$", ("STRASSE", "STRAẞE", "straße")),
    (r"(?i)^k$", ("K", "\u212a", "k")),
    (r"(?m)^b$", ("a\nb", "b", "a\r\nb\r\n")),
    (r"(?s)^a.b$", ("a\nb", "axb")),
    (r"^a.b$", ("a\nb", "axb", "a\rb", "a\u2028b", "a😀b")),
    (r"\bab\b", ("ab", "xab", "äab", "-ab-")),
    (r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", ("a@b.de", "a@b", "a@b.de\n")),
    (r"^.{2,3}$", ("ab", "é", "e\u0301", "😀😀", "abcd", "a\n")),
    (r"^$", ("", "\n")),
    (r"", ("", "a")),
    (r"\A\d\z", ("1", "1\n")),
    (r"^[[:alpha:]]+$", ("ab", "é")),
    (r"(?x) ^ a b $", ("ab", "a b")),
    (r"^[a-z&&[^b]]+$", ("ac", "ab")),
    (r"^\x41\u{e9}$", ("Aé", "Ae\u0301")),
    (r"^a{2,}?b*$", ("aa", "aabb", "a")),
    (r"^[\w.-]+$", ("a.b-c", "a b")),
    (r"^(?P<y>\d{4})-(?P<m>\d\d)$", ("2024-02", "2024-2")),
    (r"^\.\*\[$", (".*[", "x")),
    (r"^[^a]$", ("b", "\n", "a", "😀")),
    (r"^'\"\\$", ("'\"\\",)),
)
PYTHON_PATTERNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"^(?=.*\d).+$", ("a1", "a", "1\n")),
    (r"(?<!a)b$", ("b", "ab", "b\n")),
    (r"^(\w)\1$", ("aa", "ab")),
    (r"^ab$", ("ab", "ab\n")),
    (r"^\d+\Z", ("1", "1\n", "١")),
    (r"^[A-Z]{2}$", ("AB", "AB\n")),
)
TEXTS = (
    "",
    " ",
    "a",
    "b",
    "AB",
    " a ",
    "Straße",
    "İ",
    "ß",
    "ﬁ",
    "e\u0301é",
    "😀😀😀",
    "\u00a0a\u3000",
    "\x1ca",
    "a\u200b",
)
_LITERALS = (
    "'a'",
    "'b'",
    "'1'",
    "1",
    "0",
    "True",
    "False",
    "None",
    "'é'",
    "''",
    "2**60",
    "Colour.RED",
    "Level.ONE",
    "b'a'",
)
_ENUMS = {
    "Found": ("low", "LOW", "High"),
    "Colour": ("red", "Blue", "blue"),
    "Level": (0, 1, 2**53, 2**53 + 1),
    "Mixed": (1, "1", 0.5, None, True),
    "Flags": (1, 3, 4),
    "enum.Enum('Drawn', {'A': 1, 'B': 2})": (1, 2, 3),
    "enum.Enum('Drawn', {'A': 'a', 'B': ' b'})": ("a", "b", " b"),
    "enum.IntEnum('Drawn', {'A': 1, 'B': -1})": (1, -1, 0),
    "enum.StrEnum('Drawn', {'A': '1', 'B': ''})": ("1", ""),
    "enum.Enum('Drawn', {'A': 0.0, 'B': 1.5})": (0.0, -0.0, 1.5),
}


def _some(draw: st.DrawFn, choices: dict[str, st.SearchStrategy[str]], most: int = 3) -> list[str]:
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=most, unique=True))
    return [f"{name}={draw(choices[name])}" for name in names]


def _with(base: str, arguments: Sequence[str], word: str = "Field") -> str:
    return f"Annotated[{base}, {word}({', '.join(arguments)})]" if arguments else base


def _ordered(draw: st.DrawFn, bound: st.SearchStrategy[Any]) -> tuple[Any, Any]:
    """Two bounds between which, mostly, something lies."""
    pair = draw(bound), draw(bound)
    return pair if draw(st.integers(0, 5)) == 5 else (min(pair), max(pair))


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value}")'


@st.composite
def whole_numbers(draw: st.DrawFn) -> Drawn:
    """int, with bounds on both sides of what 64 bits and float64 can hold."""
    bound, factor = st.sampled_from(BOUNDS), st.sampled_from((1, 2, 3, 10, -2, 2**40))
    low, high, multiple = *_ordered(draw, bound), draw(factor)
    said = _some(
        draw,
        {
            draw(st.sampled_from(("ge", "gt"))): st.just(repr(low)),
            draw(st.sampled_from(("le", "lt"))): st.just(repr(high)),
            "multiple_of": st.just(repr(multiple)),
            "strict": st.sampled_from(("False", "False", "True")),
        },
    )
    base = draw(st.sampled_from(("int", "int", "int", "PositiveInt", "NonNegativeInt", "StrictInt", "Strict[int]")))
    near = [n + d for d in (0, -1, 1) for n in (low, high)] + [multiple, 7 * multiple, 7 * multiple + 1, 0]
    return Drawn(_with("int" if base == "Strict[int]" else base, said), "int", tuple(near))


@st.composite
def fractions(draw: st.DrawFn) -> Drawn:
    """float, with bounds at signed zero, the infinities and NaN."""
    bound = st.sampled_from(FLOAT_BOUNDS)
    low, high, step = *_ordered(draw, bound), draw(st.sampled_from((0.1, 0.5, 0.01, 1.0, 3.0, 1e-9)))
    said = _some(
        draw,
        {
            draw(st.sampled_from(("ge", "gt"))): st.sampled_from((_number(low), _number(low), 'float("nan")')),
            draw(st.sampled_from(("le", "lt"))): st.just(_number(high)),
            "multiple_of": st.just(repr(step)),
            "allow_inf_nan": st.sampled_from(("True", "False")),
            "strict": st.sampled_from(("False", "False", "True")),
        },
    )
    near = [low, high, math.nan, -0.0]
    near += [math.nextafter(n, way) for n in (low, high) for way in (math.inf, -math.inf)]
    near += [step, 3 * step, step * 1.5, math.inf]
    base = draw(st.sampled_from(("float", "float", "float", "FiniteFloat", "NonNegativeFloat", "StrictFloat")))
    return Drawn(_with(base, said), "float", tuple(near))


@st.composite
def texts(draw: st.DrawFn, *, python: bool) -> Drawn:
    """str, with lengths, shapes, and changes before the checks."""
    pattern, near = draw(st.sampled_from(PYTHON_PATTERNS if python else PATTERNS))
    short = st.sampled_from(("0", "1", "2"))
    choices: dict[str, st.SearchStrategy[str]] = {
        "min_length": short,
        "max_length": st.sampled_from(("0", "1", "2", "3", "10")),
        "pattern": st.just(repr(pattern)),
        "strict": st.sampled_from(("False", "False", "True")),
    }
    if draw(st.booleans()):
        truth = st.sampled_from(("True", "False"))
        more = {"strip_whitespace": truth, "to_lower": truth, "to_upper": truth, "ascii_only": truth}
        text = _with("str", _some(draw, {**choices, **more}), "StringConstraints")
    else:
        text = _with("str", _some(draw, choices))
    return Drawn(text, "str", (*near, *(f" {n} " for n in near), *TEXTS[:6]))


@st.composite
def times(draw: st.DrawFn) -> Drawn:
    """date, datetime, time, timedelta and their aware, naive and past forms."""
    name = draw(st.sampled_from(("date", "datetime", "datetime", "time", "timedelta")))
    base = {
        "date": ("datetime.date", "datetime.date", "PastDate", "FutureDate"),
        "datetime": ("datetime.datetime", "datetime.datetime", "AwareDatetime", "NaiveDatetime", "PastDatetime"),
        "time": ("datetime.time",),
        "timedelta": ("datetime.timedelta",),
    }[name]
    bound = {
        "date": tuple(f"datetime.date.fromisoformat('{day}')" for day in DATES),
        "datetime": MOMENTS,
        "time": ("datetime.time(0)", "datetime.time(12, 30, tzinfo=datetime.UTC)", "datetime.time(23, 59, 59, 999999)"),
        "timedelta": ("datetime.timedelta(0)", "datetime.timedelta(days=-1)", "datetime.timedelta(seconds=1.5)"),
    }[name]
    kept = [draw(st.sampled_from(bound)) for _ in range(2)]
    said = _some(
        draw,
        {
            draw(st.sampled_from(("ge", "gt"))): st.just(kept[0]),
            draw(st.sampled_from(("le", "lt"))): st.just(kept[1]),
            "strict": st.sampled_from(("False", "False", "True")),
        },
        2,
    )
    near = tuple(eval(text, dict(WORDS)) for text in kept)
    return Drawn(_with(draw(st.sampled_from(base)), said), name, near)


@st.composite
def decimals(draw: st.DrawFn) -> Drawn:
    """Decimal, with digits counted and bounds."""
    said = _some(
        draw,
        {
            "max_digits": st.sampled_from(("1", "3", "5")),
            "decimal_places": st.sampled_from(("0", "1", "2")),
            "ge": st.sampled_from(("0", "decimal.Decimal('0.1')", "-1.5")),
            "lt": st.sampled_from(("1", "decimal.Decimal('99.9')", "10**20")),
            "multiple_of": st.sampled_from(("1", "decimal.Decimal('0.25')")),
            "allow_inf_nan": st.sampled_from(("True", "False")),
            "strict": st.sampled_from(("False", "False", "True")),
        },
    )
    near = tuple(map(decimal.Decimal, ("0", "0.1", "0.10", "1.234", "99.9", "-1.5", "1E+2", "0.25", "12345")))
    return Drawn(_with("decimal.Decimal", said), "decimal", near)


@st.composite
def choices(draw: st.DrawFn) -> Drawn:
    """Literal and enums: texts, numbers, truth, mixtures, and look-alikes of each."""
    if draw(st.booleans()):
        name, near = draw(st.sampled_from(sorted(_ENUMS.items(), key=lambda pair: pair[0])))
        return Drawn(_with(name, draw(st.sampled_from(([], [], ["strict=True"])))), "choice", near)
    kind = draw(st.sampled_from((_LITERALS[:3], _LITERALS[3:5], _LITERALS[5:7], _LITERALS)))
    members = draw(st.lists(st.sampled_from(kind), min_size=1, max_size=4, unique=True))
    alike = (1, 1.0, True, "1", 0, False, -0.0, "a", "A", "a ", None, "", "é", "e\u0301", "red")
    near = tuple(eval(member, dict(WORDS)) for member in members)
    return Drawn(f"Literal[{', '.join(members)}]", "choice", (*near, *alike))


_SIMPLE = {
    "bool": "bool",
    "StrictBool": "bool",
    "uuid.UUID": "uuid",
    "UUID4": "uuid",
    "Any": "any",
    "None": "any",
    "bytes": "bytes",
    "Annotated[bytes, Field(min_length=1, max_length=3)]": "bytes",
    "Point": "nested",
    "Sealed": "nested",
    "Entry": "nested",
    "Plain": "nested",
    "Pair": "list",
    "Annotated[Cat | Dog, Field(discriminator='kind')]": "nested",
    "list[int]": "list",
    "list": "list",
    "Annotated[list[float], Field(min_length=1, max_length=2)]": "list",
    "list[Point]": "list",
    "dict[str, int]": "nested",
    "tuple[int, str]": "list",
    "tuple[int, ...]": "list",
    "set[int]": "list",
    "frozenset[int]": "list",
    "Json": "str",
    "Json[list[int]]": "str",
    "SecretStr": "str",
    "ByteSize": "str",
    "Base64Bytes": "bytes",
    "AnyUrl": "str",
    "complex": "float",
    "Whole": "int",
    "Annotated[int, Marked()]": "int",
    "Annotated[str, Marked()]": "str",
    "SkipValidation[int]": "int",
    "InstanceOf[str]": "str",
    "TypeAliasType('Known', Annotated[int, Field(ge=0)])": "int",
    "Annotated[float, Predicate(math.isfinite)]": "float",
    "Annotated[int, Interval(ge=0, lt=10)]": "int",
    "Annotated[str, Len(1, 2)]": "str",
    "Annotated[str, Field(coerce_numbers_to_str=True)]": "int",
    "Annotated[int, Strict()]": "int",
    "Callable": "any",
    "type[int]": "any",
}
_UNIONS = (
    "int | str",
    "str | int",
    "int | float",
    "float | int",
    "bool | int",
    "int | bool | None",
    "str | datetime.date",
    "datetime.date | datetime.datetime",
    "Annotated[int | str, Field(union_mode='left_to_right')]",
    "Annotated[int | str, Field(ge=3)]",
    "Annotated[int, Field(ge=10)] | Annotated[int, Field(le=0)]",
    "int | list[int]",
    "Literal['a'] | int",
    "Colour | str",
    "decimal.Decimal | float",
)


@st.composite
def kinds_of_fields(draw: st.DrawFn, *, python: bool = False, wild: bool = True) -> Drawn:
    """Any annotation. `python`: patterns are for Python's own engine. Not `wild`: what engines hope to compile."""
    named = ("int", "float", "str", "time", "choice", "bool", "int", "float", "str")
    kind = draw(st.sampled_from((*named, "decimal", "union", "simple") if wild else named))
    made: Callable[[], st.SearchStrategy[Drawn]] = {
        "int": whole_numbers,
        "float": fractions,
        "str": lambda: texts(python=python),
        "bool": lambda: st.sampled_from(("bool", "bool", "StrictBool")).map(lambda text: Drawn(text, "bool")),
        "time": times,
        "choice": choices,
        "decimal": decimals,
        "union": lambda: st.sampled_from(_UNIONS).map(lambda text: Drawn(text, "int", ("1", 1, True, "a", 3, 10, 1.0))),
        "simple": lambda: st.sampled_from(sorted(_SIMPLE)).map(lambda text: Drawn(text, _SIMPLE[text])),
    }[kind]
    drawn = draw(made())
    if draw(st.integers(0, 4 if wild else 9)) == 0:
        drawn = draw(_validated(drawn, wild=wild))
    if draw(st.integers(0, 3)) == 0:
        wider = (f"Optional[{drawn.text}]", f"Annotated[{drawn.text} | None, Field()]")
        drawn = drawn.within(draw(st.sampled_from(wider)))
    return drawn


@st.composite
def _validated(draw: st.DrawFn, drawn: Drawn, *, wild: bool) -> Drawn:
    """The annotation with a validator; not `wild`: with one that looks at nothing but its value, afterwards."""
    mode = draw(st.sampled_from(("After", "After", "After", "Before", "Plain", "Wrap") if wild else ("After",)))
    alone = ("even", "signed", "typed", "doubled", "picky", "stripped", "same")
    functions = ("trying", "around") if mode == "Wrap" else (*alone, "absent", "moded", "dependent", "shown")
    function = draw(st.sampled_from(functions if wild else alone))
    late = draw(st.sampled_from(("", "", ", Field(ge=1)", ", Field(max_length=2)", ", Field(strict=True)")))
    return drawn.within(f"Annotated[{drawn.text}, {mode}Validator({function}){late}]", 13, "13", "a", 1)
