"""What the gateway remembers of Pydantic's verdicts, what a record commits to, and which bodies it takes."""

from __future__ import annotations

import math
import random
import struct
from typing import Annotated, Literal

import pytest
from pydantic import (
    AfterValidator,
    Field,
)

from lockgate import impure
from lockgate.contract.request_memory import ALL_ENTRIES, ENTRIES, LONGEST, TAUGHT, UNKNOWN, Memory
from lockgate.contract.requests import NotJson, TooMany
from lockgate.core.wire import Column, WireError
from tests.support.requests import LIMIT, at_sight, body, pair_of, spelled

Loud = Annotated[str, AfterValidator(str.upper)]


# --- what is remembered ---


def test_verdicts_of_pydantic_are_remembered() -> None:
    """A value that was accepted once is accepted at sight, with what was made of it; another one is not."""
    pair = pair_of(Loud, t=(Annotated[str, Field(pattern="^a+$")] | None, ...), m=(Literal["a", 1, 0.5], "a"))
    assert pair.read('{"x": "a", "t": "a"}').values is None
    assert pair.taught('{"x": "a", "t": "a"}').values == [("A", "a")]
    assert pair.read('{"x": "b", "t": "a"}').values is None
    assert pair.read('{"x": "a", "t": null}').values == [("A", None)]
    assert pair.read('{"x": "a", "t": "a", "m": 1}').values is None
    assert pair.taught('{"x": "a", "t": "aa", "m": 1}').values == [("A", "aa")]
    assert pair.read('{"x": "a", "t": "a", "m": true}').values is None


def test_numbers_are_remembered_bit_by_bit() -> None:
    """1, 1.0, true, 0.0 and -0.0 are each a value of its own."""
    pair = pair_of(Annotated[float, AfterValidator(lambda value: value)])
    pair.taught('{"x": -0.0}')
    assert repr(at_sight(pair, "-0.0")) == "[-0.0]"
    assert at_sight(pair, "0.0", "0", "false") == [UNKNOWN] * 3
    pair.taught('{"x": 1}')
    assert at_sight(pair, "1", "1.0", "true") == [1.0, UNKNOWN, UNKNOWN]


def test_what_is_impure_is_never_remembered() -> None:
    """Its answer may be another one next time."""

    @impure
    def drawn(value: str) -> str:
        return value

    assert pair_of(Annotated[str, AfterValidator(drawn)]).taught('{"x": "a"}').values is None


def test_nothing_is_learnt_from_other_columns() -> None:
    """The worker's columns are the model's inputs, or an error; what was refused teaches nothing."""
    pair = pair_of(Loud)
    given = pair.read('{"x": "a"}')
    good = Column.of("x", "string", ["A"])
    for columns in ([], [good, good], [Column.of("y", "string", ["A"])], [Column.of("x", "int64", [1])]):
        with pytest.raises(WireError):
            pair.checker.learn(given, columns)
    with pytest.raises(WireError):
        pair.checker.learn(given, [Column.of("x", "string", ["A", "A"])])
    assert pair.read('{"x": "a"}').values is None
    assert pair.checker.learn(given, [good]) == [("A",)]


def test_memory_is_bounded() -> None:
    """So many values, none of them long; what is used stays, and one request cannot push it all out."""
    memory = Memory(1)
    for number in range(3 * ENTRIES):
        memory.learn(str(number), "made")
        assert memory.recall("0") == "made"
    assert len(memory) <= ENTRIES
    assert memory.recall("1") is UNKNOWN
    assert not memory.learn("x" * (LONGEST + 1), "")
    assert not memory.learn("x", "y" * (LONGEST + 1))
    assert not memory.learn([1], 1)
    many = [Memory(200) for _ in range(200)]
    for each in many:
        for number in range(100):
            each.learn(number, number)
    assert sum(map(len, many)) <= ALL_ENTRIES

    pair = pair_of(Loud)
    records = [f'{{"x": "{number}"}}' for number in range(2 * TAUGHT)]
    pair.taught(*records)
    known = [pair.read(record).values is not None for record in records]
    assert known.count(True) == TAUGHT


# --- what a record commits to ---


def test_floats_are_spelled_as_python_does() -> None:
    """In contracts of numbers alone, and beside texts: tiny, huge, subnormal, with and without a point or exponent."""
    chance = random.Random(5)
    found = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(500)]
    found += [chance.choice((-1, 1)) * chance.random() * 10.0 ** chance.randint(-8, 20) for _ in range(1500)]
    found += [m * 10.0**e for e in range(-330, 309, 7) for m in (1.0, 1.5, -9.999999999999999)]
    edges = [1e-4, 1e16, 0.0, -0.0, 5e-324, 2.0**53, 123456789.0, 1e22, 1e23]
    found += [*edges, *(math.nextafter(one, way) for one in edges for way in (-math.inf, math.inf))]
    numbers = [number for number in found if math.isfinite(number)]
    records = [f'{{"x": {number!r}}}' for number in numbers]
    for pair in (
        pair_of(float),
        pair_of(float, t=(str, "e")),
        pair_of(float, e=(bool, ...)),
        pair_of(Literal["a", 1.0]),
    ):
        more = {"e": True} if any(each.name == "e" for each in pair.plan.fields) else {}
        bodies = [f'{record[:-1]}, "e": true}}' if more else record for record in records]
        got = [pair.read(one).canonical[0] for one in bodies]
        assert got == [spelled({"x": number, **more}) for number in numbers]


def test_an_exponent_is_not_hidden_by_a_null() -> None:
    """A truth that is null has no e, which an exponent could stand in for."""
    pair = pair_of(float, e=(bool | None, ...))
    assert pair.read('{"x": 1.5e-7, "e": null}').canonical == [b'{"e":null,"x":1.5e-07}']


def test_texts_are_spelled_as_python_does() -> None:
    """Nothing is escaped but what must be; keys are sorted by code points."""
    letters = [chr(code) for code in (*range(0x20), 0x22, 0x5C, 0x7F, 0x85, 0x2028, 0xFEFF, 0xFFFF, 0x1F600)]
    pair = pair_of(str, ä=(str, "1"), Z=(str, "2"), a=(str, "3"))
    for letter in letters:
        record = {"x": letter, "ä": letter, "a": "", "Z": "/"}
        assert pair.read(spelled(record)).canonical == [spelled(record)]
        assert pair.checker.records([record]).canonical == [spelled(record)]


# --- limits and form ---


def test_too_many_records() -> None:
    """The cap passes and one more is refused before any record is looked at; braces in texts are no records."""
    pair = pair_of(int, t=(str, ""))
    assert pair.checker.read(body(*['{"x": 1}'] * 10), limit=10).rows == 10
    assert pair.checker.read(body('{"x": 1, "t": "' + "{" * 100 + '"}'), limit=10).rows == 1
    for record in ('{"x": 1}', '{"x": "no"}', "{}", '{"x": "\\n"}', '{"x": 1, "x": 1}', '{"x": 1e999}', "1"):
        with pytest.raises(TooMany) as caught:
            pair.checker.read(body(*[record] * 11), limit=10)
        assert (caught.value.rows, caught.value.limit) == (11, 10)


@pytest.mark.parametrize(
    "whole",
    [
        *(
            b"",
            b"[1]",
            b"null",
            b"{}",
            b'{"records": []}',
            b'{"records": {}}',
            b'{"records": [1]}',
            b'{"records": null}',
        ),
        *(b'{"records": [{"x": 1}, []]}', b'{"records": [{"x": 1}], "more": 1}', b'{"records": [{"x": 1}]}x', b"\xff"),
        *(b'\xef\xbb\xbf{"records": [{"x": 1}]}', b'{"records": [{"x": 1,}]}', b'{"records": [{"x": NaN}]}'),
        *(b'{"records": [{"x": -Infinity}]}', b'{"records": [{"x": 1e999}]}', b'{"records": [{"x": "\\ud800"}]}'),
        *(b'{"records": [{"x": "\xff"}]}', b'{"records": [{"x": 01}]}', b'{"records": [{"x": ' + b"1" * 5000 + b"}]}"),
        *(b'{"records": [{"x": ' + b"[" * 70 + b"]" * 70 + b"}]}", b'{"records": [{"x": ' + b"[" * 100_000),
        *(b'{"records": [{"x": 1}], "id": ""}', b'{"records": [{"x": 1}], "id": 1}'),
        *(b'{"records": [{"x": 1}], "id": "a\\n"}', b'{"records": [{"x": 1}], "id": "' + b"a" * 129 + b'"}'),
    ],
    ids=lambda whole: whole[:44].decode("latin-1"),
)
def test_what_is_not_the_calls_body(whole: bytes) -> None:
    """Refused in a sentence that can be shown, with a plan and without."""
    for pair in (pair_of(int), pair_of(str), pair_of(list[int])):
        with pytest.raises(NotJson) as caught:
            pair.checker.read(whole, limit=LIMIT)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 120


def test_the_name_of_a_request() -> None:
    """It comes along, whichever way the body is read."""
    pair = pair_of(int)
    for record in (b'{"x": 1}', b'{"x": "1"}', b'{"x": [":"]}'):
        found = pair.checker.read(b'{"id": "a:1", "records": [' + record + b"]}", limit=LIMIT)
        assert found.id == "a:1"
    assert pair.read('{"x": 1}').id == ""


def test_records_of_another_protocol() -> None:
    """The same plan for values: a truth is no number, what JSON cannot hold is refused, and good ones pass."""
    checker = pair_of(float, n=(int, 0)).checker
    assert checker.records([{"x": 1, "n": 2}, {"x": 1e-7}]).values == [(1.0, 2), (1e-7, 0)]
    assert checker.records([{"x": 1, "n": 2}, {"x": 1e-7}]).canonical == [b'{"n":2,"x":1}', b'{"x":1e-07}']
    for bad in ({"x": True}, {"x": 1.0, "n": True}, {"x": 1.0, "n": 1.0}, {"x": "1"}, {"x": 2**53 + 1}):
        assert checker.records([{"x": 1.0}, bad]).values is None
    for bad in ({"x": math.nan}, {"x": math.inf}, {"x": 1.0, "n": math.nan}):
        with pytest.raises(NotJson):
            checker.records([bad])
    with pytest.raises(NotJson):
        pair_of(str).checker.records([{"x": "\ud800"}])
